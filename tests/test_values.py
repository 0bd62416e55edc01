"""Values of tensors in batches, without attributions: de.value and de.activations."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

RNG = np.random.default_rng(0)
U, V = RNG.normal(size=(4, 6)), RNG.normal(size=(6, 3))
XS = RNG.normal(size=(7, 4))
HIDDEN = np.tanh(XS @ U)


@pytest.fixture(scope='module')
def made():
    graph = tf.Graph()
    session = v1.Session(graph=graph)
    with graph.as_default():
        X = v1.placeholder(tf.float64, (None, 4), 'x')
        hidden = tf.tanh(X @ U, name='hidden')
        T = tf.identity(hidden @ V, 'out')
    yield DeepExplain(session), X, hidden, T
    session.close()


@pytest.fixture
def net(made):
    """(de, X, hidden, T) in a session, whose graph is the default graph."""
    with made[0]:
        yield made


@pytest.mark.parametrize('batch_size', [None, 1, 3, 64])
def test_any_tensor(net, batch_size):
    de, X, hidden, T = net
    for tensor, expected in ((T, HIDDEN @ V), (hidden, HIDDEN), ('hidden', HIDDEN), (X, XS),
                             (tf.argmax(T, 1), (HIDDEN @ V).argmax(1)), (T > 0, HIDDEN @ V > 0),
                             (tf.cast(T * 10, tf.int32), (HIDDEN @ V * 10).astype(int))):
        for _ in range(3):
            got = de.value(tensor, X, XS, batch_size=batch_size)
            assert got.dtype == expected.dtype or got.dtype.kind == expected.dtype.kind
            np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_what_is_explained(net):
    """With ys the number that attributions are about."""
    de, X, _, T = net
    classes, weights = np.array([0, 2, 1, 1, 0, 2, 0]), RNG.normal(size=(7, 3))
    np.testing.assert_allclose(de.value(T, X, XS, classes), (HIDDEN @ V)[range(7), classes])
    np.testing.assert_allclose(de.value(T, X, XS, weights, batch_size=2), (HIDDEN @ V * weights).sum(1))
    a, delta = de.explain('deeplift', T, X, XS, classes, return_delta=True)
    at_zero = de.value(T, X, np.zeros((1, 4)), [0])[0]
    found = de.value(T, X, XS, classes) - a.sum(1) - delta
    np.testing.assert_allclose(found[classes == 0], at_zero, atol=1e-12)


def test_structures_of_layers(net):
    de, X, hidden, T = net
    by_name = de.activations({'h': hidden, 'all': [T, 'x']}, X, XS, batch_size=3)
    np.testing.assert_allclose(by_name['h'], HIDDEN)
    np.testing.assert_allclose(by_name['all'][0], HIDDEN @ V)
    np.testing.assert_allclose(by_name['all'][1], XS)
    a, b = de.activations((hidden, T), X, XS)
    assert a.shape == (7, 6) and b.shape == (7, 3)


def test_other_inputs_and_several(net):
    de, X, _, T = net
    other, rate = v1.placeholder(tf.float64, (None, 3)), v1.placeholder(tf.float64, ())
    rows = RNG.normal(size=(7, 3))
    for batch_size in None, 2:
        got = de.value(T * rate + other, X, XS, batch_size=batch_size, feed_dict={other: rows, rate: 2.})
        np.testing.assert_allclose(got, HIDDEN @ V * 2 + rows)
        np.testing.assert_allclose(de.value(T + other, [X, other], [XS, rows], batch_size=batch_size),
                                   HIDDEN @ V + rows)


def test_layers_of_one_branch_each(net):
    """Each layer takes the inputs that it depends on."""
    de, X, hidden, T = net
    Y = v1.placeholder(tf.float64, (None, 2))
    other, ys = tf.sinh(Y), RNG.normal(size=(7, 2))
    a, b, c = de.activations([hidden, other, tf.concat([hidden, other], 1)], [X, Y], [XS, ys], batch_size=3)
    np.testing.assert_allclose(a, HIDDEN)
    np.testing.assert_allclose(b, np.sinh(ys))
    np.testing.assert_allclose(c, np.c_[HIDDEN, np.sinh(ys)])
    with pytest.raises(errors.ShapeError, match='a list of 2 tensors'):
        de.activations([hidden], [X, Y], [XS])


def test_a_fixed_batch(net):
    de = net[0]
    fixed = v1.placeholder(tf.float64, (3, 4))
    np.testing.assert_allclose(de.value(tf.tanh(fixed @ U), fixed, XS), HIDDEN)


def test_refused(net):
    de, X, hidden, T = net
    for error, said, call in (
            (errors.PathError, 'does not depend', lambda: de.value(tf.constant([1.]), X, XS)),
            (errors.ShapeError, 'xs has shape', lambda: de.value(T, X, XS[:, :2])),
            (errors.ValueRangeError, 'NaN', lambda: de.activations(hidden, X, XS * np.nan)),
            (errors.TensorError, 'changes with the other rows',
             lambda: de.value(T - tf.reduce_mean(T, 0), X, XS)),
            (errors.ParameterError, 'value has no option .batchsize.. Did you mean "batch_size"',
             lambda: de.value(T, X, XS, batchsize=2)),
            (errors.ParameterError, 'activations has no option',
             lambda: de.activations(T, X, XS, return_delta=True)),
            (errors.ParameterError, 'batch_size must be', lambda: de.value(T, X, XS, batch_size=0)),
            (errors.TensorError, 'no tensor', lambda: de.activations(['hiden'], X, XS))):
        with pytest.raises(error, match=said):
            call()


def test_of_a_keras_model_after_the_context():
    keras = pytest.importorskip('keras')
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, 'tanh', name='first'),
                              keras.layers.Dense(3)])
    with DeepExplain.from_keras(model) as de:
        pass
    expected = keras.Model(model.inputs, model.get_layer('first').output).predict(XS.astype('float32'),
                                                                                  verbose=0)
    np.testing.assert_allclose(de.activations('first', de.inputs[0], XS), expected, rtol=1e-5)
    np.testing.assert_allclose(de.value(de.outputs[0], de.inputs[0], XS), model.predict(XS, verbose=0),
                               rtol=1e-5)
    de.close()
    with pytest.raises(errors.ContextError, match='closed'):
        de.value(de.outputs[0], de.inputs[0], XS)
