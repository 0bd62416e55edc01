"""Attributions of layers beside those of Captum, see tests/data/README.md."""

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.networks import v1

DATA = np.load(Path(__file__).parent.parent / 'data' / 'layer_reference.npz')
NETS = sorted({key.split('/')[0] for key in DATA.files})
RULES = {'gausslegendre_50': {'quadrature': 'gausslegendre', 'steps': 50},
         'trapezoid_nodes_50': {'quadrature': 'trapezoid', 'steps': 50},
         'riemann_middle_20': {'quadrature': 'riemann_middle', 'steps': 20}}

OPS = {'dense': lambda layer, w, h: h @ w[0] + w[1], 'relu': lambda layer, w, h: tf.nn.relu(h),
       'add': lambda layer, w, a, b: a + b, 'concat': lambda layer, w, a, b: tf.concat([a, b], -1),
       'conv2d': lambda layer, w, h: tf.nn.conv2d(h, w[0], 1, layer['padding'].upper()) + w[1],
       'maxpool2d': lambda layer, w, h: tf.nn.max_pool2d(h, 2, 2, 'VALID'),
       'avgpool2d': lambda layer, w, h: tf.nn.avg_pool2d(h, 2, 2, 'VALID'),
       'flatten': lambda layer, w, h: tf.reshape(h, (-1, int(np.prod(h.shape[1:]))))}


def of(net, key):
    return DATA[f'{net}/{key}']


def built(net, xs):
    """The tensors of a net by the names of its layers."""
    tensors = {f'x{k}': x for k, x in enumerate(xs)}
    for layer in json.loads(str(of(net, 'spec')))['layers']:
        weights = [tf.constant(of(net, f'w{k}'), tf.float64) for k in layer['weights']]
        tensors[layer['name']] = OPS[layer['op']](layer, weights, *(tensors[k] for k in layer['inputs']))
    return tensors


@contextmanager
def opened(net):
    """explain(method, **parameters): attributions of the hidden layer of a net."""
    given = [of(net, f'x{k}').astype(float) for k in range(2) if f'{net}/x{k}' in DATA.files]
    baselines = [of(net, f'baseline{k}').astype(float) for k in range(len(given))]
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session, DeepExplain(session) as de:
        inputs = [v1.placeholder(tf.float64, (None, *a.shape[1:])) for a in given]
        tensors = built(net, inputs)
        X, xs = (inputs, given) if len(given) > 1 else (inputs[0], given[0])
        baseline = baselines if len(given) > 1 else baselines[0]

        def explain(method, with_baseline=True, **parameters):
            parameters |= {'baseline': baseline} if with_baseline else {}
            return de.explain(method, tensors['out'], X, xs, of(net, 'y').astype(int),
                              layer=tensors[str(of(net, 'hidden'))], **parameters)
        np.testing.assert_allclose(de.value(tensors['out'], X, xs), of(net, 'logits'), rtol=1e-9)
        yield explain


def assert_same(got, expected):
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize('net', NETS)
def test_same_as_captum(net):
    with opened(net) as explain:
        assert_same(explain('layer_gradient_x_activation', False),
                    of(net, 'captum/layer_gradient_x_activation'))
        for rule, parameters in RULES.items():
            for method, key in ('layer_intgrad', 'layer_integrated_gradients'), ('internal_influence',) * 2:
                assert_same(explain(method, **parameters), of(net, f'captum/{key}/{rule}'))
        assert_same(explain('layer_conductance', steps=50, quadrature='riemann_left'),
                    of(net, 'captum/layer_conductance/left_steps_50'))


@pytest.mark.parametrize('net', NETS)
def test_conductance_comes_near_its_limit(net):
    limit = of(net, 'own/layer_conductance/limit')
    with opened(net) as explain:
        gaps = {}
        for quadrature in 'trapezoid', 'riemann_left':
            for steps in 20, 200:
                got = explain('layer_conductance', steps=steps, quadrature=quadrature, batch_size=64)
                gaps[quadrature, steps] = np.abs(got - limit).max() / np.abs(limit).max()
    # corners of ReLU: the gradient of one of the pieces is off at each
    assert gaps['trapezoid', 200] < 1e-2 and gaps['trapezoid', 200] < gaps['trapezoid', 20] / 3
    assert gaps['trapezoid', 20] < gaps['riemann_left', 20]
