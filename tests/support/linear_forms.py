"""Linear ops in every form that TensorFlow has for them, with biases, scales and normalizations around."""

from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.networks import v1

RNG = np.random.default_rng(0)


def c(*shape):
    return tf.constant(np.random.default_rng(sum(shape)).normal(size=shape))


def normalized(h, axis=-1):
    """Batch normalization by constants, as TensorFlow's op."""
    size = h.shape[axis]
    statistics = [c(size), c(size) + .1, c(size) / 3, tf.abs(c(size)) + .5]
    return v1.nn.fused_batch_norm(tf.cast(h, tf.float32), *(tf.cast(t, tf.float32) for t in statistics),
                                  is_training=False, data_format='NHWC')[0]


def multiply_add(h):
    return h * (c(h.shape[-1]) + .2) + c(h.shape[-1])


def strided(h, **keywords):
    return tf.nn.conv2d(h, c(3, 3, 3, 4), 2, 'SAME', **keywords)


FORMS = {
    'dense': ((5,), lambda x: x @ c(5, 4) + c(4)),
    'dense, transposed weights': ((5,), lambda x: tf.nn.bias_add(tf.matmul(x, c(4, 5), transpose_b=True), c(4))),
    'dense, normalized after': ((5,), lambda x: multiply_add(x @ c(5, 4) + c(4))),
    'dense, normalized before': ((5,), lambda x: (multiply_add(x)) @ c(5, 4) + c(4)),
    'dense, on both sides': ((5,), lambda x: -multiply_add(multiply_add(x / 2. - .3) @ c(5, 4)) / c(4)),
    'dense, constant minus it': ((5,), lambda x: c(4) - (1. - x) @ c(5, 4)),
    'dense along sequences': ((3, 5), lambda x: multiply_add(tf.tensordot(multiply_add(x), c(5, 4), 1) + c(4))),
    'einsum': ((3, 5), lambda x: tf.einsum('btd,dhk->bthk', multiply_add(x), c(5, 2, 4)) + c(2, 4)),
    'einsum with axes in another order': ((3, 5), lambda x: tf.einsum('hdk,...td->...tkh', c(2, 5, 4), x) + c(4, 2)),
    'einsum over two axes': ((3, 5), lambda x: tf.einsum('btd,tdk->bk', x * c(3, 5), c(3, 5, 4)) * c(4) + c(4)),
    'conv2d': ((6, 6, 3), lambda x: tf.nn.bias_add(strided(x), c(4))),
    'conv2d, normalized on both sides': ((6, 6, 3), lambda x: multiply_add(strided(multiply_add(x)) + c(4))),
    'conv2d behind a normalization and padding': (
        (6, 6, 3), lambda x: tf.nn.conv2d(tf.pad(multiply_add(x), [(0, 0), (1, 1), (2, 0), (0, 0)]), c(3, 3, 3, 4),
                                          1, 'VALID') + c(4)),

    'depthwise': ((6, 6, 3), lambda x: multiply_add(
        tf.nn.depthwise_conv2d(multiply_add(x), c(3, 3, 3, 2), (1, 1, 1, 1), 'SAME') + c(6))),
    'transposed conv2d': ((3, 3, 3), lambda x: multiply_add(
        tf.nn.conv2d_transpose(multiply_add(x), c(3, 3, 4, 3), (tf.shape(x)[0], 6, 6, 4), 2))),
    'conv1d': ((7, 3), lambda x: multiply_add(tf.nn.conv1d(multiply_add(x), c(3, 3, 4), 1, 'SAME') + c(4))),
    'dilated conv1d': ((8, 3), lambda x: multiply_add(
        tf.nn.convolution(multiply_add(x), c(3, 3, 4), dilations=[2], padding='SAME'))),
    'conv3d': ((4, 4, 4, 2), lambda x: multiply_add(tf.nn.conv3d(multiply_add(x), c(2, 2, 2, 2, 3), [1] * 5, 'SAME'))),
    'turned around': ((5,), lambda x: tf.transpose(tf.matmul(c(4, 5), tf.transpose(x))) + c(4)),
}


def explained(form, shape, xs, ys, **parameters):
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, *shape))
        T = form(X)
        T = tf.reshape(T, (-1, int(np.prod(T.shape[1:]))))
        got = de.explain('lrp', T, X, xs, ys, **parameters)
        return got, de.audit('lrp', T, X)


def matrix(form, shape):
    """(A, b) of an affine function of one row."""
    size = int(np.prod(shape))
    with tf.Graph().as_default(), v1.Session() as session:
        values = session.run(form(tf.constant(np.concatenate([np.zeros((1, size)), np.eye(size)])
                                              .reshape(-1, *shape))))
    values = values.reshape(size + 1, -1)
    return values[1:] - values[0], values[0]


def small():
    """(X, T): a network with residual sum, pooling and several kinds of layers, and weights 0 as bias."""
    X = v1.placeholder(tf.float64, (None, 6, 6, 3), 'x')
    h = tf.nn.relu(tf.nn.conv2d(X, c(3, 3, 3, 4), 1, 'SAME', name='one'))
    h = h + tf.nn.elu(tf.nn.conv2d(h, c(3, 3, 4, 4), 1, 'SAME', name='two'))
    h = tf.nn.avg_pool2d(tf.nn.max_pool2d(h, 2, 2, 'VALID'), 2, 2, 'SAME')
    h = tf.tanh(tf.matmul(tf.reshape(h, (-1, 16)), c(16, 5), name='three'))
    return X, tf.matmul(h, c(5, 3), name='four')


@contextmanager
def small_opened():
    """(context, X, T) of `small` in a graph of its own."""
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        yield de, *small()
