"""Softmax, cross-entropies and normalizations beside their definition, and beside their parts."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.networks import v1


@pytest.mark.parametrize('spread', [1., 30., 1000.])
def test_softmax(session, spread):
    """log-sum-exp by its definition: Rescale on exp and log, in long double; no overflow in float32."""
    rng = np.random.default_rng(0)
    z, b, w = (np.longdouble(v) for v in (rng.normal(size=(4, 5)) * spread, rng.normal(size=5) * spread,
                                          rng.normal(size=5)))
    z[0, 0] = b[0]
    shift = max(z.max(), b.max())
    total, total_ref = (np.exp(v - shift).sum(-1, keepdims=True) for v in (z, np.broadcast_to(b, z.shape)))
    log_slope = (np.log(total) - np.log(total_ref)) / (total - total_ref)
    S = log_slope * np.where(z == b, np.exp(b - shift),
                             (np.exp(z - shift) - np.exp(b - shift)) / np.where(z == b, 1, z - b))
    log_y, log_y_ref = z - shift - np.log(total), b - shift - np.log(total_ref)
    same = log_y == log_y_ref
    E = np.where(same, np.exp(log_y),
                 (np.exp(log_y) - np.exp(log_y_ref)) / np.where(same, 1, log_y - log_y_ref))
    expected = {'LogSoftmax': (w - S * w.sum()) * (z - b),
                'Softmax': (w * E - S * (w * E).sum(1, keepdims=True)) * (z - b)}
    for dtype, tolerance in (tf.float64, 1e-9), (tf.float32, 1e-4):
        x = v1.placeholder(dtype, (None, 5))
        with DeepExplain() as de:
            for name, f in ('LogSoftmax', tf.nn.log_softmax), ('Softmax', tf.nn.softmax):
                got = de.explain('deeplift', f(x) + 0., x, z.astype(float), ys=w[None].astype(float),
                                 baseline=b.astype(float))
                exact = expected[name].astype(float)
                np.testing.assert_allclose(got, exact, rtol=tolerance, atol=tolerance * np.abs(exact).max())


def test_cross_entropies(session):
    """Those of one op are those of LogSoftmax and a product."""
    rng = np.random.default_rng(0)
    x = v1.placeholder(tf.float64, (3, 4))
    xs, b, W = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(4, 4))
    labels = tf.nn.softplus(x @ W)
    pairs = {'both vary': (tf.nn.softmax_cross_entropy_with_logits(labels, 3 * x),
                           -tf.reduce_sum(labels * tf.nn.log_softmax(3 * x), 1)),
             'classes': (tf.nn.sparse_softmax_cross_entropy_with_logits(tf.constant([2, 0, 1]), 3 * x),
                         -tf.reduce_sum(tf.one_hot([2, 0, 1], 4, dtype=tf.float64) * tf.nn.log_softmax(3 * x),
                                        1))}
    with DeepExplain() as de:
        for one, parts in pairs.values():
            np.testing.assert_allclose(*(de.explain('deeplift', T, x, xs, baseline=b) for T in (one, parts)),
                                       rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('method', ['deeplift', 'elrp', 'elrp uniform'])
@pytest.mark.parametrize('data_format', ['NHWC', 'NCHW'])
def test_normalization_of_one_op(session, method, data_format):
    """The fused op, as tf_keras has it in LayerNormalization, is what its primitive ops give."""
    x = v1.placeholder(tf.float32, (None, 6))
    if data_format == 'NCHW':                       # rows as channels
        fused = v1.nn.fused_batch_norm(tf.reshape(x, [1, -1, 6, 1]), tf.ones_like(x[:, 0]),
                                       tf.zeros_like(x[:, 0]), epsilon=.1,
                                       data_format=data_format, is_training=True)[0]
        fused, axis, scale, xs = (tf.reshape(fused, [-1, 6]), 1, 1.,
                                  np.random.default_rng(0).normal(size=(4, 6)))
    else:
        x = v1.placeholder(tf.float32, (6, 3))
        fused = v1.nn.fused_batch_norm(tf.reshape(x, [1, 6, 1, 3]), np.full(3, 2., 'f'), np.zeros(3, 'f'),
                                       epsilon=.1, is_training=True)[0]
        fused, axis, scale, xs = (tf.reshape(fused, [6, 3]), 0, 2.,
                                  np.random.default_rng(0).normal(size=(6, 3)))
    mean, variance = tf.nn.moments(x, [axis], keepdims=True)
    parts = (x - mean) * tf.math.rsqrt(variance + .1) * scale
    options = {'deeplift': {'baseline': .3 * np.arange(xs.shape[1])}, 'elrp': {},
               'elrp uniform': {'normalization': 'uniform', 'epsilon': 1e-12}}[method]
    w = np.random.default_rng(1).normal(size=xs.shape).astype('f')
    with DeepExplain() as de:
        a, b = (de.explain(method.split()[0], tf.reduce_sum(T * w, 1) if data_format == 'NCHW'
                           else tf.reduce_sum(T * w), x, xs, **options)
                for T in (fused, parts))
    np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max())


def test_norms_of_zeros(session):
    """Where x and the baseline are 0 there is nothing to share."""
    x, xs = v1.placeholder(tf.float64, (None, 2)), [[0., 0.], [3., 4.]]
    with DeepExplain() as de:
        for T in tf.raw_ops.EuclideanNorm(input=x, axis=[1]), tf.abs(tf.complex(x[:, 0], x[:, 1])):
            np.testing.assert_allclose(de.explain('deeplift', T, x, xs), [[0., 0.], [1.8, 3.2]])


def test_normalization_by_given_statistics(session):
    """Scale and input depend on X, the statistics do not: a product. deeplift is complete, elrp passes the
    gradient."""
    x = v1.placeholder(tf.float32, (1, 6))
    y = tf.raw_ops.FusedBatchNormV3(x=tf.reshape(x, [1, 2, 1, 3]), scale=x[0, 3:], offset=[1., 2., 3.],
                                    mean=[.1, .2, .3], variance=[1., 2., 3.],
                                    epsilon=.1, is_training=False).y
    xs = np.random.default_rng(0).normal(size=(1, 6)).astype('f')
    with DeepExplain() as de:
        np.testing.assert_allclose(de.explain('deeplift', y, x, xs, baseline=.5, return_delta=True)[1], 0,
                                   atol=1e-5)
        np.testing.assert_allclose(de.explain('elrp', y, x, xs), de.explain('grad*input', y, x, xs),
                                   rtol=1e-5, atol=1e-6)
