"""DeepLIFT's Rescale rule: the slope of the secant from the reference to the actual input takes the place of
the derivative.

For every elementwise function of one tensor.
A difference quotient (f(z) - f(z'))/(z - z') computed as written loses digits where z is near z': 5.5 % of
the slope at a difference of 1e-5 in float32. Each function below is an identity for the same quotient that
has nothing to cancel, so that no threshold is needed and the slope at z = z' is the derivative. Functions
without such an identity are measured: by the quotient where z is far from z', by the mean of the derivative
at four points between them where it is near.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ...graph.passes.paired import ACTUAL
from ..lines import gauss
from ..op_tools import again, no_gradient
from .mean_jacobian import mean_jacobian


def rescale(slope, guarded=False):
    """Rescale on an activation: m_in = m * (f(z) - f(z')) / (z - z') (Shrikumar et al. 2017, section 3.5.1).
    guarded: whether the slope is NaN by itself where an infinite z or z' hides a difference."""
    def rule(op, m, reference):
        z, z_ref = op.inputs[0], reference.inputs[0]
        if z.dtype.is_complex:
            return mean_jacobian(op, m, reference)[0]
        # float16: exp leaves its range at 11, its steps are 1e-3
        exact = tf.float32 if z.dtype.size < 4 else z.dtype
        a, b = tf.cast(z, exact), tf.cast(z_ref, exact)
        s = slope(op, a, b)
        s = s if guarded else finite_between(s, a, b)
        s = at_poles(op, reference, 0, s, a, b)
        return weighed(m, tf.cast(s, z.dtype))
    return rule


# An infinite value that the next op bounds, such as min(1/|x|, c) at x = 0: the two slopes are infinite and
# 0, their product is not. Both count the infinite value as FAR, and as nothing but these two see it, it drops
# out of the product.
POLES = frozenset('Rsqrt Reciprocal Inv Log Log1p RealDiv Div Pow'.split())
BOUNDED = frozenset('Minimum Maximum ClipByValue Relu Relu6 Elu Selu Sigmoid Tanh Softplus Softsign Atan Erf '
                    'Erfc Exp Rsqrt Reciprocal Inv'.split())
_MOVED = {'Identity', 'Reshape', 'ExpandDims', 'Squeeze', 'Transpose', 'BroadcastTo'}


def _far(t):
    """t with numbers in place of infinity; 1e15 in float32, between the largest and the smallest numbers and
    1."""
    far = float(np.finfo(t.dtype.as_numpy_dtype).tiny) ** -.4
    return tf.clip_by_value(t, -far, far)


def at_poles(op, reference, k, s, a, b):
    """The slope s from b to a, the values of input k alone, mended where the op or the one before it is
    infinite and the next is not."""
    y, y_ref = (tf.cast(o.outputs[0], s.dtype) for o in (op, reference))
    if op.type in POLES and all(op_type in BOUNDED for op_type in _users(op)):
        s = tf.where(tf.math.is_inf(y) | tf.math.is_inf(y_ref), (_far(y) - _far(y_ref)) / nonzero(a - b), s)
    z = op.inputs[k]
    while z.op.type in _MOVED:
        z = z.op.inputs[0]
    if op.type in BOUNDED and z.op.type in POLES:
        bounded = (tf.math.is_inf(a) | tf.math.is_inf(b)) & tf.math.is_finite(y) & tf.math.is_finite(y_ref)
        s = tf.where(bounded, (y - y_ref) / nonzero(_far(a) - _far(b)), s)
    return s


def _users(op):
    """The types of the ops of the path that take the output of `op`."""
    users: list[tf.Operation] = []
    stack = [op]
    while stack:
        for user in stack.pop().outputs[0].consumers():
            if user.name.startswith(ACTUAL):
                (stack if user.type in _MOVED else users).append(user)
    return [user.type for user in users] or ['']


def weighed(m, slope):
    """m times a slope; 0 where m is 0, though f may be NaN or infinite there: the branch that a Select did
    not take."""
    return tf.math.multiply_no_nan(slope, m)


def _finite(d):
    """d, NaN where it is infinite. Two sums of numbers: a choice between two tensors takes as long as
    eight."""
    return d + tf.math.squared_difference(d, d)


def finite_between(slope, a, b):
    """The slope, NaN where one of a and b is infinite: a slope of 0 would lose the difference, the answer
    must not hide that."""
    return tf.where(tf.math.is_inf(a - b), tf.constant(float('nan'), slope.dtype), slope)


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
    return same + tf.math.xdivy(y - tf.nn.relu6(b), _finite(a - b))


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
    return a + b


def absolute(op, a, b):
    """1 or -1 on one side of zero."""
    return tf.where((a >= 0) ^ (b >= 0), (tf.abs(a) - tf.abs(b)) / nonzero(a - b), tf.sign(a + b))


def reciprocal(op, a, b):
    return -1 / a / b


def sqrt(op, a, b):
    """(a - b) = (sqrt a - sqrt b)(sqrt a + sqrt b). At a = b = 0, where the derivative is infinite, 0:
    nothing is to be shared."""
    return tf.math.divide_no_nan(tf.ones_like(a + b), tf.sqrt(a) + tf.sqrt(b))


def rsqrt(op, a, b):
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
    return log(op, 1 + a, 1 + b)


def sin(op, a, b):
    """sin a - sin b = 2 cos((a + b)/2) sin((a - b)/2)."""
    return _wave(tf.sin, a, b, tf.cos((a + b) / 2))


def cos(op, a, b):
    return _wave(tf.cos, a, b, -tf.sin((a + b) / 2))


def _wave(f, a, b, between):
    """Far out, where the middle of a and b is known to |a| ulp only, the plain quotient is the better one:
    from |a - b| |a| = 1 on."""
    d = a - b
    return tf.where(tf.abs(d) * tf.maximum(tf.abs(a), tf.abs(b)) > 1, (f(a) - f(b)) / nonzero(d),
                    between * _sinc(d / 2))


def sinh(op, a, b):
    """sinh a - sinh b = 2 cosh((a + b)/2) sinh((a - b)/2)."""
    return tf.cosh((a + b) / 2) * _sinhc((a - b) / 2)


def cosh(op, a, b):
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
    return -asin(op, a, b)


def atanh(op, a, b):
    """log((1 + hi)(1 - lo)/((1 - hi)(1 + lo)))/2, the ratio less 1 in log1p."""
    lo, hi = tf.minimum(a, b), tf.maximum(a, b)
    d, below = hi - lo, (1 - hi) * (1 + lo)
    return tf.where(d > 0, tf.math.log1p(2 * d / below) / 2 / nonzero(d), 1 / below)


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
    for alpha, weight in gauss(4):
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
    """Smooth but for 0."""
    return tf.abs(z)


def from_i(z):
    """Smooth at a scale of 1, and of |z| far out."""
    return tf.maximum(tf.abs(z), 1.)


def exponential(z):
    """Smooth but for 0, where it is exponential or a wave at a scale of 1."""
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


SLOPES = {'Relu': relu, 'LeakyRelu': leaky_relu, 'Relu6': relu6, 'Elu': elu, 'Selu': selu, 'Sigmoid': sigmoid,
          'Tanh': tanh,
          'Softplus': softplus, 'Softsign': softsign, 'Square': square, 'Abs': absolute,
          'Reciprocal': reciprocal, 'Inv': reciprocal,
          'Sqrt': sqrt, 'Rsqrt': rsqrt, 'Exp': exp, 'Expm1': exp, 'Log': log, 'Log1p': log1p, 'Sin': sin,
          'Cos': cos,
          'Sinh': sinh, 'Cosh': cosh, 'Atan': atan, 'Asin': asin, 'Acos': acos, 'Atanh': atanh, 'Erf': erf,
          'Erfc': erfc,
          'BesselI0': even(anywhere), 'BesselJ0': even(anywhere), 'BesselI0e': even(from_i),
          'BesselI1e': odd(from_i)}
MEASURED = {
    anywhere: 'BesselI1 BesselJ1',
    from_i: 'Asinh Dawsn',
    chirp: 'FresnelCos FresnelSin',
    from_zero: 'BesselK0e BesselK1e Spence',
    exponential: 'BesselK0 BesselK1 BesselY0 BesselY1 Expint',
    from_poles: 'Digamma Lgamma',
    from_one: 'Erfinv',
    lambda z: tf.abs(tf.abs(z) - 1): 'Acosh',
    lambda z: tf.minimum(z, 1 - z): 'Ndtri',
    lambda z: tf.abs(tf.cos(z)): 'Tan',
    never: 'Sign FakeQuantWithMinMaxArgs',
}
SLOPES |= {op_type: measured_by(distance) for distance, types in MEASURED.items()
           for op_type in types.split()}

RULES = {op_type: rescale(slope, guarded=slope in (relu, relu6)) for op_type, slope in SLOPES.items()}


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


def nonzero(d):
    """d with 1 in place of 0, for quotients that are not used where d is 0."""
    return tf.where(tf.equal(d, 0), tf.ones_like(d), d)


def _sinhc(z):
    """sinh(z)/z; 1 at 0."""
    return tf.where(tf.equal(z, 0), tf.ones_like(z), tf.sinh(z) / nonzero(z))


def _sinc(z):
    """sin(z)/z; 1 at 0."""
    return tf.where(tf.equal(z, 0), tf.ones_like(z), tf.sin(z) / nonzero(z))
