"""Logits are found behind what makes probabilities of them, in any form; what is no probability is left
alone."""


import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from deepexplain2 import errors
from tests.support.logits import XS, Opened, told_of


def by_hand(z):
    e = tf.exp(z - tf.reduce_max(z, -1, keepdims=True))
    return e / tf.reduce_sum(e, -1, keepdims=True)


def shifted(z):
    e = tf.exp(z - tf.stop_gradient(tf.reduce_max(z, -1, keepdims=True)))
    return e / (tf.reduce_sum(e, -1)[..., None] + 1e-9)


inner = tf.function(lambda z: tf.nn.softmax(2 * z)[..., :2])
outer = tf.function(lambda z: tf.clip_by_value(inner(z + 1), 0., 1.))
own_gradient = tf.custom_gradient(lambda z: (tf.nn.softmax(z), lambda r: r))
# T of z, and its logits of z
SEEN = {
    'softmax': (tf.nn.softmax, lambda z: z),
    'axis 1': (lambda z: tf.nn.softmax(z, axis=1), lambda z: z),
    'tf_keras, axis 1': (lambda z: tf_keras.activations.softmax(z, axis=1), lambda z: z),
    'log-softmax': (tf.nn.log_softmax, lambda z: z),
    'log of a softmax': (lambda z: tf.math.log(tf.nn.softmax(z)), lambda z: z),
    'log-softmax by hand': (lambda z: z - tf.reduce_logsumexp(z, -1, keepdims=True), lambda z: z),
    'exp of a log-softmax': (lambda z: tf.exp(z - tf.reduce_logsumexp(z, -1, keepdims=True)), lambda z: z),
    'by hand': (by_hand, lambda z: z),
    'by hand, shift stopped': (shifted, lambda z: z),
    'by hand, exp written twice': (lambda z: tf.exp(z) / tf.reduce_sum(tf.exp(z), 1, keepdims=True),
                                   lambda z: z),
    'by hand, reciprocal': (
        lambda z: tf.exp(z) * tf.math.reciprocal(tf.reduce_sum(tf.exp(z), -1, keepdims=True)), lambda z: z),
    'temperature': (lambda z: tf.nn.softmax(z / 3), lambda z: z / 3),
    'sigmoid': (tf.sigmoid, lambda z: z),
    'sigmoid by hand': (lambda z: 1 / (1 + tf.exp(-z)), lambda z: z),
    'sigmoid by hand, of 2z': (lambda z: 1 / (tf.exp(-2 * z) + 1), lambda z: 2 * z),
    'sigmoid by hand, exp twice': (lambda z: tf.exp(z) / (1 + tf.exp(z)), lambda z: z),
    'sigmoid as tanh': (lambda z: .5 * (tf.tanh(.5 * z) + 1), lambda z: z),
    'sigmoid as tanh, of z': (lambda z: tf.tanh(z) * .5 + .5, lambda z: 2 * z),
    'other class': (lambda z: 1 - tf.sigmoid(z), lambda z: -z),
    'cast': (lambda z: tf.cast(tf.nn.softmax(z), tf.float64), lambda z: tf.cast(z, tf.float64)),
    'half': (lambda z: tf.cast(tf.nn.softmax(tf.cast(z, tf.float16)), tf.float32),
             lambda z: tf.cast(tf.cast(z, tf.float16), tf.float32)),
    'reshape': (lambda z: tf.reshape(tf.nn.softmax(z), [-1, 12]), lambda z: tf.reshape(z, [-1, 12])),
    'clip': (lambda z: tf.clip_by_value(tf.nn.softmax(z), 1e-7, 1 - 1e-7), lambda z: z),
    'transpose': (lambda z: tf.transpose(tf.nn.softmax(z), [0, 2, 1]), lambda z: tf.transpose(z, [0, 2, 1])),
    'entry': (lambda z: tf.nn.softmax(z)[:, 1, 2], lambda z: z[:, 1, 2]),
    'gather': (lambda z: tf.gather(tf.nn.softmax(z), [2, 0], axis=-1),
               lambda z: tf.gather(z, [2, 0], axis=-1)),
    'split': (lambda z: tf.split(tf.nn.softmax(z), 3, -1)[2], lambda z: z[..., 2:]),
    'identities': (lambda z: tf.identity(tf.identity_n([z, tf.nn.softmax(z)])[1]), lambda z: z),
    'heads': (lambda z: tf.concat([tf.nn.softmax(z), tf.nn.softmax(3 * z)], -1),
              lambda z: tf.concat([z, 3 * z], -1)),
    'stacked heads': (lambda z: tf.stack([1 - tf.sigmoid(z), tf.sigmoid(z)], -1),
                      lambda z: tf.stack([-z, z], -1)),
    'function': (inner, lambda z: (2 * z)[..., :2]),
    'function in a function': (outer, lambda z: (2 * (z + 1))[..., :2]),
    'custom gradient': (own_gradient, lambda z: z),
    'mask': (lambda z: tf.where(z > 5, tf.zeros_like(z), tf.nn.softmax(z)), lambda z: z),
}
LOGARITHMS = {'log-softmax', 'log of a softmax', 'log-softmax by hand'}
MIXED = {
    'average': lambda z: (tf.nn.softmax(z) + tf.nn.softmax(3 * z)) / 2,
    'average of a stack': lambda z: tf.reduce_mean(tf.stack([tf.nn.softmax(z), tf.nn.softmax(3 * z)]), 0),
    'weights': lambda z: .3 * tf.sigmoid(z) + .7 * tf.sigmoid(3 * z),
    'average over steps': lambda z: tf.reduce_mean(tf.nn.softmax(z), 1),
    'hierarchy': lambda z: tf.nn.softmax(z) * tf.gather(tf.nn.softmax(2 * z), [0, 0, 1], axis=-1),
    'experts': lambda z: tf.matmul(tf.nn.softmax(z), tf.nn.softmax(2 * z), transpose_b=True),
    'chosen by one-hot': lambda z: tf.reduce_sum(tf.nn.softmax(z) * tf.one_hot(tf.constant([1]), 3), -1),
    'largest': lambda z: tf.reduce_max(tf.nn.softmax(z), -1),
    'conditional': lambda z: tf.cond(tf.reduce_sum(z) > 0, lambda: tf.nn.softmax(z),
                                     lambda: tf.nn.softmax(2 * z)),
    'loop': lambda z: tf.transpose(tf.map_fn(tf.nn.softmax, tf.transpose(z, [1, 0, 2])), [1, 0, 2]),
    'box and score': lambda z: tf.concat([z[..., :2], tf.sigmoid(z[..., 2:])], -1),
    'multiple': lambda z: 100 * tf.nn.softmax(z) + 0,
    'labels smoothed': lambda z: .9 * tf.nn.softmax(z) + .1 / 3,
}
NEITHER = {
    'logits': lambda z: 2 * z,
    'swish': tf.nn.silu,
    'gate': lambda z: tf.sigmoid(z) * tf.tanh(z),
    'regression to a range': lambda z: 4 * tf.sigmoid(z) + 1,
    'attention': lambda z: tf.matmul(tf.nn.softmax(tf.matmul(z, z, transpose_b=True)), z),
    'residual': lambda z: z + tf.nn.softmax(z),
    'loss': lambda z: tf.reduce_mean((tf.nn.softmax(z) - [1., 0, 0]) ** 2, -1),
    'squashed on purpose without a gradient': lambda z: tf.stop_gradient(tf.sigmoid(z)),
    'exponential': lambda z: tf.exp(z) / 2,
    'another sum': lambda z: tf.exp(z) / tf.reduce_sum(tf.exp(2 * z), -1, keepdims=True),
    'dense after a softmax': lambda z: tf.tensordot(tf.nn.softmax(z), tf.ones((3, 2)), 1),
}


@pytest.mark.parametrize('name', SEEN)
def test_logits(name):
    f, logits = SEEN[name]
    o = Opened(f)
    want = logits(tf.constant(1.5 * XS)).numpy()
    with o.de as de:
        found = de.logits(o.T)
        assert found is not o.T and de.logits(o.T) is found
        ops = len(o.session.graph.get_operations())
        assert found.shape.as_list() == o.T.shape.as_list() and found.dtype == o.T.dtype
        np.testing.assert_allclose(o.session.run(found, {o.X: XS}), want, rtol=1e-6, atol=1e-6)
        told = told_of(de, o.T, o.X)
        assert len(told) == (0 if name in LOGARITHMS else 1) and all('de.logits(T)' in t for t in told)
        assert not told_of(de, found, o.X)
        assert len(o.session.graph.get_operations()) == ops
    o.session.close()


def test_what_is_there_is_not_made_again():
    for name in ('softmax', 'by hand', 'sigmoid by hand', 'sigmoid as tanh', 'clip', 'custom gradient',
                 'identities'):
        o = Opened(SEEN[name][0])
        ops = len(o.session.graph.get_operations())
        with o.de as de:
            assert de.logits(o.T).op.type == 'Mul' and len(o.session.graph.get_operations()) == ops, name
    o = Opened(SEEN['reshape'][0])
    with o.de as de:
        leaves = [t.name for t in de.outputs]
        assert de.logits(o.T).name.startswith('deepexplain2/') and [t.name for t in de.outputs] == leaves
    o = Opened(SEEN['reshape'][0])
    o.session.graph.finalize()
    with o.de as de, pytest.raises(errors.ContextError, match=r'finalized, and the logits of T "Reshape:0" '
                                                              r'need ops'):
        de.logits(o.T)


@pytest.mark.parametrize('name', MIXED)
def test_no_single_logits(name):
    o = Opened(MIXED[name])
    ops = len(o.session.graph.get_operations())
    with o.de as de:
        with pytest.raises(errors.TensorError, match=r'has no single logits: it .* Target what goes into "'):
            de.logits(o.T)
        assert len(told_of(de, o.T, o.X)) == 1
        assert len(o.session.graph.get_operations()) == ops
    o.session.close()


@pytest.mark.parametrize('name', NEITHER)
def test_no_probabilities(name):
    o = Opened(NEITHER[name])
    with o.de as de:
        assert de.logits(o.T) is o.T and not told_of(de, o.T, o.X)
    o.session.close()


def test_conditional_of_tf1():
    o = Opened(MIXED['conditional'], control_flow_v2=False)
    assert any(op.type == 'Merge' for op in o.session.graph.get_operations())
    with o.de as de, pytest.raises(errors.TensorError, match='comes out of a loop or conditional'):
        de.logits(o.T)
