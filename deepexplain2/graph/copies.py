"""Ops and tensors of the user's graph as they are in a graph of the library's own."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from .constants import SMALL_CONSTANT, constant_value
from .op_types import can_change
from .walks import ancestors


def detached(ops: Iterable[tf.Operation]) -> tf.compat.v1.GraphDef:
    """Ops as nodes that can stand in any graph: without control inputs, colocation and gradient overrides."""
    graph_def = tf.compat.v1.GraphDef(node=[op.node_def for op in ops])
    for node in graph_def.node:
        node.attr.pop('_class', None)
        node.attr.pop('_gradient_op_type', None)
        node.input[:] = [i for i in node.input if not i.startswith('^')]
    return graph_def


def static_value(tensor: tf.Tensor) -> np.ndarray | None:
    """The value of a small integer or boolean tensor that is computed from constants alone, or None."""
    ops = ancestors([tensor], set())
    if len(ops) > 64 or any(map(can_change, ops)):
        return None
    with tf.Graph().as_default():
        copy, = tf.graph_util.import_graph_def(detached(ops), name='', return_elements=[tensor.name])
        return tf.get_static_value(copy)


def small_value(tensor: tf.Tensor) -> np.ndarray | None:
    """The value of a tensor that enters the path and that a copy takes for a constant, whatever is fed: a
    small Const, or small integers or booleans that are computed from constants alone. Else None."""
    if not tensor.shape.is_fully_defined() or tensor.shape.num_elements() > SMALL_CONSTANT:
        return None
    if tensor.op.type == 'Const':
        return constant_value(tensor)
    return static_value(tensor) if tensor.dtype.is_integer or tensor.dtype.is_bool else None


def stand_in(tensor: tf.Tensor, name: str) -> tf.Tensor:
    """What stands in the current graph for a tensor that enters the path: the value of a small constant, a
    placeholder for anything else.

    The values of constants matter to the gradient functions: axes and shapes decide which ops they build.
    """
    value = small_value(tensor)
    if value is not None:
        return tf.constant(value, tensor.dtype, tensor.shape, name)
    # the handle of a variable carries the type and shape of the variable, which a placeholder would not
    if tensor.dtype == tf.resource and tensor.op.type == 'VarHandleOp':
        graph_def = tf.compat.v1.GraphDef(node=[tensor.op.node_def])
        graph_def.node[0].name = name
        graph_def.node[0].attr.pop('_class', None)
        return tf.graph_util.import_graph_def(graph_def, name='', return_elements=[f'{name}:0'])[0]
    return tf.compat.v1.placeholder(tensor.dtype.base_dtype, tensor.shape, name)
