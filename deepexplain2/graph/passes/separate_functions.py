"""One function for every loop and conditional, where rules depend on the place of an op."""

from __future__ import annotations

import tensorflow as tf

from ..functions import function_attributes
from .context import Context


def separate_functions(graph_def: tf.compat.v1.GraphDef, context: Context) -> None:
    """Give every loop and conditional functions that no other one calls, if the rulebook looks at names or
    layers of ops: a function that two layers call stands in both."""
    if not context.is_placed:
        return
    functions = {f.signature.name: f for f in graph_def.library.function}
    called: set[str] = set()

    def visit(nodes):
        for node in nodes:
            for named in function_attributes(node):
                if named.name not in functions:
                    continue
                if named.name in called:
                    new = graph_def.library.function.add()
                    new.CopyFrom(functions[named.name])
                    new.signature.name = named.name = f'{named.name}_{len(functions)}'
                    functions[new.signature.name] = new
                called.add(named.name)
                visit(functions[named.name].node_def)

    visit(graph_def.node)
