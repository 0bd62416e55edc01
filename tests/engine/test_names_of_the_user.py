"""Any name may be that of an op of the user."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.attribution.propagation.elrp import EpsilonLRP
from tests.support.few import ANYWHERE, few
from tests.support.networks import v1

ROWS = np.random.default_rng(0).normal(size=(3, 4))
W = np.random.default_rng(1).normal(size=(4, 2))


def scopes(x):
    """Names that a copy could take: those of its own scopes, and one below that of a function call or a
    choice."""
    # TensorFlow's own inlining aborts at such names
    f = tf.function(lambda z: tf.tanh(z) * 2, experimental_attributes={'_noinline': True})
    f = f.get_concrete_function(tf.TensorSpec((None, 4), tf.float64))
    y = f(x)
    call = y.op
    while not call.type.endswith('PartitionedCall'):
        call = call.inputs[0].op
    y = tf.sigmoid(y, name=f'{call.name}/mul/')
    w = tf.identity(tf.constant(W[:, 0]), 'deepexplain2.actual/chosen')
    y = tf.where(y > w, y * w, y, name='chosen')
    y = tf.sigmoid(y, name='chosen/chosen/')
    return tf.reduce_sum(tf.tanh(tf.identity(tf.constant(W[:, 1]), 'Tanh/twin') * y + w), 1)


def variables(x):
    """Loop variables called a and a_reference, an op of the body in a scope of that name."""
    def body(i, a, b):
        with tf.name_scope('reference'):
            return i + 1, tf.tanh(a * b), tf.sigmoid(b)
    _, a, b = tf.while_loop(lambda i, a, b: i < 3, body, (0, tf.identity(x, 'a'),
                                                          tf.identity(2 * x, 'a_reference')))
    return tf.reduce_sum(a + b, 1)


def unrolled(x):
    a, b = x, 2 * x
    for _ in range(3):
        a, b = tf.tanh(a * b), tf.sigmoid(b)
    return tf.reduce_sum(a + b, 1)


def plain(x):
    y = tf.sigmoid(tf.tanh(x) * 2)
    y = tf.sigmoid(tf.where(y > W[:, 0], y * W[:, 0], y))
    return tf.reduce_sum(tf.tanh(W[:, 1] * y + W[:, 0]), 1)


@pytest.mark.parametrize('named, other', [(scopes, plain), (variables, unrolled)])
def test_any_name_of_the_user(named, other, session):
    x, y = (v1.placeholder(tf.float64, (None, 4)) for _ in range(2))
    T, U = named(x), other(y)
    with DeepExplain(session) as de:
        for name in ANYWHERE:
            # what enters a loop as a signal and goes on as a sigmoid is no gate inside of it
            method = EpsilonLRP(products='uniform') if name == 'elrp' else few(name)
            np.testing.assert_allclose(de.explain(method, T, x, ROWS), de.explain(method, U, y, ROWS),
                                       rtol=1e-9, atol=1e-12)
