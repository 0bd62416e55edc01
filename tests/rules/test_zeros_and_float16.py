"""Rules where a sum is 0, where x and its reference agree, and in float16."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import ACTIVATIONS, v1

close = partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12)


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


@pytest.mark.parametrize('name', ['sigmoid', 'softplus'])     # f(0) != 0
def test_sign_of_zero_is_plus_in_the_epsilon_rule(session, name):
    function, f, _ = ACTIVATIONS[name]
    x = v1.placeholder(tf.float64, (None, 2))
    with DeepExplain() as de:
        a, b = (de.explain('elrp', function(tf.reduce_sum(x, 1)), x, [[1., -1.]], epsilon=.5, offset=offset)
                for offset in ('pass', 'absorb'))
    close(a, f(np.zeros(1)) / .5 * [[1, -1]])
    close(b, [[0, 0]])


@pytest.mark.parametrize('name', ACTIVATIONS)
def test_multiplier_is_the_derivative_where_x_and_reference_agree(session, name):
    """Different x with the same pre-activation: nothing is multiplied by zero."""
    function, _, derivative = ACTIVATIONS[name]
    x, c = v1.placeholder(tf.float64, (None, 2)), np.array([-2., -.5, .5, 3., 7.])
    with DeepExplain() as de:
        a = de.explain('deeplift', function(tf.reduce_sum(x, 1, keepdims=True) + c), x,
                       np.tile([[1., -1.]], (5, 1)), ys=np.arange(5))
    np.testing.assert_allclose(a, derivative(c)[:, None] * [[1, -1]], rtol=1e-12, atol=1e-14)


def test_small_epsilon_in_float16(session):
    x = v1.placeholder(tf.float16, (None, 2))
    with DeepExplain() as de:
        close(de.explain('elrp', tf.nn.relu(x), x, [[0., 1.]], epsilon=1e-8), [[0, 1]])


@pytest.mark.parametrize('name', ACTIVATIONS)
def test_neighbours_in_float16(session, name):
    function, f, _ = ACTIVATIONS[name]
    a = np.array([-3., -.5, -.1, -.01, .01, .1, .5, 3.], 'float16').repeat(3)
    b = a + (np.tile([1, 4, 16], 8) * np.spacing(a)).astype('float16')
    x = v1.placeholder(tf.float16, (None, a.size))
    with DeepExplain() as de:
        got = de.explain('deeplift', function(x), x, a[None], ys=np.full((1, a.size), 1024.),
                         baseline=b)[0].astype(float) / 1024
    u, v = a.astype(float), b.astype(float)
    np.testing.assert_allclose(got / (u - v), (f(u) - f(v)) / (u - v), rtol=1.2e-3, atol=1e-6)


def test_pairs_in_float16(session):
    """The quotient of two differences is taken in float32."""
    x = v1.placeholder(tf.float16, (None, 2))
    xs = np.random.default_rng(0).uniform(.3, 1., (40, 2)).astype(np.float16)
    b = (xs + np.random.default_rng(1).uniform(.1, .2, (40, 2))).astype(np.float16)
    with DeepExplain() as de:
        for f, exact in (tf.pow, np.power), (tf.math.xlogy, lambda u, v: u * np.log(v)):
            a = de.explain('deeplift', f(x[:, 0], x[:, 1]), x, xs, baseline=b, average=False).astype(float)
            expected = exact(*xs.T.astype(float)) - exact(*b.T.astype(float))
            np.testing.assert_allclose(a.sum(1), expected, atol=3e-4)


@pytest.mark.parametrize('op', ['Prod', 'Cumprod', 'UnsortedSegmentProd'])
def test_products_along_an_axis_are_not_linear(session, x, op):
    f = {'Prod': lambda h: tf.reduce_prod(h, 1), 'Cumprod': lambda h: tf.math.cumprod(h, 1),
         'UnsortedSegmentProd': lambda h: tf.transpose(tf.math.unsorted_segment_prod(tf.transpose(h),
                                                                                     [0, 0, 1, 1], 2))}[op]
    with DeepExplain() as de, pytest.warns(errors.NonlinearOpWarning, match=rf'\({op}\)'):
        de.get_explainer('elrp', f(x), x)
