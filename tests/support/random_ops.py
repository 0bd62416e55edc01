"""Ops of random graphs, by what can be asked of them: functions of one tensor and of two, each of rows."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.support.networks import v1


def bounded(h, at=3.):
    """Between -at and at, so that float32 says something about what follows."""
    return at * tf.tanh(h / at)


def positive(h):
    return tf.math.softplus(h) + .2


def constant(rng, like, *shape):
    return tf.constant(rng.normal(size=shape) / np.sqrt(shape[0]), like.dtype)


def dense(h, rng, width=None):
    width = width or h.shape[1]
    return h @ constant(rng, h, h.shape[1], width) + constant(rng, h, 1, width) / 2


def image(h):
    """(n, 4, 4, 1) out of (n, width)."""
    return tf.reshape(tf.gather(h, np.arange(16) * 5 % 7 % h.shape[1], axis=1), [-1, 4, 4, 1])


def matrices(h, size=3):
    """(n, size, size) out of (n, width)."""
    return tf.reshape(tf.gather(h, np.arange(size * size) * 5 % 7 % h.shape[1], axis=1), [-1, size, size])


def flat(h):
    return tf.reshape(h, [-1, int(np.prod(h.shape[1:]))])[:, :6]


def normalized(h):
    mean, variance = tf.nn.moments(h, [1], keepdims=True)
    return (h - mean) * tf.math.rsqrt(variance + .1)


def loop(h, g, rng):
    a, b = constant(rng, h, h.shape[1], h.shape[1]), g * .5

    def body(i, z):
        return i + 1, (lambda u: [tf.tanh(u) * z, tf.sigmoid(u) + z / 2, tf.nn.relu(u) - b,
                                  tf.where(u > b, z / 2, tf.sin(u)),
                                  tf.maximum(u, z / 2), tf.nn.softmax(u) * b][rng.integers(6)])(z @ a + b)
    return tf.while_loop(lambda i, z: i < 3, body, [0, h])[1]


def nested(h, g, rng):
    k = rng.integers(2)

    def inner(j, z):
        return j + 1, (tf.tanh if k else tf.nn.softplus)(z + g) * g / 2
    return tf.while_loop(lambda i, z: i < 2,
                         lambda i, z: (i + 1, tf.while_loop(lambda j, u: j < 2, inner, [0, z])[1] - z / 2),
                         [0, h])[1]


def loop_of_conds(h, g, rng):
    def body(i, z):
        return i + 1, tf.cond(i % 2 > 0, lambda: tf.tanh(z) * g, lambda: tf.where(z > g, z, g / 2))
    return tf.while_loop(lambda i, z: i < 4, body, [0, h])[1]


def cond(h, g, rng):
    return tf.cond(predicate(), lambda: tf.sigmoid(h) * g,
                   lambda: tf.reduce_max(h, 1, keepdims=True) - tf.square(bounded(g)))


def predicate():
    try:
        return tf.compat.v1.get_default_graph().get_tensor_by_name('predicate:0')
    except KeyError:
        return v1.placeholder(tf.bool, (), 'predicate')


def attention(h, g, rng):
    q, k, v = (tf.reshape(tf.gather(t, np.arange(6) % t.shape[1], axis=1), [-1, 3, 2]) for t in (h, g, h))
    mask = tf.constant(np.triu(np.ones((3, 3)), 1) * -1e9, h.dtype)
    return flat(tf.nn.softmax(tf.matmul(q, k, transpose_b=True) + mask) @ v)


SMOOTH = {                                                  # of one tensor: (h, rng)
    'gelu': lambda h, r: tf.nn.gelu(h), 'gelu_tanh': lambda h, r: tf.nn.gelu(h, True),
    'silu': lambda h, r: tf.nn.silu(h), 'softplus': lambda h, r: tf.math.softplus(h),
          'sigmoid': lambda h, r: tf.sigmoid(h),
    'tanh': lambda h, r: tf.tanh(h), 'exp': lambda h, r: tf.exp(bounded(h)),
          'expm1': lambda h, r: tf.math.expm1(bounded(h)),
    'log': lambda h, r: tf.math.log(positive(h)), 'log1p': lambda h, r: tf.math.log1p(positive(h)),
          'sqrt': lambda h, r: tf.sqrt(positive(h)),
    'rsqrt': lambda h, r: tf.math.rsqrt(positive(h)), 'square': lambda h, r: tf.square(bounded(h)),
          'pow': lambda h, r: positive(bounded(h)) ** 1.7,
    'cube': lambda h, r: bounded(h) ** 3 / 9, 'sin': lambda h, r: tf.sin(h), 'cos': lambda h, r: tf.cos(h),
          'erf': lambda h, r: tf.math.erf(h),
    'reciprocal': lambda h, r: tf.math.reciprocal(positive(h)), 'atan': lambda h, r: tf.atan(h),
          'asinh': lambda h, r: tf.asinh(h),
    'lgamma': lambda h, r: tf.math.lgamma(positive(h)), 'sinh': lambda h, r: tf.sinh(bounded(h)),
}
KINKED = {
    'relu': lambda h, r: tf.nn.relu(h), 'elu': lambda h, r: tf.nn.elu(h),
          'leaky_relu': lambda h, r: tf.nn.leaky_relu(h, .3),
    'relu6': lambda h, r: tf.nn.relu6(h),
    'selu': lambda h, r: tf.nn.selu(h), 'softsign': lambda h, r: tf.nn.softsign(h),
          'abs': lambda h, r: tf.abs(h),
    'clip': lambda h, r: tf.clip_by_value(h, -.5, .7), 'hard_sigmoid': lambda h, r: tf.nn.relu6(h + 3) / 6,
}
JOINED_SMOOTH = {                                           # of two tensors of one shape: (h, g, rng)
    'mul': lambda h, g, r: bounded(h) * bounded(g), 'div': lambda h, g, r: h / positive(g),
                 'add': lambda h, g, r: h - g,
    'squared_difference': lambda h, g, r: tf.math.squared_difference(bounded(h), bounded(g)),
    'gate': lambda h, g, r: tf.sigmoid(h) * g,
                 'pow_xy': lambda h, g, r: positive(bounded(h)) ** bounded(g, 2.),
    'einsum': lambda h, g, r: flat(tf.einsum('ni,nj->nij', bounded(h), bounded(g))),
    'matmul': lambda h, g, r: flat(matrices(bounded(h)) @ tf.transpose(matrices(g), [0, 2, 1]) / 3),
    'xlogy': lambda h, g, r: tf.math.xlogy(h, positive(g)), 'atan2': lambda h, g, r: tf.atan2(h, positive(g)),
    'row_times': lambda h, g, r: bounded(h) * tf.reduce_mean(bounded(g), 1, keepdims=True),
                 'attention': attention,
    'bilinear': lambda h, g, r: tf.einsum('ni,nj,ijk->nk', bounded(h), bounded(g),
                                          constant(r, h, h.shape[1], h.shape[1], h.shape[1])),
    'inverse': lambda h, g, r: flat(tf.linalg.inv(matrices(tf.tanh(h)) + 4 * tf.eye(3, dtype=h.dtype))),
    'solve': lambda h, g, r: flat(tf.linalg.solve(matrices(tf.tanh(h)) + 4 * tf.eye(3, dtype=h.dtype),
                                                  matrices(g))),
    'cross_entropy': lambda h, g, r: h + tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(g),
                                                                                 h)[:, None],
    'concat': lambda h, g, r: tf.concat([h[:, 1:], g[:, :2]], 1),
                 'div_no_nan': lambda h, g, r: tf.math.divide_no_nan(h, positive(g)),
}
WHOLE_SMOOTH = {                                            # of whole rows
    'dense': lambda h, r: dense(h, r), 'wider': lambda h, r: dense(h, r, 6),
                'narrower': lambda h, r: dense(h, r, 3),
    'softmax': lambda h, r: tf.nn.softmax(h) * 2, 'log_softmax': lambda h, r: tf.nn.log_softmax(h),
    'logsumexp': lambda h, r: h - tf.reduce_logsumexp(h, 1, keepdims=True),
                'layer_norm': lambda h, r: normalized(h),
    'prod': lambda h, r: h + tf.reduce_prod(tf.tanh(h) + 1, 1, keepdims=True) / 4,
                'cumprod': lambda h, r: tf.math.cumprod(tf.tanh(h) + 1, 1) / 4,
    'norm': lambda h, r: h / (1 + tf.norm(h, axis=1, keepdims=True)),
                'reverse': lambda h, r: tf.reverse(h, [1]),
    'transpose': lambda h, r: flat(tf.transpose(matrices(h), [0, 2, 1])),
    'split': lambda h, r: tf.concat(tf.split(h, [1, h.shape[1] - 1], 1)[::-1], 1),
    'sum': lambda h, r: h - tf.reduce_mean(h, 1, keepdims=True), 'cumsum': lambda h, r: tf.cumsum(h, 1) / 2,
    'gather': lambda h, r: tf.gather(h, r.integers(0, h.shape[1], 4), axis=1), 'first': lambda h, r: h[:, :1]
                + h,
    'l2_normalize': lambda h, r: tf.nn.l2_normalize(h + 2, 1),
                'pooled': lambda h, r: flat(tf.nn.avg_pool2d(image(h), 2, 2, 'SAME')),
    'conv': lambda h, r: flat(tf.nn.conv2d(image(h), constant(r, h, 2, 2, 1, 2), 1, 'VALID')),
    'lrn': lambda h, r: flat(tf.nn.lrn(tf.cast(tf.reshape(h, [-1, 1, 1, h.shape[1]]), tf.float32)))
                if h.dtype == tf.float32 else h,
}
WHOLE_KINKED = {
    'reduce_max': lambda h, r: h - tf.reduce_max(h, 1, keepdims=True), 'reduce_min': lambda h, r: h * .5
                + tf.reduce_min(h, 1, keepdims=True),
    'max_pool': lambda h, r: flat(tf.nn.max_pool2d(image(h), 3, 2, 'SAME')),
    'max_pool1': lambda h, r: flat(tf.nn.max_pool2d(image(h), 2, 1, 'VALID')),
}
JOINED_KINKED = {
    'maximum': lambda h, g, r: tf.maximum(h, g), 'minimum': lambda h, g, r: tf.minimum(h, g + .2),
                 'loop': loop, 'nested': nested,
    'loop_of_conds': loop_of_conds, 'cond': cond,
}
DECISIONS = {
    'where': lambda h, g, r: tf.where(h > .1, g, h / 2),
             'where_and': lambda h, g, r: tf.where((h > g) & ~(g < -.3), h, 1 - g),
    'where_or': lambda h, g, r: tf.where((h >= .3) | (g <= h), h * .5, g), 'step': lambda h, g, r: h
             + .5 * tf.cast(g > h, h.dtype),
    'select': lambda h, g, r: v1.where(h[:, 0] > g[:, 1], h, g),
             'any': lambda h, g, r: tf.where(tf.reduce_any(h > g, 1, keepdims=True), h, g),
    'masked': lambda h, g, r: tf.nn.softmax(tf.where(h > g, h, tf.constant(-1e9, h.dtype))),
             'sign': lambda h, g, r: g + tf.sign(h) / 2,
}
ONE = SMOOTH | KINKED | WHOLE_SMOOTH | WHOLE_KINKED
TWO = JOINED_SMOOTH | JOINED_KINKED | DECISIONS
ALL = sorted(ONE | TWO)
STABLE = sorted(set(ALL) - set(DECISIONS) - {'loop', 'loop_of_conds'})
ONE_OP = 'softplus sigmoid tanh sin cos erf atan asinh'.split()           # the others are made of several ops
ONLY_SMOOTH = sorted(SMOOTH | WHOLE_SMOOTH | JOINED_SMOOTH)
