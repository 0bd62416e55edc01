"""Layers and models that behave otherwise in training, are called twice or lie in one another;
and what a model consists of."""

import contextlib
import random

import keras
import numpy as np
from keras import layers as L

RNG = np.random.default_rng(0)


class Doubles(L.Layer):
    """Trains where nobody says otherwise."""

    def call(self, x, training=True):
        return 2 * x if training else x


class Noisy(L.Layer):
    """Draws, and counts its calls, in training only."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seed = keras.random.SeedGenerator(1)
        self.count = self.add_weight(shape=(), initializer='zeros', trainable=False)

    def call(self, x, training=True):
        if not training:
            return x + 1
        self.count.assign_add(1.)
        return x + keras.random.normal(keras.ops.shape(x), seed=self.seed)


class Twice(L.Layer):
    """One layer called two times, and one besides."""

    def __init__(self, **options):
        super().__init__(**options)
        self.inner, self.other = L.Dense(4, 'tanh', name='inner'), L.Dense(4, name='other',
                                                                           activity_regularizer='l2')

    def call(self, x):
        return self.other(self.inner(self.inner(x)))


class Scaled(keras.Model):
    """A functional model with a call of its own."""

    def call(self, x, training=None, mask=None):
        return super().call(x, training=training) * 3 + 1


class Rerouted(keras.Model):
    """A functional model that calls its layers by hand, in another order, and one of them not at all."""

    def call(self, x, training=None, mask=None):
        return self.get_layer('first')(self.get_layer('second')(x)) + 1


class Pair(keras.Model):
    """A subclassed model of two inputs by name, with a model in it."""

    def __init__(self, backbone):
        super().__init__(name='pair')
        self.backbone, self.head = backbone, L.Dense(2, name='head')

    def call(self, inputs):
        a, b = self.backbone(inputs['a']), self.backbone(inputs['b'])
        return {'sum': self.head(a + b), 'parts': [a, b]}


def backbone(name='backbone'):
    return keras.Sequential([keras.Input((4,)), L.Dense(4, 'tanh', name='dense'), Doubles(name='doubles')],
                            name=name)


def shared():
    """The second call of a layer is run before the first."""
    a, b, encoder = keras.Input((4,), name='a'), keras.Input((4,), name='b'), L.Dense(3, 'tanh', name='enc')
    first, second = encoder(a), encoder(b)
    return keras.Model([a, b], L.Dense(1, name='out')(L.Concatenate()([keras.ops.exp(2 * second), first])))


def nested():
    x = keras.Input((4,))
    inner = backbone()
    middle = keras.Model(x, keras.ops.relu(inner(x)) + 1, name='middle')
    return keras.Sequential([keras.Input((4,)), middle, Twice(name='twice'), L.Dense(2, name='dense')])


def twice_nested():
    a, b, inner = keras.Input((4,)), keras.Input((4,)), backbone()
    return keras.Model([a, b], L.Dense(2)(inner(a) - inner(b)))


def states():
    x = keras.Input((5, 4))
    return keras.Model(x, list(L.LSTM(3, return_sequences=True, return_state=True, name='lstm')(x)))


def arrays(model, n=3):
    return [RNG.uniform(.1, 1, size=(n, *t.shape[1:])).astype(t.dtype) for t in model.inputs]


def everything(model):
    """What a model consists of, down to the lists that its layers keep."""
    layers = model._flatten_layers()
    nodes = [n for layer in layers for n in layer._inbound_nodes + layer._outbound_nodes]
    state = [(k, v, list(v) if isinstance(v, list) else None) for layer in layers for k,
             v in vars(layer).items()]
    return [(id(layer), layer.name) for layer in layers], [(id(n), id(n.operation)) for n in nodes], [
        (k, id(v), [id(x) for x in content] if content is not None else None) for k, v, content in state]


@contextlib.contextmanager
def unchanged(model):
    """Attributes, nodes, losses, variables and random states are after it what they were before it."""
    random.seed(3)
    np.random.seed(3)
    before, values, losses = everything(model), [v.numpy()
                                                 for v in model.variables], [float(x) for x in model.losses]
    # of layers made from now on
    global_names = keras.src.backend.common.global_state.get_global_attribute('object_name_uids')
    made = dict(global_names)
    yield
    assert everything(model) == before and [float(x)
                                            for x in model.losses] == losses and dict(global_names) == made
    for value, variable in zip(values, model.variables):
        np.testing.assert_array_equal(value, variable)
    assert random.random() == random.Random(3).random()
    assert np.random.random() == np.random.RandomState(3).random()
