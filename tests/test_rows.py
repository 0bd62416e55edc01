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


APART = {
    'softmax over units': lambda v: tf.nn.softmax(v @ W),
    'normalized by what is known': lambda v: tf.nn.batch_normalization(v, np.zeros(4), np.ones(4), None, None, 1e-3),
    'normalized over units': lambda v: (v - tf.reduce_mean(v, 1, keepdims=True)) / tf.math.reduce_std(v, 1, keepdims=True),
    'row after row': lambda v: tf.map_fn(tf.tanh, v),
    'there and back': lambda v: tf.transpose(tf.tanh(tf.transpose(v @ W))),
    'time first inside': lambda v: tf.transpose(tf.scan(lambda h, step: tf.tanh(h + step), tf.transpose(v[..., None], [1, 0, 2]), tf.zeros_like(v[:, :1])),
                                                [1, 0, 2])[..., 0],
    'flat and back': lambda v: tf.reshape(tf.tanh(tf.reshape(v, [-1])), [-1, 4]),
    'the largest unit': lambda v: tf.nn.top_k(v, 2)[0],
    'a branch by the number of rows': lambda v: tf.cond(tf.shape(v)[0] > 3, lambda: tf.tanh(v), lambda: tf.sinh(v) / tf.cosh(v)),
    'digits lost': lambda v: tf.cast(tf.tanh(1e3 * (tf.cast(1e4 + v @ W, tf.float32) - tf.cast(1e4 + v @ W[:, ::-1], tf.float32)[:, ::-1])), tf.float64),
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


class TestWhatIsCompared:
    def test_once_and_few(self, session, x):
        """Three runs of at most four rows, in the first run with rows that differ; and again where another flag is fed."""
        seen = []
        flag = v1.placeholder(tf.bool, ())
        T = tf.tanh(tf.ensure_shape(tf.numpy_function(lambda v: seen.append(len(v)) or v, [x * 2.], tf.float64), (None, 4)) @ W)
        T = tf.cond(flag, lambda: T, lambda: T + 0.)
        with DeepExplain() as de:
            explainer = de.get_explainer('occlusion', T, x, window_shape=4, step=4)
            explainer.run(XS[:1], feed_dict={flag: True})
            explainer.run(np.repeat(XS[:1], 3, 0), feed_dict={flag: True})          # nothing to be seen in equal rows
            runs = []
            for rows, value in (XS, True), (XS, True), (XS[:3], True), (XS, False), (XS, False):
                seen.clear()
                explainer.run(rows, feed_dict={flag: value})
                runs.append(seen[:])
            assert sorted(runs[0])[:3] == [1, 4, 4] and [len(r) for r in runs] == [len(runs[1]) + 3, len(runs[1]), len(runs[1]), len(runs[1]) + 3, len(runs[1])]

    def test_rows_that_differ_are_looked_for(self, session, x):
        """Two equal rows at the ends and in the middle."""
        T = x - tf.reduce_mean(x, 0)
        with DeepExplain() as de:
            with pytest.raises(errors.TensorError, match='changes with the other rows'):
                de.explain('saliency', T, x, XS[[0, 0, 0, 1, 0, 0]])

    def test_one_row_first_and_streams(self, session, x):
        T = tf.cumsum(x, 0)
        with DeepExplain() as de:
            explainer = de.get_explainer('grad*input', T, x)
            explainer.run(XS[:1])
            with pytest.raises(errors.TensorError):
                explainer.run(XS)
            with pytest.raises(errors.TensorError):
                list(explainer.stream([XS[:1], XS[:3]]))
            with pytest.raises(errors.TensorError):
                explainer.run(XS, out=np.zeros_like(XS))
            assert explainer.run(XS, batch_size=1) == pytest.approx(XS)             # every row alone

    def test_rows_that_are_fed_beside_x(self, session, x):
        other = v1.placeholder(tf.float64, (None, 4))
        T = x * (other - tf.reduce_mean(other, 0))
        with DeepExplain() as de:
            de.explain('saliency', x * other, x, XS, feed_dict={other: XS})
            for xs in XS, np.repeat(XS[:1], 7, 0):
                with pytest.raises(errors.TensorError, match='changes with the other rows'):
                    de.explain('saliency', T, x, xs, feed_dict={other: XS})

    def test_a_fixed_batch(self, session):
        x = v1.placeholder(tf.float64, (3, 4))
        with DeepExplain() as de:
            de.explain('occlusion', tf.tanh(x) * np.arange(1., 4)[:, None], x, XS[:3])
            for T in tf.tanh(x) - tf.reduce_max(x), x - tf.concat([x[:1], x[:-1]], 0):
                for order in [0, 1, 2], [1, 0, 2], [2, 1, 0], [0, 1, 2, 3, 4], [1, 0]:
                    with pytest.raises(errors.TensorError, match='changes with the other rows'):
                        de.explain('occlusion', T, x, XS[order])

    def test_several_inputs(self, session, x):
        y = v1.placeholder(tf.float64, (None, 4))
        with DeepExplain() as de:
            de.explain('intgrad', x * y, [x, y], [XS, XS])
            with pytest.raises(errors.TensorError):
                de.explain('intgrad', x * tf.reduce_sum(y, 0), [x, y], [XS, XS])
