"""Functions as targets, and networks that they are given to."""

from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.networks import mlp, samples, v1

NET = mlp('tanh', 'sigmoid')
XS, _ = samples(NET, 4)
RNG = np.random.default_rng(3)
POINTS = RNG.normal(size=(4, 3))
WANTED = np.array([0., 1., -2.])


def difference(out):
    """T weighted by WANTED."""
    return out[:, 1] - 2 * out[:, 2]


def product(out, ys):
    """T weighted by ys."""
    return tf.reduce_sum(out * ys, 1)


@contextmanager
def net_opened():
    """(de, X, T) of the net, whose graph is not the default graph."""
    graph = tf.Graph()
    with graph.as_default():
        X = v1.placeholder(tf.float64, (None, *NET.shape), 'x')
        T = NET.tensorflow(X)
    yield DeepExplain(v1.Session(graph=graph)), X, T


@contextmanager
def model_opened():
    """A Keras model of x @ W, and W."""
    dense = keras.layers.Dense(3, use_bias=False)
    made = keras.Sequential([keras.Input((2,)), dense])
    with DeepExplain.from_keras(made, check=False) as de:
        yield de, dense.kernel.numpy()


def count(de):
    return len(de.graph.get_operations())
