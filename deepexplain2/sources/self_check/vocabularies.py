"""How many entries the tables have that integer inputs index."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ...graph.functions import called_functions, function_library
from ...graph.op_types import SHAPE_ONLY
from ...graph.walks import ancestors
from ..source import Source

GATHERS = {'Gather', 'GatherV2', 'ResourceGather'}
BRANCHES = {'If', 'StatelessIf', 'Case', 'StatelessCase'}
# ops whose output holds ids where their input does
KEEPS_IDS = {'Identity', 'Cast', 'Reshape', 'ExpandDims', 'Squeeze', 'Slice', 'StridedSlice', 'Transpose',
             'ConcatV2', 'Pack', 'Split', 'SplitV', 'Unpack', 'Maximum', 'Minimum', 'ClipByValue', 'SelectV2',
             'Select', 'Floor', 'Round', 'TensorListFromTensor', 'TensorListGetItem'}
# of integers, most ops keep ids or move them; these make other numbers
MAKES_OTHER_INTEGERS = SHAPE_ONLY | {'ArgMax', 'ArgMin'}
DEEPEST_CALL = 20                           # a function may call itself


class _Node(NamedTuple):
    """A node of a graph or function. inputs: names of nodes. proto: makes the NodeDef; None for a constant.
    constant: its value, or zeros of its shape that take no memory."""
    name: str
    type: str
    inputs: list[str]
    proto: Callable[[], Any] | None
    constant: np.ndarray | None


def vocabulary_sizes(source: Source) -> dict[int, int]:
    """By position of an input: the number of entries of the smallest table that it indexes, in the graph or
    in the functions that the graph calls."""
    functions = function_library(source.graph)
    found: dict[int, int] = {}
    integers = {k for k, x in enumerate(source.inputs) if x.dtype.is_integer}

    def walk(nodes: Iterable[_Node], ids: dict[str, set[int]], tables: dict[str, np.ndarray],
             depth: int) -> None:
        """ids: by node, the inputs of the model whose ids it holds. tables: by node, the constant that it
        is."""
        for node in nodes:
            inputs = node.inputs
            if node.constant is not None:
                tables[node.name] = node.constant
            elif node.type in ('Identity', 'ReadVariableOp', 'Cast') and inputs and inputs[0] in tables:
                tables[node.name] = tables[inputs[0]]
            if node.type in GATHERS:
                size = _indexed_size(inputs, tables)
                if size is not None:
                    found.update({k: min(found.get(k, size), size) for k in ids.get(inputs[1], set())})
                continue
            for called in called_by(node, depth):
                function = functions[called]
                arguments = [a.name for a in function.signature.input_arg]
                given = list(zip(arguments, inputs[1:] if node.type in BRANCHES else inputs))
                walk(_nodes_of_function(function), {a: ids[i] for a, i in given if i in ids},
                     {a: tables[i] for a, i in given if i in tables}, depth + 1)
            held = set().union(*(ids.get(i, set()) for i in inputs))
            kept = {k for k in held if node.type in KEEPS_IDS
                    or (k in integers and node.type not in MAKES_OTHER_INTEGERS)}
            if kept:
                ids.setdefault(node.name, set()).update(kept)

    def called_by(node: _Node, depth: int) -> list[str]:
        if node.proto is None or depth >= DEEPEST_CALL:
            return []
        return [name for name in called_functions(node.proto()) if name in functions]

    walk([_node(op.name, op.type, [i.op.name for i in op.inputs], partial(getattr, op, 'node_def'))
          for op in ancestors(source.outputs, set())],
         {x.op.name: {k} for k, x in enumerate(source.inputs)}, {}, 0)
    return found


def _indexed_size(inputs: list[str], tables: dict[str, np.ndarray]) -> int | None:
    """The size of the axis that a gather indexes; None if its table is not known."""
    shape = tables[inputs[0]].shape if inputs[0] in tables else ()
    axis = tables.get(inputs[2]) if len(inputs) > 2 else None
    at = 0 if axis is None or axis.size != 1 else int(axis.ravel()[0])
    return shape[at] if -len(shape) <= at < len(shape) else None


def _nodes_of_function(function: Any) -> list[_Node]:
    return [_node(node.name, node.op, [i.split(':')[0] for i in node.input if not i.startswith('^')],
                  partial(_same, node))
            for node in function.node_def]


def _same(node: Any) -> Any:
    return node


def _node(name: str, kind: str, inputs: list[str], proto: Callable[[], Any]) -> _Node:
    if kind != 'Const':
        return _Node(name, kind, inputs, proto, None)
    value = proto().attr['value'].tensor
    shape = tuple(d.size for d in value.tensor_shape.dim)
    is_number = np.prod(shape) == 1 and value.dtype != tf.string.as_datatype_enum
    constant = tf.make_ndarray(value) if is_number else np.broadcast_to(np.zeros(1), shape)
    return _Node(name, kind, inputs, None, constant)
