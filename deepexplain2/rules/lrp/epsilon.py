"""Epsilon-LRP as a modified gradient: r is a multiplier, and relevance is the multiplier times the tensor, R
= r z."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ...graph.gradients import registered_gradient
from ..deeplift.normalization import statistics
from ..deeplift.two_factors import BILINEAR
from ..op_tools import stabilized, summed_to, whole

# Every elementwise function of one tensor. Abs, Sign and the like, for which the rule would be the gradient
# up to epsilon, pass the gradient.
FUNCTIONS = '''Relu Elu Sigmoid Tanh Softplus LeakyRelu Selu Relu6 Softsign Square Reciprocal Inv Sqrt
    Rsqrt Exp Expm1 Log Log1p Sin Cos Tan Sinh Cosh Asinh Acosh Atanh Asin Acos Atan Erf Erfc Erfinv
    Ndtri Lgamma Digamma BesselI0 BesselI0e BesselI1 BesselI1e BesselJ0 BesselJ1 BesselK0 BesselK0e
    BesselK1 BesselK1e BesselY0 BesselY1 Dawsn Expint FresnelCos FresnelSin Spence'''.split()
PRODUCTS = ['Mul', 'MulNoNan', *BILINEAR]

# f(z) - f(0) of the functions with f(0) != 0 (and finite), without cancellation where there is an identity
# for it.
EXCESS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    'Sigmoid': lambda z, y: tf.tanh(z / 2) / 2,
    'Softplus': lambda z, y: tf.nn.relu(z) + tf.math.log1p(tf.math.expm1(-tf.abs(z)) / 2),
    'Exp': lambda z, y: tf.math.expm1(z),
    'Cos': lambda z, y: -2 * tf.sin(z / 2) ** 2,
    'Cosh': lambda z, y: 2 * tf.sinh(z / 2) ** 2,
    'Erfc': lambda z, y: -tf.math.erf(z),
    'Acos': lambda z, y: -tf.asin(z),
    'Spence': lambda z, y: y - np.pi ** 2 / 6,
    **dict.fromkeys(['BesselI0', 'BesselI0e', 'BesselJ0'], lambda z, y: y - 1),
}
_SINGULAR = {'Reciprocal', 'Inv', 'Rsqrt', 'Sqrt', 'Log', 'Digamma', 'Lgamma', 'Ndtri', 'Expint', 'Erfinv',
             'Atanh', 'BesselK0', 'BesselK0e',
             # infinite somewhere: where nothing flows back, nothing is passed
             'BesselK1', 'BesselK1e', 'BesselY0', 'BesselY1'}



def epsilon(eps: float, absorb: bool):
    """e-LRP on activations: r_in = r * f(z) / (z + eps * sign(z)), sign(0) = +1 (Bach et al. 2015; form of
    Ancona et al. 2018).

    absorb: whether f(0), where it is not 0, is a bias and absorbs relevance as biases do: f(z) - f(0) in
    place of f(z). That is the slope of the secant from z = 0 (Rescale of Shrikumar et al. 2017 with reference
    0), never steeper than f between 0 and z, where f(z)/z grows without bound as z goes to 0.

    Where f is 0 below zero the sign plays no part, and a ReLU needs z no more, only its output: 3 passes over
    memory instead of 9, and a convolution with a bias stays fused with its ReLU.
    """
    def rule(op, r, varying):
        exact = tf.float32 if r.dtype.size < 4 else r.dtype         # in float16 an epsilon below 6e-8 is 0
        z, a, r_out = (tf.cast(t, exact) for t in (op.inputs[0], op.outputs[0], r))
        if absorb and op.type in EXCESS:
            a = EXCESS[op.type](z, a)
        if op.type == 'Relu':
            share = a / (a + eps)
        elif op.type == 'Relu6':
            share = tf.math.divide_no_nan(a, z + eps)
        else:
            share = a / stabilized(z, eps)
        return tf.cast(tf.math.multiply_no_nan(share, r_out) if op.type in _SINGULAR else r_out * share,
                       r.dtype)
    return rule


def power(eps: float, absorb: bool):
    """y = a^b: as an activation of a, which takes all where b does not depend on X, or of b; half each where
    both do. absorb: as in `epsilon`; a^0 = 1 is the bias of b."""
    def rule(op, r, varying):
        y, positions = op.outputs[0], varying(op)
        parts = [y, y - 1 if absorb else y]
        return whole(op, {k: summed_to(r * parts[k] / len(positions) / stabilized(op.inputs[k]
                                                                               + tf.zeros_like(y), eps),
                                       op.inputs[k]) for k in positions})
    return rule


def product(shares):
    """y = a b of any kind: R_a = s_a R, R_b = s_b R with s_a + s_b = 1, which is the gradient times the
    share. What takes nothing has no gradient: what it is computed from is not looked at, NaN and infinity
    there included."""
    def rule(op, r, varying):
        return [_weighed(g, s) for g, s in zip(registered_gradient(op)(op, r), shares(op, varying))]
    return rule


def quotient(shares):
    """y = a / b as the product of a and 1/b: r_a = s_a r / b, and r_b = s_b r y / b, the negative gradient;
    s_b = 1 where a is constant. 0 where r is 0: a branch that is not positions may divide by 0."""
    def rule(op, r, varying):
        a, b = op.inputs[:2]
        s_a, s_b = shares(op, varying) if len(varying(op)) == 2 else (1., 1.)
        inverse = tf.math.divide_no_nan(tf.ones_like(b), b) if op.type == 'DivNoNan' \
            else tf.math.xdivy(tf.cast(tf.not_equal(a, 0), b.dtype), b) if op.type == 'Xdivy' else 1 / b
        parts = (s_a, inverse, a), (s_b, op.outputs[0] * inverse, b)
        return [None if s == 0 else summed_to(tf.math.multiply_no_nan(part, r * tf.cast(s, r.dtype)), i)
                for s, part, i in parts]
    return rule


def norm(eps: float):
    """y = |z|: as the root of a sum of squares, r_z = r z / (y + eps); all of R goes to z."""
    def rule(op, r, varying):
        z = op.inputs[0]
        y = tf.raw_ops.EuclideanNorm(input=z, axis=op.inputs[1], keep_dims=True)
        return whole(op, {0: tf.reshape(r, tf.shape(y)) * z / (y + tf.constant(eps, y.dtype))})
    return rule


def _weighed(gradient, share):
    return None if gradient is None or share == 0 else gradient * tf.cast(share, gradient.dtype)


def squared_difference(op, r, varying):
    """(a - b)^2 as u^2 / u of u = a - b: half the gradient."""
    return [g / 2 for g in registered_gradient(op)(op, r)]


def normalization(constant: bool):
    """One op that normalizes by the statistics of its input, y = gamma u / s: u takes all (the LN rule of Ali
    et al. 2022: s is a constant), or half, and the other half goes through s = sqrt(mean u^2 + epsilon)."""
    def rule(op, rs, varying):
        if not op.get_attr('is_training'):              # given statistics, more than x depends on X
            return registered_gradient(op)(op, *rs)
        x = op.inputs[0]
        axes, gamma, count = statistics(op)
        r = rs[0] * gamma
        u = x - tf.reduce_mean(x, axes, keepdims=True)
        v = tf.reduce_mean(u ** 2, axes, keepdims=True) + op.get_attr('epsilon')
        q = tf.math.rsqrt(v)
        r_u = r * q
        if not constant:
            r_u = r_u / 2 + tf.reduce_sum(r * u / 2, axes, keepdims=True) * q / v * u / count
        return whole(op, {0: r_u - tf.reduce_mean(r_u, axes, keepdims=True)})
    return rule
