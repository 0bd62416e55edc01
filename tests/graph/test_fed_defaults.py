"""A placeholder whose default takes its shape from X: what is fed in its place counts, with every method."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.networks import v1

RNG = np.random.default_rng(0)
XS, MASK, W = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4)), RNG.normal(size=(4, 3))
METHODS = 'saliency', 'grad*input', 'intgrad', 'elrp', 'deeplift', 'occlusion', 'shapley_sampling'


def attributions(method, mask, feed):
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session=session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        M = v1.placeholder_with_default(tf.ones_like(X), (None, 4)) if mask is None else tf.constant(mask)
        T = tf.tanh(tf.matmul(X * M, W))
        return de.explain(method, T, X, XS, **({'feed_dict': {M: feed}} if feed is not None else {}))


@pytest.mark.parametrize('method', METHODS)
def test_fed_default_is_taken(method):
    np.testing.assert_allclose(attributions(method, None, MASK), attributions(method, MASK, None), rtol=1e-9,
                               atol=1e-12)


@pytest.mark.parametrize('method', METHODS)
def test_default_is_taken_where_nothing_is_fed(method):
    np.testing.assert_allclose(attributions(method, None, None), attributions(method, np.ones((5, 4)), None),
                               rtol=1e-9, atol=1e-12)
