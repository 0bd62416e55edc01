"""What is fed beside X: rows, constants, values out of range; and what cannot be."""

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
GRADIENTS = ['saliency', 'grad*input', 'intgrad', 'elrp', 'deeplift']
ALL = ANYWHERE


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


@pytest.mark.parametrize('name', ALL)
def test_feeds_that_go_with_the_rows_of_a_fixed_batch(session, x, name):
    fixed, z = v1.placeholder(tf.float64, (2, 4)), v1.placeholder(tf.float64, (2, 4))
    other = np.random.default_rng(3).normal(size=(3, 4))
    with DeepExplain() as de:
        a = de.explain(name, tf.tanh((fixed + z) @ V), fixed, XS, feed_dict={z: other})
        open_z = v1.placeholder(tf.float64, (None, 4))
        close(a, de.explain(name, tf.tanh((x + open_z) @ V), x, XS, feed_dict={open_z: other}))


@pytest.mark.parametrize('name', ALL)
def test_other_placeholders_in_turn(session, x, name):
    a, b = (v1.placeholder_with_default(tf.constant(v, tf.float64), ()) for v in (2., 3.))
    T = tf.nn.softplus(x @ V * a + b)
    with DeepExplain() as de:
        got = [de.explain(name, T, x, XS, feed_dict=f) for f in ({a: 1.}, {b: 1.}, {a: 5., b: 7.}, {})]
        for g, (p, q) in zip(got, [(1., 3.), (2., 1.), (5., 7.), (2., 3.)]):
            close(g, de.explain(name, tf.nn.softplus(x @ V * p + q), x, XS))


@pytest.mark.parametrize('name', ALL)
def test_a_later_run_without_the_feed(session, x, name):
    rate = v1.placeholder(tf.float64, (), 'rate')
    with DeepExplain() as de:
        explainer = de.get_explainer(name, x @ V * rate, x)
        explainer.run(XS, feed_dict={rate: 2.})
        with pytest.raises(errors.FeedError, match='needs "rate:0"'):
            explainer.run(XS)


def test_rows_without_features_are_refused(session):
    x = tf.compat.v1.placeholder(tf.float64, (None, 0))
    with DeepExplain() as de:
        for method in 'occlusion', 'shapley_sampling', 'grad*input':
            with pytest.raises(errors.ShapeError):
                de.explain(method, tf.reduce_sum(x, 1), x, np.zeros((3, 0)))


class TestFeeds:
    def test_wrong_number_of_rows(self, session, x):
        z = v1.placeholder(tf.float64, (None, 4), 'z')
        with DeepExplain() as de:
            for batch_size in None, 2:
                with pytest.raises(errors.FeedError,
                                   match=r'feed_dict gives 2 rows for "z:0" .*, but xs has 3'):
                    de.explain('saliency', tf.reduce_sum(x * z, 1), x, XS, batch_size=batch_size,
                               feed_dict={z: np.ones((2, 4))})
            a = de.explain('saliency', tf.reduce_sum(x * z, 1), x, XS, feed_dict={z: np.full((1, 4), 2.)})
            np.testing.assert_allclose(a, 2)

    def test_shared_vector_as_long_as_the_batch(self, session, x):
        """Class weights in a placeholder of fixed shape are not rows, even if there are as many."""
        c = v1.placeholder(tf.float64, (3,))
        with DeepExplain() as de:
            for batch_size in None, 1:
                a = de.explain('grad*input', x @ W * c, x, XS, batch_size=batch_size,
                               feed_dict={c: [1., 10, 100]})
                np.testing.assert_allclose(a, XS * (W @ [1, 10, 100]))

    def test_between_x_and_t(self, session, x):
        h = x @ W
        with DeepExplain() as de:
            for name in ANYWHERE:
                with pytest.raises(errors.FeedError, match='lies between X and T'):
                    de.explain(name, tf.nn.relu(h), x, XS, feed_dict={h: np.ones((3, 3))})

    @pytest.mark.parametrize('value', ['a', [[1], [1, 2]], np.nan, 2 ** 40, 2.5])
    def test_bad_values(self, session, x, value):
        k = v1.placeholder(tf.int32, (), 'k')
        with DeepExplain() as de, pytest.raises(errors.DeepExplainError, match='feed_dict for "k:0"'):
            de.explain('saliency', x * tf.cast(k, x.dtype), x, XS, feed_dict={k: value})


class TestRanges:
    def test_integers(self, session):
        u = v1.placeholder(tf.int32, (None, 4))
        T = tf.cast(u, tf.float32) * 1.
        with DeepExplain() as de:
            for value in 1e10, np.inf, .5, 2 ** 40:
                with pytest.raises(errors.ValueRangeError):
                    de.explain('occlusion', T, u, np.full((1, 4), value))
            with pytest.raises(errors.ValueRangeError):
                de.explain('occlusion', T, u, np.ones((1, 4)), baseline=1e12)

    def test_attributions(self, session):
        h = v1.placeholder(tf.float16, (None, 2))
        T = tf.reduce_sum(tf.cast(h, tf.float32) * [300., 1.], 1)
        with DeepExplain() as de:
            for name in 'intgrad', 'occlusion', 'shapley_sampling':
                with pytest.raises(errors.ValueRangeError, match='leave the range of float16'):
                    de.explain(name, T, h, [[300., 1.]])


def test_constants_can_still_be_fed(session, x):
    """TensorFlow forbids to feed what it has once computed statically."""
    c = tf.constant(2., tf.float64)
    T = tf.nn.relu((x @ W) * c)
    with DeepExplain() as de:
        for name in GRADIENTS:
            de.explain(name, T, x, XS)
            de.explain(name, T * c, x, XS)
        assert session.graph.is_feedable(c)
        with pytest.raises(errors.FeedError, match=r'\(Const\), which cannot be fed'):
            de.explain('elrp', T, x, XS, feed_dict={c: 3.})
