"""Networks of MODELS of test_ways_in a second time, by hand: TF1 graphs of raw ops, given the weights of the
Keras model and nothing else of it.

Loops are unrolled, special convolutions written as plain ones with other kernels, normalizations as
arithmetic. Only the nonlinear ops are those of Keras, because rules apply to ops.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def mlp(x, w, b, w2, b2):
    return tf.nn.relu((2 * x - 1) @ w + b) @ w2 + b2


def residual(x, k, b, gamma, beta, mean, variance, k2, b2, gamma2, beta2, mean2, variance2, w, b3):
    def normalized(z, gamma, beta, mean, variance):
        scale = gamma / np.sqrt(variance + 1e-3)
        return z * scale + (beta - mean * scale)
    h = tf.nn.relu(normalized(tf.nn.conv2d(x, k, 1, 'SAME') + b, gamma, beta, mean, variance))
    h += normalized(tf.nn.elu(tf.nn.conv2d(h, k2, 1, 'SAME') + b2), gamma2, beta2, mean2, variance2)
    return tf.reduce_sum(h, (1, 2)) / 36 @ w + b3


def depthwise(x, k, b, separate, pointwise, b2, transposed, b3, dilated, b4, w, b5):
    def diagonal(k):                            # each channel for itself
        return k * np.eye(3)

    def conv(x, k):
        return tf.nn.conv2d(x, k, 1, 'VALID')
    h = tf.nn.relu6(conv(x, diagonal(k)) + b)
    h = tf.nn.selu(conv(h, diagonal(separate) @ pointwise[0, 0]) + b2)
    h = tf.pad(h, ((0, 0), (1, 1), (1, 1), (0, 0)))
    h = tf.nn.tanh(conv(h, transposed[::-1, ::-1].transpose(0, 1, 3, 2)) + b3)
    holes = np.zeros((3, 3, *dilated.shape[2:]))
    holes[::2, ::2] = dilated
    return tf.reshape(conv(h, holes) + b4, (-1, len(w))) @ w + b5


def lstm_states(x, w, u, b, length, units=6):
    h = c = tf.zeros((tf.shape(x)[0], units), x.dtype)
    for t in range(length):
        z = x[:, t] @ w + h @ u + b
        i, f, g, o = (z[:, k * units:(k + 1) * units] for k in range(4))
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
    return h


def gru_states(x, w, u, b, order=range(5)):
    units = len(u)
    # what is a factor in one iteration of a loop is one in all
    h = x[:, 0] @ tf.zeros((x.shape[2], units), x.dtype)
    for t in order:
        a, r = x[:, t] @ w + b[0], h @ u + b[1]
        update = tf.sigmoid(a[:, :units] + r[:, :units])
        reset = tf.sigmoid(a[:, units:2 * units] + r[:, units:2 * units])
        h = update * h + (1 - update) * tf.tanh(a[:, 2 * units:] + reset * r[:, 2 * units:])
    return h


def lstm(x, w, u, b, w2, b2):
    return lstm_states(x, w, u, b, 5) @ w2 + b2


def gru(x, w, u, b, w2, b2):
    return gru_states(x, w, u, b) @ w2 + b2


def bidirectional(x, w, u, b, w2, u2, b2, w3, b3):
    forward, backward = gru_states(x, w, u, b), gru_states(x, w2, u2, b2, range(4, -1, -1))
    return forward @ w3[:3] + backward @ w3[3:] + b3


def attention(x, wq, bq, wk, bk, wv, bv, wo, bo, gamma, beta, w, b, w2, b2):
    h = x + bo
    for head in range(2):
        def projected(w, b, head=head):
            return tf.matmul(x, np.broadcast_to(w[:, head], (1, 8, 4))) + b[head]
        scores = tf.matmul(projected(wq, bq), projected(wk, bk), transpose_b=True) / 2
        h += tf.matmul(tf.matmul(tf.nn.softmax(scores), projected(wv, bv)), wo[head][None])
    mean = tf.reduce_mean(h, -1, keepdims=True)
    variance = tf.reduce_mean(tf.math.squared_difference(h, mean), -1, keepdims=True)
    h = (h - mean) * tf.math.rsqrt(variance + 1e-3) * gamma + beta
    h = tf.matmul(h, w[None]) + b
    half = np.float64(np.sqrt(np.float32(.5)))          # tf.nn.gelu has it in float32
    return tf.reduce_mean(.5 * h * tf.math.erfc(-h * half), 1) @ w2 + b2


def two_inputs(a, b, wa, ba, wb, bb, w, c):
    return tf.nn.relu(a @ wa + ba) @ w[:5] + tf.nn.softsign(b @ wb + bb) @ w[5:] + c


def embedding_conv(ids, table, k, b, w, b2):
    x = tf.gather(tf.constant(table), ids)
    h = tf.nn.relu(tf.stack([x[:, t] @ k[0] + x[:, t + 1] @ k[1] + b for t in range(5)], 1))
    return tf.reduce_max(h, 1) @ w + b2


def embedding_lstm(ids, table, w, u, b, w2, b2):
    return lstm_states(tf.gather(tf.constant(table), ids), w, u, b, 6, 4) @ w2 + b2
