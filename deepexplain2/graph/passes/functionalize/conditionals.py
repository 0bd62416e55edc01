"""Conditionals of TF1 as If."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from .contexts import MERGE, SWITCH, Context, Contexts, is_of_loop, refused
from .scopes import Scope, Translate, inner_name, label_of


@dataclass(frozen=True)
class _Branches:
    """What a Merge joins: (value if false, value if true), and the contexts of the two branches."""
    sides: tuple[tf.Tensor, tf.Tensor]
    contexts: tuple[Context, Context]


@dataclass(frozen=True)
class Conditional:
    """A conditional of the user's graph.

    merges: one for each result. sides: the values of the results if false, if true. entering: the tensors
    from outside that the conditional needs.
    """
    predicate: tf.Tensor
    contexts: tuple[Context, Context]
    merges: list[tf.Operation]
    sides: tuple[list[tf.Tensor], ...]
    entering: list[tf.Tensor]


class Conditionals:
    """Finds the conditionals of a graph and builds their counterparts."""

    def __init__(self, contexts: Contexts):
        self._contexts = contexts
        self._by_merge: dict[str, Conditional] = {}

    def ended_by(self, merge: tf.Operation) -> Conditional:
        """The conditional that ends in `merge`, with the other results of the same tf.cond."""
        if merge.name not in self._by_merge:
            found = self._find(merge)
            self._by_merge.update((m.name, found) for m in found.merges)
        return self._by_merge[merge.name]

    def _find(self, merge: tf.Operation) -> Conditional:
        contexts, first = self._contexts, self._branches(merge)
        predicates = self._private_predicate(first)
        group = {merge.name: (merge, first)}
        for op in contexts.ops if predicates else ():
            if op.type in MERGE and not is_of_loop(op) and any(contexts.of(i) in first.contexts
                                                               for i in op.inputs):
                other = self._branches(op)
                if other.contexts == first.contexts and self._private_predicate(other) == predicates:
                    group[op.name] = op, other
        sides = tuple([b.sides[k] for _, b in group.values()] for k in (0, 1))
        entering = {t.name: t for k in (0, 1) for t in contexts.upstream(sides[k], [first.contexts[k]])[1]}
        predicate = contexts.predicates[first.contexts[0][-1][0]]
        return Conditional(predicate, first.contexts, [m for m, _ in group.values()], sides,
                           [predicate, *entering.values()])

    def _branches(self, merge: tf.Operation) -> _Branches:
        outer = self._contexts.of(merge.outputs[0])
        pushed = {self._contexts.of(i)[len(outer):]: i for i in merge.inputs}
        keys = [k for k in pushed if k]
        if len(merge.inputs) != 2 or len(pushed) != 2 or not keys \
                or any(len(k) != 1 or k[0][1] < 0 for k in keys) or len({k[0][0] for k in keys}) != 1:
            raise refused(merge, 'that does not join the two branches of a conditional')
        name, branch = keys[0][0]
        others = [i for k, i in pushed.items() if k != keys[0]]
        sides = (others[0], pushed[keys[0]]) if branch else (pushed[keys[0]], others[0])
        return _Branches(sides, ((*outer, (name, 0)), (*outer, (name, 1))))

    def _private_predicate(self, branches: _Branches) -> set[str]:
        """The name of the copy of the predicate (pred_id) that each tf.cond makes, which distinguishes two
        conditionals with the same predicate; empty if there is none."""
        found = set()
        for side, context in zip(branches.sides, branches.contexts):
            for op in self._contexts.upstream([side], [context])[0]:
                if op.type in SWITCH and not is_of_loop(op) \
                        and self._contexts.of(op.outputs[0])[:-1] == context[:-1]:
                    found.add(op.inputs[1].op.name)
        return {name for name in found if name.split('/')[-1].startswith('pred_id')}

    def build(self, conditional: Conditional, scope: Scope, translate: Translate) -> None:
        """Build the If for a conditional in `scope`; the tensors that enter the conditional are known
        there."""
        label = label_of(conditional.merges[0])

        def branch(k):
            inner = Scope(conditional.contexts[k], label, tf.compat.v1.get_default_graph(), scope, {})
            return translate(conditional.sides[k], inner)

        results = tf.cond(scope.known[conditional.predicate.name], lambda: branch(1), lambda: branch(0),
                          name=inner_name(label, scope.label))
        for merge, result in zip(conditional.merges, tf.nest.flatten(results)):
            if merge.outputs[0].name not in self._contexts.arrays:
                result.set_shape(merge.outputs[0].shape)
            scope.known[merge.outputs[0].name] = result
