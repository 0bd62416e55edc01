"""Epsilon-LRP as a modified gradient: r is a multiplier, and relevance is the multiplier times the tensor, R = r z."""

from __future__ import annotations

import tensorflow as tf

from ..graph.path import own_gradient
from .again import summed_to, whole
from .normalization import statistics
from .two_factors import BILINEAR

# Every elementwise function of one tensor. Abs, Sign and the like, for which the rule would be the gradient up to epsilon, pass the gradient.
FUNCTIONS = '''Relu Elu Sigmoid Tanh Softplus LeakyRelu Selu Relu6 Softsign Square Reciprocal Inv Sqrt Rsqrt Exp Expm1 Log Log1p Sin Cos Tan
    Sinh Cosh Asinh Acosh Atanh Asin Acos Atan Erf Erfc Erfinv Ndtri Lgamma Digamma BesselI0 BesselI0e BesselI1 BesselI1e BesselJ0 BesselJ1
    BesselK0 BesselK0e BesselK1 BesselK1e BesselY0 BesselY1 Dawsn Expint FresnelCos FresnelSin Spence'''.split()
PRODUCTS = ['Mul', 'MulNoNan', *BILINEAR]

_THROUGH = {'Identity', 'Reshape', 'Cast', 'Transpose', 'ExpandDims', 'Squeeze', 'StridedSlice', 'Slice', 'Split', 'SplitV', 'Unpack',
            'BroadcastTo', 'Tile', 'Neg', 'BiasAdd'}
_AFFINE = {'Mul', 'Add', 'AddV2', 'Sub', 'RealDiv'}
_CHOICES = {'Greater', 'GreaterEqual', 'Less', 'LessEqual', 'Equal', 'NotEqual', 'LogicalAnd', 'LogicalOr', 'LogicalNot', 'Any', 'All', 'OneHot'}
_GATES = {'Sigmoid': 2, 'Softmax': 2, 'Rsqrt': 2, 'Sqrt': 2, 'Tanh': 1, 'Erf': 1, 'Erfc': 1, 'Relu6': 1, 'Minimum': 1}    # 0: a signal


def epsilon(eps: float):
    """e-LRP on activations: r_in = r * f(z) / (z + eps * sign(z)), sign(0) = +1 (Bach et al. 2015; form of Ancona et al. 2018).

    Where f is 0 below zero the sign plays no part, and a ReLU needs z no more, only its output: 3 passes over memory instead of 9, and
    a convolution with a bias stays fused with its ReLU.
    """
    def rule(op, r):
        exact = tf.float32 if r.dtype.size < 4 else r.dtype         # in float16 an epsilon below 6e-8 is 0
        z, a, r_out = (tf.cast(t, exact) for t in (op.inputs[0], op.outputs[0], r))
        if op.type == 'Relu':
            share = a / (a + eps)
        elif op.type == 'Relu6':
            share = tf.math.divide_no_nan(a, z + eps)
        else:
            share = a / _stabilized(z, eps)
            return tf.cast(tf.math.multiply_no_nan(share, r_out), r.dtype)     # 0 where r is 0, though f is infinite: a scale at a vector of zeros
        return tf.cast(r_out * share, r.dtype)
    return rule


def power(eps: float):
    """y = a^b: as an activation of a, which takes all where b is a constant, half where both depend on X (then b takes the other half)."""
    def rule(op, r):
        y = op.outputs[0]
        vary = [k for k in (0, 1) if not _is_given(op.inputs[k])]
        return whole(op, {k: summed_to(r * y / len(vary) / _stabilized(op.inputs[k] + tf.zeros_like(y), eps), op.inputs[k]) for k in vary})
    return rule


def _stabilized(z, eps):
    """z + eps sign z, sign(0) = +1."""
    return z + tf.where(z >= 0, tf.constant(eps, z.dtype), tf.constant(-eps, z.dtype))


def product(shares):
    """y = a b of any kind: R_a = s_a R, R_b = s_b R with s_a + s_b = 1, which is the gradient times the share."""
    def rule(op, r):
        gradients = own_gradient(op)(op, r)
        return [None if g is None else g * tf.cast(s, g.dtype) for g, s in zip(gradients, shares(op))]
    return rule


def quotient(shares):
    """y = a / b as the product of a and 1/b: r_a = s_a r / b, and r_b = s_b r y / b, the negative gradient."""
    def rule(op, r):
        s_a, s_b = shares(op)
        by_a = tf.math.multiply_no_nan(1 / op.inputs[1], r * tf.cast(s_a, r.dtype))                     # 0 where r is: a branch not taken
        by_b = tf.math.multiply_no_nan(op.outputs[0] / op.inputs[1], r * tf.cast(s_b, r.dtype))
        return [summed_to(by_a, op.inputs[0]), summed_to(by_b, op.inputs[1])]
    return rule


def norm(eps: float):
    """y = |z|: as the root of a sum of squares, r_z = r z / (y + eps); all of R goes to z."""
    def rule(op, r):
        z = op.inputs[0]
        y = tf.raw_ops.EuclideanNorm(input=z, axis=op.inputs[1], keep_dims=True)
        return whole(op, {0: tf.reshape(r, tf.shape(y)) * z / (y + tf.constant(eps, y.dtype))})
    return rule


def squared_difference(op, r):
    """(a - b)^2 as u^2 / u of u = a - b: half the gradient."""
    return [g / 2 for g in own_gradient(op)(op, r)]


def normalization(constant: bool):
    """One op that normalizes by the statistics of its input, y = gamma u / s: u takes all (the LN rule of Ali et al. 2022: s is a constant),
    or half, and the other half goes through s = sqrt(mean u^2 + epsilon)."""
    def rule(op, rs):
        if not op.get_attr('is_training'):              # given statistics, more than x depends on X
            return own_gradient(op)(op, *rs)
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


def shares_of_factors(products: str, softmax: str, normalization: str):
    """The shares of the two factors of a product or quotient that both depend on X.

    softmax, normalization 'constant': a factor that is a softmax, or a root of squares that divides, takes nothing. products 'signal': a
    gate takes nothing, the other factor all; 'uniform', and where none or both are gates: half each.
    """
    def shares(op):
        kinds = [_origin(i) for i in op.inputs[:2]]
        is_choice = [kind in _CHOICES for kind in kinds]
        if is_choice[0] != is_choice[1]:
            return _all_but(is_choice.index(True), op)          # no relevance would pass a factor of 0 or 1
        for option, types in (softmax, {'Softmax'}), (normalization, {'Rsqrt', 'Sqrt'}):
            is_one = [kind in types for kind in kinds]
            if option == 'constant' and is_one[0] != is_one[1]:
                return _all_but(is_one.index(True), op)
        if products == 'signal':
            if op.type in ('RealDiv', 'Div', 'DivNoNan', 'Xdivy'):
                return [1, 0]
            ranks = [_GATES.get(kind, 0) for kind in kinds]
            if ranks[0] != ranks[1]:
                return _all_but(ranks.index(max(ranks)), op)
        return [.5] * len(op.inputs)
    return shares


def _all_but(gate, op):
    return [float(k != gate) for k in range(len(op.inputs))]


def _origin(tensor: tf.Tensor) -> str:
    """The type of the op that a tensor comes from but for its shape, a scale and a shift."""
    op = tensor.op
    while True:
        if op.type in _THROUGH:
            op = op.inputs[1 if op.type == 'Split' else 0].op
        elif op.type in _AFFINE and sum(_is_given(i) for i in op.inputs) == 1:
            op = next(i.op for i in op.inputs if not _is_given(i))
        else:
            return op.type


def _is_given(tensor: tf.Tensor) -> bool:
    """Whether a tensor of a copied path comes from outside of it."""
    return tensor.op.type == 'Const' or (tensor.op.type.startswith('Placeholder') and tensor.op.name.startswith('source_'))
