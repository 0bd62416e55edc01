"""Loops of TF1 as While."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from .contexts import ENTER, EXIT, MERGE, NEXT, SWITCH, Context, Contexts, is_of_loop, refused
from .scopes import Scope, Translate, inner_name, label_of


@dataclass(frozen=True)
class Loop:
    """A loop of the user's graph.

    merges: one for each loop variable. entering: the tensors from outside that the loop needs.
    """
    condition: tf.Operation
    context: Context
    exits: list[tf.Operation]
    merges: list[tf.Operation]
    entering: list[tf.Tensor]


class Loops:
    """Finds the loops of a graph and builds their counterparts."""

    def __init__(self, contexts: Contexts):
        self._contexts = contexts
        self._by_condition: dict[str, Loop] = {}

    def left_by(self, exit_op: tf.Operation) -> Loop:
        """The loop that an Exit leaves."""
        switch = exit_op.inputs[0].op
        if switch.type not in SWITCH or not is_of_loop(switch):
            raise refused(exit_op, 'behind no Switch of a loop')
        condition = switch.inputs[1].op
        if condition.name not in self._by_condition:
            self._by_condition[condition.name] = self._find(condition)
        return self._by_condition[condition.name]

    def _find(self, condition: tf.Operation) -> Loop:
        contexts = self._contexts
        exits = [op for op in contexts.ops if op.type in EXIT and op.inputs[0].op.type in SWITCH
                 and op.inputs[0].op.inputs[1].op is condition]
        context = contexts.of(condition.outputs[0])
        ops, entering = contexts.upstream([e.inputs[0] for e in exits], [context])
        merges = [op for op in ops if op.type in MERGE and is_of_loop(op)
                  and contexts.of(op.outputs[0]) == context]
        for op in merges:
            types = [i.op.type for i in op.inputs]
            if sorted(t in NEXT for t in types) != [False, True] or not any(t in ENTER for t in types):
                raise refused(op, 'that does not join an Enter and a NextIteration')
        return Loop(condition, context, exits, merges, entering)

    def build(self, loop: Loop, scope: Scope, translate: Translate) -> None:
        """Build the While for a loop in `scope`; the tensors that enter the loop are known there."""
        label = label_of(loop.condition)
        enters = [next(i.op for i in m.inputs if i.op.type in ENTER) for m in loop.merges]
        updates = [next(i.op for i in m.inputs if i.op.type in NEXT).inputs[0] for m in loop.merges]

        def inside(variables, wanted):
            known = {m.outputs[0].name: v for m, v in zip(loop.merges, variables)}
            inner = Scope(loop.context, label, tf.compat.v1.get_default_graph(), scope, known)
            return translate(wanted, inner)

        results = tf.while_loop(
            lambda *variables: inside(variables, [loop.condition.inputs[0]])[0],
            lambda *variables: inside(variables, updates),
            translate([e.inputs[0] for e in enters], scope),
            [self._invariant(m, u) for m, u in zip(loop.merges, updates)],
            enters[0].get_attr('parallel_iterations'), name=inner_name(label, scope.label))
        by_merge = dict(zip((m.name for m in loop.merges), results))
        for e in loop.exits:
            scope.known[e.outputs[0].name] = by_merge[e.inputs[0].op.inputs[0].op.name]

    def _invariant(self, merge: tf.Operation, update: tf.Tensor) -> tf.TensorShape:
        """What is known about the shape of a loop variable in every iteration."""
        variable = merge.outputs[0]
        if variable.name in self._contexts.arrays:
            return tf.TensorShape([])
        seen = [update.shape, *(i.shape for i in merge.inputs if i.op.type in ENTER)]
        return variable.shape if all(s.is_subtype_of(variable.shape) for s in seen) else tf.TensorShape(None)
