"""The functions that the ops of a graph call: their names, their bodies, and new names for them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import op_def_registry
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph_def

from .op_types import LOOPS


def called_functions(node: tf.compat.v1.NodeDef) -> list[str]:
    """Names of all functions that a node calls or hands on. A call of TF1 has the name of the function as op
    type."""
    named = [f.name for f in function_attributes(node)]
    return named if op_def_registry.get(node.op) is not None else [*named, node.op]


def function_attributes(node: tf.compat.v1.NodeDef) -> list[Any]:
    """The attributes of a node that name functions; assigning to their `name` calls another function."""
    return [f for a in node.attr.values() for f in ([a.func] if a.HasField('func') else a.list.func)]


def functions_of(node: tf.compat.v1.NodeDef) -> list[str]:
    """Names of the functions of a loop (condition, body) or of a conditional (its branches)."""
    if node.op in LOOPS:
        return [node.attr['cond'].func.name, node.attr['body'].func.name]
    if node.op in ('If', 'StatelessIf'):
        return [node.attr['then_branch'].func.name, node.attr['else_branch'].func.name]
    return [f.name for f in node.attr['branches'].list.func]


def function_library(graph: tf.Graph) -> dict[str, Any]:
    """The functions of a graph by name, read without copying its nodes."""
    graph_def = tf.compat.v1.GraphDef()
    try:
        graph._copy_functions_to_graph_def(graph_def, 0)
    except tf.errors.OpError:           # functions of TF1, whose names the process has already
        graph_def = graph.as_graph_def()
    return {f.signature.name: f for f in graph_def.library.function}


def open_function(function, functions: Mapping) -> tuple[tf.compat.v1.GraphDef, dict[str, str]]:
    """(nodes, names): the body of a function as a GraphDef, and the names of its tensors there.

    functions: all functions by name, those that the body calls included.
    """
    library = tf.compat.v1.GraphDef()
    library.library.function.extend(functions.values())
    with tf.Graph().as_default():           # where TensorFlow looks for the functions that the body calls
        tf.graph_util.import_graph_def(library, name='')
        return function_def_to_graph_def(function)


@dataclass(frozen=True)
class FunctionBody:
    """The body of a function as a graph, and the names of its arguments and results there."""
    graph: tf.Graph
    arguments: list[str]
    results: list[str]


def import_body(function, functions: Mapping) -> FunctionBody:
    """The body of a function as a graph, without colocation and gradient overrides.

    functions: all functions by name, those that the body calls included.
    """
    nodes, names = open_function(function, functions)
    nodes.library.function.extend(functions.values())
    for node in nodes.node:
        node.attr.pop('_gradient_op_type', None)
        node.attr.pop('_class', None)           # the ops may stand outside the function
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(nodes, name='')
    signature = function.signature
    return FunctionBody(graph, [f'{a.name}:0' for a in signature.input_arg],
                        [names[function.ret[o.name]] for o in signature.output_arg])


def rename_functions(graph_def: tf.compat.v1.GraphDef) -> None:
    """Give the functions of a GraphDef names that no other function has, and drop those that nothing calls.

    TensorFlow keeps functions by name, in the graph and in the process: a second function of a name is an
    error if it differs, and differentiating a loop defines functions named after those of the loop.
    """
    functions = {f.signature.name: f for f in graph_def.library.function}
    suffix = f'__deepexplain2_{uuid.uuid4().hex}'
    called: dict = {}

    def rename(nodes):
        for node in nodes:
            for f in function_attributes(node):
                if f.name in functions:
                    if f.name not in called:
                        called[f.name] = functions[f.name]
                        rename(functions[f.name].node_def)
                    f.name += suffix

    rename(graph_def.node)
    for function in called.values():
        function.signature.name += suffix
    graph_def.library.CopyFrom(type(graph_def.library)(function=called.values()))
