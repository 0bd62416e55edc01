"""Means over many places: what counts in them, in floats of 16 bits too, and data that floats cannot hold."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.targets import DistanceToPrediction, Loss, Segmentation

SIZE, CLASSES = 120, 5
RNG = np.random.default_rng(0)
XS = RNG.uniform(2, 3, (3, SIZE, SIZE, CLASSES))


def model(dtype):
    """A model that gives its input, a map."""
    spec = tf.TensorSpec((None, SIZE, SIZE, CLASSES), dtype)
    return DeepExplain.from_function(tf.function(lambda x: x * 1, input_signature=[spec]))


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_sums_over_large_maps_do_not_lose_bits_or_overflow(dtype):
    de, xs = model(dtype), tf.cast(XS, dtype).numpy()
    exact, zones = xs.astype(float), np.ones(XS.shape)
    axes = (1, 2, 3)
    found = de.value(Segmentation(), de.inputs[0], xs, zones)
    np.testing.assert_allclose(found, exact.mean(axes), rtol=1e-5)
    found = de.value(DistanceToPrediction(), de.inputs[0], xs, 0 * xs)
    np.testing.assert_allclose(found, exact.mean(axes), rtol=1e-5)
    found = de.value(Loss('mae'), de.inputs[0], xs, 0 * xs)     # Keras takes the mean over the last axis
    np.testing.assert_allclose(found, exact.mean(axes), rtol=4e-3)


def test_ignored_classes_do_not_count():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    labels = RNG.integers(0, CLASSES, XS.shape[:-1])
    for row, part in enumerate((.2, .5, .9)):
        labels[row][RNG.random((SIZE, SIZE)) < part] = -1
    de = model('float32')
    logs = np.log(np.exp(XS).sum(-1)) - np.take_along_axis(XS, np.maximum(labels, 0)[..., None], -1)[..., 0]
    expected = np.where(labels < 0, 0, logs).sum((1, 2)) / (labels >= 0).sum((1, 2))
    for batch_size in None, 1:
        found = de.value(Loss(loss), de.inputs[0], XS, labels, batch_size=batch_size)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    found = de.explain('intgrad', Loss(loss), de.inputs[0], XS, labels, steps=30, batch_size=2)
    np.testing.assert_allclose(found.sum((1, 2, 3)), expected - np.log(CLASSES), rtol=1e-3)
    assert not found[labels < 0].any()
    labels[1] = -1
    with pytest.raises(errors.ValueRangeError, match='row 1: all labels are -1, the ignore_class'):
        de.value(Loss(loss), de.inputs[0], XS, labels)


def test_integers_that_floats_cannot_hold_are_refused():
    spec = tf.TensorSpec((None, 2), tf.float32)
    de = DeepExplain.from_function(tf.function(lambda x: tf.square(x), input_signature=[spec]))
    xs, times = np.ones((2, 2)), np.array([2 ** 24, 2 ** 24 + 1])

    def since(out, ys):
        return out[:, 0] * (ys - 2. ** 24)
    with pytest.raises(errors.ValueRangeError, match=r'holds integers that float32 cannot.*16777217'):
        de.value(since, de.inputs[0], xs, times)
    found = de.value(since, de.inputs[0], xs, [2 ** 24 - 1, 2 ** 24])
    np.testing.assert_array_equal(found, [-1, 0])
