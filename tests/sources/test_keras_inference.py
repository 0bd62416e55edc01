"""Keras models as they are called for inference, and that they are left as they were."""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain, errors
from deepexplain2.sources import from_keras
from tests.support.keras_layers import (
    Doubles,
    Noisy,
    Rerouted,
    Scaled,
    arrays,
    backbone,
    everything,
    nested,
    shared,
    states,
    twice_nested,
    unchanged,
)
from tests.support.keras_models import dtype_policy

RNG = np.random.default_rng(0)


def image(*layers):
    return keras.Sequential([keras.Input((6, 6, 3)), *layers, L.Flatten(), L.Dense(2)])


def functional(kind):
    x = keras.Input((4,))
    return kind(x, L.Dense(4, name='second')(Doubles(name='doubles')(L.Dense(4, 'tanh', name='first')(x))))


def ops_only():
    x = keras.Input((4, 5))
    return keras.Model(x, keras.ops.softmax(keras.ops.matmul(x, keras.ops.transpose(x, (0, 2, 1))) / 2.,
                                            axis=-1)[:, 0])


def attention():
    x = keras.Input((5, 4))
    h = L.MultiHeadAttention(2, 3, dropout=.5, name='mha')(x, x)
    return keras.Model(x, L.Dense(2)(L.LSTM(3)(L.Masking(0.)(L.GaussianNoise(1.)(h)))))


def of_a_function():
    x = keras.Input((4,))
    y = keras.Function(x, Doubles()(L.Dense(3)(x)))(x)
    return keras.Model(x, L.Dropout(.5)(y))


def mixed_precision():
    with dtype_policy('mixed_float16'):
        return keras.Sequential([keras.Input((4,)), L.Dense(8, 'relu'), L.Dropout(.5),
                                 L.Dense(2, dtype='float32')])


def nested_of_keras():
    inner = keras.Sequential([keras.Input((4,)), L.Dense(4, 'tanh'), L.Dropout(.3)], name='inner')
    x = keras.Input((4,))
    return keras.Model(x, L.Dense(2)(L.BatchNormalization()(inner(x))))


MODELS = {
    'doubles': lambda: functional(keras.Model),
    'noisy': lambda: keras.Sequential([keras.Input((4,)), Noisy(), Noisy(), L.Dense(2)]),
    'call of its own': lambda: functional(Scaled), 'rerouted': lambda: functional(Rerouted), 'shared': shared,
    'nested': nested, 'twice nested': twice_nested, 'ops only': ops_only, 'attention': attention,
    'states': states, 'function': of_a_function, 'mixed precision': mixed_precision,
    'cloned': lambda: keras.models.clone_model(nested_of_keras()),
    'augmentation': lambda: image(L.RandomRotation(.2), L.RandomTranslation(.1, .1), L.RandomErasing(),
                                  L.RandomBrightness(.5), L.MixUp()),
    'cropped': lambda: image(L.RandomCrop(6, 6), L.GaussianDropout(.5), L.AlphaDropout(.5),
                             L.SpatialDropout2D(.5), L.RandomContrast(.5)),
    'sub-model': lambda: (lambda m: keras.Model(m.inputs, m.layers[-2].output))(nested_of_keras()),
}


# Keras on a tensor in place of a list of one
@pytest.mark.filterwarnings('ignore:The structure of `inputs` doesn:UserWarning')
@pytest.mark.parametrize('kind', MODELS)
def test_as_in_inference(kind):
    """Outputs of predict, of the source's callable, and of every layer on the way, as on a model that ends
    there."""
    keras.utils.set_random_seed(0)
    model = MODELS[kind]()
    xs = arrays(model)
    expected = [np.asarray(y) for y in tf.nest.flatten(model.predict(xs if len(xs) > 1 else xs[0],
                                                                     verbose=0))]
    model(xs if len(xs) > 1 else xs[0])                 # its layers note their losses
    with unchanged(model):
        context = DeepExplain.from_keras(model)
        source = from_keras(model, None)
        again = [y.numpy() for y in source.original(*map(tf.constant, xs))]
    with context as de:
        feed = dict(zip(de.inputs, xs))
        got = de.session.run(list(de.outputs), feed)
        tolerance = 2e-3 if kind == 'mixed precision' else 1e-5
        for a, b, c in zip(got, expected, again):
            np.testing.assert_allclose(a, b, atol=tolerance, rtol=tolerance)
            np.testing.assert_allclose(c, b, atol=tolerance, rtol=tolerance)
        assert len(got) == len(expected) == len(again)
        assert [tuple(s.shape) for s in source.specs] == [t.shape for t in model.inputs]
        graph = getattr(model, '_functional', None) or model
        symbols = [t for nodes in graph._nodes_by_depth.values() for node in nodes for t in node.outputs]
        if kind == 'rerouted':
            with pytest.raises(errors.TensorError, match='is not part of the model of this context, as it is '
                                                         'called for inference'):
                de.tensor(model.get_layer('doubles').output)
            with pytest.raises(errors.TensorError, match="no tensor 'doubles'"):
                de.tensor('doubles')
            second = model.get_layer('second')(xs[0])
            np.testing.assert_allclose(de.session.run(de.tensor('second'), feed), second, atol=1e-5)
            symbols = []
        for t in symbols:
            part = keras.Model(model.inputs, t)
            wanted = part(xs if len(xs) > 1 else xs[0], training=False)
            np.testing.assert_allclose(de.session.run(de.tensor(t), feed), wanted, atol=tolerance,
                                       rtol=tolerance, err_msg=t.name)


def test_a_failed_trace_leaves_the_model():
    class Fails(L.Layer):
        works = True

        def call(self, x):
            if not self.works:
                raise RuntimeError('out of order')
            return x
    x = keras.Input((4,))
    layer, inner = Fails(name='fails'), backbone()
    model = keras.Model(x, layer(inner(x)))
    model(np.ones((2, 4)))
    layer.works = False
    with unchanged(model), pytest.raises(errors.SourceError, match=r'Keras says: .*out of order'):
        DeepExplain.from_keras(model)
    layer.works = True
    x = np.ones((2, 4), 'f')
    np.testing.assert_allclose(from_keras(model, None).original(x)[0], model(x, training=False), atol=1e-6)


def test_states_are_put_back():
    """The callable of a source writes no state, where the model itself does."""
    x = keras.Input(batch_shape=(3, 5, 4))
    model = keras.Model(x, L.LSTM(2, stateful=True)(x))
    xs = RNG.normal(size=(3, 5, 4)).astype('f')
    first = model(xs)
    with DeepExplain.from_keras(model) as de, unchanged(model):
        a, b = (from_keras(model, None).original(xs)[0].numpy() for _ in range(2))
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(de.session.run(de.outputs[0], {de.inputs[0]: xs}), a, atol=1e-6)
    np.testing.assert_allclose(model(xs), a, atol=1e-6)
    assert np.abs(first - a).max() > 1e-3


def test_other_threads_may_call_the_model():
    """Their calls are not noted; two traces at a time leave the layers as they were."""
    model, xs = nested(), np.ones((2, 4), 'f')
    expected, wrong = model(xs, training=False).numpy(), []
    before, stop = everything(model), threading.Event()

    def call():
        while not stop.is_set():
            if np.abs(model(xs, training=False).numpy() - expected).max() > 1e-6:
                wrong.append('another value')

    def trace():
        for _ in range(2):
            with DeepExplain.from_keras(model) as de:
                if de.tensor('twice').name != de.tensor('twice/other').name:
                    wrong.append('another name')
    threads = [threading.Thread(target=f) for f in (call, trace, trace)]
    for t in threads:
        t.start()
    for t in threads[1:]:
        t.join()
    stop.set()
    threads[0].join()
    assert not wrong and everything(model)[:2] == before[:2] and not any('call' in vars(layer)
                                                                         for layer in model._flatten_layers())
