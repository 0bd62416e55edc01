"""X that is not a placeholder, and several X of which one leads to the other."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.few import ANYWHERE
from tests.support.networks import v1

close = partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12)
W = np.array([[1., 2, 3], [4, 5, -6], [-7, 8, 9], [1, -1, 1]]) / 10
XS = np.random.default_rng(1).normal(size=(3, 4))
GRADIENTS = ['saliency', 'grad*input', 'intgrad', 'elrp', 'deeplift']


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


@pytest.mark.parametrize('name', GRADIENTS)
def test_order_of_the_inputs(session, x, name):
    y = v1.placeholder(tf.float64, (None, 4))
    T = tf.tanh(x @ W + 2 * (y @ W) * .1)
    with DeepExplain() as de:
        a, b = de.explain(name, T, [x, y], [XS, 3 * XS])
        b2, a2 = de.explain(name, T, [y, x], [3 * XS, XS])
    close(a2, a)
    close(b2, b)


def test_outputs_of_one_op_and_its_source_as_inputs(session, x):
    a, b = tf.split(x, 2, axis=1)
    T = tf.reduce_sum(a * 3., 1) + tf.reduce_sum(b * 5., 1) + tf.reduce_sum(x, 1)
    with DeepExplain() as de:
        for name in 'grad*input', 'intgrad', 'deeplift', 'elrp':
            _, second = de.explain(name, T, [a, x], [np.ones((1, 2)), np.ones((1, 4))])
            np.testing.assert_allclose(second, [[1, 1, 6, 6]])


def test_x_that_is_itself_a_product(session, x):
    scaled = x * 2.
    with DeepExplain() as de:
        for name in ANYWHERE:
            np.testing.assert_allclose(de.explain(name, scaled * np.ones((1, 4)), scaled, XS).shape, XS.shape)
            assert de.explain(name, scaled, scaled, XS).shape == XS.shape
