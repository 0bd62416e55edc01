"""Gradients of T in which chosen ops have rules instead of TensorFlow's gradients.

TensorFlow's gradient registry belongs to the whole process and forgets nothing: one name is registered once,
and the rules of the graph under construction reach it through a context variable.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import tensorflow as tf

from ..errors import PathError, PathWarning, warn
from .completed import COMPLETED
from .function_bodies import Body, is_counted
from .gradients import RULE_GRADIENT, can_carry, registered_gradient
from .op_types import LOOPS
from .parts import Around, Parts
from .path import Path
from .reference import Partner
from .rulebook import Rulebook

OF_TARGET, OF_VALUE = 'of_target', 'of_value'           # the names of products that are a relevance
_rules: contextvars.ContextVar[Callable[..., tf.Tensor]] = contextvars.ContextVar('deepexplain2_rules')


@tf.RegisterGradient(RULE_GRADIENT)
def _apply_rule(op, *rs):
    if op.type in COMPLETED:
        return registered_gradient(op)(op, *rs)
    return _rules.get()(op, *rs)


def axes_of_units(target: tf.Tensor) -> list[int] | tf.Tensor:
    """All axes of T but the first."""
    if target.shape.rank is not None:
        return list(range(1, target.shape.rank))
    return tf.range(tf.minimum(tf.rank(target), 1), tf.rank(target))


def check_loops(parts: Parts, library: Mapping) -> None:
    """Raise PathError for a loop that carries values of X and does not count its iterations: TensorFlow's
    gradient of it would be 0."""
    for part in parts:
        for op in part.ops:
            if op.type in LOOPS and any(can_carry(op.inputs[k]) for k in part.varying_inputs(op)) \
                    and (isinstance(part, Body) or op.name in part.differentiated) \
                    and not is_counted(op, library):
                raise PathError(f'loop {part.name(op)} between X and T does not count its iterations, and '
                                'TensorFlow has no gradient for it. Choose a T before it or an X behind it, '
                                'or use a perturbation method')


def rule_gradient(book: Rulebook, parts: Parts) -> Callable[..., tf.Tensor]:
    """The gradient function of the marked ops of a copy: the rule that a book has for an op there, or
    TensorFlow's own gradient."""
    around = Around(parts)

    def gradient(op: tf.Operation, *rs):
        place = parts.place(op)
        rule = book.rule(place)
        if rule is None:
            return registered_gradient(op)(op, *rs)
        return rule(op, rs[0] if len(rs) == 1 else rs,
                    Partner.of(op, place) if book.reference else around)
    return gradient


@contextmanager
def under_rules(apply: Callable[..., tf.Tensor]) -> Iterator[None]:
    """While gradients are built, marked ops call `apply(op, *gradients of the outputs)`."""
    token = _rules.set(apply)
    try:
        yield
    finally:
        _rules.reset(token)


def weights_of(target: tf.Tensor) -> tf.Tensor:
    """A placeholder for weights of the units of T: 1 unless fed, broadcast to T."""
    return tf.compat.v1.placeholder_with_default(tf.ones([], target.dtype), None, 'weights')


def weighted_gradients(target: tf.Tensor, tensors: Sequence[tf.Tensor], weights: tf.Tensor,
                       fixed: Sequence[tf.Tensor] | None = None,
                       of_value: bool = False) -> list[tf.Tensor | None]:
    """The gradients of a weighted target with respect to some tensors.

    fixed: tensors that count as independent of one another and of X; by default all of `tensors`.
    of_value: whether what flows back begins as weights times T, a relevance, in place of the weights; see
        `multiplier_of`.
    """
    weighted = tf.broadcast_to(weights, tf.shape(target))
    if target.shape.rank is not None:
        weighted = tf.ensure_shape(weighted, target.shape)          # fails where they do not fit
    if of_value:
        weighted = relevance_of(weighted, target, OF_TARGET)
    return tf.gradients(target, tensors, grad_ys=weighted,
                        stop_gradients=tensors if fixed is None else fixed)


def relevance_of(multiplier: tf.Tensor, tensor: tf.Tensor, name: str = OF_VALUE) -> tf.Tensor:
    """The relevance multiplier x tensor, from which `multiplier_of` finds the multiplier again.

    name: OF_TARGET for that of T, and of what T is a sum of.
    """
    return tf.multiply(multiplier, tensor, name=name)


def multiplier_of(relevance: tf.Tensor, tensor: tf.Tensor) -> tuple[tf.Tensor | None, str]:
    """(multiplier, name) of a relevance that was made by `relevance_of` of this tensor, else (None, '')."""
    op = relevance.op
    while op.type == 'Identity':            # which tf.gradients puts around what it is given
        op = op.inputs[0].op
    own = op.name.rpartition('/')[2]
    name = next((n for n in (OF_TARGET, OF_VALUE) if own.startswith(n)), '')
    if name and op.type == 'Mul' and op.inputs[1] is tensor:
        return op.inputs[0], name
    return None, ''


def all_found(path: Path, tensors: Sequence[tf.Tensor],
              gradients: Sequence[tf.Tensor | None]) -> list[tf.Tensor]:
    """The gradients of T with respect to some tensors. PathError where TensorFlow has none."""
    if any(g is None for g in gradients):
        raise PathError(f'TensorFlow finds no gradient of T {path.name(path.target)} by X '
                        + ', '.join(path.name(t) for t, g in zip(tensors, gradients) if g is None))
    return [tf.convert_to_tensor(g) for g in gradients]


def or_zeros(path: Path, tensors: Sequence[tf.Tensor], gradients: Sequence[tf.Tensor | None],
             what_to_do: str) -> list[tf.Tensor]:
    """The gradients of T with respect to some tensors under rules that may give nothing to a tensor: 0 for
    it, with a warning that ends with what to do."""
    nothing = [path.name(t) for t, g in zip(tensors, gradients) if g is None]
    if nothing:
        warn(f'X {", ".join(nothing)} reaches T only as a gate or a weight of what else there is, which '
             f'takes nothing: its attributions are 0. {what_to_do}', PathWarning)
    return [tf.zeros_like(t) if g is None else tf.convert_to_tensor(g) for t, g in zip(tensors, gradients)]
