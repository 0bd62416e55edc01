"""The Rescale rule of DeepLIFT: the slope of the secant from the reference to the actual input takes the
place of the derivative, for every elementwise function of one tensor."""

from __future__ import annotations

import tensorflow as tf

from .guards import at_poles, finite_between, weighed
from .mean_jacobian import mean_jacobian
from .measured import (
    anywhere,
    chirp,
    erf,
    erfc,
    even,
    exponential,
    from_i,
    from_one,
    from_poles,
    from_zero,
    measured_by,
    never,
    odd,
)
from .slopes import (
    absolute,
    acos,
    asin,
    atan,
    atanh,
    cos,
    cosh,
    elu,
    exp,
    leaky_relu,
    log,
    log1p,
    reciprocal,
    relu,
    relu6,
    rsqrt,
    selu,
    sigmoid,
    sin,
    sinh,
    softplus,
    softsign,
    sqrt,
    square,
    tanh,
)


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


SLOPES = {
    'Relu': relu, 'LeakyRelu': leaky_relu, 'Relu6': relu6, 'Elu': elu, 'Selu': selu, 'Sigmoid': sigmoid,
    'Tanh': tanh, 'Softplus': softplus, 'Softsign': softsign, 'Square': square, 'Abs': absolute,
    'Reciprocal': reciprocal, 'Inv': reciprocal, 'Sqrt': sqrt, 'Rsqrt': rsqrt, 'Exp': exp, 'Expm1': exp,
    'Log': log, 'Log1p': log1p, 'Sin': sin, 'Cos': cos, 'Sinh': sinh, 'Cosh': cosh, 'Atan': atan,
    'Asin': asin, 'Acos': acos, 'Atanh': atanh, 'Erf': erf, 'Erfc': erfc, 'BesselI0': even(anywhere),
    'BesselJ0': even(anywhere), 'BesselI0e': even(from_i), 'BesselI1e': odd(from_i)}
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
