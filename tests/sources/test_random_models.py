"""Models that draw random numbers when they are explained: it is said, once."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1
from tests.support.self_check import Always

L = keras.layers


XS = np.random.default_rng(1).normal(size=(4, 6)).astype('f4')


def random_warnings(run):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        run()
    return [str(w.message) for w in told if w.category is errors.RandomWarning]


@pytest.mark.parametrize('method', ['grad*input', 'occlusion'])
def test_random_ops_are_named(method, session):
    X, rate, training = v1.placeholder(tf.float32, (None, 6),
                                       'x'), v1.placeholder(tf.float32, (),
                                                            'rate'), v1.placeholder(tf.bool, (), 'training')
    drawn = tf.function(lambda x: x * tf.random.uniform(tf.shape(x)))
    with DeepExplain(session) as de:
        def told(T, **feeds):
            return random_warnings(lambda: [de.explain(method, T, X, XS, feed_dict=feeds.get('feed'))
                                            for _ in range(2)])
        noise = told(X + tf.random.normal(tf.shape(X), name='noise'))
        assert len(noise) == 1 and '"noise/RandomStandardNormal" (RandomStandardNormal)' in noise[0]
        assert len(told(drawn(X) + 1)) == 1
        assert len(told(tf.random.stateless_normal([6], [1, 2]) * X)) == 1
        assert not told(tf.tanh(X))
        dropped = tf.nn.dropout(X, rate=rate)
        assert not told(dropped, feed={rate: 0.}) and len(told(dropped, feed={rate: .5})) == 1
        either = tf.cond(training, lambda: tf.nn.dropout(X, rate=.5), lambda: tf.identity(X))
        assert not told(either, feed={training: False}) and len(told(either, feed={training: True})) == 1


def test_random_keras_model():
    x = keras.Input((6,))
    with DeepExplain.from_keras(keras.Sequential([x, Always(), L.Dense(2)])) as de:
        assert len(random_warnings(lambda: de.explain('saliency', de.outputs[0], de.inputs[0], XS,
                                                      batch_size=1))) == 1
    with DeepExplain.from_keras(keras.Sequential([x, L.Dropout(.5), L.Dense(2)])) as de:
        assert not random_warnings(lambda: de.explain('saliency', de.outputs[0], de.inputs[0], XS))
