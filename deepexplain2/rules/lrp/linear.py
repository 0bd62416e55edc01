"""Rules at units y = A x + b: how the relevance R of y is shared among x, `formula(affine, R) -> R_x`.

w+ and w- are the positive and negative parts, R/z is stabilized: z + eps sign z, sign(0) = +1 (zennit). The
sums over what enters y_j run over what a convolution sees: padding counts as 0, also of ranges and of ones.
bias: whether b stands in the denominators and so absorbs relevance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ...errors import ParameterError
from ...graph.differentiate import relevance_of
from ...graph.passes.paired import ACTUAL
from ..op_tools import stabilized, whole
from .unit import Affine

Formula = Callable[[Affine, tf.Tensor], tf.Tensor]


def at_unit(formula: Formula):
    """The rule at the linear op of a unit, from its formula; sums in float32 at least."""
    def rule(op, r, around):
        unit = around.unit(op)
        affine = Affine(op, unit, around)
        found = formula(affine, tf.cast(tf.convert_to_tensor(r), affine.dtype))
        return whole(op, {unit.layout.data: tf.cast(found, op.inputs[unit.layout.data].dtype)})
    return rule


def epsilon(eps: float, bias: bool) -> Formula:
    """R_i = sum_j x_i w_ij / z_j R_j (Bach et al. 2015, equation 58)."""
    def formula(affine, r):
        return relevance_of(affine.back(r / stabilized(affine.output(bias), eps), affine.weights), affine.x)
    return formula


def alpha_beta(alpha: float, beta: float, eps: float, bias: bool) -> Formula:
    """R_i = sum_j (alpha (x_i w_ij)+ / z_j+ - beta (x_i w_ij)- / z_j-) R_j, z+- = sums of the positive and
    negative parts, that of the bias included (Bach et al. 2015, equation 60)."""
    def formula(affine, r):
        parts = []
        for sign, share in (1, alpha), (-1, -beta):
            if share:
                terms = _signed(affine, sign)
                z = tf.add_n([affine(x, w) for x, w in terms])
                if bias and affine.bias is not None:
                    z += _part(affine.bias, sign)
                m = share * r / stabilized(z, eps)
                parts += [x * affine.back(m, w) for x, w in terms]
        return tf.add_n(parts)
    return formula


def gamma(g: float, eps: float, bias: bool) -> Formula:
    """R_i = sum_j (x_i w_ij + g (x_i w_ij)+) / z_j R_j with z their sum where y_j >= 0, and with the negative
    parts in place of the positive ones where y_j < 0 (Montavon et al. 2019, section 10.2.1; for outputs of
    both signs as in Andeol et al. 2021)."""
    def formula(affine, r):
        b = affine.bias if bias else None
        y = affine.output(bias)
        parts = []
        for sign, chosen in (1, y >= 0), (-1, y < 0):
            terms = [(x, affine.weights + g * w) for x, w in _signed(affine, sign)]
            z = tf.add_n([affine(x, w) for x, w in terms])
            if b is not None:
                z += b + g * _part(b, sign)
            m = tf.where(chosen, r, tf.zeros_like(r)) / stabilized(z, eps)
            parts += [x * affine.back(m, w) for x, w in terms]
        return tf.add_n(parts)
    return formula


def z_box(low: Any, high: Any, eps: float) -> Formula:
    """R_i = sum_j (x_i w_ij - l_i w_ij+ - h_i w_ij-) / z_j R_j with z their sum, for x between l and h
    (Montavon et al. 2017, equation 16). A bias enters with w x and leaves with both bounds, so that it takes
    nothing."""
    def formula(affine, r):
        x, w = affine.x, affine.weights
        least, most = affine.bound(low, 'low'), affine.bound(high, 'high')
        terms = [(x, w), (-least, _part(w, 1)), (-most, _part(w, -1))]
        m = r / stabilized(tf.add_n([affine(t, v) for t, v in terms]), eps)
        return tf.add_n([t * affine.back(m, v) for t, v in terms])
    return formula


def w_square(eps: float, bias: bool) -> Formula:
    """R_i = sum_j w_ij^2 / z_j R_j with z their sum, the square of the bias included (Montavon et al. 2017,
    equation 12)."""
    def formula(affine, r):
        squares = affine.weights ** 2
        z = affine(affine.ones, squares)
        if bias and affine.bias is not None:
            z += affine.bias ** 2
        return affine.back(r / stabilized(z, eps), squares)
    return formula


def flat(eps: float) -> Formula:
    """R_i = sum_j R_j / (number of entries that y_j sees) (Lapuschkin et al. 2019)."""
    def formula(affine, r):
        ones = tf.ones_like(affine.weights)
        return affine.back(r / stabilized(affine(affine.ones, ones), eps), ones)
    return formula


def passes(affine: Affine, r: tf.Tensor) -> tf.Tensor:
    """R_x = R, where x and y have equal shapes."""
    if not affine.x.shape.is_compatible_with(r.shape):
        raise ParameterError(f'the rule "passes" at op "{affine.op.name.removeprefix(ACTUAL)}" '
                             f'({affine.op.type}) needs an input and an output of equal shapes, not '
                             f'{affine.x.shape} and {r.shape}. Choose another rule for it')
    return tf.ensure_shape(r, affine.x.shape)


def zero(affine: Affine, r: tf.Tensor) -> tf.Tensor:
    """R_x = 0."""
    return tf.zeros_like(affine.x)


def _part(t: tf.Tensor, sign: int) -> tf.Tensor:
    """The positive or the negative part."""
    return tf.nn.relu(t) if sign > 0 else -tf.nn.relu(-t)


def _signed(affine: Affine, sign: int) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """The pairs of parts of x and weights whose products are the positive or negative parts of x w."""
    pairs = [(_part(affine.x, 1), _part(affine.weights, sign))]
    return pairs if affine.is_nonnegative else [*pairs, (_part(affine.x, -1), _part(affine.weights, -sign))]
