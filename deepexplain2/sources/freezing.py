"""A function with a snapshot of its variables as constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.python.framework import op_def_registry
from tensorflow.python.framework.convert_to_constants import (
    _FunctionConverterDataInEager,
    _replace_variables_by_constants,
)

from ..errors import SourceError
from ..graph import custom_gradients
from .node_walks import node_name, takers
from .writes import drop_writes

RUN_RESOURCES = ('TensorArray', 'Stack')        # made and used up within one run


class Frozen(NamedTuple):
    """A graph without variables. named: by the id of a tensor of the function, the tensor in the graph.
    places: which of the outputs of the function these are."""
    graph: tf.Graph
    inputs: list[tf.Tensor]
    outputs: list[tf.Tensor]
    named: dict[int, tf.Tensor]
    places: list[int]


def freeze(concrete: Any, way: str, named: Sequence[tf.Tensor] = ()) -> Frozen:
    """A ConcreteFunction as a graph in which every variable is a constant with its present value, also those
    that the function writes.

    Parameters
    ----------
    concrete : ConcreteFunction
        The function.
    way : str
        Name of the constructor, for messages.
    named : list of tf.Tensor
        The last tensors that the function returns, for their names only. They stay where they can.

    Raises
    ------
    SourceError
        If the function takes strings, its outputs need a write of a variable, a read after a write, or a
        table, or if TensorFlow fails.

    Notes
    -----
    The outputs are the tensors of the model, not the copies that a function returns. Strings among them, such
    as names of classes, are left out where they come out of a table.
    """
    captured = {t.name for t in concrete.graph.internal_captures}
    strings = [t.name for t in concrete.inputs if t.dtype == tf.string and t.name not in captured]
    if strings:
        raise SourceError(f'the model takes strings ("{strings[0]}"), which have no attributions. Cut it '
                          f'behind its string layers and give {way} the part that takes numbers')
    inputs = [t.name for t in concrete.inputs if t.name not in captured]
    returned = concrete.outputs[:len(concrete.outputs) - len(named)]
    try:
        with _without_table_initializers(concrete.graph):
            data = _FunctionConverterDataInEager(func=concrete, lower_control_flow=False,
                                                 aggressive_inlining=False)
        custom_gradients.keep(data.graph_def, concrete.graph)
        names = _without_copies(data.graph_def, [t.name for t in concrete.outputs])
        names_of_named = names[len(returned):]
        tables = _resources_without_value(data.graph_def, data.tensor_data)
        words = {k for k, t in enumerate(returned) if t.dtype == tf.string}
        wanted = [names[k] for k in range(len(returned)) if k not in words]
        written, kept = drop_writes(data.graph_def, [*inputs, *wanted],
                                    [*(names[k] for k in words), *names_of_named], tables, way)
        places = [k for k in range(len(returned)) if k not in words or names[k] in kept]
        for name in data.tensor_data.keys() - {node.name for node in data.graph_def.node}:
            del data.tensor_data[name]
        _refuse_resources(data.graph_def, data.tensor_data, way)
        states = [data.tensor_data[name].numpy for name in written & data.tensor_data.keys()]
        batches = {state.shape[0] for state in states if state.ndim > 1}
        if len(batches) == 1 and all(t.shape.rank and t.shape[0] in batches for t in returned):
            _fix_batch(data.graph_def, {node_name(name) for name in inputs}, *batches)
        graph = imported_graph(_replace_variables_by_constants(data)[0])
    except SourceError:
        raise
    except Exception as e:
        raise SourceError(f'{way} could not freeze the model. TensorFlow says: {str(e)[:500]}') from e
    tensor = graph.get_tensor_by_name
    return Frozen(graph, [tensor(name) for name in inputs], [tensor(names[k]) for k in places],
                  {id(t): tensor(name) for t, name in zip(named, names_of_named) if name in kept}, places)


@contextmanager
def _without_table_initializers(graph: tf.Graph) -> Iterator[None]:
    """Leave out a collection of a graph that names ops which one signature of TensorFlow 1 does not have: its
    optimizer would refuse the graph."""
    name = tf.compat.v1.GraphKeys.TABLE_INITIALIZERS
    initializers = graph.get_collection(name)
    if initializers:
        graph.clear_collection(name)
    try:
        yield
    finally:
        for op in initializers:
            graph.add_to_collection(name, op)


def imported_graph(graph_def: tf.compat.v1.GraphDef) -> tf.Graph:
    """A new graph with the nodes of a GraphDef, without gradient functions of another graph."""
    custom_gradients.drop(graph_def, kept=True)
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(graph_def, name='')
    return graph


def _without_copies(graph_def: tf.compat.v1.GraphDef, outputs: Sequence[str]) -> list[str]:
    """Names of the tensors that the Identity ops take which a function adds for what it returns, and of those
    that are put together with strings."""
    nodes = {node.name: node for node in graph_def.node}
    taken = {node_name(i) for node in graph_def.node for i in node.input}
    result = []
    for name in outputs:
        node = nodes[node_name(name)]
        origin = node.input[0] if node.op == 'Identity' and node.name not in taken else name
        if node.op == 'IdentityN' and tf.string.as_datatype_enum in node.attr['T'].list.type:
            origin = node.input[int(name.partition(':')[2] or 0)]
        result.append(origin if ':' in origin else f'{origin}:0')
    return result


def _fix_batch(graph_def: tf.compat.v1.GraphDef, inputs: set[str], batch: int) -> None:
    """Give the inputs the batch size of the state. Keras leaves it open in a SavedModel, where a single row
    would meet the states of all rows."""
    for node in graph_def.node:
        axes = node.attr['shape'].shape.dim if node.name in inputs else []
        if axes and axes[0].size == -1:
            axes[0].size = batch


def _resources_without_value(graph_def: tf.compat.v1.GraphDef, values: Mapping[str, Any]) -> list[str]:
    """Nodes of tables and other resources that no constant can replace."""
    resource = tf.resource.as_datatype_enum

    def is_resource(node):
        made = any(output.type == resource for output in op_def_registry.get(node.op).output_arg)
        return made or (node.op == 'Placeholder' and node.attr['dtype'].type == resource)
    return [node.name for node in graph_def.node
            if node.name not in values and not node.op.startswith(RUN_RESOURCES) and is_resource(node)]


def _refuse_resources(graph_def: tf.compat.v1.GraphDef, values: Mapping[str, Any], way: str) -> None:
    """Raise SourceError for tables and other resources that no constant can replace."""
    nodes = {node.name: node for node in graph_def.node}
    for name in _resources_without_value(graph_def, values):
        users = sorted(n for n in takers([name], nodes) if nodes[n].op != 'Identity')
        used = f' by "{users[0]}" ({nodes[users[0]].op})' if users else ''
        raise SourceError(f'{way} cannot freeze the model: "{name}", used{used}, is a table or another '
                          f'resource without a value. Cut the model behind it and give {way} the part that '
                          'takes numbers')
