"""Slopes of the secants of elementwise functions f, (f(a) - f(b))/(a - b), in closed form.

The quotient as written loses digits where a is near b: 5.5 % of the slope at a difference of 1e-5 in float32.
Each function below is an identity for it in which nothing cancels, so that no threshold is needed. At a = b
the slope is the derivative. A slope takes (op, a, b): the op, its input for x and its input for the
reference.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from .guards import finite, nonzero


def relu(op, a, b):
    """(relu(a) + relu(b))/(|a| + |b|): 1 or 0 where both have the same sign, else the positive one over the
    distance; at a = b the derivative. NaN where a difference of f is lost in an infinite one of z.

    7 passes over memory, 2 of them against infinity, where a choice of cases takes 20.
    """
    def size(z):
        """|z|, NaN where z is minus infinity."""
        negative = tf.minimum(z, 0)
        return (z - negative) - negative
    return tf.math.xdivy(tf.nn.relu(a) + tf.nn.relu(b), size(a) + size(b))


def leaky_relu(op, a, b):
    """f(z) = c z + (1 - c) relu(z)."""
    c = op.get_attr('alpha')
    return c + (1 - c) * relu(op, a, b)


def relu6(op, a, b):
    """The plain quotient: clipped values are exact, and so are their differences; at a = b the derivative.
    NaN as in `relu`."""
    y = tf.nn.relu6(a)
    same = tf.raw_ops.Relu6Grad(gradients=tf.cast(tf.equal(a, b), y.dtype), features=y)
    return same + tf.math.xdivy(y - tf.nn.relu6(b), finite(a - b))


def elu(op, a, b):
    """Below zero exp(hi) - exp(lo) = exp(hi) (1 - exp(lo - hi)); across zero the two terms have opposite
    signs."""
    return _elu(a, b, 1., 1.)


def selu(op, a, b):
    """Elu with scale and alpha of Klambauer et al. (2017), as in TensorFlow's kernel."""
    return _elu(a, b, 1.0507009873554805, 1.6732632423543772)


def sigmoid(op, a, b):
    """s(hi) - s(lo) = s(hi) s(-lo) (1 - exp(lo - hi))."""
    lo, hi = tf.minimum(a, b), tf.maximum(a, b)
    return tf.math.multiply_no_nan(decay(hi - lo), tf.sigmoid(hi) * tf.sigmoid(-lo))


def tanh(op, a, b):
    """tanh(z) = 2 s(2z) - 1; a difference of two saturated tanh itself cancels."""
    return 4 * sigmoid(op, 2 * a, 2 * b)


def softplus(op, a, b):
    """log((1 + e^hi)/(1 + e^lo)) = log1p(s(lo) (e^d - 1)), d = hi - lo; where e^d is large the plain
    difference loses nothing."""
    lo, hi = tf.minimum(a, b), tf.maximum(a, b)
    d = hi - lo
    near = tf.math.log1p(tf.sigmoid(lo) * tf.math.expm1(tf.minimum(d, 10.)))
    far = tf.math.softplus(hi) - tf.math.softplus(lo)
    return tf.where(d > 0, tf.where(d < 10, near, far) / nonzero(d), tf.sigmoid(hi))


def softsign(op, a, b):
    """z/(1 + |z|): 1/((1 + |a|)(1 + |b|)) on one side of zero; across it the two terms have opposite
    signs."""
    product = 1 / ((1 + tf.abs(a)) * (1 + tf.abs(b)))
    across = (a / (1 + tf.abs(a)) - b / (1 + tf.abs(b))) / nonzero(a - b)
    return tf.where((a >= 0) ^ (b >= 0), across, product)


def square(op, a, b):
    """a + b."""
    return a + b


def absolute(op, a, b):
    """1 or -1 on one side of zero."""
    return tf.where((a >= 0) ^ (b >= 0), (tf.abs(a) - tf.abs(b)) / nonzero(a - b), tf.sign(a + b))


def reciprocal(op, a, b):
    """-1/(a b)."""
    return -1 / a / b


def sqrt(op, a, b):
    """(a - b) = (sqrt a - sqrt b)(sqrt a + sqrt b). At a = b = 0, where the derivative is infinite, 0:
    nothing is to be shared."""
    return tf.math.divide_no_nan(tf.ones_like(a + b), tf.sqrt(a) + tf.sqrt(b))


def rsqrt(op, a, b):
    """-1/(sqrt(a) sqrt(b) (sqrt(a) + sqrt(b))), in an order that does not overflow."""
    p, q = tf.math.rsqrt(a), tf.math.rsqrt(b)
    return -p * q * (p / (p + q) * q)


def exp(op, a, b):
    """e^hi (1 - e^(lo - hi))."""
    return tf.math.multiply_no_nan(decay(tf.abs(a - b)), tf.exp(tf.maximum(a, b)))


def log(op, a, b):
    """log(hi/lo) = log1p((hi - lo)/lo); far apart, where the ratio may overflow, the plain difference loses
    nothing."""
    lo, hi, d = tf.minimum(a, b), tf.maximum(a, b), tf.abs(a - b)
    change = tf.where(d > 1e6 * lo, tf.math.log(hi) - tf.math.log(lo), tf.math.log1p(d / lo))
    return tf.where(d > 0, change / nonzero(d), 1 / lo)


def log1p(op, a, b):
    """The same of 1 + z."""
    return log(op, 1 + a, 1 + b)


def sin(op, a, b):
    """sin a - sin b = 2 cos((a + b)/2) sin((a - b)/2)."""
    return _wave(tf.sin, a, b, tf.cos((a + b) / 2))


def cos(op, a, b):
    """cos a - cos b = -2 sin((a + b)/2) sin((a - b)/2)."""
    return _wave(tf.cos, a, b, -tf.sin((a + b) / 2))


def sinh(op, a, b):
    """sinh a - sinh b = 2 cosh((a + b)/2) sinh((a - b)/2)."""
    return tf.cosh((a + b) / 2) * _sinhc((a - b) / 2)


def cosh(op, a, b):
    """cosh a - cosh b = 2 sinh((a + b)/2) sinh((a - b)/2)."""
    return tf.sinh((a + b) / 2) * _sinhc((a - b) / 2)


def atan(op, a, b):
    """atan a - atan b is the angle of (1 + a b, a - b); both divided by max(1, |a|) max(1, |b|), which could
    overflow."""
    scale_a, scale_b = (tf.maximum(tf.abs(z), 1.) for z in (a, b))
    d, along = a - b, 1 / scale_a / scale_b + (a / scale_a) * (b / scale_b)
    return tf.where(tf.equal(d, 0), 1 / scale_a / scale_b / along, tf.atan2(d / scale_a / scale_b,
                                                                            along) / nonzero(d))


def asin(op, a, b):
    """On one side of zero the angle of (p q + a b, a q - b p), p = sqrt(1 - a^2), q the same of b, and a q -
    b p = (a - b) (a + b)/(a q + b p)."""
    p, q = (tf.sqrt((1 - z) * (1 + z)) for z in (a, b))
    d, below = a - b, a * q + b * p
    # 0 at 1 = 1: nothing is to be shared
    ratio = tf.where(tf.equal(below, 0), tf.cast(tf.equal(p * q, 1), d.dtype), (a + b) / nonzero(below))
    angle = tf.where(tf.equal(d, 0), ratio, tf.atan2(d * ratio, p * q + a * b) / nonzero(d))
    return tf.where((a >= 0) ^ (b >= 0), (tf.asin(a) - tf.asin(b)) / nonzero(d), angle)


def acos(op, a, b):
    """acos z = pi/2 - asin z."""
    return -asin(op, a, b)


def atanh(op, a, b):
    """log((1 + hi)(1 - lo)/((1 - hi)(1 + lo)))/2, the ratio less 1 in log1p."""
    lo, hi = tf.minimum(a, b), tf.maximum(a, b)
    d, below = hi - lo, (1 - hi) * (1 + lo)
    return tf.where(d > 0, tf.math.log1p(2 * d / below) / 2 / nonzero(d), 1 / below)


def _elu(a, b, scale, alpha):
    lo, hi = tf.minimum(a, b), tf.maximum(a, b)
    negative = tf.math.multiply_no_nan(decay(hi - lo), scale * alpha * tf.exp(tf.minimum(hi, 0.)))
    across = scale * (hi - alpha * tf.math.expm1(tf.minimum(lo, 0.))) / nonzero(hi - lo)
    return tf.where(lo >= 0, scale * tf.ones_like(across), tf.where(hi <= 0, negative, across))


def decay(d):
    """(1 - exp(-d)) / d = 2 t / (d (1 + t)), t = tanh(d/2), for d >= 0: half the time of expm1, which no
    kernel vectorizes. 1 at 0, as near the smallest normal number, which takes its place. NaN at NaN, the
    difference of two infinities of one sign, where what it is multiplied with is 0."""
    d = tf.maximum(d, 4 * np.finfo(d.dtype.as_numpy_dtype).tiny)
    t = tf.tanh(d / 2)
    return 2 * t / (d + d * t)


def _wave(f, a, b, between):
    """Far out, where the middle of a and b is known to |a| ulp only, the plain quotient is the better one:
    from |a - b| |a| = 1 on."""
    d = a - b
    return tf.where(tf.abs(d) * tf.maximum(tf.abs(a), tf.abs(b)) > 1, (f(a) - f(b)) / nonzero(d),
                    between * _sinc(d / 2))


def _sinhc(z):
    """sinh(z)/z; 1 at 0."""
    return tf.where(tf.equal(z, 0), tf.ones_like(z), tf.sinh(z) / nonzero(z))


def _sinc(z):
    """sin(z)/z; 1 at 0."""
    return tf.where(tf.equal(z, 0), tf.ones_like(z), tf.sin(z) / nonzero(z))
