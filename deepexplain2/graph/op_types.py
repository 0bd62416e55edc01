"""Sets of op types, and what the type of an op alone says about it."""

from __future__ import annotations

import re

import tensorflow as tf

LIBRARY_SCOPE = 'deepexplain2/'         # how the names of the ops begin that the library adds to a graph

# calls of functions: TensorFlow differentiates them without a registered gradient
FUNCTION_CALLS = {'PartitionedCall', 'StatefulPartitionedCall'}
LOOPS = {'While', 'StatelessWhile'}
BRANCHES = {'If', 'StatelessIf', 'Case', 'StatelessCase'}
CONTAINERS = LOOPS | BRANCHES
V1_CONTROL_FLOW = {'Enter', 'Exit', 'Switch', 'Merge', 'NextIteration', 'LoopCond',
                   'RefEnter', 'RefExit', 'RefSwitch', 'RefMerge', 'RefNextIteration'}
PLACEHOLDERS = {'Placeholder', 'PlaceholderV2'}
NUMPY_FUNCTIONS = {'PyFunc', 'PyFuncStateless'}         # calls of Python, without a gradient
PYTHON_FUNCTIONS = NUMPY_FUNCTIONS | {'EagerPyFunc'}    # calls of Python, which may do anything
# No value of the input reaches the output. The last three tell finite values from infinite ones and NaN,
# which are errors wherever they appear.
SHAPE_ONLY = {'Shape', 'ShapeN', 'Size', 'Rank', 'ZerosLike', 'OnesLike', 'TensorListLength',
              'TensorListElementShape', 'IsFinite', 'IsInf', 'IsNan'}
# how the types of random ops begin
RANDOM_PREFIXES = ('Random', 'TruncatedNormal', 'ParameterizedTruncatedNormal', 'StatelessRandom',
                   'StatelessTruncatedNormal', 'StatelessParameterized', 'StatelessMultinomial',
                   'StatelessShuffle', 'StatefulUniform', 'StatefulStandardNormal',
                   'StatefulTruncatedNormal', 'StatefulRandom', 'Multinomial')
SEED_PREFIXES = ('StatelessRandomGet',)         # of these, the ones that make seeds and draw nothing
# types of ops that write variables: any, and those of optimizers
WRITES = re.compile(
    'Assign|Resource(Scatter|Apply|SparseApply|StridedSliceAssign|CountUpTo)'
    '|Scatter(Nd)?(Add|Sub|Mul|Div|Min|Max|Update)$|Rng|Stateful(Standard|Truncated|Uniform|Random)')
UPDATES = re.compile('(Resource)?(Sparse)?Apply[A-Z]')


def is_random(op: tf.Operation) -> bool:
    """Whether an op draws random numbers, or makes seeds of them."""
    return op.type.startswith(RANDOM_PREFIXES)


def can_change(op: tf.Operation) -> bool:
    """Whether a feed, a variable or another state can change the outputs of an op from run to run."""
    return op.op_def.is_stateful or op.type.startswith('Placeholder')
