"""The axis of the channels, behind whatever stands between a tensor and the op that tells it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.graph.channels import channel_axis, channel_axis_of_input
from deepexplain2.graph.path import Path
from tests.support.networks import v1

K = np.ones((2, 3, 3), 'f')                 # of one spatial axis, 3 channels to 3 channels


def conv1d(x):
    return tf.nn.conv1d(x, K, 1, 'SAME', data_format='NCW')


WAYS = {
    'one dimension': conv1d,
    'pooled': lambda x: tf.nn.max_pool1d(x, 2, 2, 'VALID', data_format='NCW'),
    'function': tf.function(conv1d),
    'function in a function': tf.function(lambda x: tf.nn.relu(tf.function(conv1d)(tf.sin(x)))),
    'compiled function': tf.function(conv1d, jit_compile=True),
    'loop': lambda x: tf.while_loop(lambda i, h: i < 2, lambda i, h: (i + 1, conv1d(h)), [0, x])[1],
    'conditional': lambda x: tf.cond(tf.size(x) > 3, lambda: conv1d(x), lambda: 2 * x),
    'second factor': lambda x: tf.reshape(tf.range(1., 4), (1, 3, 1)) * conv1d(x),
    'volume': lambda x: tf.nn.conv3d(x[..., None, None], K[:, None, None], [1] * 5, 'SAME',
                                     data_format='NCDHW')[..., 0, 0]}


@pytest.mark.parametrize('way', WAYS)
def test_channels_first(way, session):
    x = v1.placeholder(tf.float32, (None, 3, 8))
    h = WAYS[way](x)
    wide = tf.squeeze(tf.expand_dims(h, 2), [2])
    turned = tf.transpose(wide, [0, 2, 1])
    if way != 'volume':                     # slices drop axes
        assert (channel_axis(h), channel_axis(tf.nn.relu(wide)), channel_axis(tf.sin(turned))) == (1, 1, 2)
        assert channel_axis_of_input(Path(tf.reduce_sum(turned, [1, 2]), [x]), x) == 1
    assert channel_axis(tf.transpose(h, [0, 2, 1])) == (None if way == 'volume' else 2)


@pytest.mark.parametrize('rank', [1, 3])
@pytest.mark.parametrize('pooled', [False, True])
def test_maps_of_keras_layers_with_channels_first(rank, pooled):
    """Without a bias, whose op tells the format too."""
    shape = (2, 7) if rank == 1 else (2, 4, 5, 3)
    conv, pool = ((keras.layers.Conv1D, keras.layers.AveragePooling1D) if rank == 1 else
                  (keras.layers.Conv3D, keras.layers.AveragePooling3D))
    x = keras.Input(shape)
    h = conv(3, 2, data_format='channels_first', padding='same', use_bias=False, activation='relu')(x)
    h = pool(2, data_format='channels_first', padding='same')(h) if pooled else h
    model = keras.Model(x, keras.layers.Dense(2)(keras.layers.Flatten()(h)))
    xs = np.random.default_rng(0).normal(size=(3, *shape)).astype('f')
    a = keras.Model(x, h)(xs)
    with tf.GradientTape() as tape:
        tape.watch(a)
        score = keras.Model(h, model.output)(a)[:, 1]
    g, a = tape.gradient(score, a).numpy(), a.numpy()
    expected = (g.mean(tuple(range(2, a.ndim)), keepdims=True) * a).sum(1)
    with DeepExplain.from_keras(model) as de:
        got = de.explain('grad_cam', de.outputs[0], de.inputs[0], xs, 1, upsample=False, relu=False)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
        whole = de.explain('grad_cam', de.outputs[0], de.inputs[0], xs, 1)
    assert whole.shape == xs.shape and (whole[:, 0] == whole[:, 1]).all()
