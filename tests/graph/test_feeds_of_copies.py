"""Feeds of tensors that a copy of the graph does not read: honoured by what runs the graph, else refused."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

XS = np.random.default_rng(0).normal(size=(3, 4))
COPIED = ['saliency', 'grad*input', 'intgrad', 'elrp', 'deeplift']
EVALUATED = ['occlusion', 'shapley_sampling']
# name -> (a tensor of X, T made of X and it, what is fed, T with it)
CASES = {
    'takes the shape of X': (lambda x: tf.fill(tf.shape(x), tf.constant(1., x.dtype)),
                             lambda x, t: tf.tanh(x) * t, np.full((3, 4), 5.)),
    'zeros like X': (tf.zeros_like, lambda x, t: tf.tanh(x) + x * t, np.full((3, 4), 5.)),
    'further upstream': (lambda x: tf.shape(x)[1], lambda x, t: tf.tanh(x) * tf.cast(t, x.dtype), 5),
    'an index of constants': (lambda x: tf.identity(1), lambda x, t: tf.tanh(tf.gather(x, t, axis=1)), 2),
    'behind a cast': (lambda x: tf.identity(1.),
                      lambda x, t: tf.tanh(tf.gather(x, tf.cast(t, tf.int32), axis=1)), 2.),
}


@pytest.mark.parametrize('case', CASES)
def test_refused_by_methods_that_copy(session, case):
    make, build, value = CASES[case]
    x = v1.placeholder(tf.float64, (None, 4))
    t = make(x)
    T = build(x, t)
    with DeepExplain() as de:
        for method in COPIED:
            explainer = de.get_explainer(method, T, x)
            plain = explainer.run(XS)
            with pytest.raises(errors.FeedError, match=r'would not count.*use .*occlusion, .*shapley'):
                explainer.run(XS, feed_dict={t: value})
            np.testing.assert_array_equal(explainer.run(XS), plain)
        want = build(x, tf.constant(value, t.dtype))
        for method in EVALUATED:
            np.testing.assert_allclose(de.explain(method, T, x, XS, feed_dict={t: value}, batch_size=3),
                                       de.explain(method, want, x, XS, batch_size=3))


def test_what_is_read_counts(session):
    """Weights that are computed of constants are not copied."""
    x = v1.placeholder(tf.float64, (None, 4))
    c = tf.constant(2., tf.float64) * .5
    with DeepExplain() as de:
        for method in COPIED:
            np.testing.assert_allclose(de.explain(method, tf.tanh(x) * c, x, XS, feed_dict={c: 5.}),
                                       de.explain(method, tf.tanh(x) * 5., x, XS))
