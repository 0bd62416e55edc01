"""Small networks, each twice: as a TensorFlow graph, and as its definition in float64 NumPy."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain

v1 = tf.compat.v1


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


SELU = 1.0507009873554805, 1.6732632423543772

# name -> (TensorFlow function, f, derivative)
ACTIVATIONS = {
    'relu': (tf.nn.relu, lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.),
    'elu': (tf.nn.elu, lambda z: np.where(z > 0, z, np.expm1(z)), lambda z: np.where(z >= 0, 1, np.exp(z))),
    'sigmoid': (tf.nn.sigmoid, _sigmoid, lambda z: _sigmoid(z) * _sigmoid(-z)),
    'tanh': (tf.nn.tanh, np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    'softplus': (tf.nn.softplus, lambda z: np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0), _sigmoid),
    'leaky_relu': (lambda z: tf.nn.leaky_relu(z, .25), lambda z: np.where(z > 0, z, .25 * z),
                   lambda z: np.where(z > 0, 1, .25)),
    'selu': (tf.nn.selu, lambda z: SELU[0] * np.where(z > 0, z, SELU[1] * np.expm1(z)),
             lambda z: SELU[0] * np.where(z >= 0, 1, SELU[1] * np.exp(z))),
    'relu6': (tf.nn.relu6, lambda z: np.clip(z, 0, 6), lambda z: ((z > 0) & (z < 6)) * 1.),
    'softsign': (tf.nn.softsign, lambda z: z / (1 + np.abs(z)), lambda z: 1 / (1 + np.abs(z)) ** 2),
}


class Net:
    """Layers applied to (n,) + shape. A layer is ('dense', matrix, bias), ('conv', kernel, bias), ('pool',
    size) or an activation."""

    def __init__(self, shape, layers):
        self.shape, self.layers = shape, layers

    def tensorflow(self, x):
        h = x
        for layer in self.layers:
            if layer[0] == 'dense':
                h = tf.reshape(h, [-1, layer[1].shape[0]]) @ tf.constant(layer[1],
                                                                         h.dtype) + tf.constant(layer[2],
                                                                                                h.dtype)
            elif layer[0] == 'conv':
                h = tf.nn.conv2d(h, tf.constant(layer[1], h.dtype), 1,
                                 'VALID') + tf.constant(layer[2], h.dtype)
            elif layer[0] == 'pool':
                h = tf.nn.max_pool2d(h, layer[1], layer[1], 'VALID')
            else:
                h = ACTIVATIONS[layer[0]][0](h)
        return h

    def forward(self, x):
        """All values on the way, x first and the output last, each (n, features)."""
        values, shape = [np.asarray(x, float).reshape(len(x), -1)], self.shape
        for layer in self.layers:
            h = values[-1]
            if layer[0] in ('dense', 'conv'):
                matrix, bias, shape = _affine(layer, shape)
                h = h @ matrix + bias
            elif layer[0] == 'pool':
                index, shape = _windows(shape, layer[1])
                h = h[:, index].max(-1)
            else:
                h = ACTIVATIONS[layer[0]][1](h)
            values.append(h)
        return values

    def shapes(self):
        """The shapes of a row on the way, that of x first."""
        shapes = [self.shape]
        for layer in self.layers:
            shapes.append(_affine(layer, shapes[-1])[2] if layer[0] in ('dense', 'conv')
                          else _windows(shapes[-1], layer[1])[1] if layer[0] == 'pool' else shapes[-1])
        return shapes

    def f(self, x, ys):
        return (self.forward(x)[-1] * ys).sum(1)

    def backward(self, x, ys, rule, pool=None):
        """The gradient of (T * ys).sum() by x, with `rule(name, k, r, values)` at the activation after value
        k, and with `pool(index, k, r, values)` at max pooling over the windows of `index`."""
        values, shapes = self.forward(x), self.shapes()
        r = np.broadcast_to(np.asarray(ys, float), values[-1].shape)
        for k, layer in reversed(list(enumerate(self.layers))):
            if layer[0] in ('dense', 'conv'):
                r = r @ _affine(layer, shapes[k])[0].T
            elif layer[0] == 'pool':
                index, _ = _windows(shapes[k], layer[1])
                if pool:
                    r = pool(index, k, r, values)
                    continue
                r = _to_winners(r, values[k], index)
            else:
                r = rule(layer[0], k, r, values)
        return r.reshape(np.shape(x))

    def gradient(self, x, ys):
        return self.backward(x, ys, lambda name, k, r, values: r * ACTIVATIONS[name][2](values[k]))

    def elrp(self, x, ys, epsilon=1e-4):
        """What a function is at 0 absorbs relevance, as biases do."""
        def rule(name, k, r, values):
            z, at_zero = values[k], ACTIVATIONS[name][1](np.zeros(1))
            return r * (values[k + 1] - at_zero) / (z + epsilon * np.where(z >= 0, 1, -1))
        return x * self.backward(x, ys, rule)

    def lrp(self, x, ys, epsilon=1e-6):
        """The epsilon rule at dense layers and convolutions with their biases; activations pass all."""
        values, shapes = self.forward(x), self.shapes()
        r = values[-1] * ys
        for k, layer in reversed(list(enumerate(self.layers))):
            if layer[0] in ('dense', 'conv'):
                z, matrix = values[k + 1], _affine(layer, shapes[k])[0]
                r = values[k] * ((r / (z + epsilon * np.where(z >= 0, 1, -1))) @ matrix.T)
            elif layer[0] == 'pool':
                index, _ = _windows(shapes[k], layer[1])
                r = _to_winners(r, values[k], index)
        return r.reshape(np.shape(x))

    def deeplift(self, x, ys, baseline, cross=True):
        reference = self.forward(np.broadcast_to(baseline, np.shape(x)))

        def pool(index, k, r, values):
            """Window by window, row by row: the change of the maximum to the winner on the side that has the
            larger one."""
            result, (z, z_ref) = np.zeros_like(values[k]), (values[k], reference[k])
            for row in range(len(z)):
                for w, window in enumerate(index):
                    a, b = z[row, window], z_ref[row, window]
                    winner = window[(a if a.max() >= b.max() else b).argmax()]
                    change, d = a.max() - b.max(), z[row, winner] - z_ref[row, winner]
                    result[row, winner] += r[row, w] * (change / d if d else 1)
            return result

        def rule(name, k, r, values):
            dz = values[k] - reference[k]
            same = np.abs(dz) < 1e-9
            slope = np.divide(values[k + 1] - reference[k + 1], dz, out=np.zeros_like(dz), where=~same)
            return r * np.where(same, ACTIVATIONS[name][2](values[k]), slope)
        return (x - baseline) * self.backward(x, ys, rule, pool if cross else None)


def _affine(layer, shape):
    """(matrix, bias, output shape) of a dense or VALID convolution layer."""
    if layer[0] == 'dense':
        return layer[1], layer[2], (layer[1].shape[1],)
    kernel = layer[1]
    h, w = shape[0] - kernel.shape[0] + 1, shape[1] - kernel.shape[1] + 1
    matrix = np.zeros((*shape, h, w, kernel.shape[3]))
    for i in range(h):
        for j in range(w):
            matrix[i:i + kernel.shape[0], j:j + kernel.shape[1], :, i, j] = kernel
    return matrix.reshape(np.prod(shape), -1), np.tile(layer[2], h * w), (h, w, kernel.shape[3])


def _to_winners(r, values, index):
    """What comes back to the maxima over the windows of `index`, at the largest value of each."""
    winners, given = index[np.arange(len(index)), values[:, index].argmax(-1)], np.zeros_like(values)
    np.put_along_axis(given, winners, r, 1)
    return given


def _windows(shape, size):
    """Indices of the features under each pooling window, (windows, size * size), and the output shape."""
    h, w = shape[0] // size, shape[1] // size
    flat = np.arange(np.prod(shape)).reshape(shape)[:h * size, :w * size]
    flat = flat.reshape(h, size, w, size, shape[2]).transpose(0, 2, 4, 1, 3)
    return flat.reshape(-1, size * size), (h, w, shape[2])


def mlp(*activations, sizes=(5, 7, 6, 3), seed=0):
    """Dense layers with the activations between them."""
    rng = np.random.default_rng(seed)
    layers = []
    for k, (rows, columns) in enumerate(zip(sizes, sizes[1:])):
        layers.append(('dense', rng.normal(size=(rows, columns)), rng.normal(size=columns)))
        if k < len(sizes) - 2:
            layers.append((activations[k % len(activations)],))
    return Net(sizes[:1], layers)


def cnn(activation, second='sigmoid', seed=0):
    """Convolution, activation, max pooling, dense, activation, dense on (6, 6, 2)."""
    rng = np.random.default_rng(seed)
    return Net((6, 6, 2), [('conv', rng.normal(size=(3, 3, 2, 4)), rng.normal(size=4)), (activation,),
                           ('pool', 2),
                           ('dense', rng.normal(size=(16, 5)) / 2, rng.normal(size=5)), (second,),
                           ('dense', rng.normal(size=(5, 3)), rng.normal(size=3))])


def samples(net, n, seed=10):
    """n rows for a net, and weights for its 3 units of both signs."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, *net.shape)), rng.normal(size=(n, 3))


@contextmanager
def opened(net, dtype=tf.float64, batch=None):
    """(de, X, T, session) for a Net in a graph of its own."""
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        X = v1.placeholder(dtype, (batch, *net.shape), 'x')
        T = net.tensorflow(X)
        with DeepExplain(session) as de:
            yield de, X, T, session
