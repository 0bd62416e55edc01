"""Each rule against its formula, where bugs hide: both signs, exactly zero, equal and nearly equal values, saturation."""

import numpy as np
import pytest
import tensorflow as tf
from networks import ACTIVATIONS, v1

from deepexplain2 import DeepExplain

Z = np.array([-40., -7., -2., -.1, -1e-3, 0., 1e-3, .1, 3., 5.9, 6.1, 40.])


@pytest.mark.parametrize('name', ACTIVATIONS)
@pytest.mark.parametrize('eps', [1e-4, .5])
def test_epsilon(session, name, eps):
    function, f, _ = ACTIVATIONS[name]
    x = v1.placeholder(tf.float64, (None, Z.size))
    r = np.linspace(-2, 3, Z.size)
    with DeepExplain() as de:
        got = de.explain('elrp', function(2 * x), x, Z[None] / 2, ys=r[None], epsilon=eps)[0]
    expected = r * f(Z) / (Z + eps * np.where(Z >= 0, 1, -1)) * Z           # d(2x)/dx * x = z
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-300)


def secant(name, a, b):
    """The slope in long double, by the definition; the derivative where it is not defined."""
    _, f, derivative = ACTIVATIONS[name]
    a, b = np.longdouble(a), np.longdouble(b)
    return np.where(a == b, derivative(a), (f(a) - f(b)) / np.where(a == b, 1, a - b)).astype(float)


# Relative to the steepest slope of the function. float64: long double has 3 digits more than float64, of which a difference of 1e-3
# costs 3. float32: the slope is computed to a few roundings, whatever the distance.
@pytest.mark.parametrize('dtype, tolerance', [('float64', 1e-13), ('float32', 1e-6), ('float16', 2e-3)])
@pytest.mark.parametrize('name', ACTIVATIONS)
def test_rescale(session, name, dtype, tolerance):
    a, b = (v.ravel().astype(dtype) for v in np.meshgrid(Z, Z))
    x = v1.placeholder(dtype, (None, a.size))
    with DeepExplain() as de:
        got = de.explain('deeplift', ACTIVATIONS[name][0](x), x, a[None], baseline=b)[0].astype(float)
    np.testing.assert_allclose(got, secant(name, a, b) * (a.astype(float) - b), rtol=10 * tolerance, atol=tolerance)


@pytest.mark.parametrize('name', ACTIVATIONS)
def test_rescale_of_neighbours_in_float32(session, name):
    """Differences of 1e-6 and 1e-5: a plain difference quotient in float32 is off by up to 5 % there."""
    a = np.repeat(Z.astype('f'), 4)
    b = a + np.tile(np.array([1e-6, -1e-6, 1e-5, -1e-5], 'f') * np.maximum(1, np.abs(a).reshape(-1, 4)[:, 0].max()), Z.size)
    x = v1.placeholder(tf.float32, (None, a.size))
    with DeepExplain() as de:
        got = de.explain('deeplift', ACTIVATIONS[name][0](x), x, a[None], baseline=b)[0] / (a - b).astype(float)
    np.testing.assert_allclose(got, secant(name, a, b), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize('name', ACTIVATIONS)
@pytest.mark.parametrize('method', ['elrp', 'deeplift'])
def test_where_reference_and_actual_agree_or_input_is_zero(session, name, method):
    """No NaN at z = 0 and at x = baseline, and the multiplier of deeplift is the derivative there."""
    x = v1.placeholder(tf.float64, (None, 3))
    h = ACTIVATIONS[name][0](x * 0.) @ np.ones((3, 1)) + x[:, :1]
    with DeepExplain() as de:
        got = de.explain(method, h, x, np.array([[2., -1., 0.]]))
    np.testing.assert_allclose(got, [[2., 0., 0.]], atol=1e-15)


def test_product(session):
    """Both factors depend on x, along repeated axes too; a factor that does not is the gradient."""
    rng = np.random.default_rng(0)
    w, v, c = rng.normal(size=(3, 4)), rng.normal(size=(3, 1)), rng.normal(size=4)
    x, b = rng.normal(size=(5, 3)), rng.normal(size=3)
    X = v1.placeholder(tf.float64, (None, 3))
    with DeepExplain() as de:
        for baseline in b, rng.normal(size=(5, 3)):
            got = de.explain('deeplift', (X @ w) * (X @ v) * c, X, x, baseline=baseline)
            p, q, p0, q0 = x @ w, x @ v, np.broadcast_to(baseline @ w, (5, 4)), np.broadcast_to(baseline @ v, (5, 1))
            multiplier = (c * (q + q0) / 2) @ w.T + ((p + p0) / 2) @ c[:, None] @ v.T
            np.testing.assert_allclose(got, multiplier * (x - baseline), rtol=1e-12)
            np.testing.assert_allclose(got.sum(1), ((p * q - p0 * q0) * c).sum(1), rtol=1e-10)


def test_rescale_and_product_are_complete_on_gates(session):
    """An LSTM's step by hand, in a loop and in a row."""
    rng = np.random.default_rng(1)
    W = rng.normal(size=(4, 4, 8))
    X = v1.placeholder(tf.float64, (None, 4))

    def step(i, h, c):
        f, u, o, g = (h @ W[k, :, :4] + X @ W[k, :, 4:] for k in range(4))
        c = tf.sigmoid(f) * c + tf.sigmoid(u) * tf.tanh(g)
        return i + 1, tf.sigmoid(o) * tf.tanh(c), c
    loop = tf.while_loop(lambda i, *_: i < 4, step, [0, tf.zeros_like(X), tf.zeros_like(X)])[1]
    row = 0, tf.zeros_like(X), tf.zeros_like(X)
    for _ in range(4):
        row = step(*row)
    x, b = rng.normal(size=(3, 4)), rng.normal(size=4)
    with DeepExplain() as de:
        for T in loop, row[1]:
            f = de.session.run(T, {X: np.r_[x, b[None]]}).sum(1)
            np.testing.assert_allclose(de.explain('deeplift', T, X, x, baseline=b).sum(1), f[:3] - f[3], rtol=1e-9)


@pytest.mark.parametrize('k', [1, 3, 6])
def test_sorting(session, k):
    """The definition, by 20000 points on the line; ties at the start, at the end, all along, and an entry that is the same in both."""
    rng = np.random.default_rng(0)
    z, z_ref, r = rng.normal(size=(4, 6)), rng.normal(size=(4, 6)), rng.normal(size=(4, k))
    z[0, :2], z_ref[1, 3:], z[2, 4:], z_ref[2, 4:], z[3, 0] = .5, -.2, 1., 0., z_ref[3, 0]
    x = v1.placeholder(tf.float64, (None, 6))
    with DeepExplain() as de:
        got, delta = de.explain('deeplift', tf.math.top_k(x, k).values, x, z, ys=r, baseline=z_ref, return_delta=True)
    np.testing.assert_allclose(delta, 0, atol=1e-14)
    points = 20_000
    m = np.zeros((4, 6))
    for alpha in (np.arange(points) + .5) / points:
        first = np.argsort(-(z_ref + alpha * (z - z_ref)), 1, kind='stable')[:, :k]
        for row in range(4):
            m[row, first[row]] += r[row] / points
    np.testing.assert_allclose(got, m * (z - z_ref), atol=1e-3)


def test_sorting_of_many_axes(session):
    """Fixed and open batches, one baseline for all, ascending, along another axis: complete."""
    rng = np.random.default_rng(1)
    xs = rng.normal(size=(3, 5, 4))
    for batch in 3, None:
        x = v1.placeholder(tf.float64, (batch, 5, 4))
        for direction, axis in ('ASCENDING', 1), ('DESCENDING', 2):
            h = tf.tanh(tf.sort(tf.square(x), axis, direction)) * np.arange(20.).reshape(5, 4)
            with DeepExplain() as de:
                delta = de.explain('deeplift', h, x, xs, baseline=rng.normal(size=(5, 4)), return_delta=True)[1]
            np.testing.assert_allclose(delta, 0, atol=1e-12)
