"""T of every shape, rows that the graph fixes or joins, and one row of a baseline for all."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.few import ANYWHERE
from tests.support.networks import v1

close = partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12)
W = np.array([[1., 2, 3], [4, 5, -6], [-7, 8, 9], [1, -1, 1]])
V = W / 10
XS = np.random.default_rng(1).normal(size=(3, 4))
ALL = ANYWHERE


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


@pytest.mark.parametrize('name', ALL)
def test_classes_of_a_weighted_target(session, x, name):
    T, w, c = tf.tanh(x @ V), np.array([[1., -2, 3]]), np.array([2, 0, 1])
    with DeepExplain() as de:
        close(de.explain(name, T * w, x, XS, ys=c), de.explain(name, T, x, XS, ys=np.eye(3)[c] * w))


@pytest.mark.parametrize('name', ALL)
def test_target_of_unknown_shape_on_a_fixed_batch(session, x, name):
    fixed = v1.placeholder(tf.float64, (2, 4))
    T = v1.placeholder_with_default(tf.tanh(fixed @ V), None)
    with DeepExplain() as de:
        close(de.explain(name, T, fixed, XS, ys=np.eye(3)), de.explain(name, tf.tanh(x @ V), x, XS,
                                                                       ys=np.eye(3)))


@pytest.mark.parametrize('name', ALL)
def test_target_of_one_row(session, x, name):
    T = tf.tanh(x @ V)
    one, c = tf.reduce_mean(T, 0, keepdims=True), np.array([2, 0, 1])
    with DeepExplain() as de:
        close(de.explain(name, one, x, XS, ys=c), de.explain(name, T, x, XS, ys=c))


# those left out have no unit
@pytest.mark.parametrize('name', sorted({*ALL} - {'hsic', 'meaningful_perturbation', 'sobol'}))
def test_weights_that_widen_the_target(session, x, name):
    T = tf.tanh(x @ V[:, :1])
    with DeepExplain() as de:
        factor = 49 if name in ('squaregrad', 'vargrad') else 7
        close(de.explain(name, T * np.array([[1., 2, 4]]), x, XS), factor * de.explain(name, T, x, XS))


@pytest.mark.parametrize('name', ALL)
def test_features_first(session, x, name):
    """Features first: the first axis of a sum is not the batch."""
    T = tf.transpose(tf.nn.elu(tf.matmul(V.T, x, transpose_b=True) + np.array([[1.], [2], [3]])))
    with DeepExplain() as de:
        np.testing.assert_allclose(de.explain(name, T, x, XS), de.explain(name, tf.nn.elu(x @ V + [1., 2, 3]),
                                                                          x, XS), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('kind', ['feeds', 'None', 'variable'])
def test_one_row_of_baseline_where_shapes_mislead(session, x, kind):
    """Static shapes say (?, 4), and one row of the reference would become a column: a bias vector makes
    (?, ?) look like (?, 4), and does not say what one row of baseline becomes."""
    c, b = np.array([-.5, .25, .5, -1]), np.array([0., 1, 2, 3])
    xs = np.random.default_rng(0).normal(size=(4, 4))
    size, feed = {'feeds': lambda: ((s := v1.placeholder(tf.int32, ())), {s: 4}), 'None': lambda: (4, {}),
                  'variable': lambda: (tf.Variable(4), {})}[kind]()
    session.run(v1.global_variables_initializer())
    h = tf.nn.relu(tf.reshape(x, [size, -1]) + c)
    T = v1.placeholder_with_default(tf.reduce_sum(h, 1), (None,))
    expected = np.maximum(xs + c, 0).sum(1) - np.maximum(b + c, 0).sum()
    with DeepExplain() as de:
        close(de.explain('deeplift', T, x, xs, feed_dict=feed, baseline=np.tile(b, (4, 1))).sum(1), expected)
        close(de.explain('deeplift', T, x, xs, feed_dict=feed, baseline=b).sum(1), expected)


def test_one_row_of_baseline_where_a_variable_knows_the_batch(session, x):
    size, xs, b = tf.Variable(4), np.random.default_rng(0).normal(size=(4, 4)), np.array([0., 1, 2, 3])
    session.run(v1.global_variables_initializer())
    T = tf.reduce_sum(tf.nn.relu(tf.reshape(x, [size, -1]) - .5), 1)
    with DeepExplain() as de:
        close(de.explain('deeplift', T, x, xs, baseline=b).sum(1),
              np.maximum(xs - .5, 0).sum(1) - np.maximum(b - .5, 0).sum())


def test_one_row_of_baseline_where_the_graph_knows_the_batch(session, x):
    """reshape(x, [batch, -1]) with as many rows as features: one row would become a column, and broadcast."""
    size = v1.placeholder(tf.int32, ())
    b = np.array([0., 1, 2, 3])
    xs = np.random.default_rng(0).normal(size=(4, 4))
    other = v1.placeholder(tf.float64, (None, 4))
    expected = np.maximum(xs - .5, 0).sum(1) - np.maximum(b - .5, 0).sum()
    with DeepExplain() as de:
        for shape, feed in ([size, -1], {size: 4}), ([4, -1], {}):
            T = tf.reduce_sum(tf.nn.relu(tf.reshape(x, shape) - .5), 1)
            np.testing.assert_allclose(de.explain('deeplift', T, x, xs, feed_dict=feed, baseline=b).sum(1),
                                       expected)
        T = tf.reduce_sum(tf.nn.relu(tf.reshape(x, [tf.shape(other)[0], -1]) - .5),
                          1) + tf.reduce_sum(other, 1)
        a, _ = de.explain('deeplift', T, [x, other], [xs, xs], baseline=[b, np.tile(b, (4, 1))])
        np.testing.assert_allclose(a.sum(1), expected)


class TestRowsWrittenIntoT:
    def test_scalar(self, session, x):
        """A loss with constant labels: all rows together, or an error."""
        T = tf.reduce_sum(x @ W * np.eye(3))
        expected = session.run(tf.gradients(T, x)[0], {x: XS}) * XS
        with DeepExplain() as de:
            np.testing.assert_allclose(de.explain('grad*input', T, x, XS), expected)
            with pytest.raises(errors.ShapeError, match=r'an array of 3 rows was written into T .* but xs '
                                                        r'has 2 rows'):
                de.explain('grad*input', T, x, XS[:2])
            with pytest.raises(errors.TensorError, match=r'T .* has no batch axis and contains an array of 3 '
                                                         r'rows'):
                de.explain('occlusion', T, x, XS)

    def test_other_number_of_rows(self, session, x):
        T = tf.reduce_sum(tf.nn.relu(x @ W * np.ones((5, 3))), 1)
        with DeepExplain() as de, pytest.raises(errors.ShapeError, match='an array of 5 rows'):
            de.explain('grad*input', T, x, XS)

    def test_fed_rows(self, session, x):
        z = v1.placeholder(tf.float64, (4, 3))
        with DeepExplain() as de, pytest.raises(errors.ShapeError, match='an array of 4 rows'):
            de.explain('grad*input', x @ W * z, x, XS, feed_dict={z: np.ones((4, 3))})


def test_a_matrix_that_joins_rows(session, x):
    """T is of all five rows together, and takes no other number."""
    mixing = np.arange(10.).reshape(2, 5)
    T = tf.constant(mixing) @ (x @ W)
    xs = np.random.default_rng(0).normal(size=(5, 4))
    with DeepExplain() as de:
        for name in 'grad*input', 'deeplift':
            np.testing.assert_allclose(de.explain(name, T, x, xs), mixing.sum(0)[:, None] * W.sum(1) * xs,
                                       rtol=1e-9)
            with pytest.raises(errors.ShapeError, match=r'an array of 5 rows was written into T .* but xs '
                                                        r'has 3 rows'):
                de.explain(name, T, x, xs[:3])


def test_targets_of_unknown_shape(session, x):
    scores = v1.placeholder_with_default(x @ W, None)
    total = v1.placeholder_with_default(tf.reduce_sum(x @ W, 1), None)
    with DeepExplain() as de:
        for name in ANYWHERE:
            expected = de.explain(name, x @ W, x, XS, ys=np.eye(3))
            np.testing.assert_allclose(de.explain(name, scores, x, XS, ys=np.eye(3)), expected, rtol=1e-9,
                                       atol=1e-12)
            with pytest.raises(errors.DeepExplainError):
                de.explain(name, scores, x, XS, ys=np.array([1., 2, 3]), batch_size=1)
            with pytest.raises(errors.DeepExplainError):
                de.explain(name, total, x, XS, ys=np.array([[1.], [2], [3]]))


def test_batch_statistics_are_refused(session):
    x = v1.placeholder(tf.float32, (None, 4, 4, 2))
    T = v1.nn.fused_batch_norm(x, [1., 1.], [0., 0.], is_training=True)[0]
    with DeepExplain() as de:
        for name in ANYWHERE:
            with pytest.raises(errors.TensorError, match='statistics of the batch'):
                de.explain(name, T, x, np.ones((2, 4, 4, 2)))
