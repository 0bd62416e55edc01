"""Values and gradients of tensors between X and T, from one copy of the graph."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2.errors import PathError
from deepexplain2.graph.clone import Copy
from deepexplain2.graph.path import Path
from deepexplain2.graph.rulebook import Rulebook, table
from deepexplain2.rules.lrp.epsilon import epsilon
from tests.support.networks import v1

XS = np.random.default_rng(0).normal(size=(4, 3))
PLAIN = Rulebook()


def network():
    X = v1.placeholder(tf.float64, [None, 3])
    a = tf.tanh(X)
    b = a * a
    return X, a, b, tf.reduce_sum(a * b, 1)


@pytest.mark.parametrize('jit', [False, True])
@pytest.mark.parametrize('with_value', [False, True])
def test_plain_gradients(jit, with_value):
    """Total derivatives, through the other tensors asked for as well; X itself may be among them."""
    with tf.Graph().as_default() as graph:
        X, a, b, T = network()
        clone = Copy(Path(T, [X]), PLAIN, jit).install('at', with_value, [a, b, X, a])
        with v1.Session(graph=graph) as session:
            r, gradients, activations, value = session.run(
                [clone.relevances, clone.layer_gradients, clone.activations,
                 clone.value if with_value else T], {X: XS})
            plain = session.run(clone.plain, {X: XS}) if jit else []
    a = np.tanh(XS)
    by_x = 3 * a ** 2 * (1 - a ** 2)
    for got, expected in zip([*r, *gradients], [by_x, 3 * a ** 2, a, by_x, 3 * a ** 2]):
        np.testing.assert_allclose(got, expected, rtol=1e-10)
    for got, expected in zip(activations, [a, a ** 2, XS, a]):
        np.testing.assert_allclose(got, expected, rtol=1e-10)
    np.testing.assert_allclose(value, (a ** 3).sum(1), rtol=1e-10)
    for got, other in zip(plain, [*r, *([value] if with_value else []), *gradients, *activations]):
        np.testing.assert_allclose(got, other, rtol=1e-10)


def test_under_rules_and_weights():
    with tf.Graph().as_default() as graph:
        X = v1.placeholder(tf.float64, [None, 3])
        a = tf.tanh(X)
        T = tf.sin(a)
        book = Rulebook((table('', dict.fromkeys(['Tanh', 'Sin'], epsilon(.1, False))),))
        clone = Copy(Path(T, [X]), book).install('at', at=[a])
        with v1.Session(graph=graph) as session:
            got, = session.run(clone.layer_gradients, {X: XS, clone.weights: [0., 2., 1.]})
    a = np.tanh(XS)
    np.testing.assert_allclose(got, [0., 2., 1.] * np.sin(a) / (a + .1 * np.sign(a)), rtol=1e-10)


def test_outputs_of_functions():
    with tf.Graph().as_default() as graph:
        X = v1.placeholder(tf.float64, [None, 3])
        a = tf.function(tf.tanh)(X)
        clone = Copy(Path(a ** 3, [X]), PLAIN).install('at', at=[a])
        with v1.Session(graph=graph) as session:
            got, value = session.run([clone.layer_gradients[0], clone.activations[0]], {X: XS})
    np.testing.assert_allclose(value, np.tanh(XS), rtol=1e-10)
    np.testing.assert_allclose(got, 3 * np.tanh(XS) ** 2, rtol=1e-10)


def test_a_tensor_elsewhere():
    with tf.Graph().as_default():
        X, _, _, T = network()
        with pytest.raises(PathError, match='not found between X and T'):
            Copy(Path(T, [X]), PLAIN).install('at', at=[tf.exp(X)])


def test_a_tensor_that_no_gradient_reaches():
    with tf.Graph().as_default():
        X = v1.placeholder(tf.float64, [None, 3])
        a = tf.exp(X)
        copy = Copy(Path(tf.reduce_sum(X + tf.round(a), 1), [X]), PLAIN)
        with pytest.raises(PathError, match=r'no gradient of T .* by X "Exp:0"'):
            copy.install('at', at=[a])
