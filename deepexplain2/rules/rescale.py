"""DeepLIFT's Rescale rule: the slope of the secant from the reference to the actual input takes the place of the derivative.

A difference quotient (f(z) - f(z'))/(z - z') computed as written loses digits where z is near z': 5.5 % of the slope at a difference
of 1e-5 in float32. Each function below is an identity for the same quotient that has nothing to cancel, so that no threshold is
needed and the slope at z = z' is the derivative.
"""

from __future__ import annotations

import tensorflow as tf


def rescale(slope):
    """Rescale on an activation: m_in = m * (f(z) - f(z')) / (z - z') (Shrikumar et al. 2017, section 3.5.1)."""
    def rule(op, m, reference):
        z, z_ref = op.inputs[0], reference.inputs[0]
        if z.dtype.size < 4:                # float16: exp leaves its range at 11, its steps are 1e-3
            return m * tf.cast(slope(op, tf.cast(z, tf.float32), tf.cast(z_ref, tf.float32)), z.dtype)
        return m * slope(op, z, z_ref)
    return rule


def relu(op, a, b):
    """1 or 0 where both have the same sign, else the positive one over the distance; at a = b the derivative."""
    d = a - b
    both = tf.cast((a > 0) & (b > 0), d.dtype)
    return tf.where((a > 0) ^ (b > 0), (tf.nn.relu(a) - tf.nn.relu(b)) / _nonzero(d), both)


def leaky_relu(op, a, b):
    """f(z) = c z + (1 - c) relu(z)."""
    c = op.get_attr('alpha')
    return c + (1 - c) * relu(op, a, b)


def relu6(op, a, b):
    """1 or 0 where both lie on one of the three pieces; clipped values are exact, and so are their differences."""
    d = a - b
    both = tf.cast((a > 0) & (a < 6) & (b < 6), d.dtype)
    return tf.where(((a > 0) ^ (b > 0)) | ((a < 6) ^ (b < 6)), (tf.nn.relu6(a) - tf.nn.relu6(b)) / _nonzero(d), both)


def elu(op, a, b):
    """Below zero exp(hi) - exp(lo) = exp(hi) (1 - exp(lo - hi)); across zero the two terms have opposite signs."""
    return _elu(a, b, 1., 1.)


def selu(op, a, b):
    """Elu with scale and alpha of Klambauer et al. (2017), as in TensorFlow's kernel."""
    return _elu(a, b, 1.0507009873554805, 1.6732632423543772)


def sigmoid(op, a, b):
    """s(hi) - s(lo) = s(hi) s(-lo) (1 - exp(lo - hi))."""
    lo, hi = tf.minimum(a, b), tf.maximum(a, b)
    return tf.sigmoid(hi) * tf.sigmoid(-lo) * _decay(hi - lo)


def tanh(op, a, b):
    """tanh(z) = 2 s(2z) - 1; a difference of two saturated tanh itself cancels."""
    return 4 * sigmoid(op, 2 * a, 2 * b)


def softplus(op, a, b):
    """log((1 + e^hi)/(1 + e^lo)) = log1p(s(lo) (e^d - 1)), d = hi - lo; where e^d is large the plain difference loses nothing."""
    lo, hi = tf.minimum(a, b), tf.maximum(a, b)
    d = hi - lo
    near = tf.math.log1p(tf.sigmoid(lo) * tf.math.expm1(tf.minimum(d, 10.)))
    far = tf.math.softplus(hi) - tf.math.softplus(lo)
    return tf.where(d > 0, tf.where(d < 10, near, far) / _nonzero(d), tf.sigmoid(hi))


def softsign(op, a, b):
    """z/(1 + |z|): 1/((1 + |a|)(1 + |b|)) on one side of zero; across it the two terms have opposite signs."""
    product = 1 / ((1 + tf.abs(a)) * (1 + tf.abs(b)))
    across = (a / (1 + tf.abs(a)) - b / (1 + tf.abs(b))) / _nonzero(a - b)
    return tf.where((a >= 0) ^ (b >= 0), across, product)


SLOPES = {'Relu': relu, 'LeakyRelu': leaky_relu, 'Relu6': relu6, 'Elu': elu, 'Selu': selu, 'Sigmoid': sigmoid, 'Tanh': tanh,
          'Softplus': softplus, 'Softsign': softsign}

RULES = {op_type: rescale(slope) for op_type, slope in SLOPES.items()}


def _elu(a, b, scale, alpha):
    lo, hi = tf.minimum(a, b), tf.maximum(a, b)
    negative = scale * alpha * tf.exp(tf.minimum(hi, 0.)) * _decay(hi - lo)
    across = scale * (hi - alpha * tf.math.expm1(tf.minimum(lo, 0.))) / _nonzero(hi - lo)
    return tf.where(lo >= 0, scale * tf.ones_like(across), tf.where(hi <= 0, negative, across))


def _decay(d):
    """(1 - exp(-d)) / d for d >= 0; 1 at 0."""
    return tf.where(d > 0, -tf.math.expm1(-d) / _nonzero(d), tf.ones_like(d))


def _nonzero(d):
    """d with 1 in place of 0, for quotients that are not used where d is 0."""
    return tf.where(tf.equal(d, 0), tf.ones_like(d), d)
