"""DeepLIFT's rules for functions of two tensors that both depend on X: gates, quotients, matrix products,
maxima.

With two players the Shapley value of each is known in closed form (Lundberg and Lee 2017, section 4.2): for y
= f(a, b) the change of f along a, with b as it is in x and with b as it is in the reference, averaged. The
shares of a and b sum to f(a, b) - f(a', b').
"""

from __future__ import annotations

import tensorflow as tf

from ..op_tools import again, summed_to, varying, vjp, whole
from .guards import at_poles, finite_between, nonzero, weighed
from .mean_jacobian import mean_jacobian
from .measured import measured
from .slopes import relu


def elementwise(slope_a, slope_b):
    """m_a = m (S_a(b) + S_a(b'))/2 and the same for b; S_a(c): slope of the secant of f from a' to a with the
    other factor at c."""
    def rule(op, m, reference):
        if m.dtype.is_complex:
            return bilinear(op, m, reference) if op.type == 'Mul' else mean_jacobian(op, m, reference)
        positions = varying(op, reference)
        exact = tf.float32 if m.dtype.size < 4 else m.dtype         # float16: squares of 1e-3 are 0

        def widened(t):
            return tf.cast(t, exact) + tf.zeros_like(op.outputs[0], exact)
        a, b, a_ref, b_ref = map(widened, [*op.inputs, *reference.inputs])
        sides = (slope_a, a, a_ref, b, b_ref), (slope_b, b, b_ref, a, a_ref)
        slopes = {k: [slope(op, z, z_ref, other) for other in ((c, c_ref) if len(positions) == 2 else (c,))]
                  for k, (slope, z, z_ref, c, c_ref) in enumerate(sides) if k in positions}
        shares = {}
        for k, found in slopes.items():
            s = finite_between(sum(found) / len(found), *sides[k][1:3])
            # k last, the other one first; and the other way round
            if len(positions) == 2 and op.type in ONE_SIDED:
                last, first = (tf.math.is_finite(slopes[k][j] + slopes[1 - k][1 - j]) for j in (0, 1))
                s = tf.where(last ^ first, tf.where(last, found[0], found[1]), s)
            if len(positions) == 2 and (op.type in DIVISIONS or (op.type == 'Mul'
                                                                 and any(map(_divides, op.inputs)))):
                first, last = (again(op, {0: u, 1: v}).outputs[0] for u,
                               v in ((a, b_ref), (a_ref, b))[::1 - 2 * k])
                s = in_order(s, found, first, last, op.outputs[0], reference.outputs[0])
            if len(positions) == 1:
                s = at_poles(op, reference, k, s, *sides[k][1:3])
            shares[k] = summed_to(tf.cast(weighed(tf.cast(m, exact), s), m.dtype), op.inputs[k])
        return whole(op, shares)
    return rule


def in_order(mean, slopes, first, last, y, y_ref):
    """The mean of two slopes, with the other factor as in x and as in the reference; or one of them, where
    the order of change that the other one belongs to leads through a value that is more than LOST times what
    the function is at both ends.

    x / |x| between 0 and x: |x| changes first; x / 0, or x times the largest scale there is, would be
    credited to x and taken back from |x|. first, last: the function after the factor has changed first, and
    before it changes last.
    """
    exact = mean.dtype
    limit = LOST * (tf.abs(tf.cast(y, exact)) + tf.abs(tf.cast(y_ref, exact)))
    out, out_last = (~(tf.abs(tf.cast(v, exact)) <= limit) for v in (first, last))
    return tf.where(out ^ out_last, tf.where(out, slopes[0], slopes[1]), mean)


def _divides(tensor: tf.Tensor) -> bool:
    """Whether a factor is a reciprocal, moved, scaled or bounded."""
    op = tensor.op
    if op.type in ('Rsqrt', 'Reciprocal', 'Inv', 'Pow'):
        return True
    outside = [i.op.type == 'Const' or i.op.name.startswith('source_') for i in op.inputs]
    if op.type in DIVISIONS:
        return outside[0] or (outside[1] and _divides(op.inputs[0]))
    if op.type in ('Mul', 'AddV2', 'Sub', 'Minimum', 'Maximum'):
        return sum(outside) == 1 and _divides(op.inputs[outside.index(False)])
    return op.type in ('Identity', 'Reshape', 'ExpandDims', 'Squeeze', 'Transpose', 'BroadcastTo', 'Tile',
                       'Cast', 'Neg', 'ClipByValue',
                       'StridedSlice') and _divides(op.inputs[0])


def bilinear(op, m, reference):
    """f linear in a and in b: m_a is the gradient by a with (b + b')/2 in place of b, and the same for b."""
    positions = varying(op, reference)
    shares = {}
    for k in positions:
        others = {j: (op.inputs[j] + reference.inputs[j]) / 2 for j in positions if j != k}
        shares[k], = vjp(again(op, {k: tf.identity(op.inputs[k])} | others), [m], [k])
    return whole(op, shares)


def _along(k, distance):
    """The slope along input k, measured; distance(z, c): see `measured`, with the other input at c."""
    def slope(op, z, z_ref, c):
        a, b, other = (tf.cast(t, tf.float64) for t in (z, z_ref, c))
        return tf.cast(measured(lambda t: again(op, {k: t, 1 - k: other}).outputs[0], a, b,
                                lambda t: distance(t, other)), z.dtype)
    return slope


def _never(z, c):
    """Jumps at multiples of the other input, or at 0."""
    return tf.zeros_like(z)


def _max(op, a, b, c):
    """max(z, c) = c + relu(z - c)."""
    c = tf.clip_by_value(c, c.dtype.min, c.dtype.max)               # a bound may be infinite
    return relu(op, a - c, b - c)


def _min(op, a, b, c):
    """min(z, c) = c - relu(c - z); 1 where all are the same."""
    c = tf.clip_by_value(c, c.dtype.min, c.dtype.max)
    return relu(op, c - a, c - b) + tf.cast(tf.equal(a, c) & tf.equal(b, c), a.dtype)


def _sum(op, a, b, c):
    """((a - c)^2 - (b - c)^2)/(a - b)."""
    return (a - c) + (b - c)


def _other(op, a, b, c):
    return c


def _quotient(op, a, b, c):
    """c/z: (c/a - c/b)/(a - b)."""
    return -c / a / b


# finite at 0, where of the two orders of change one leads through infinity
ONE_SIDED = {'Xlogy', 'Xlog1py', 'Xdivy'}
DIVISIONS = {'RealDiv', 'Div', 'DivNoNan', 'Xdivy'}
LOST = 100                                          # two digits of a float32's seven
SLOPES = {
    'Mul': (_other, _other), 'MulNoNan': (_other, _other), 'Maximum': (_max, _max), 'Minimum': (_min, _min),
          'SquaredDifference': (_sum, _sum),
    'RealDiv': (lambda op, a, b, c: 1 / c, _quotient), 'Div': (lambda op, a, b, c: 1 / c, _quotient),
    'Xdivy': (lambda op, a, b, c: 1 / c, lambda op, a, b, c: -tf.math.multiply_no_nan(1 / a / b, c)),
    # jumps at 0
    'DivNoNan': (lambda op, a, b, c: tf.math.divide_no_nan(tf.ones_like(c), c), _along(1, _never)),
    'Pow': (_along(0, lambda z, c: tf.abs(z) / (1 + tf.abs(c))),
            _along(1, lambda z, c: 1 / (1 + tf.abs(tf.math.log(tf.abs(c)))))),
    'Xlogy': (lambda op, a, b, c: tf.math.log(c), _along(1, lambda z, c: tf.abs(z))),
    'Xlog1py': (lambda op, a, b, c: tf.math.log1p(c), _along(1, lambda z, c: tf.abs(1 + z))),
    'Atan2': (_along(0, lambda z, c: tf.where(c > 0, tf.maximum(tf.abs(z), c), tf.abs(z))),
              _along(1, lambda z, c: tf.maximum(tf.abs(z), tf.abs(c)))),
    'FloorMod': (_along(0, _never), _along(1, _never)),
}
BILINEAR = '''MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3 Einsum SparseMatMul Conv2D Conv3D
    DepthwiseConv2dNative Conv2DBackpropInput Conv3DBackpropInputV2 Conv2DBackpropFilter
    Conv3DBackpropFilterV2 DepthwiseConv2dNativeBackpropInput DepthwiseConv2dNativeBackpropFilter Cross
    TridiagonalMatMul'''.split()


def clip(op, m, reference):
    """max(min(t, hi), lo): the rules of the two, one after the other; the bounds may depend on X too."""
    t, lo, hi = (i + tf.zeros_like(op.outputs[0]) for i in op.inputs)
    t_ref, lo_ref, hi_ref = (i + tf.zeros_like(op.outputs[0]) for i in reference.inputs)
    u, u_ref = tf.minimum(t, hi), tf.minimum(t_ref, hi_ref)

    def mean(slope, z, z_ref, c, c_ref):
        return (slope(op, z, z_ref, c) + slope(op, z, z_ref, c_ref)) / 2
    m_u = m * mean(_max, u, u_ref, lo, lo_ref)
    by_t = m_u * mean(_min, t, t_ref, hi, hi_ref)
    if varying(op, reference) == [0]:
        by_t = weighed(m, at_poles(op, reference, 0, by_t / nonzero(m), t, t_ref))
    shares = [by_t, m * mean(_max, lo, lo_ref, u, u_ref), m_u * mean(_min, hi, hi_ref, t, t_ref)]
    return whole(op, {k: summed_to(shares[k], op.inputs[k]) for k in varying(op, reference)})


RULES = {op_type: elementwise(*slopes) for op_type, slopes in SLOPES.items()}
RULES |= dict.fromkeys(BILINEAR, bilinear)
RULES |= {'ClipByValue': clip}
