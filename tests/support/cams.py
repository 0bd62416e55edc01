"""Class activation maps by their definitions, and the networks of their reference values."""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

REFERENCE = np.load(Path(__file__).parent.parent / 'data' / 'cams_reference.npz')
NETS = sorted({key.split('/')[0] for key in REFERENCE})


def cast(values):
    return np.asarray(values, np.float64)


OPS = {'conv2d': lambda h, w, layer: tf.nn.conv2d(h, w[0], 1, layer['padding'].upper()) + w[1],
       'batchnorm': lambda h, w, layer: (h - w[2]) * w[0] / tf.sqrt(w[3] + layer['epsilon']) + w[1],
       'relu': lambda h, w, layer: tf.nn.relu(h),
       'maxpool2d': lambda h, w, layer: tf.nn.max_pool2d(h, layer['pool'], layer['pool'], 'VALID'),
       'avgpool2d': lambda h, w, layer: tf.nn.avg_pool2d(h, layer['pool'], layer['pool'], 'VALID'),
       'globalavgpool2d': lambda h, w, layer: tf.reduce_mean(h, [1, 2]),
       'flatten': lambda h, w, layer: tf.reshape(h, [-1, np.prod(h.shape[1:])]),
       'dense': lambda h, w, layer: h @ w[0] + w[1]}


def built(data, net, inputs):
    """The output of a network of reference values."""
    found = {f'x{k}': x for k, x in enumerate(inputs)}
    for layer in json.loads(str(data[f'{net}/spec']))['layers']:
        h, *others = [found[name] for name in layer['inputs']]
        weights = [tf.constant(cast(data[f'{net}/w{k}'])) for k in layer['weights']]
        if layer['op'] == 'concat':
            h = tf.concat([h, *others], -1)
        else:
            h = h + others[0] if others else OPS[layer['op']](h, weights, layer)
        found[layer['name']] = h
    return h


def layers_of(net, x):
    """The tensors of a network of the reference, by the names of its layers."""
    found = {'x0': x}
    for layer in json.loads(str(REFERENCE[f'{net}/spec']))['layers']:
        h, *others = [found[name] for name in layer['inputs']]
        w = [tf.constant(cast(REFERENCE[f'{net}/w{i}'])) for i in layer['weights']]
        found[layer['name']] = h + others[0] if others else OPS[layer['op']](h, w, layer)
    return found


def grad_cam(a, g):
    return np.stack([sum(g[n, ..., c].mean() * a[n, ..., c] for c in range(a.shape[-1]))
                     for n in range(len(a))])


def grad_cam_plus_plus(a, g):
    space = tuple(range(1, a.ndim - 1))
    with np.errstate(divide='ignore', invalid='ignore'):
        alpha = g ** 2 / (2 * g ** 2 + a.sum(space, keepdims=True) * g ** 3)
    alpha = np.where(g == 0, 0, alpha)
    return ((alpha * np.maximum(g, 0)).sum(space, keepdims=True) * a).sum(-1)


def xgrad_cam(a, g):
    space = tuple(range(1, a.ndim - 1))
    share = np.divide(a, a.sum(space, keepdims=True), out=np.zeros_like(a), where=a != 0)
    return ((share * g).sum(space, keepdims=True) * a).sum(-1)


def eigen_cam(a, g):
    found = []
    for row in a:
        flat = row.reshape(-1, row.shape[-1])
        v = np.linalg.svd(flat)[2][0]
        found.append((flat @ v * np.sign((flat @ v).sum())).reshape(row.shape[:-1]))
    return np.stack(found)


def fem(a, g, k=2.):
    space = tuple(range(1, a.ndim - 1))
    mean, deviation = a.mean(space, keepdims=True), a.std(space, keepdims=True)
    return (mean * ((a >= mean + k * deviation) & (deviation > 0))).sum(-1)


ORACLES = {'grad_cam': grad_cam, 'grad_cam++': grad_cam_plus_plus, 'xgrad_cam': xgrad_cam,
           'layer_cam': lambda a, g: (np.maximum(g, 0) * a).sum(-1),
           'hires_cam': lambda a, g: (g * a).sum(-1), 'eigen_cam': eigen_cam, 'fem': fem}
CAMS = sorted([*ORACLES, 'score_cam'])
