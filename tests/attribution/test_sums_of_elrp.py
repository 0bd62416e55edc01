"""What elrp conserves, and what absorbs: products, softmax, normalization."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.networks import mlp, opened, samples

NET = mlp('tanh', 'relu', seed=3)
XS, YS = samples(NET, 5)


def test_elrp_conserves_where_nothing_absorbs():
    """Without biases, as epsilon goes to 0, under every option: sums to f(x)."""
    rng = np.random.default_rng(0)
    A, B, C = (rng.normal(size=(5, 5)) for _ in range(3))
    with opened(NET) as (de, X, _, _):
        h = tf.tanh(X @ A)
        gated = tf.sigmoid(X @ B) * h + tf.nn.relu(X @ C) / (1.5 + tf.abs(tf.sin(X @ A)))
        normed = h * tf.math.rsqrt(tf.reduce_sum(tf.square(h), 1, keepdims=True))
        attended = (tf.nn.softmax(X @ A) * (X @ C) + (X @ A) ** 3 + tf.maximum(X @ A, X @ B)
                    + tf.where(X > 0, X @ A, h * h))
        for options in ({}, {'products': 'uniform'}, {'normalization': 'uniform'},
                        {'products': 'uniform', 'normalization': 'uniform'}):
            for T in gated, attended, normed:
                a, delta = de.explain('elrp', T, X, XS, epsilon=1e-12, offset='pass', return_delta=True,
                                      **options)
                if T is gated and 'products' in options:
                    # the constant 1.5 takes its part of the denominator
                    assert np.abs(delta).max() > .01
                else:
                    np.testing.assert_allclose(delta, 0, atol=1e-7)


@pytest.mark.parametrize('options, expected', [
    ({'products': 'uniform', 'offset': 'pass'}, lambda s, v, gs, gv: (gs / 2, gv / 2)),
                                               ({}, lambda s, v, gs, gv: (0, gv))])
def test_elrp_of_products(options, expected):
    """y = sigmoid(a) v: all of the relevance to v, or half to each factor; sigmoid by the epsilon rule."""
    eps = 1e-4
    with opened(NET) as (de, X, _, _):
        a, v = X[:, :2], X[:, 2:4]
        s = 1 / (1 + np.exp(-XS[:, :2]))
        half = .5 if options else 0
        got = de.explain('elrp', tf.sigmoid(a) * v, X, XS, **options)
        z = XS[:, :2]
        np.testing.assert_allclose(got[:, 2:4], (1 - half) * s * XS[:, 2:4], rtol=1e-9)
        np.testing.assert_allclose(got[:, :2],
                                   half * XS[:, 2:4] * s / (z + eps * np.where(z >= 0, 1, -1)) * z, rtol=1e-9)
        np.testing.assert_array_equal(got[:, 4], 0)


def test_elrp_of_softmax_and_normalization():
    """Attention weights and the scale of a layer normalization take nothing, or their share."""
    with opened(NET) as (de, X, _, _):
        weights, values = tf.nn.softmax(X[:, :2]), X[:, 2:4]
        p = np.exp(XS[:, :2]) / np.exp(XS[:, :2]).sum(1, keepdims=True)
        got = de.explain('elrp', weights * values, X, XS)
        np.testing.assert_allclose(got, np.c_[0 * p, p * XS[:, 2:4], 0 * p[:, :1]], rtol=1e-9)
        got = de.explain('elrp', weights * values, X, XS, softmax='gradient')
        np.testing.assert_allclose(got[:, 2:4], p * XS[:, 2:4] / 2, rtol=1e-9)
        # relevance r p of the weights; through softmax by its derivative
        r = XS[:, 2:4] / 2
        np.testing.assert_allclose(got[:, :2], XS[:, :2] * p * (r - (r * p).sum(1, keepdims=True)), rtol=1e-9)
        u = X - tf.reduce_mean(X, 1, keepdims=True)
        v = tf.reduce_mean(u * u, 1, keepdims=True)
        scale = 1 / np.sqrt(((XS - XS.mean(1, keepdims=True)) ** 2).mean(1, keepdims=True))
        got = de.explain('elrp', u * tf.math.rsqrt(v), X, XS, ys=YS[:, [0, 1, 2, 0, 1]])
        w = YS[:, [0, 1, 2, 0, 1]]
        np.testing.assert_allclose(got, XS * (w - w.mean(1, keepdims=True)) * scale, rtol=1e-9)
        np.testing.assert_allclose(de.explain('elrp', u / tf.sqrt(v), X, XS, ys=w), got, rtol=1e-9)
