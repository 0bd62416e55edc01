"""Targets with functions or objects among their parameters, which compute something else later."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.targets import ClassScore, Loss, Target

XS, ZEROS = np.ones((2, 3)), np.zeros((2, 3))
now = {'factor': 1.}


@dataclass(frozen=True)
class Of(Target):
    """What a function, or an object with a factor, makes of the first output."""

    what: Any = None

    def build(self, outputs, ys):
        return self.what(outputs) if callable(self.what) else self.what.factor * outputs[:, 0]


class Scaled(keras.losses.Loss):
    """A loss of a user's own, with a factor that may change."""

    factor = 1.

    def call(self, y, out):
        return self.factor * keras.ops.mean((y - out) ** 2, -1)


class Thing:
    factor = 1.


def scaled_loss(y, out):
    return now['factor'] * tf.reduce_mean((y - out) ** 2, -1)


def scaled(out):
    return now['factor'] * out[:, 0]


def wrapped():
    """A loss of Keras around a function of the user."""
    return type(keras.losses.MeanSquaredError()).__base__(scaled_loss)


TARGETS = {'a loss by function': (Loss(scaled_loss), None), 'a loss object': (Loss(loss := Scaled()), loss),
           'a function in a loss of Keras': (Loss(wrapped()), None), 'a function': (Of(scaled), None),
           'an object': (Of(thing := Thing()), thing)}


@pytest.mark.parametrize('name', TARGETS)
def test_what_they_compute_now_is_explained(name):
    target, thing = TARGETS[name]
    spec = tf.TensorSpec((None, 3), tf.float64)
    de = DeepExplain.from_function(tf.function(lambda x: x * 1, input_signature=[spec]))
    ys = ZEROS if isinstance(target, Loss) else None
    ops = []
    for factor in 1., 1., 3., 3., 1.:
        now['factor'] = factor
        if thing is not None:
            thing.factor = factor
        np.testing.assert_allclose(de.value(target, de.inputs[0], XS, ys), factor)
        found = de.explain('intgrad', target, de.inputs[0], XS, ys, steps=3)
        np.testing.assert_allclose(found.sum(1), factor)
        ops.append(len(de.session.graph.get_operations()))
    assert ops[0] == ops[1] < ops[2] == ops[3] == ops[4]
    now['factor'] = 1.


def test_targets_of_plain_parameters_hold_nothing():
    for target in ClassScore(1, outputs=tf.zeros((2, 3))), Loss('mse'), Loss(keras.losses.Huber(.2)), \
            Loss(keras.losses.mean_squared_error):
        assert target.held == ()
