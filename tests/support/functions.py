"""Functions of one tensor, their values by TensorFlow, and points where slopes are hard."""

import numpy as np
import tensorflow as tf

from tests.support.catalogue import DOMAIN, SINGLE
from tests.support.networks import v1


def evaluate(function, *arrays):
    """f(arrays) in float64, by TensorFlow."""
    with tf.Graph().as_default(), v1.Session() as session:
        return session.run(function(*map(tf.constant, arrays)))


def raw(op):
    """The function of an op."""
    function = getattr(tf.raw_ops, op)
    argument = ('features' if 'features' in function.__wrapped__.__code__.co_varnames else 'input'
                if op in SINGLE else 'x')
    return lambda z: function(**{argument: z})


def points(op, n=40):
    """Pairs in the domain of an op: far, near (1e-2 to 1e-8), and equal."""
    rng = np.random.default_rng(0)
    low, high = DOMAIN.get(op, (-3., 3.))
    a = rng.uniform(low + .05 * (high - low), high - .05 * (high - low), n)
    d = np.concatenate([rng.uniform(low, high, n // 4) - a[:n // 4],
                        10. ** -rng.integers(2, 9, n - n // 4) * rng.choice([-1, 1, 0], n - n // 4)])
    return a, a + d
