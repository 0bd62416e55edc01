"""Strings and tables, which have no attributions: what the outputs of lookup layers replace."""

# Keras layers with a table or a hash inside. Their outputs become inputs of the graph.
LOOKUP_LAYERS = ('StringLookup', 'IntegerLookup', 'TextVectorization', 'Hashing', 'HashedCrossing')
# Prefix of the placeholders for the inputs of a model that only these layers take.
STRING_INPUT = 'deepexplain2_strings'
