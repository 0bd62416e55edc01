"""Rows: a T that changes with the other rows is refused, whatever mixes them and in whatever order; arrays of n rows that are written into T."""

import numpy as np
import pytest
import tensorflow as tf
from networks import v1

from deepexplain2 import DeepExplain, errors

RNG = np.random.default_rng(0)
W = RNG.normal(size=(4, 5))
XS = RNG.normal(size=(7, 4)) * np.array([5., 1, 1, 1, 1, 1, 1])[:, None]     # row 0 holds the largest number


def attention(v):
    h = tf.tanh(v @ W)
    return tf.nn.softmax(h @ tf.transpose(h)) @ h


def normalized(v):
    h = v @ W
    return tf.nn.batch_normalization(h, *tf.nn.moments(h, 0), None, None, 1e-3)


def scanned(v):
    return tf.scan(lambda h, row: tf.tanh(h + row), v, tf.zeros(4, tf.float64))


def looped(v):
    total = tf.while_loop(lambda i, h: i < tf.shape(v)[0], lambda i, h: (i + 1, h + v[i]), (0, tf.zeros(4, tf.float64)))[1]
    return tf.tanh(v + total)


def best_two(v):
    """Every row minus the second largest of all, or the largest where there is no second."""
    first = v[:, 0]
    return v - tf.nn.top_k(first, tf.minimum(2, tf.size(first)))[0][-1]


MIXING = {
    'max over all': lambda v: tf.maximum(v, tf.reduce_max(v) - 1.),
    'min over all': lambda v: tf.minimum(v, tf.reduce_min(v) + 1.),
    'max over rows': lambda v: v - tf.reduce_max(v, 0),
    'softmax over rows': lambda v: tf.nn.softmax(v @ W, axis=0),
    'attention over rows': attention,
    'cumsum over rows': lambda v: tf.cumsum(tf.tanh(v @ W), 0),
    'cumsum from the last row': lambda v: tf.cumsum(tf.tanh(v @ W), 0, reverse=True),
    'minus row 0': lambda v: tf.tanh(v) - tf.tanh(v)[:1],
    'minus the last row': lambda v: tf.tanh(v) - tf.tanh(v)[-1:],
    'minus the row before': lambda v: v - tf.concat([v[:1], v[:-1]], 0),
    'seen with ys only': lambda v: 2 * tf.nn.softmax(v) - tf.reduce_mean(tf.nn.softmax(v), 0, keepdims=True),
    'one small unit': lambda v: tf.concat([1e6 * v[:, :3], 1e-3 * (v[:, 3:] - tf.reduce_mean(v[:, 3]))], 1),
    'a little of the others': lambda v: v @ W + 1e-3 * tf.reduce_sum(tf.tanh(v)),
    'divided by the number of rows': lambda v: v / tf.cast(tf.shape(v)[0], v.dtype),
    'times the number of the row': lambda v: v * (1. + tf.range(tf.shape(v)[0], dtype=v.dtype)[:, None]),
    'sorted rows': lambda v: tf.transpose(tf.sort(tf.transpose(v))),
    'sorted rows, downwards': lambda v: tf.transpose(tf.sort(tf.transpose(v), direction='DESCENDING')),
    'rows in reverse': lambda v: tf.reverse(v, [0]),
    'rolled by one row': lambda v: tf.roll(v, 1, 0),
    'best two': best_two,
    'statistics of the batch': normalized,
    'a loop over rows': looped,
    'a scan over rows': scanned,
    'in a function': lambda v: tf.function(lambda z: tf.tanh(z) - tf.reduce_mean(z, 0))(v),
    'in a branch': lambda v: tf.cond(tf.constant(True), lambda: tf.tanh(v) - tf.reduce_mean(v, 0), lambda: v),
    'divided by the norm of the batch': lambda v: v / tf.norm(v),
    'ranks': lambda v: v + tf.cast(tf.argsort(tf.argsort(v, axis=0), axis=0), v.dtype),
    'a convolution over rows': lambda v: tf.transpose(tf.nn.conv1d(tf.transpose(v)[..., None], np.ones((3, 1, 1)), 1, 'SAME')[..., 0]),
}


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


@pytest.mark.parametrize('name', MIXING)
def test_rows_that_mix_are_refused(session, x, name):
    T = MIXING[name](x)
    rng = np.random.default_rng(1)
    with DeepExplain() as de:
        for n, batch_size in [(7, None), (7, None), (4, None), (3, None), (2, None), (2, None), (7, 2), (7, 2), (7, 3), (3, 3), (2, 2)]:
            order = rng.permutation(7)[:n]
            with pytest.raises(errors.TensorError, match='changes with the other rows'):
                de.explain('grad*input', T, x, XS[order], batch_size=batch_size)
        with pytest.raises(errors.TensorError, match='changes with the other rows'):
            de.explain('occlusion', T, x, XS, ys=np.ones((1, T.shape[1])))
