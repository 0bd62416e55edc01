"""Functions of tf.custom_gradient, whose Python gradients no copy can call."""

from __future__ import annotations

import tensorflow as tf

from ..custom_gradients import KEPT, drop
from .context import Context


def drop_custom_gradients(graph_def: tf.compat.v1.GraphDef, context: Context) -> None:
    """Take Python gradients out of the nodes, and mark the nodes whose gradient differs from that of the ops
    inside. What was kept of a gradient as nodes stays where the plain gradient is asked."""
    for node in graph_def.node:
        if context.is_plain and node.name in context.own_gradients:
            node.attr['_gradient_op_type'].s = KEPT.encode()
    drop(graph_def, kept=context.is_plain)
