"""Slopes of the secants of functions without a closed form: by the quotient where a is far from b, by the
mean of the derivative at four points between them where it is near.

How near depends on the distance of a and b from where f stops being smooth, a function of z given with f.
"""

from __future__ import annotations

import tensorflow as tf

from ...features.quadrature import quadrature
from ..op_tools import again, no_gradient
from .guards import nonzero
from .slopes import absolute


def erf(op, a, b):
    """The Gauss quadrature of exp(-z^2) where z is near z'; else erfc, which keeps its digits where erf is
    near 1, on one side of zero."""
    near, mean = _mean_derivative(tf.math.erf, a, b, chirp)
    lo, hi = tf.minimum(tf.abs(a), tf.abs(b)), tf.maximum(tf.abs(a), tf.abs(b))
    d = nonzero(a - b)
    far = tf.where((a >= 0) ^ (b >= 0), (tf.math.erf(a) - tf.math.erf(b)) / d,
                   (tf.math.erfc(lo) - tf.math.erfc(hi)) / tf.abs(d))
    return tf.where(near, mean, far)


def erfc(op, a, b):
    """erfc z = 1 - erf z."""
    return -erf(op, a, b)


def even(distance):
    """The slope of f(z) = f(|z|), measured on one side of zero: bessel_i0e has a corner there, and others are
    flat."""
    slope = measured_by(distance)
    return lambda op, a, b: slope(op, tf.abs(a), tf.abs(b)) * absolute(op, a, b)


def odd(distance):
    """The slope of f(z) = -f(-z): across zero the two values have opposite signs, and their difference loses
    nothing. The second derivative of bessel_i1e jumps there."""
    slope = measured_by(distance)

    def rule(op, a, b):
        y, y_ref = (again(op, {0: z}).outputs[0] for z in (a, b))
        across = (y - y_ref) / nonzero(a - b)
        return tf.where((a > 0) & (b < 0) | (a < 0) & (b > 0), across, slope(op, tf.abs(a), tf.abs(b)))
    return rule


def measured_by(distance):
    """The slope of any function; distance: see `measured`. In float64, as quotients and the derivatives of
    some (1 - 2 z f for dawsn) lose digits; functions of which TensorFlow's float32 is off by more than its
    rounding, or that have no other, as they are."""
    def slope(op, a, b):
        exact = a.dtype if op.type in _AS_THEY_ARE else tf.float64
        found = measured(lambda z: again(op, {0: z}).outputs[0], tf.cast(a, exact), tf.cast(b, exact),
                         distance)
        return tf.cast(found, a.dtype)
    return slope


_AS_THEY_ARE = {'Erfinv', 'Ndtri', 'Sign', 'FakeQuantWithMinMaxArgs'}


def measured(f, a, b, distance):
    """The slope of an elementwise f from b to a. Near: closer than a tenth of the distance to where f stops
    being smooth.

    The error of four Gauss-Legendre points is then 2e-13 of the slope for a logarithm, and the quotient loses
    a digit.
    """
    near, mean = _mean_derivative(f, a, b, distance)
    return tf.where(near, mean, (f(a) - f(b)) / nonzero(a - b))


def _mean_derivative(f, a, b, distance):
    """(where a is near b, the mean of f' between them there)."""
    d = a - b
    near = tf.abs(d) <= .1 * tf.minimum(distance(a), distance(b))
    step = tf.where(near, d, tf.zeros_like(d))
    mean = tf.zeros_like(d)
    for alpha, weight in zip(*quadrature('gausslegendre', 4)):
        z = b + tf.cast(alpha, d.dtype) * step
        y = f(z)
        slope, = tf.gradients(y, z)
        if slope is None:
            raise no_gradient(y.op, '')
        mean += tf.cast(weight, d.dtype) * slope
    infinite = tf.equal(d, 0) & ~tf.math.is_finite(mean)        # nothing is to be shared there
    return near, tf.where(infinite, tf.zeros_like(d), mean)


def anywhere(z):
    """Smooth at a scale of 1."""
    return tf.ones_like(z)


def from_zero(z):
    """Smooth except at 0."""
    return tf.abs(z)


def from_i(z):
    """Smooth at a scale of 1, and of |z| far out."""
    return tf.maximum(tf.abs(z), 1.)


def exponential(z):
    """Smooth except at 0, where it is exponential or a wave at a scale of 1."""
    return tf.minimum(tf.abs(z), 1.)


def chirp(z):
    """A wave, the faster the farther out."""
    return 1 / (1 + tf.abs(z))


def from_poles(z):
    """Smooth between the integers below zero."""
    return tf.where(z > 0, z, tf.abs(z - tf.round(z)))


def from_one(z):
    """Smooth between -1 and 1."""
    return 1 - tf.abs(z)


def never(z):
    """With jumps or corners anywhere: the quotient is exact, and its digits are lost only where the function
    jumps."""
    return tf.zeros_like(z)
