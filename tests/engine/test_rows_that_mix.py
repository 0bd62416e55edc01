"""A T that changes with the other rows is refused, whatever mixes them and in whatever order; others are
not."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

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
    total = tf.while_loop(lambda i, h: i < tf.shape(v)[0], lambda i, h: (i + 1, h + v[i]),
                          (0, tf.zeros(4, tf.float64)))[1]
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
    'a convolution over rows': lambda v: tf.transpose(tf.nn.conv1d(tf.transpose(v)[..., None],
                                                                   np.ones((3, 1, 1)), 1, 'SAME')[..., 0]),
}


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


@pytest.mark.parametrize('name', MIXING)
def test_rows_that_mix_are_refused(session, x, name):
    T = MIXING[name](x)
    rng = np.random.default_rng(1)
    with DeepExplain() as de:
        for n, batch_size in [(7, None), (7, None), (4, None), (3, None), (2, None), (2, None), (7, 2),
                              (7, 2), (7, 3), (3, 3), (2, 2)]:
            order = rng.permutation(7)[:n]
            with pytest.raises(errors.TensorError, match='changes with the other rows'):
                de.explain('grad*input', T, x, XS[order], batch_size=batch_size)
        with pytest.raises(errors.TensorError, match='changes with the other rows'):
            de.explain('occlusion', T, x, XS, ys=np.ones((1, T.shape[1])))


def time_first(v):
    steps = tf.transpose(v[..., None], [1, 0, 2])
    return tf.transpose(tf.scan(lambda h, step: tf.tanh(h + step), steps, tf.zeros_like(steps[0])),
                        [1, 0, 2])[..., 0]


def digits_lost(v):
    """What is left of 1e4 in float32, enlarged."""
    a, b = (tf.cast(1e4 + v @ w, tf.float32) for w in (W, W[:, ::-1]))
    return tf.cast(tf.tanh(1e3 * (a - b[:, ::-1])), tf.float64)


@pytest.mark.parametrize('batch_size', [None, 2, 3])
def test_rows_that_are_sorted_already(session, x, batch_size):
    with DeepExplain() as de:
        for xs in np.sort(XS, 0), np.sort(XS, 0)[:2], np.sort(XS, 0)[::-1]:
            for name in 'sorted rows', 'sorted rows, downwards':
                with pytest.raises(errors.TensorError, match='changes with the other rows'):
                    de.explain('grad*input', MIXING[name](x), x, xs, batch_size=batch_size)


APART = {
    'softmax over units': lambda v: tf.nn.softmax(v @ W),
    'normalized by what is known': lambda v: tf.nn.batch_normalization(v, np.zeros(4), np.ones(4), None, None,
                                                                       1e-3),
    'normalized over units': lambda v: (
        v - tf.reduce_mean(v, 1, keepdims=True)) / tf.math.reduce_std(v, 1, keepdims=True),
    'row after row': lambda v: tf.map_fn(tf.tanh, v),
    'there and back': lambda v: tf.transpose(tf.tanh(tf.transpose(v @ W))),
    'time first inside': time_first,
    'flat and back': lambda v: tf.reshape(tf.tanh(tf.reshape(v, [-1])), [-1, 4]),
    'the largest unit': lambda v: tf.nn.top_k(v, 2)[0],
    'a branch by the number of rows': lambda v: tf.cond(tf.shape(v)[0] > 3, lambda: tf.tanh(v),
                                                        lambda: tf.sinh(v) / tf.cosh(v)),
    'digits lost': digits_lost,
    'infinite units': lambda v: tf.concat([v, 1 / tf.zeros_like(v[:, :1])], 1)[:, :4],
    'a dropout': lambda v: tf.nn.dropout(v, .5),
    'a dropout by places': lambda v: tf.nn.experimental.stateless_dropout(v, .5, [1, 2]),
}


@pytest.mark.parametrize('name', APART)
def test_rows_that_do_not_mix(session, x, name):
    """Explained, in one call and row by row, in any order."""
    T = APART[name](x)
    with DeepExplain() as de:
        a = de.explain('grad*input', T, x, XS)
        if 'dropout' not in name:
            alone = np.concatenate([de.explain('grad*input', T, x, row[None]) for row in XS])
            np.testing.assert_allclose(a, alone, rtol=1e-9, atol=1e-9)


def test_mixed_precision_and_big_matrices(session):
    """Kernels round differently for one row and for four: no difference that counts."""
    x = v1.placeholder(tf.float32, (None, 300))
    rng = np.random.default_rng(0)
    big = [tf.constant(rng.normal(size=(300, 300)) / 17, tf.float32) for _ in range(4)]
    h = x
    for w in big:
        h = tf.nn.relu(h @ w)
    small = tf.cast(h, tf.float16) @ tf.cast(big[0], tf.float16)
    lost = tf.round(1e3 * (h @ big[0] - tf.reverse(tf.reverse(h, [1]) @ tf.reverse(big[0], [0]), [0])[:, :]))
    xs = rng.normal(size=(6, 300))
    with DeepExplain() as de:
        for T in h, tf.cast(small, tf.float32):
            de.explain('saliency', T, x, xs)
        with pytest.raises(errors.TensorError, match='through op "ReverseV2'):      # rows in reverse
            de.explain('occlusion', lost, x, xs, window_shape=300, step=300)


def test_time_major_graphs_are_told_so(session):
    """Axis 0 is time: a loop over it, and a sum along it."""
    x = v1.placeholder(tf.float64, (None, 1, 4))
    n = tf.shape(x)[0]
    array, out = tf.TensorArray(tf.float64, n).unstack(x), tf.TensorArray(tf.float64, n)

    def step(i, h, o):
        h = tf.tanh(.9 * h + array.read(i))
        return i + 1, h, o.write(i, h)
    loop = tf.while_loop(lambda i, h, o: i < n, step, (0, tf.zeros((1, 4), tf.float64), out))[2].stack()
    xs = XS[:6, None]
    with DeepExplain() as de:
        for T in tf.reduce_sum(loop, [1, 2]), tf.scan(lambda h, v: tf.tanh(h + v),
                                                      x)[:, 0], tf.cumsum(x, 0)[:, 0]:
            for name, sizes in ('saliency', (None, 2)), ('occlusion', (None,)):
                for size in sizes:
                    with pytest.raises(errors.TensorError, match='If the first axis of X is time, feed the '
                                                                 'batch first'):
                        de.explain(name, T, x, xs, batch_size=size)
