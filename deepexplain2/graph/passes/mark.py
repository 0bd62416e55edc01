"""The mark of rules: nodes that ask the rulebook for their gradient."""

from __future__ import annotations

import tensorflow as tf

from ..gradients import RULE_GRADIENT
from .context import Context


def mark_rules(graph_def: tf.compat.v1.GraphDef, context: Context) -> None:
    """Mark the nodes at which a rule may be asked, in functions too."""
    for nodes in graph_def.node, *(f.node_def for f in graph_def.library.function):
        for node in nodes:
            if context.marks(node):
                node.attr['_gradient_op_type'].s = RULE_GRADIENT.encode()
