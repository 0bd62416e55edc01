"""Maps at another size, beside TensorFlow's resizing."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2.features.resize import resized

MAPS = np.random.default_rng(0).normal(size=(3, 4, 5))


@pytest.mark.parametrize('shape', [(4, 5), (8, 10), (7, 13), (12, 5), (3, 2), (1, 9)])
@pytest.mark.parametrize('way, name', [('linear', 'bilinear'), ('nearest', 'nearest')])
def test_as_tensorflow_has_it(shape, way, name):
    expected = tf.image.resize(MAPS[..., None], shape, name).numpy()[..., 0]
    got = resized(MAPS, shape, way)
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-6)
    assert got.dtype == 'float64' and resized(MAPS.astype('f'), shape, way).dtype == 'float32'


def test_cubic_keeps_constants_and_overshoots():
    np.testing.assert_allclose(resized(np.full((2, 4, 5), 3.), (9, 11), 'cubic'), 3, rtol=1e-12)
    step = np.array([[0., 0, 0, 1, 1, 1]])
    assert resized(step, (24,), 'cubic').min() < -.01 and resized(step, (24,), 'linear').min() == 0


def test_sequences_volumes_and_single_positions():
    row = np.arange(4.)[None]
    np.testing.assert_allclose(resized(row, (8,), 'linear')[0], [0, .25, .75, 1.25, 1.75, 2.25, 2.75, 3])
    assert resized(np.ones((2, 2, 3, 4)), (4, 5, 6), 'linear').shape == (2, 4, 5, 6)
    for way in 'linear', 'nearest', 'cubic':
        np.testing.assert_array_equal(resized(np.full((1, 1, 1), 2.), (3, 3), way), np.full((1, 3, 3), 2.))
