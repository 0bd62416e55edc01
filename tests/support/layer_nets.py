"""Networks with a layer, and the attributions of it by their definitions, in float64 with tf.GradientTape."""

import numpy as np
import tensorflow as tf
from tensorflow.python.eager.context import eager_mode

from deepexplain2 import methods
from tests.support.networks import v1

RNG = np.random.default_rng(1)
W, V, U, K = (RNG.normal(size=s) for s in ((4, 6), (6, 3), (4, 3), (2, 2, 1, 3)))
XS, YS, B = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 3)), RNG.normal(size=4)
LAYERS = ['internal_influence', 'layer_conductance', 'layer_deeplift', 'layer_gradient_x_activation',
          'layer_intgrad']
STEPS = 6


# Networks as pairs: x -> layer, and (layer, x) -> T

def dense(x):
    return tf.tanh(x @ W)


def convolved(x):
    return tf.nn.softplus(tf.nn.conv2d(tf.reshape(x, [-1, 2, 2, 1]), K, 1, 'SAME'))


NETS = {'dense': (dense, lambda h, x: tf.exp(.3 * h) @ V),
        'conv': (convolved, lambda h, x: tf.tanh(tf.reduce_mean(h ** 2, [1, 2]) @ V[:3])),
        'several_paths': (dense, lambda h, x: (h + tf.sin(h * h)) @ V * tf.reduce_sum(h, 1, keepdims=True)),
        'around': (dense, lambda h, x: tf.exp(.3 * h) @ V + tf.sin(x @ U)),
        'multiplied_around': (dense, lambda h, x: (h @ V) * tf.sin(x @ U)),
        'functions': (tf.function(lambda x: tf.sin(x) @ W), tf.function(lambda h, x: tf.tanh(h) @ V)),
        'before_a_loop': (dense, lambda h, x: tf.while_loop(
            lambda i, h: i < 3, lambda i, h: (i + 1, tf.sin(h) + h), [0, h])[1] @ V)}


def tape(net, x, h, weights):
    """dT/dh with x for all else, T weighted."""
    with eager_mode(), tf.GradientTape() as g:              # outside of the graph of the session
        h = tf.constant(h)
        g.watch(h)
        t = tf.reduce_sum(NETS[net][1](h, tf.constant(x)) * weights)
        return g.gradient(t, h).numpy()


def layer(net, x):
    with eager_mode():
        return NETS[net][0](tf.constant(x)).numpy()


def of_line(net, x, alpha, b=B):
    """(layer, its gradient) at b + alpha (x - b)."""
    point = b + alpha * (x - b)
    h = layer(net, point)
    return h, tape(net, point, h, YS)


def expected(net, method):
    h, h0 = layer(net, XS), layer(net, np.tile(B, (5, 1)))
    middle = [(k + .5) / STEPS for k in range(STEPS)]
    if method == 'layer_gradient_x_activation':
        return h * tape(net, XS, h, YS)
    if method == 'internal_influence':
        return np.mean([of_line(net, XS, a)[1] for a in middle], 0)
    if method == 'layer_intgrad':
        return (h - h0) * np.mean([tape(net, XS, h0 + a * (h - h0), YS) for a in middle], 0)
    points = [of_line(net, XS, k / STEPS) for k in range(STEPS + 1)]
    return sum((g1 + g0) / 2 * (h1 - h0) for (h0, g0), (h1, g1) in zip(points, points[1:]))


def made(method, h, **more):
    more |= {'steps': STEPS} if method in LAYERS[:2] + LAYERS[4:] else {}
    more |= {'quadrature': 'riemann_middle'} if method in ('internal_influence', 'layer_intgrad') else {}
    more |= {} if method == 'layer_gradient_x_activation' else {'baseline': B}
    return methods[method](layer=h, **more)


def opened(net, session, batch=None, dtype=tf.float64):
    """(x, h, t) in the graph of the session."""
    x = v1.placeholder(dtype, (batch, 4), 'x')
    h = tf.identity(NETS[net][0](x), 'h')
    return x, h, NETS[net][1](h, x)
