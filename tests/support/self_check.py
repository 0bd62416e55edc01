"""Layers that answer otherwise in a graph, or every time."""

import keras
import tensorflow as tf

L = keras.layers


class Doubles(L.Layer):
    """Another function in a graph than in eager mode."""

    def call(self, x):
        return x if tf.executing_eagerly() else 2 * x


class Always(L.Layer):
    """Dropout in inference too."""

    def __init__(self):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(3)

    def call(self, x):
        return keras.random.dropout(x, .5, seed=self.seed_generator)


def sequential(shape, *layers, **kwargs):
    return keras.Sequential([keras.Input(shape, **kwargs), *layers])
