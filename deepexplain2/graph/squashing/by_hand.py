"""Softmax, log-softmax, sigmoid and log-sigmoid that a model makes of exponentials and the like."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from .found import Mixed, Squashed, squashed
from .values import Value, same

_RESHAPING = {'Reshape', 'ExpandDims', 'Squeeze', 'Cast', 'BroadcastTo', 'Tile', 'Transpose', 'StridedSlice',
              'StopGradient'}

# a value, and what is still to be done to it
_Changed = tuple[Value, Callable[[tf.Tensor], tf.Tensor] | None]


def by_hand(v: Value) -> Squashed | Mixed | None:
    """What `v` is the output of, if the formula of a softmax or sigmoid is recognized."""
    quotient = _quotient(v)
    if quotient is not None and (found := _of_quotient(v, *quotient)) is not None:
        return found
    if v.type == 'Sub':
        z, total = v.inputs
        base = _log_sum_exp(total)
        if base is not None and same(_unshifted(z), base):
            return squashed('log', 'log-softmax by hand', v, _unshifted(z))
    if v.type == 'Neg' and v.inputs[0].type == 'Softplus':
        return squashed('log', 'log-sigmoid by hand', v, *_negated(v.inputs[0].inputs[0]))
    if v.type == 'Exp':
        found = by_hand(v.inputs[0])
        if isinstance(found, Squashed) and found.kind == 'log':
            return Squashed('sigmoid' if 'sigmoid' in found.ops[0] else 'softmax', found.ops, found.make,
                            found.adds)
    tanh = _half_tanh(v)
    return None if tanh is None else squashed('sigmoid', 'sigmoid by hand', v, *_doubled(tanh.inputs[0]))


def _of_quotient(v: Value, dividend: Value | None, divisor: Value) -> Squashed | Mixed | None:
    """exp(z) / sum(exp(z)), 1 / (1 + exp(-z)) or exp(z) / (1 + exp(z)); the dividend None is 1."""
    total = _without_floor(divisor)
    top = dividend.before({'Cast'}) if dividend is not None else None
    if top is not None and total.type == 'Sum' and same(total.inputs[0].before({'Cast'}), top):
        if top.type == 'Exp':
            return squashed('softmax', 'softmax by hand', v, _unshifted(top.inputs[0]))
        if any(f.type in ('Exp', 'Softmax') for f in (top.inputs if top.type == 'Mul' else ())):
            return Mixed('is a softmax with weights', (f'"{v.op.name}" (softmax by hand)',))
    if divisor.type in ('Add', 'AddV2'):
        exponential = next((e for e, one in divisor.either_way if one.equals(1) and e.type == 'Exp'), None)
        if exponential is not None and top is None:
            return squashed('sigmoid', 'sigmoid by hand', v, *_negated(exponential.inputs[0]))
        if exponential is not None and top is not None and top.type == 'Exp' \
                and same(top.inputs[0], exponential.inputs[0]):
            return squashed('sigmoid', 'sigmoid by hand', v, exponential.inputs[0])
    return None


def _quotient(v: Value) -> tuple[Value | None, Value] | None:
    """(dividend, divisor), None for a dividend of 1."""
    if v.type in ('RealDiv', 'Div', 'DivNoNan'):
        top, bottom = v.inputs
        return (None if top.equals(1) else top), bottom
    if v.type in ('Reciprocal', 'Inv'):
        return None, v.inputs[0]
    if v.type == 'Pow' and v.inputs[1].equals(-1):
        return None, v.inputs[0]
    if v.type == 'Mul':
        for top, other in v.either_way:
            inverse = _quotient(other) if other.type != 'Mul' else None
            if inverse is not None and inverse[0] is None:
                return top, inverse[1]
    return None


def _without_floor(v: Value) -> Value:
    """A sum without a small constant that keeps it away from 0, and without reshaping."""
    v = v.before(_RESHAPING)
    if v.type in ('Maximum', 'Add', 'AddV2'):
        for total, floor in v.either_way:
            small = floor.constant
            if small is not None and np.all(np.abs(np.asarray(small, np.float64)) <= 1e-2):
                return total.before(_RESHAPING)
    return v


def _unshifted(z: Value) -> Value:
    """z, for `z - max(z)`."""
    if z.type == 'Sub':
        of, shift = z.inputs
        maximum = _maximum(shift)
        if maximum is not None and same(maximum.inputs[0], of):
            return of
    return z


def _maximum(shift: Value) -> Value | None:
    """The maximum that `shift` is."""
    shift = shift.before(_RESHAPING)
    # tf.reduce_logsumexp takes 0 in place of an infinite maximum
    if shift.type in ('Select', 'SelectV2'):
        shift = shift.inputs[1].before(_RESHAPING)
    return shift if shift.type == 'Max' else None


def _log_sum_exp(v: Value) -> Value | None:
    """z, for log(sum(exp(z))), also if the maximum is subtracted from z and added to the logarithm."""
    v = v.before(_RESHAPING)
    if v.type in ('Add', 'AddV2'):
        for log, shift in v.either_way:
            inner = _log_sum_exp(log)
            if inner is not None and _maximum(shift) is not None:
                return inner
    if v.type == 'Log':
        total = _without_floor(v.inputs[0])
        if total.type == 'Sum' and total.inputs[0].type == 'Exp':
            return _unshifted(total.inputs[0].inputs[0])
    return None


def _half_tanh(v: Value) -> Value | None:
    """tanh(u), for (tanh(u) + 1) / 2 in one of its forms."""
    whole, part = _halved(v), _raised(v, .5)
    tanh = _raised(whole, 1) if whole is not None else _halved(part) if part is not None else None
    return tanh if tanh is not None and tanh.type == 'Tanh' else None


def _halved(v: Value) -> Value | None:
    """u, for u / 2."""
    if v.type == 'Mul':
        return next((a for a, b in v.either_way if b.equals(.5)), None)
    return v.inputs[0] if v.type == 'RealDiv' and v.inputs[1].equals(2) else None


def _raised(v: Value, by: float) -> Value | None:
    """u, for u + by."""
    return next((a for a, b in v.either_way if b.equals(by)), None) if v.type in ('Add', 'AddV2') else None


def _negated(u: Value) -> _Changed:
    """-u."""
    if u.type == 'Neg':
        return u.inputs[0], None
    if u.type == 'Sub' and u.inputs[0].equals(0):
        return u.inputs[1], None
    if u.type == 'Mul':
        for a, b in u.either_way:
            if b.equals(-1):
                return a, None
    return u, tf.negative


def _doubled(u: Value) -> _Changed:
    """2 u."""
    half = _halved(u)
    return (half, None) if half is not None else (u, lambda t: t + t)
