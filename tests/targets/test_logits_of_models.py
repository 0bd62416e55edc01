"""Shares that are seen by their values, and the last layers of models."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

L = keras.layers
XS = np.random.default_rng(0).normal(size=(3, 4, 3)).astype('float32')


def by_hand(z):
    e = tf.exp(z - tf.reduce_max(z, -1, keepdims=True))
    return e / tf.reduce_sum(e, -1, keepdims=True)


def shifted(z):
    e = tf.exp(z - tf.stop_gradient(tf.reduce_max(z, -1, keepdims=True)))
    return e / (tf.reduce_sum(e, -1)[..., None] + 1e-9)


inner = tf.function(lambda z: tf.nn.softmax(2 * z)[..., :2])
outer = tf.function(lambda z: tf.clip_by_value(inner(z + 1), 0., 1.))
own_gradient = tf.custom_gradient(lambda z: (tf.nn.softmax(z), lambda r: r))
# T of z, and its logits of z
SEEN = {
    'softmax': (tf.nn.softmax, lambda z: z),
    'axis 1': (lambda z: tf.nn.softmax(z, axis=1), lambda z: z),
    'tf_keras, axis 1': (lambda z: tf_keras.activations.softmax(z, axis=1), lambda z: z),
    'log-softmax': (tf.nn.log_softmax, lambda z: z),
    'log of a softmax': (lambda z: tf.math.log(tf.nn.softmax(z)), lambda z: z),
    'log-softmax by hand': (lambda z: z - tf.reduce_logsumexp(z, -1, keepdims=True), lambda z: z),
    'exp of a log-softmax': (lambda z: tf.exp(z - tf.reduce_logsumexp(z, -1, keepdims=True)), lambda z: z),
    'by hand': (by_hand, lambda z: z),
    'by hand, shift stopped': (shifted, lambda z: z),
    'by hand, exp written twice': (lambda z: tf.exp(z) / tf.reduce_sum(tf.exp(z), 1, keepdims=True),
                                   lambda z: z),
    'by hand, reciprocal': (
        lambda z: tf.exp(z) * tf.math.reciprocal(tf.reduce_sum(tf.exp(z), -1, keepdims=True)), lambda z: z),
    'temperature': (lambda z: tf.nn.softmax(z / 3), lambda z: z / 3),
    'sigmoid': (tf.sigmoid, lambda z: z),
    'sigmoid by hand': (lambda z: 1 / (1 + tf.exp(-z)), lambda z: z),
    'sigmoid by hand, of 2z': (lambda z: 1 / (tf.exp(-2 * z) + 1), lambda z: 2 * z),
    'sigmoid by hand, exp twice': (lambda z: tf.exp(z) / (1 + tf.exp(z)), lambda z: z),
    'sigmoid as tanh': (lambda z: .5 * (tf.tanh(.5 * z) + 1), lambda z: z),
    'sigmoid as tanh, of z': (lambda z: tf.tanh(z) * .5 + .5, lambda z: 2 * z),
    'other class': (lambda z: 1 - tf.sigmoid(z), lambda z: -z),
    'cast': (lambda z: tf.cast(tf.nn.softmax(z), tf.float64), lambda z: tf.cast(z, tf.float64)),
    'half': (lambda z: tf.cast(tf.nn.softmax(tf.cast(z, tf.float16)), tf.float32),
             lambda z: tf.cast(tf.cast(z, tf.float16), tf.float32)),
    'reshape': (lambda z: tf.reshape(tf.nn.softmax(z), [-1, 12]), lambda z: tf.reshape(z, [-1, 12])),
    'clip': (lambda z: tf.clip_by_value(tf.nn.softmax(z), 1e-7, 1 - 1e-7), lambda z: z),
    'transpose': (lambda z: tf.transpose(tf.nn.softmax(z), [0, 2, 1]), lambda z: tf.transpose(z, [0, 2, 1])),
    'entry': (lambda z: tf.nn.softmax(z)[:, 1, 2], lambda z: z[:, 1, 2]),
    'gather': (lambda z: tf.gather(tf.nn.softmax(z), [2, 0], axis=-1),
               lambda z: tf.gather(z, [2, 0], axis=-1)),
    'split': (lambda z: tf.split(tf.nn.softmax(z), 3, -1)[2], lambda z: z[..., 2:]),
    'identities': (lambda z: tf.identity(tf.identity_n([z, tf.nn.softmax(z)])[1]), lambda z: z),
    'heads': (lambda z: tf.concat([tf.nn.softmax(z), tf.nn.softmax(3 * z)], -1),
              lambda z: tf.concat([z, 3 * z], -1)),
    'stacked heads': (lambda z: tf.stack([1 - tf.sigmoid(z), tf.sigmoid(z)], -1),
                      lambda z: tf.stack([-z, z], -1)),
    'function': (inner, lambda z: (2 * z)[..., :2]),
    'function in a function': (outer, lambda z: (2 * (z + 1))[..., :2]),
    'custom gradient': (own_gradient, lambda z: z),
    'mask': (lambda z: tf.where(z > 5, tf.zeros_like(z), tf.nn.softmax(z)), lambda z: z),
}


class Opened:
    """A graph with z = 1.5 x and T = f(z)."""

    def __init__(self, f, control_flow_v2=True):
        graph = tf.Graph()
        with graph.as_default():
            if not control_flow_v2:
                v1.disable_control_flow_v2()
            try:
                self.X = v1.placeholder(tf.float32, (None, 4, 3), 'x')
                self.z = tf.identity(1.5 * self.X, 'z')
                self.T = f(self.z)
            finally:
                v1.enable_control_flow_v2()
        self.session = v1.Session(graph=graph)
        self.de = DeepExplain(self.session)


def told_of(de, T, X, method='occlusion'):
    """The TargetWarnings of a call and of the same call again."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        for _ in range(2):
            de.explain(method, T, X, XS, 'sum')
    return [str(w.message) for w in told if w.category is errors.TargetWarning]


SHARES = {'normalized': lambda z: tf.abs(z) / tf.reduce_sum(tf.abs(z), -1, keepdims=True),
          'two of exponentials': lambda z: tf.stack([tf.exp(z), tf.exp(2 * z)],
                                                    1) / (tf.exp(z) + tf.exp(2 * z))[:, None],
          'sparsemax': lambda z: tf.stack([tf.clip_by_value(.5 + z, 0, 1),
                                           1 - tf.clip_by_value(.5 + z, 0, 1)], -1)}


@pytest.mark.parametrize('name', SHARES)
@pytest.mark.parametrize('method', ['saliency', 'occlusion'])
def test_shares_are_seen_by_their_values(name, method):
    o = Opened(SHARES[name])
    with o.de as de:
        told = told_of(de, o.T, o.X, method)
        assert len(told) == 1 and 'between 0 and 1 and sum to 1' in told[0]
        # the same explainer
        told = told_of(de, o.T * np.ones((3,) + tuple(o.T.shape[1:]), 'f'), o.X, method)
        assert not told
        assert not told_of(de, tf.abs(o.z), o.X, method) and not told_of(de, o.T[..., :1, :1] / 2, o.X,
                                                                         method)
    o.session.close()


TAILS = {'TimeDistributed': [L.TimeDistributed(L.Dense(3, 'softmax'))], 'layer': [L.Dense(3), L.Softmax(1)],
         'activation': [L.Dense(3), L.Activation('softmax')],
         'Reshape': [L.Dense(3, 'softmax'), L.Reshape((12,))], 'Permute': [L.Dense(3, 'softmax'),
                                                                           L.Permute((2, 1))],
         'cast': [L.Dense(3, 'softmax'), L.Lambda(lambda t: keras.ops.cast(t, 'float64'))],
         'clip': [L.Dense(3, 'softmax'), L.Lambda(lambda t: keras.ops.clip(t, 1e-7, 1 - 1e-7))],
         'log': [L.Dense(3, 'log_softmax')],
         'mixed precision': [L.Dense(3, dtype='mixed_float16'), L.Activation('softmax', dtype='float32')],
         'crop': [L.Dense(3, 'sigmoid'), L.Cropping1D(1)],
         'nested': [keras.Sequential([keras.Input((4, 3)), L.Dense(3, 'softmax')])]}


@pytest.mark.parametrize('name', TAILS)
def test_keras_tails(name):
    """Softmax (sigmoid) of the logits, in the layout of T, is T again."""
    model = keras.Sequential([keras.Input((4, 3)), *TAILS[name]])
    axis = {'layer': 1, 'Permute': 1}.get(name, -1)
    with DeepExplain.from_keras(model, check=False) as de:
        T, X = de.outputs[0], de.inputs[0]
        found = de.logits(T)
        p, z = de.session.run([T, found], {X: XS})
        z = z.reshape(3, 4, 3) if name == 'Reshape' else z
        squash = {'crop': tf.sigmoid,
                  'log': tf.nn.log_softmax}.get(name, lambda z: tf.nn.softmax(z, axis=axis))
        np.testing.assert_allclose(squash(z.astype('f4')), p.reshape(z.shape), atol=2e-3
                                   if name == 'mixed precision' else 1e-6)
        assert len(told_of(de, T, X, 'grad*input')) == (name != 'log') and not told_of(de, found, X,
                                                                                       'grad*input')


def test_keras_softmax_with_a_mask():
    x, mask = keras.Input((4, 3)), keras.Input((4, 3), dtype='bool')
    model = keras.Model([x, mask], L.Softmax()(x, mask))
    with DeepExplain.from_keras(model, check=False) as de:
        X, M = de.inputs
        m = XS > -.5
        p, z = de.session.run([de.outputs[0], de.logits(de.outputs[0])], {X: XS, M: m})
        np.testing.assert_allclose(z[m], XS[m])
        np.testing.assert_allclose(tf.nn.softmax(np.where(m, z, -1e9)), p, atol=1e-6)


def test_frozen_graph():
    o = Opened(SEEN['axis 1'][0])
    with DeepExplain.from_graph_def(o.session.graph.as_graph_def()) as de:
        found = de.logits(de.outputs[0])
        np.testing.assert_allclose(de.session.run(found, {de.inputs[0]: XS}), 1.5 * XS)
