"""Gradients of T with respect to tensors between X and T, and their values: what TensorFlow finds in a graph
of its own."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.engine.batch import Batch
from deepexplain2.engine.model import Model
from deepexplain2.engine.row_data import Weights
from deepexplain2.request.evaluate import score, values
from deepexplain2.request.form import ONE
from deepexplain2.request.options import Options
from deepexplain2.targets.units import Units
from tests.support.networks import v1

RNG = np.random.default_rng(0)
W, V, K = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=(2, 2, 1, 3))
ROWS = RNG.normal(size=(5, 4))


def dense(x):
    h = tf.tanh(x @ W)
    return h, tf.exp(.3 * h) @ V


def conv(x):
    h = tf.nn.softplus(tf.nn.conv2d(tf.reshape(x, [-1, 2, 2, 1]), K, 1, 'SAME'))
    return h, tf.reduce_mean(h ** 2, [1, 2]) @ V


def nested(x):
    """A residual connection, and h again further on."""
    h = tf.tanh(x @ W)
    return h, (h + tf.sin(h * h)) @ V * tf.reduce_sum(h, 1, keepdims=True)


def function_called(x):
    """Downstream of a function, whose output is the tensor, and upstream of another one."""
    h = tf.tanh(tf.function(lambda x: tf.sin(x) @ W)(x))
    return h, tf.function(lambda h: tf.tanh(h) @ V)(h)


NETS = {f.__name__: f for f in (dense, conv, nested, function_called)}


def expected(net, xs):
    """(activations, gradients of T, summed over its units, with respect to them) by tf.gradients."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float64, (None, 4))
        h, t = net(x)
        return session.run([h, tf.gradients(t, h)[0]], {x: xs})


def evaluated(model, query, xs, rows=None):
    weights = Weights(None, None, 0, True, np.float64)
    rows = np.arange(len(xs)) if rows is None else rows
    return query.evaluate(Batch([xs[rows]], rows, [xs], weights, {}, True, len(rows)))


@pytest.mark.parametrize('name', NETS)
@pytest.mark.parametrize('batch', [None, 5])
def test_gradients_and_values_at_a_layer(name, batch, session):
    x = v1.placeholder(tf.float64, (batch, 4), 'x')
    h, t = NETS[name](x)
    model = Model(session, t, [x])
    query = model.gradient('gradcam', at=[h])
    activation, gradient = expected(NETS[name], ROWS)
    for rows in [np.arange(5)] if batch else [np.arange(5), np.arange(2), np.array([3])]:
        for _ in range(3):                              # what is learned from a run changes nothing
            answers = evaluated(model, query, ROWS, rows)
            np.testing.assert_allclose(answers['activation'][0], activation[rows], rtol=1e-12)
            np.testing.assert_allclose(answers['layer_gradient'][0], gradient[rows], rtol=1e-10, atol=1e-12)
    plain = evaluated(model, model.gradient('saliency'), ROWS)
    np.testing.assert_allclose(evaluated(model, query, ROWS)['gradient'][0], plain['gradient'][0], rtol=1e-12)
    assert model.gradient('gradcam', at=[h]) is query and model.gradient('saliency') is not query


def test_x_and_t_are_layers_too(session):
    x = v1.placeholder(tf.float64, (None, 4), 'x')
    _, t = dense(x)
    model = Model(session, t, [x])
    answers = evaluated(model, model.gradient('layers', at=[x, t]), ROWS)
    np.testing.assert_array_equal(answers['activation'][0], ROWS)
    np.testing.assert_allclose(answers['layer_gradient'][0], answers['gradient'][0], rtol=1e-12)
    np.testing.assert_array_equal(answers['layer_gradient'][1], np.ones((5, 2)))


def test_what_is_no_layer(session):
    x = v1.placeholder(tf.float64, (None, 4), 'x')
    h, t = dense(x)
    aside = tf.identity(tf.cos(x), 'aside')
    whole = tf.identity(tf.cast(tf.round(h), tf.int32), 'whole')
    turned = tf.transpose(h, name='turned')
    model = Model(session, tf.transpose(turned) @ V + t, [x])
    for tensor in aside, tf.constant(1., tf.float64, name='constant'), whole:
        with pytest.raises(errors.PathError, match=f'tensor "{tensor.op.name}:0"'):
            model.gradient('gradcam', at=[tensor])
    with pytest.raises(errors.TensorError, match=r'tensor "turned:0" has shape .* its first axis is not'):
        evaluated(model, model.gradient('gradcam', at=[turned]), ROWS[:4])


def test_values_in_batches(session):
    x = v1.placeholder(tf.float64, (None, 4), 'x')
    scale = v1.placeholder(tf.float64, (None, 1), 'scale')
    h, t = dense(x * scale)
    classes = tf.argmax(t, 1)
    factors = RNG.normal(size=(5, 1))
    want = session.run([h, classes], {x: ROWS, scale: factors})
    models, told = [Model(session, tensor, [x]) for tensor in (h, classes)], []
    for size in None, 1, 2, 5:
        options = Options(size, feed_dict={scale: factors}, progress=told.append)
        found = values(models, ONE, ROWS, options)
        for a, b in zip(found, want):
            np.testing.assert_allclose(a, b, rtol=1e-12)
            assert a.dtype == b.dtype
        assert told[-1].done == told[-1].total == 5
    labels = np.array([0, 1, 1, 0, 1])
    got = score(Model(session, t, [x]), Units(t), ONE, ROWS, labels, Options(2, {scale: factors}))
    np.testing.assert_allclose(got, session.run(t, {x: ROWS, scale: factors})[np.arange(5), labels],
                               rtol=1e-12)
    with pytest.raises(errors.FeedError, match='needs "scale:0"'):
        values(models, ONE, ROWS)
    with pytest.raises(errors.ShapeError, match='xs has shape'):
        values(models, ONE, ROWS[:, :2], Options(feed_dict={scale: factors}))
    mixed = Model(session, tf.tanh(x - tf.reduce_mean(x, 0)), [x])
    with pytest.raises(errors.TensorError, match='changes with the other rows'):
        values([mixed], ONE, ROWS)


def test_values_with_a_fixed_batch_and_without_one(session):
    x = v1.placeholder(tf.float64, (2, 4), 'x')
    h, _ = dense(x)
    found, = values([Model(session, h, [x])], ONE, ROWS)
    np.testing.assert_allclose(found, np.tanh(ROWS @ W), rtol=1e-12)
    y = v1.placeholder(tf.float64, (None, 4), 'y')
    total = Model(session, tf.reduce_sum(y), [y])
    np.testing.assert_allclose(values([total], ONE, ROWS)[0], ROWS.sum(1), rtol=1e-12)


def test_layers_under_rules(session):
    """The multipliers of DeepLIFT at a layer explain what T gains from its reference."""
    x = v1.placeholder(tf.float64, (None, 4), 'x')
    h, t = dense(x)
    with DeepExplain(session) as de:
        book = de.get_explainer('deeplift', t, x)._method.book
    model = Model(session, t, [x])
    query = model.relevance(book, 'deeplift', at=[h])
    weights = Weights(None, None, 0, True, np.float64)
    for _ in range(3):
        answers = query.evaluate(Batch([ROWS, np.zeros((1, 4))], np.arange(5), [ROWS], weights, {}, True, 5))
        gain = (answers['layer_gradient'][0] * answers['activation'][0]).sum(1)     # h is 0 at the reference
        np.testing.assert_allclose(gain, (np.exp(.3 * np.tanh(ROWS @ W)) @ V - V.sum(0)).sum(1), rtol=1e-9)
