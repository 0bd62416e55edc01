"""Keras models of every kind, with their inputs and their gradient by the eager tape."""

import contextlib

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L


def recurrent(layer, **options):
    x = keras.Input((5, 4))
    h = (L.Bidirectional(L.GRU(3, **options), name='recurrent')(x) if layer is L.Bidirectional
         else layer(6, name='recurrent', **options)(x))
    return keras.Model(x, L.Dense(3, name='logits')(h))


def attention():
    x = keras.Input((5, 8))
    h = L.LayerNormalization()(x + L.MultiHeadAttention(2, 4)(x, x))
    return keras.Model(x, L.Dense(3, name='logits')(L.GlobalAveragePooling1D()(L.Dense(8, 'gelu')(h))))


def residual():
    x = keras.Input((6, 6, 3))
    h = L.ReLU()(L.BatchNormalization()(L.Conv2D(4, 3, padding='same')(x)))
    h = L.Add()([h, L.BatchNormalization()(L.Conv2D(4, 3, padding='same', activation='elu')(h))])
    return keras.Model(x, L.Dense(3, name='logits')(L.GlobalAveragePooling2D()(h)))


def depthwise():
    return keras.Sequential([keras.Input((6, 6, 3)), L.DepthwiseConv2D(3, activation='relu6'),
                             L.SeparableConv2D(4, 2, activation='selu'),
                             L.Conv2DTranspose(3, 2, activation='tanh'), L.Conv2D(2, 2, dilation_rate=2),
                             L.Flatten(), L.Dense(3, name='logits')])


def two_inputs():
    a, b = keras.Input((4,), name='a'), keras.Input((6,), name='b')
    h = L.Concatenate()([L.Dense(5, 'relu')(a), L.Dense(5, 'softsign')(b)])
    return keras.Model([a, b], L.Dense(3, name='logits')(h))


MODELS = {
    'mlp': lambda: keras.Sequential([keras.Input((7,)), L.Rescaling(2., -1.), L.Dense(9, 'relu'),
                                     L.Dropout(.5), L.Dense(3, name='logits')]),
    'residual': residual, 'depthwise': depthwise, 'attention': attention, 'two_inputs': two_inputs,
    'lstm': lambda: recurrent(L.LSTM), 'gru': lambda: recurrent(L.GRU),
    'bidirectional': lambda: recurrent(L.Bidirectional),
    'nested': lambda: keras.Sequential([keras.Input((6, 6, 3)), residual(),
                                        L.Dense(3, 'tanh', name='logits')]),
}
TOKENS = {
    'embedding_conv': lambda: on_tokens(L.Conv1D(4, 2, activation='relu'), L.GlobalMaxPooling1D()),
    'embedding_lstm': lambda: on_tokens(L.LSTM(4)),
}
LOOPS = {'lstm', 'gru', 'bidirectional', 'embedding_lstm'}


def on_tokens(*layers):
    return keras.Sequential([keras.Input((6,), dtype='int32'), L.Embedding(20, 5), *layers,
                             L.Dense(3, name='logits')])


def made(kind):
    """The model, with batch statistics and biases that matter."""
    keras.utils.set_random_seed(1)
    rng, model = np.random.default_rng(0), (MODELS | TOKENS)[kind]()
    for w in model.weights:
        w.assign(w + .1 * np.abs(rng.normal(size=w.shape)))
    return model


def inputs(model, n=4, seed=1):
    """A list of arrays of n rows, for each input one."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 20, (n, *t.shape[1:])) if t.dtype == 'int32'
            else rng.normal(size=(n, *t.shape[1:])).astype(t.dtype) for t in model.inputs]


def tape(model, xs, units):
    """Gradient of the sum of these units with respect to each of xs, by TensorFlow's eager tape."""
    xs = [tf.constant(x) for x in xs]
    with tf.GradientTape() as t:
        t.watch(xs)
        y = model(xs if len(xs) > 1 else xs[0], training=False)
        y = tf.reduce_sum(y * tf.one_hot(units, y.shape[1], dtype=y.dtype))
    return [g.numpy() for g in t.gradient(y, xs)]


@contextlib.contextmanager
def dtype_policy(name):
    """Layers that are made inside have this policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def float64():
    """Layers and inputs that are made inside compute in float64."""
    floatx = keras.config.floatx()
    keras.config.set_floatx('float64')
    try:
        with dtype_policy('float64'):
            yield
    finally:
        keras.config.set_floatx(floatx)
