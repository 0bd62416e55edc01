"""The outputs of a graph that does not name them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import tensorflow as tf

from ..graph.op_types import LIBRARY_SCOPE, UPDATES, WRITES
from ..graph.walks import explainable

GRADIENTS = re.compile(r'(^|/)gradients(_\d+)?/')               # the scope of tf.gradients and of optimizers
SUMMARY = re.compile(r'.*Summary(V2)?$')


def terminal_outputs(graph: tf.Graph, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The floating tensors that depend on the inputs and whose op has no output that another op of the model
    takes.

    What trains the model is no part of it: gradients that an optimizer takes, updates of weights and moving
    averages with all that is computed for them alone, summaries, and ops that return nothing.
    """
    ops = graph.get_operations()
    trains = any(UPDATES.match(op.type) for op in ops)

    def is_aside(op):
        return ((not op.outputs and not _is_write(op)) or op.name.startswith(LIBRARY_SCOPE)
                or bool(SUMMARY.match(op.type)) or (trains and bool(GRADIENTS.search(op.name))))
    aside = {op.name for op in ops if is_aside(op)}
    for_writes: set[str] = set()
    ends: set[str] = set()
    for op in reversed(ops):            # users before what they take, except in loops of TF1
        users = {user.name for o in op.outputs for user in o.consumers()}
        # of a loop with one result that is used, the other results are no outputs
        if _is_write(op) or (not users <= aside and users <= for_writes | aside):
            for_writes.add(op.name)
        elif users <= aside:
            ends.add(op.name)
    names = {x.name for x in inputs}
    return [t for t in explainable(graph, inputs)
            if t.dtype.is_floating and t.name not in names and t.op.name in ends - aside]


def _is_write(op: tf.Operation) -> bool:
    """Whether an op writes a variable."""
    return bool(WRITES.match(op.type) or UPDATES.match(op.type))
