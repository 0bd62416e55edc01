"""Networks that make a mask of X, each as a function of x and the mask."""

import numpy as np
import tensorflow as tf

RNG = np.random.default_rng(0)
XS = RNG.normal(size=(3, 4, 3)).astype('f')
# padding of two lengths, and zeros that are none
XS[0, 2:], XS[1, 3:], XS[1, 0, 1], XS[2, :, 2] = 0, 0, 0, 0
A, B, W = (RNG.normal(size=shape).astype('f') for shape in ((3, 4), (3, 4), (4, 1)))


def conv(x, mask):
    m = tf.cast(mask, x.dtype)[..., None]
    h = tf.nn.conv1d(x * m, np.stack([A, B]), 1, 'SAME') * m
    return tf.tanh(tf.reduce_sum(h, 1) / tf.maximum(tf.reduce_sum(m, 1), 1.)) @ W


def attention(x, mask, additive):
    scores = tf.matmul(x @ A, x @ B, transpose_b=True)
    scores = scores + (1 - tf.cast(mask, x.dtype))[:, None] * -1e9 if additive else tf.where(mask[:, None],
                                                                                             scores, -1e9)
    return tf.reduce_sum(tf.nn.softmax(scores / 2) @ (x @ B), 1) @ W


def pooled(x, mask):
    return tf.reduce_max(tf.where(mask[..., None], x @ A, -9.), 1) @ W


def unrolled(x, mask):
    h = tf.zeros_like(x[:, 0] @ A)
    for t in range(4):
        h = tf.where(mask[:, t, None], tf.tanh(x[:, t] @ A + h), h)
    return h @ W


def weighed(x, mask):
    """Sums over the steps by a product of matrices."""
    return tf.tanh(tf.squeeze(tf.matmul(tf.cast(mask, x.dtype)[:, None], tf.sigmoid(x @ A)), 1)) @ W


def any_entry(value):
    return lambda x: tf.reduce_any(tf.not_equal(x, value), -1)


def integrated(g, x, b, steps):
    """Gauss-Legendre along the line, by the tape."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    total = np.zeros_like(x)
    for node, weight in zip((nodes + 1) / 2, weights / 2):
        z = tf.constant((b + node * (x - b)).astype('f'))
        with tf.GradientTape() as tape:
            tape.watch(z)
            y = tf.reduce_sum(g(z))
        total += weight * tape.gradient(y, z).numpy()
    return total * (x - b)
