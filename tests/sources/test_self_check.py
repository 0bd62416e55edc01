"""Every way in checks that the graph is the model."""

import random
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.self_check import Always, Doubles, sequential

L = keras.layers


class Noise(L.Layer):
    def call(self, x):
        return x + np.random.normal(size=3).astype('f4')


class Counts(L.Layer):
    count = 0

    def call(self, x):
        Counts.count += 1
        return x * Counts.count


class Longer(L.Layer):
    """Takes the length of the rows for the number of rows, where the number is not known."""

    def call(self, x):
        n = x.shape[1] or tf.shape(x)[0]
        return x[:, :n] * 2


class GraphFails(L.Layer):
    def call(self, x):
        return x if tf.executing_eagerly() else tf.reshape(x, [5, 3])


WRONG = {
    'time axis': (lambda: sequential((None, 4), L.TimeDistributed(L.Dense(1))), r'has shape \(3, 3, 1\) in '
                                                                                r'the graph and \(3, 5, 1\) '
                                                                                r'in the model'),
    'length for rows': (lambda: sequential((None, 4), Longer()), 'has shape .* open axis that Keras resolves '
                                                                 'wrongly'),
    'graph only': (lambda: sequential((3,), Doubles()), r'output "doubles.*" differs by up to .* where the '
                                                        r'largest value is .*training mode'),
    'rare unit': (lambda: sequential((3,), L.Dense(400), L.Lambda(lambda x: x if tf.executing_eagerly()
                                                                  else x + tf.one_hot(7, 400) * .2)),
                  'differs by up to 0.2 where'),
    'small input, large bias': (lambda: sequential((3,), L.Rescaling(1 / 255.), Doubles(),
                                                   L.Dense(2, bias_initializer='ones')), 'differs by up to'),
    'numpy noise': (lambda: sequential((3,), Noise()), 'differs|another answer every time'),
    'counter': (lambda: sequential((3,), Counts()), 'another answer every time, and the graph, which draws '
                                                    'no random numbers'),
    'graph fails': (lambda: sequential((3,), GraphFails()), r'the graph fails on inputs of shape \(3, 3\), '
                                                            r'where the model works'),
    'rounded': (lambda: sequential((3,), L.Lambda(lambda x: x if tf.executing_eagerly()
                                                  else tf.cast(tf.cast(x, tf.float16), tf.float32) * 1.2)),
                'differs by up to'),
    'integers': (lambda: sequential((3,), L.Lambda(
        lambda x: tf.argmax(x if tf.executing_eagerly() else -x, -1))), 'differs by up to [12] where'),
    'nan': (lambda: sequential((3,), L.Lambda(lambda x: x if tf.executing_eagerly() else tf.math.log(x))),
            'is NaN, infinite or another text in one'),
}


@pytest.mark.parametrize('name', WRONG)
def test_graph_that_is_not_the_model(name):
    make, message = WRONG[name]
    model = make()
    with pytest.raises(errors.SourceError, match=message) as caught:
        DeepExplain.from_keras(model)
    assert str(caught.value).startswith('from_keras: the ') and 'check=False' in str(caught.value)
    if name != 'graph fails':
        DeepExplain.from_keras(model, check=False)


def test_fixed_length_is_the_way_out():
    model = sequential((None, 4), L.TimeDistributed(L.Dense(1)))
    x = np.random.default_rng(0).normal(size=(3, 7, 4)).astype('f4')
    with DeepExplain.from_keras(model, input_signature=[tf.TensorSpec((None, 7, 4))]) as de:
        np.testing.assert_allclose(de.session.run(de.outputs[0], {de.inputs[0]: x}), model(x), rtol=1e-5)


class Asserts(L.Layer):
    def call(self, x):
        tf.debugging.assert_greater(x, 0., 'an input is not positive')
        return tf.math.log(x)


RIGHT = {
    'dropout, noise and batch norm': lambda: sequential((6,), L.GaussianNoise(1.), L.Dense(5),
                                                        L.BatchNormalization(), L.Dropout(.5)),
    'float ids': lambda: sequential((6,), L.Embedding(3, 2), L.Flatten(), L.Dense(2)),
    'ids with a mask': lambda: sequential((None,), L.Embedding(2, 3, mask_zero=True), L.GRU(2),
                                          dtype='int32'),
    'bytes': lambda: sequential((4, 4, 1), L.Lambda(lambda x: tf.cast(x, tf.float32) / 255.), L.Flatten(),
                                L.Dense(2), dtype='uint8'),
    'fixed batch with a state': lambda: keras.Sequential([keras.Input(batch_shape=(5, 4, 2)),
                                                          L.LSTM(2, stateful=True)]),
    'open image': lambda: sequential((None, None, 1), *[L.Conv2D(2, 3, strides=2) for _ in range(3)],
                                     L.GlobalAveragePooling2D()),
    'square image': lambda: sequential((None, None, 1), L.Lambda(lambda x: tf.matmul(x[..., 0], x[..., 0]))),
    'half': lambda: sequential((5,), L.Dense(40, dtype='float16'), L.Dense(30, dtype='bfloat16'),
                               L.Dense(2, dtype='mixed_float16')),
    'positive values': lambda: sequential((4,), Asserts(), L.Dense(2)),
    'rows by four': lambda: sequential((4,), L.Lambda(lambda x: tf.reshape(tf.reshape(x, [4, -1, 4]),
                                                                           [-1, 4]) * 2)),
    'logarithms': lambda: sequential((4,), L.Lambda(tf.math.log)),
    'winner': lambda: sequential((4,), L.Lambda(lambda x: tf.argmax(x, -1))),
    'not well conditioned': lambda: sequential(
        (4,), L.Lambda(lambda x: tf.sin(1e6 * tf.reduce_sum(x * [[.1, .2, .3, .4]], -1)))),
    'dropout always on': lambda: sequential((50,), Always(), L.Dense(3)),
    'random in TensorFlow': lambda: sequential((5,), L.Lambda(lambda x: x + tf.random.normal(tf.shape(x)))),
    'two inputs': lambda: (lambda a, b: keras.Model([a, b], {'z': L.Dense(2)(a), 'm': L.Embedding(4, 2)(b)}))(
        keras.Input((3,)), keras.Input((2,), dtype='int64')),
}


def state_of(model):
    return [v.numpy() for v in model.variables]


@pytest.mark.parametrize('name', RIGHT)
def test_models_that_are_right(name):
    model = RIGHT[name]()
    before = state_of(model)
    tf.random.set_seed(5)
    np.random.seed(6)
    random.seed(7)
    tf.random.normal([2])       # so that the state is not that of a seed just set
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        de = DeepExplain.from_keras(model)
    de.session.close()
    drawn = [tf.random.normal([2]).numpy(), np.random.normal(), random.random()]
    tf.random.set_seed(5)
    np.random.seed(6)
    random.seed(7)
    tf.random.normal([2])
    for a, b in zip(drawn, [tf.random.normal([2]).numpy(), np.random.normal(), random.random()]):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(before, state_of(model)):
        np.testing.assert_array_equal(a, b)


def test_states_and_losses_are_as_before():
    model = keras.Sequential([keras.Input(batch_shape=(3, 4, 2)), L.LSTM(2, stateful=True),
                              L.Dense(2, activity_regularizer='l2'),
                              L.BatchNormalization()])
    model(np.ones((3, 4, 2), 'f4'), training=True)
    before, losses = state_of(model), [float(x) for x in model.losses]
    assert losses
    DeepExplain.from_keras(model)
    assert [float(x) for x in model.losses] == losses
    for a, b in zip(before, state_of(model)):
        np.testing.assert_array_equal(a, b)


def test_functions():
    table, written = tf.Variable(tf.random.normal([6, 2])), tf.Variable(1.)
    calls = []

    def forward(ids, x):
        calls.append(tf.executing_eagerly())
        written.assign_add(1.)
        return tf.gather(table, ids) * x[:, None], [x]
    signature = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([None])]
    for fn in forward, tf.function(forward), tf.function(
        forward, input_signature=signature), tf.function(forward).get_concrete_function(*signature):
        with DeepExplain.from_function(fn, signature if not hasattr(fn, 'structured_input_signature')
                                       else None) as de:
            assert len(de.outputs) == 2
        assert written.numpy() == 1.
    assert calls.count(True) >= 1
    with pytest.raises(errors.SourceError, match='from_function: the graph is not the model'):
        DeepExplain.from_function(lambda x: x if tf.executing_eagerly() else 2 * x,
                                  [tf.TensorSpec([None, 2])])
    with pytest.raises(errors.SourceError, match='another answer every time'):
        DeepExplain.from_function(lambda x: x * np.random.normal(), [tf.TensorSpec([None, 2])])
    DeepExplain.from_function(lambda x: x * np.random.normal(), [tf.TensorSpec([None, 2])], check=False)
    with pytest.raises(errors.ParameterError, match='check must be True or False'):
        DeepExplain.from_function(forward, signature, check='no')


def test_saved_models(tmp_path):
    class Module(tf.Module):
        def __init__(self):
            self.w = tf.Variable([[1., 2.], [3., 4.]])

        @tf.function(input_signature=[tf.TensorSpec([None, 2], name='b'), tf.TensorSpec([None, 2], name='a')])
        def __call__(self, b, a):
            return {'z': b @ self.w - a, 'y': a}
    module = Module()
    tf.saved_model.save(module, str(tmp_path), signatures=module.__call__)
    with DeepExplain.from_saved_model(tmp_path) as de:
        feed = {de.inputs['a']: [[0., 0.]], de.inputs['b']: [[1., 1.]]}
        np.testing.assert_allclose(de.session.run(de.outputs[1], feed), [[4., 6.]])
    DeepExplain.from_saved_model(tmp_path, check=False)
