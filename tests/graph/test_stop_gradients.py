"""tf.stop_gradient: harmless as part of a whole pattern, otherwise warned of."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.outcomes import outcome

stop = tf.stop_gradient


def largest(x, axis=-1):
    return stop(tf.reduce_max(x, axis, keepdims=True))


def mean(x, axis=-1):
    return tf.reduce_mean(x, axis, keepdims=True)


def softmax(x):
    e = tf.exp(x - largest(x))
    return e / tf.reduce_sum(e, -1, keepdims=True)


def log_softmax(x):
    z = x - largest(x)
    return z - tf.math.log(tf.reduce_sum(tf.exp(z), -1, keepdims=True))


def masked_softmax(x):
    e = tf.exp(x - largest(x)) * tf.constant([1., 0, 1], x.dtype)
    return e / tf.reduce_sum(e, -1, keepdims=True)


def normalized(x):
    m, v = tf.nn.moments(x, [-1], keepdims=True)
    return (x - m) * tf.math.rsqrt(v + 1e-3)


def shared(x):
    m = largest(x)
    return tf.reduce_sum(tf.exp(x - m) * x, -1) / tf.reduce_sum(tf.exp(x - m), -1)


def logarithm(x, times=1, plus=0):
    m = largest(x)
    log = tf.math.log(tf.reduce_sum(tf.exp(x - m), -1, keepdims=True))
    return times * log + m + plus * log


HARMLESS = {
    'softmax': softmax, 'log-softmax': log_softmax, 'masked softmax': masked_softmax,
            'normalized': normalized, 'shared': shared,
    'log-sum-exp': lambda x: tf.reduce_logsumexp(x, -1),
            'of two axes': lambda x: tf.reduce_logsumexp(x, [1, 2]),
    'less log-sum-exp': lambda x: x - tf.reduce_logsumexp(x, -1, keepdims=True),
            'variance': lambda x: mean((x - stop(mean(x))) ** 2),
    'moments': lambda x: tf.nn.moments(x, [1, 2])[1],
    'weighted moments': lambda x: tf.nn.weighted_moments(x, [1], tf.constant([[[1.], [2.]]], x.dtype))[1],
    'reduce_variance': lambda x: tf.math.reduce_variance(x, 1),
            'attention': lambda x: softmax(x @ tf.transpose(x, [0, 2, 1])) @ x,
    'in a loop': lambda x: tf.while_loop(lambda i, h: i < 2,
                                         lambda i, h: (i + 1, h + tf.reduce_logsumexp(h, -1)[..., None]),
                                         [0, x])[1]}
HARMFUL = {
    'centred': lambda x: tf.tanh(x - stop(mean(x))), 'exp': lambda x: tf.exp(x - largest(x)),
           'plus': lambda x: x + largest(x),
    'once more': lambda x: log_softmax(x) + largest(x),
           'not added': lambda x: tf.math.log(tf.reduce_sum(tf.exp(x - largest(x)), -1)),
    'standardized': lambda x: (x - stop(mean(x))) * tf.math.rsqrt(mean((x - stop(mean(x))) ** 2) + 1),
    'another mean': lambda x: mean((x - stop(mean(x, 1))) ** 2),
    'another sum': lambda x: tf.exp(x - largest(x)) / tf.reduce_sum(tf.exp(x - largest(x)), 1, keepdims=True),
    'absolute': lambda x: mean(tf.abs(x - stop(mean(x)))),
    'fourth power': lambda x: mean((x - stop(mean(x))) ** 4), 'half added': lambda x: logarithm(x, 2),
    'a logarithm more': lambda x: logarithm(x, plus=1),
    'plus one': lambda x: tf.exp(x - largest(x)) / (1 + tf.reduce_sum(tf.exp(x - largest(x)), -1,
                                                                      keepdims=True)),
    'times exp': lambda x: softmax(x) * tf.exp(x - largest(x)),
    'labels': lambda x: tf.nn.softmax_cross_entropy_with_logits(stop(tf.nn.softmax(x)), x)}


@pytest.mark.parametrize('name', [*HARMLESS, *HARMFUL])
def test_stops(name):
    """Harmless as a whole pattern: silent and complete. Otherwise warned of, and the audit names it."""
    xs = np.random.default_rng(0).normal(size=(1, 2, 3))

    def f(x):
        h = tf.reshape((HARMLESS | HARMFUL)[name](x), [-1])
        return tf.reduce_sum(h * tf.cast(1 + tf.range(tf.size(h)), x.dtype))
    for method in ['intgrad', 'deeplift'] if name in [*HARMLESS, 'centred'] else ['intgrad']:
        _, delta, messages, fits = outcome(f, method, xs)
        assert fits == (not messages) == (name in HARMLESS), (method, delta, messages)
        if name in HARMLESS:
            np.testing.assert_allclose(delta, 0, atol=1e-8)
        else:
            assert 'StopGradient' in messages[0]


def test_normalization_layers_are_silent():
    L = keras.layers
    x = keras.Input((6, 4))
    h = L.LayerNormalization()(L.BatchNormalization()(x))
    h = L.GroupNormalization(2)(L.MultiHeadAttention(2, 3)(h, h))
    model = keras.Model(x, L.Dense(2)(L.Lambda(lambda t: keras.ops.logsumexp(t, -1))(h)))
    with DeepExplain.from_keras(model) as de, warnings.catch_warnings():
        warnings.simplefilter('error', errors.PathWarning)
        xs = np.random.default_rng(0).normal(size=(2, 6, 4)).astype('f4')
        for method in 'intgrad', 'deeplift':
            _, delta = de.explain(method, de.outputs[0], de.inputs[0], xs, return_delta=True)
            np.testing.assert_allclose(delta, 0, atol=2e-4)
            assert de.audit(method, de.outputs[0], de.inputs[0]).fits
