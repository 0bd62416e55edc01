"""Answers to the digit: slopes across corners, near neighbours and the ends of a domain; vectors normalized
at 0; sums of linear models."""

import keras
import numpy as np
import pytest
import scipy.special as sp
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1
from tests.support.side_by_side import SideBySide

# name -> (op, f on long doubles or by scipy, f', ends of the domain)
FUNCTIONS = {
    'bessel_i0e': (tf.math.bessel_i0e, sp.i0e, lambda z: sp.i1e(z) - np.sign(z) * sp.i0e(z), (-90, 90)),
    'bessel_i1e': (tf.math.bessel_i1e, sp.i1e,
                   lambda z: sp.i0e(z) - sp.i1e(z) * (np.sign(z) + np.divide(1, z, out=np.zeros_like(z),
                                                                             where=z != 0)),
                   (-90, 90)),
    'bessel_i0': (tf.math.special.bessel_i0, sp.i0, sp.i1, (-60, 60)),
    'bessel_j0': (tf.math.special.bessel_j0, sp.j0, lambda z: -sp.j1(z), (-9, 9)),
    'bessel_k0': (tf.math.special.bessel_k0, sp.k0, lambda z: -sp.k1(z), (1e-6, 60)),
    'expint': (tf.math.special.expint, sp.expi, lambda z: np.exp(z) / z, (1e-6, 60)),
    'dawsn': (tf.math.special.dawsn, sp.dawsn, lambda z: 1 - 2 * z * sp.dawsn(z), (-20, 20)),
    'erf': (tf.math.erf, sp.erf, lambda z: 2 / np.pi ** .5 * np.exp(-z * z), (-9, 9)),
    'erfc': (tf.math.erfc, sp.erfc, lambda z: -2 / np.pi ** .5 * np.exp(-z * z), (-9, 9)),
    'atan': (tf.atan, np.arctan, lambda z: 1 / (1 + z * z), (-90, 90)),
             'asinh': (tf.asinh, np.arcsinh, lambda z: 1 / np.hypot(1, z), (-90, 90)),
    'asin': (tf.asin, np.arcsin, lambda z: 1 / np.sqrt((1 - z) * (1 + z)), (-.999, .999)),
    'acos': (tf.acos, np.arccos, lambda z: -1 / np.sqrt((1 - z) * (1 + z)), (-.999, .999)),
    'atanh': (tf.atanh, np.arctanh, lambda z: 1 / ((1 - z) * (1 + z)), (-.999, .999)),
    'sinh': (tf.sinh, np.sinh, np.cosh, (-80, 80)), 'cosh': (tf.cosh, np.cosh, np.sinh, (-80, 80)),
    'exp': (tf.exp, np.exp, np.exp, (-80, 80)), 'log': (tf.math.log, np.log, lambda z: 1 / z, (1e-6, 90)),
    'log1p': (tf.math.log1p, np.log1p, lambda z: 1 / (1 + z), (-.999, 90)),
             'sqrt': (tf.sqrt, np.sqrt, lambda z: .5 / np.sqrt(z), (1e-6, 90)),
    'rsqrt': (tf.math.rsqrt, lambda z: 1 / np.sqrt(z), lambda z: -.5 / np.sqrt(z) ** 3, (1e-6, 90)),
    'tanh': (tf.tanh, np.tanh, lambda z: 1 / np.cosh(z) ** 2, (-90, 90)),
    'sigmoid': (tf.sigmoid, sp.expit, lambda z: sp.expit(z) * sp.expit(-z), (-90, 90)),
    'softplus': (tf.nn.softplus, lambda z: np.logaddexp(0, z), sp.expit, (-90, 90)),
    'elu': (tf.nn.elu, lambda z: np.where(z > 0, z, np.expm1(z)),
            lambda z: np.where(z > 0, 1, np.exp(np.minimum(z, 0))), (-90, 90)),
    'softsign': (tf.nn.softsign, lambda z: z / (1 + np.abs(z)), lambda z: (1 + np.abs(z)) ** -2, (-90, 90)),
    'abs': (tf.abs, np.abs, np.sign, (-90, 90)), 'relu6': (tf.nn.relu6, lambda z: np.clip(z, 0, 6),
                                                           lambda z: ((z > 0) & (z < 6)) * 1., (-90, 90)),
    'leaky': (lambda z: tf.nn.leaky_relu(z, .25), lambda z: np.where(z > 0, z, .25 * z),
              lambda z: np.where(z > 0, 1, .25), (-90, 90)),
    'min': (lambda z: tf.minimum(z, .5), lambda z: np.minimum(z, .5), lambda z: (z < .5) * 1., (-90, 1e6)),
    'max': (lambda z: tf.maximum(z, .5), lambda z: np.maximum(z, .5), lambda z: (z > .5) * 1., (-1e6, 90)),
    'pow': (lambda z: z ** 30., lambda z: z ** 30, lambda z: 30 * z ** 29, (1e-1, 9)),
    'power of': (lambda z: tf.pow(tf.constant(1e-6, z.dtype), z), lambda z: 1e-6 ** z,
                 lambda z: np.log(1e-6) * 1e-6 ** z, (-3, 3)),
    'atan2': (lambda z: tf.atan2(tf.constant(1., z.dtype), z), lambda z: np.arctan2(1, z),
              lambda z: -1 / (1 + z * z), (-90, 90)),
}
VALUES = np.array([0, 1e-30, 1e-12, 1e-7, 1e-3, .02, .1, .3, .5, .9, .999, 1, 2, 3, 5, 6, 9, 20, 60, 80, 90,
                   1e6])
CORNERS = np.unique([0, .5, 6, *(s * v for s in (-1, 1) for v in 2. ** np.arange(-22, 7)),
                     *np.arange(-90, 91.)])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)


def mean_slope(f, derivative, a, b):
    """(f(a) - f(b))/(a - b) where that loses at most two digits in float64; else the mean of f' over panels,
    which has nothing to cancel."""
    with np.errstate(all='ignore'):
        change = f(a) - f(b)
        lost = ~(np.abs(change) > .01 * (np.abs(f(a)) + np.abs(f(b))))
    slope = change / (a - b)
    for k in np.flatnonzero(lost):
        low, high = sorted((a[k], b[k]))
        edges = np.concatenate([[low], CORNERS[(CORNERS > low) & (CORNERS < high)], [high]])
        width = np.diff(edges)[:, None]
        slope[k] = (derivative(edges[:-1, None]
                               + width * (NODES + 1) / 2) * WEIGHTS / 2 * width).sum() / (high - low)
    return slope


def neighbours(low, high):
    """Every value against every other, and neighbours at 1e-3 to 1e-30, in a domain."""
    values = np.unique([*VALUES, *-VALUES])
    values = values[(values >= low) & (values <= high)]
    pairs = [(u, v) for u in values for v in values]
    near = [s * d for s in (-1, 1) for d in (1e-3, 1e-5, 1e-7, 1e-10, 1e-30)]
    pairs += [(u, w) for u in values for d in near for w in (u + d, u * (1 + d)) if low <= w <= high]
    return np.array(pairs, float).T


@pytest.mark.parametrize('dtype, rounding', [('float64', 1e-10), ('float32', 2e-5)])
def test_slopes(dtype, rounding):
    """The slope itself is right, not only its product with the difference."""
    pairs = {name: neighbours(*domain) for name, (*_, domain) in FUNCTIONS.items()}
    with SideBySide({name: (lambda x, f=f: f(x) + 0, len(pairs[name][0])) for name,
                     (f, *_) in FUNCTIONS.items()},
                    dtype) as graphs:
        found = graphs.explain('deeplift', *({name: pair[k][None].astype(dtype) for name,
                                              pair in pairs.items()}
                                             for k in (0, 1)), average=False)
    for name, (_, f, derivative, _) in FUNCTIONS.items():
        u, v = pairs[name].astype(dtype)
        apart = (u != v) & (np.abs(u.astype(float) - v) > 1e-35)
        u, v, explained = (z[apart].astype(float) for z in (u, v, found[name][0]))
        slope = mean_slope(f, derivative, u, v)
        with np.errstate(all='ignore'):
            # where a wave or an even f cancels
            size = np.maximum(np.abs(slope), .01 * np.maximum(np.abs(derivative(u)), np.abs(derivative(v))))
            error = np.abs(explained / (u - v) - slope) / size
        error[np.abs(slope) < 1e-20] = 0               # TensorFlow's own sinh(1e-30) is 0
        worst = error.argmax()
        assert error[worst] < rounding, (name, u[worst], v[worst], explained[worst] / (u[worst] - v[worst]),
                                         slope[worst])


def squares(z):
    return tf.reduce_sum(z * z, -1, keepdims=True)


def where(z):
    return tf.where(squares(z) > 0, z / tf.sqrt(squares(z)), tf.zeros_like(z))


NORMALIZED = {
    'rsqrt and minimum': lambda z: z * tf.minimum(tf.math.rsqrt(squares(z)), tf.constant(1e12, z.dtype)),
    'l2_normalize': lambda z: tf.nn.l2_normalize(z, -1),
              'l2_normalize, 1e-30': lambda z: tf.nn.l2_normalize(z, -1, 1e-30),
    'maximum': lambda z: z / tf.maximum(tf.sqrt(squares(z)), 1e-12),
              'epsilon outside': lambda z: z / (tf.norm(z, axis=-1, keepdims=True) + 1e-8),
    'epsilon inside': lambda z: z / tf.sqrt(squares(z) + 1e-12),
              'power': lambda z: (squares(z) + 1e-12) ** -.5 * z,
    'root mean square': lambda z: z * (2. * tf.math.rsqrt(tf.reduce_mean(z * z, -1, keepdims=True) + 1e-6)),
    'euclidean norm': lambda z: z / (tf.math.reduce_euclidean_norm(z, -1, keepdims=True) + 1e-8),
    'no nan': lambda z: tf.math.divide_no_nan(z, tf.sqrt(squares(z))), 'where': where,
              'norm': lambda z: tf.norm(z, axis=-1, keepdims=True),
    'shares': lambda z: tf.nn.relu(z) / (tf.reduce_sum(tf.nn.relu(z), -1, keepdims=True) + 1e-12),
              'clip': lambda z: tf.clip_by_norm(z, 1., [-1]),
    'largest': lambda z: z / (tf.reduce_max(tf.abs(z), -1, keepdims=True) + 1e-12),
    'standard': lambda z: (
        z - tf.reduce_mean(z, -1, keepdims=True)) * tf.math.rsqrt(
            tf.math.reduce_variance(z, -1, keepdims=True) + 1e-12),
    'squash': lambda z: squares(z) / (1 + squares(z)) * z / tf.sqrt(squares(z) + 1e-12),
    'cosine': lambda z: tf.reduce_sum(tf.nn.l2_normalize(z, -1) * tf.nn.l2_normalize(z[:, ::-1] + z, -1), -1,
                                      keepdims=True),
    'keras cosine': lambda z: -keras.losses.cosine_similarity(tf.constant([[1., 2, -1, .5, 3]], z.dtype)
                                                              + 0 * z, z),
    'bounded scale': lambda z: tf.minimum(tf.math.rsqrt(squares(z)), 3.),
              'bounded quotient': lambda z: tf.clip_by_value(1 / squares(z), -5., 5.),
    'bounded reciprocal': lambda z: tf.nn.relu6(tf.reshape(tf.math.reciprocal(squares(z)), [-1])),
    'bounded logarithm': lambda z: tf.tanh(tf.math.log(squares(z))),
    'logarithm of a clipped value': lambda z: tf.math.log(tf.clip_by_value(z, 1e-7, 1.)),
}


@pytest.mark.parametrize('dtype, rounding', [('float32', 3e-5), ('float64', 3e-12)])
def test_normalized_at_zero(dtype, rounding):
    """x, the baseline, or both are 0, and neither: finite and complete, by attributions of the size of T."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 5))
    x[[1, 3]] = 0
    x[4] *= 1e-2
    functions = {name: (lambda z, f=f: tf.tanh(2. * f(z)), 5) for name, f in NORMALIZED.items()}
    xs = dict.fromkeys(functions, x.astype(dtype))
    with SideBySide(functions, dtype) as graphs:
        graphs.explain('elrp', xs)                          # an error where one is not finite
        for baseline in np.zeros(5), x[0], x[::-1]:
            start = np.array(np.broadcast_to(baseline, x.shape), dtype)
            given = start[0] if baseline.ndim == 1 else start
            found = graphs.explain('deeplift', xs, dict.fromkeys(functions, given), average=False)
            f, f_ref = graphs.f(xs), graphs.f(dict.fromkeys(functions, start))
            for name, a in found.items():
                gap = np.abs(f[name] - f_ref[name] - a.sum(1, dtype=float)).max()
                assert gap < rounding and np.isfinite(a).all() and .1 < np.abs(a).max() < 2e3, (name, gap, a)


@pytest.mark.parametrize('layer', [L.UnitNormalization(), L.RMSNormalization(),
                                   L.LayerNormalization(epsilon=1e-6),
                                   L.GroupNormalization(1, epsilon=1e-6)])
def test_layers_at_zero(layer):
    rng = np.random.default_rng(0)
    xs = rng.normal(size=(4, 6, 5)).astype('f')
    xs[1, 3:] = 0
    xs[2] = 0
    model = keras.Sequential([keras.Input((6, 5)), layer, L.Flatten(), L.Dense(2)])
    with DeepExplain.from_keras(model) as de:
        f = model(np.concatenate([xs, 0 * xs[:1]])).numpy().sum(1)
        for baseline in 0, xs[0]:
            a, delta = de.explain('deeplift', de.outputs[0], de.inputs[0], xs, baseline=baseline,
                                  return_delta=True)
            np.testing.assert_allclose(a.sum((1, 2), dtype=float), f[:4] - f[4 if np.ndim(baseline) == 0
                                                                             else 0], atol=3e-5)
            assert np.abs(delta).max() < 3e-5
        assert np.isfinite(de.explain('elrp', de.outputs[0], de.inputs[0], xs)).all()


def test_an_infinite_value_that_nothing_bounds_is_said(session):
    x = v1.placeholder(tf.float32, (None, 1))
    with DeepExplain() as de:
        for f in (tf.math.log, lambda z: tf.nn.relu(tf.math.reciprocal(z)),
                  lambda z: tf.tanh(1 + tf.math.log(z)),
                  lambda z: tf.tanh(tf.math.log(z)) + 2 * tf.math.log(z)):
            with pytest.raises(errors.ValueRangeError, match='NaN or infinite'):
                de.explain('deeplift', f(x), x, [[0.], [1.]], baseline=.5)


def test_order_of_change_between_gates_is_the_mean(session):
    """Factors that do not divide: however closed a gate is, the mean of the two orders."""
    x = v1.placeholder(tf.float64, (None, 2))
    T = tf.tanh(x[:, 0]) * tf.sigmoid(20 * x[:, 1])
    with DeepExplain() as de:
        a = de.explain('deeplift', T, x, [[1., -1.]])
    gate, half = sp.expit(-20), .5
    np.testing.assert_allclose(a, [[np.tanh(1) * (gate + half) / 2, (gate - half) * np.tanh(1) / 2]],
                               rtol=1e-12)


@pytest.mark.parametrize('quadrature', ['gausslegendre', 'riemann_right', 'riemann_middle', 'trapezoid'])
def test_intgrad_of_linear_models(session, quadrature):
    """To a rounding of float32 at any number of steps, in one run or many, with and without a front."""
    rng = np.random.default_rng(0)
    w, xs, b = (rng.normal(size=s).astype('f') for s in (6, (5, 6), 6))
    x = v1.placeholder(tf.float32, (None, 6))
    with DeepExplain() as de:
        for T in tf.reduce_sum(x * w, 1), tf.reduce_sum(x * w + tf.sin(0 * x), 1):
            for steps in 2, 3, 100, 1000:
                for batch_size in None, 37:
                    a = de.explain('intgrad', T, x, xs, None, batch_size, steps=steps, quadrature=quadrature,
                                   baseline=b)
                    np.testing.assert_allclose(a, w.astype(float) * (xs.astype(float) - b), rtol=1e-7)


def test_intgrad_in_pieces_of_a_line(session):
    """The points of a line in several runs, each with its share of the weight, which is not the same for
    all."""
    xs, b = np.random.default_rng(0).normal(size=(2, 4, 3))
    x = v1.placeholder(tf.float64, (None, 3))
    with DeepExplain() as de:
        for batch_size in 3, 7, 1000:
            a = de.explain('intgrad', tf.reduce_sum(x ** 3, 1), x, xs, None, batch_size, steps=20, baseline=b,
                           average=False)
            np.testing.assert_allclose(a, xs ** 3 - b ** 3, rtol=1e-12)
