"""Inputs on which graph and model are compared, and what is said where no input fits."""

import warnings

import keras
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.self_check import Doubles, sequential

L = keras.layers


class Never(L.Layer):
    def call(self, x):
        tf.debugging.assert_greater(tf.reduce_min(x), 1e6, 'never')
        return x


def test_model_that_no_input_fits():
    model = sequential((4,), Never())
    with pytest.warns(errors.SourceWarning, match=r'from_keras could not compare the graph '
                                                  r'.*InvalidArgumentError: .*never'):
        DeepExplain.from_keras(model)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        DeepExplain.from_keras(model, check=False)


@pytest.mark.parametrize('last', [L.Activation('linear'), Doubles()], ids=['right', 'wrong'])
def test_network_that_crops_thousands_of_places_is_compared(last):
    inputs = keras.Input((None, 1))
    model = keras.Model(inputs, last(L.Cropping1D(5000)(L.Conv1D(2, 3, padding='same')(inputs))))
    if isinstance(last, Doubles):
        with pytest.raises(errors.SourceError, match=r'the graph is not the model.*\(3, 16384, 1\)'):
            DeepExplain.from_keras(model)
        return
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        DeepExplain.from_keras(model)


def test_network_too_long_for_all_that_is_tried_says_why():
    inputs = keras.Input((None, 1))
    model = keras.Model(inputs, L.Conv1D(2, 20000)(inputs))
    with pytest.warns(errors.SourceWarning, match=r'fails on every input that was tried: ValueError: '
                                                  r'.*[Nn]egative'):
        DeepExplain.from_keras(model)


def test_layer_that_keras_cannot_compute_on_open_axes_names_the_way_out():
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, L.UpSampling2D(interpolation='bilinear')(inputs))
    with pytest.raises(errors.SourceError, match=r'input_signature=.* with fixed sizes'):
        DeepExplain.from_keras(model)
    DeepExplain.from_keras(model, [tf.TensorSpec((None, 4, 4, 1))])
