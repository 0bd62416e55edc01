"""A pass is one function and one entry of a rulebook."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2.graph.clone import Copy
from deepexplain2.graph.passes import ALONE, WITH_REFERENCE
from deepexplain2.graph.path import Path
from deepexplain2.graph.rulebook import Rulebook, table
from deepexplain2.rules.deeplift import rescale
from tests.support.networks import v1

XS = np.random.default_rng(0).normal(size=(4, 3))


def softplus_for_relu(nodes, context):
    """Softplus in place of every ReLU, in functions too."""
    for group in nodes.node, *(f.node_def for f in nodes.library.function):
        for node in group:
            if node.op == 'Relu':
                node.op = 'Softplus'


def without_last_tanh(nodes, context):
    """New nodes, in which a Tanh is an Identity."""
    new = type(nodes)()
    new.CopyFrom(nodes)
    for node in new.node:
        if node.op == 'Tanh':
            node.op = 'Identity'
    return new


def gradient(T, X, book, *baseline):
    clone = Copy(Path(T, [X]), book).install('gradient')
    with v1.Session(graph=T.graph) as session:
        return session.run([clone.relevances[0], T], {X: XS, **dict(zip(clone.baselines, baseline))})


@pytest.mark.parametrize('in_loop', [False, True])
def test_a_pass_rewrites_the_copy_alone(in_loop):
    with tf.Graph().as_default():
        X = v1.placeholder(tf.float64, [None, 3])
        h = tf.while_loop(lambda k, h: k < 1, lambda k, h: (k + 1, tf.nn.relu(h)), [0, X])[1] if in_loop \
            else tf.nn.relu(X)
        T = tf.tanh(h)
        got, value = gradient(T, X, Rulebook(passes=(softplus_for_relu, without_last_tanh, *ALONE)))
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-XS)), rtol=1e-10)
    np.testing.assert_allclose(value, np.tanh(np.maximum(XS, 0)), rtol=1e-10)


def test_a_pass_beside_a_reference():
    """Rescale on softplus, which a pass put in place of ReLU."""
    with tf.Graph().as_default():
        X = v1.placeholder(tf.float64, [None, 3])
        book = Rulebook((table('Rescale', rescale.RULES),), (softplus_for_relu, *WITH_REFERENCE))
        got, _ = gradient(tf.nn.relu(X), X, book, np.full((4, 3), .5))
    expected = (np.log1p(np.exp(XS)) - np.log1p(np.exp(.5))) / (XS - .5)
    np.testing.assert_allclose(got, expected, rtol=1e-10)


def test_passes_count_for_equality():
    books = [Rulebook(), Rulebook(passes=(softplus_for_relu, *ALONE)), Rulebook(passes=WITH_REFERENCE)]
    assert len({book.key for book in books}) == 3
    assert [book.reference for book in books] == [False, False, True]
