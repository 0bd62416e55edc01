"""What a method does at each op between X and T: its rules, and what counts where there is none."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import FunctionType
from typing import Any

import tensorflow as tf

from .completed import COMPLETED
from .function_bodies import Body
from .gradients import INPUTS_WITHOUT_GRADIENT, can_carry, gradient_status, has_override, is_differentiable
from .linear import DIFFERENTIATED_INSIDE, is_linear
from .op_types import SHAPE_ONLY
from .passes.decisions import kind, kind_of
from .path import Path

# (op, r, varying) or (op, m, partner) -> relevance or multiplier of the inputs of op
Rule = Callable[..., tf.Tensor]

LINEAR = 'linear'
RULE = 'rule'
GENERAL = 'general rule'
PLAIN = 'plain gradient'
GRADIENT = 'gradient'           # plain, and what the method asks for
EVALUATED = 'evaluated'
PASSED = 'gradient on purpose'
BROKEN = 'not differentiable'
REFUSED = 'refused'
UNUSED = 'its own gradient is not used'
CONDITION = 'a condition that is not a comparison'


@dataclass(frozen=True)
class Rulebook:
    """rules: op type -> rule, by family. reference: whether a rule compares with the reference. fallback: the
    rule for a nonlinear op without one; None for its plain gradient. passing: nonlinear types left to the
    plain gradient on purpose. refused: types, with the way out. gives_nothing: whether a rule may give None,
    nothing, to an input that depends on X."""
    families: Mapping[str, Mapping[str, Rule]] = field(default_factory=dict)
    reference: bool = False
    fallback: Rule | None = None
    passing: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)
    gives_nothing: bool = False

    @cached_property
    def key(self) -> Hashable:
        """Equal for books that say the same: their rules are the same functions, or closures of the same code
        over equal values."""
        rules = {id(r): _identity(r) for family in self.families.values() for r in family.values()}
        return (tuple((name, tuple((op_type, rules[id(r)]) for op_type, r in family.items())) for name,
                      family in self.families.items()),
                self.reference, _identity(self.fallback), self.passing, tuple(self.refused.items()),
                self.gives_nothing)

    @property
    def is_plain(self) -> bool:
        """Whether it asks for the plain gradient of every op."""
        return not self.families and self.fallback is None

    def rule(self, op_type: str) -> Rule | None:
        return next((rules[op_type] for rules in self.families.values() if op_type in rules
                     and op_type not in self.passing), None)

    def marks(self, node: tf.compat.v1.NodeDef) -> bool:
        """Whether a node is to ask this book for its gradient."""
        if self.rule(kind(node)) or node.op in COMPLETED:
            return True
        return self.fallback is not None and kind(node) == node.op and node.op not in DIFFERENTIATED_INSIDE \
            and node.op not in self.passing and '_gradient_op_type' not in node.attr and is_differentiable(node.op)

    def treatment(self, op: tf.Operation, part: Path | Body) -> tuple[str, str]:
        """(how `op` is treated, more on it): one of the words above; the family of the rule, or the
        reason."""
        what = kind_of(op)
        if what != op.type:
            return RULE, 'decisions'
        taken = part.varying_inputs(op)
        if is_linear(op, part):
            if taken and op.type not in SHAPE_ONLY and not any(map(can_carry, op.outputs)):
                return BROKEN, 'an index or a condition'
            return LINEAR, ''
        if what in self.passing:
            return PASSED, ''
        for family, rules in self.families.items():
            if what in rules:
                return RULE, family
        if has_override(op):
            return PLAIN, 'a gradient of its own'
        if what in self.refused:
            return REFUSED, self.refused[what]
        if gradient_status(op) != 'known' or not any(can_carry(op.inputs[k]) for k in taken):
            return BROKEN, ''
        if self.fallback is None:
            return PLAIN, ''
        if not all(can_carry(op.inputs[k]) for k in taken):
            if op.type in ('Select', 'SelectV2'):
                return PLAIN, CONDITION
            return REFUSED, 'X decides on its indices: choose a T before it or an X behind it, or use intgrad'
        if any(k in INPUTS_WITHOUT_GRADIENT.get(op.type, ()) for k in taken):
            return (REFUSED, 'TensorFlow has no gradient by one of its inputs that depend on X: choose a T '
                             'before it or an X behind it')
        return GENERAL, ''


def _identity(value: Any) -> Hashable:
    """What a rule consists of: its code and the values that it closes over."""
    if isinstance(value, FunctionType):
        closed = tuple(_identity(cell.cell_contents) for cell in value.__closure__ or ())
        return (value.__module__, value.__qualname__, value.__code__, _identity(value.__defaults__),
                _identity(value.__kwdefaults__), closed)
    if isinstance(value, partial):
        return _identity((value.func, value.args, value.keywords))
    if isinstance(value, dict):
        return _identity(tuple(value.items()))
    if isinstance(value, tuple):
        return tuple(map(_identity, value))
    if value is None or isinstance(value, (str, bool, int, float, frozenset)):
        return type(value).__name__, value
    return id(value)            # of a book that is kept
