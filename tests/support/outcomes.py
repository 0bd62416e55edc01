"""What a method says of a function, in a graph of its own."""

import warnings

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

XS = np.random.default_rng(0).normal(size=(1, 4))
GRADIENTS = ['grad*input', 'intgrad']           # saliency asks what grad*input asks


def outcome(f, method, xs=XS, dtype=tf.float64, **parameters):
    """(the map or the error, the gap, messages of path warnings, whether the audit fits) for T = f(x), rows
    summed."""
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de, \
            warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        x = v1.placeholder(dtype, xs.shape)
        T = tf.reduce_sum(tf.reshape(f(x), [xs.shape[0], -1]), 1)
        delta = None
        try:
            if method in ('intgrad', 'deeplift', 'elrp'):
                a, delta = de.explain(method, T, x, xs, return_delta=True, **parameters)
            else:
                a = de.explain(method, T, x, xs, **parameters)
        except errors.DeepExplainError as e:
            return e, None, [], False
        return a, delta, [str(w.message) for w in caught if issubclass(w.category,
                                                                       errors.PathWarning)], de.audit(
                                                                           method, T, x, **parameters).fits
