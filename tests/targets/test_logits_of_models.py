"""Shares that are seen by their values, and the last layers of models."""


import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.logits import XS, Opened, told_of

L = keras.layers

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
    o = Opened(lambda z: tf.nn.softmax(z, axis=1))
    with DeepExplain.from_graph_def(o.session.graph.as_graph_def()) as de:
        found = de.logits(de.outputs[0])
        np.testing.assert_allclose(de.session.run(found, {de.inputs[0]: XS}), 1.5 * XS)
