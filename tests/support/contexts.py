"""A small model, and a session of a user, for tests of contexts."""

from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L

from tests.support.networks import v1

XS = np.random.default_rng(0).normal(size=(6, 5)).astype('float32')
FIRST = np.eye(3)[np.zeros(6, int)]              # the first unit of T
METHODS = ['saliency', 'intgrad', 'deeplift', 'occlusion']


def small_model():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((5,)), L.Dense(4, 'tanh'), L.Dense(3)])


@contextmanager
def session_of_a_user():
    """(session, X, T)."""
    graph = tf.Graph()
    with graph.as_default():
        X = v1.placeholder(tf.float32, (None, 5), 'X')
        T = tf.tanh(X @ tf.constant(np.eye(5, 3), tf.float32), 'T')
    with v1.Session(graph=graph) as session:
        yield session, X, T
