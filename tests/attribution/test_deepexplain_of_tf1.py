"""The numbers of DeepExplain itself, computed by it on TensorFlow 1.15."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2.tensorflow import DeepExplain
from tests.support.networks import v1

DATA = np.load(Path(__file__).parents[1] / 'data' / 'deepexplain_reference.npz')
CASES = sorted(k for k in DATA if '/r0/' in k)


def build(net, w):
    if net == 'mlp_relu':
        X = [v1.placeholder(tf.float32, (None, 10))]
        h = tf.nn.relu(tf.nn.relu(X[0] @ w[0] + w[1]) @ w[2] + w[3])
        return X, h @ w[4] + w[5]
    if net == 'cnn_avg':
        X = [v1.placeholder(tf.float32, (None, 8, 8, 3))]
        h = tf.nn.avg_pool2d(tf.nn.tanh(tf.nn.conv2d(X[0], w[0], 1, 'VALID') + w[1]), 2, 2, 'VALID')
        return X, tf.nn.sigmoid(tf.reshape(h, (-1, 45)) @ w[2] + w[3]) @ w[4] + w[5]
    if net == 'seq_1d':
        X = [v1.placeholder(tf.float32, (None, 12, 4))]
        return X, tf.nn.relu(tf.reshape(X[0], (-1, 48)) @ w[0] + w[1]) @ w[2] + w[3]
    X = [v1.placeholder(tf.float32, (None, 5)), v1.placeholder(tf.float32, (None, 7))]
    return X, tf.nn.tanh(tf.nn.relu(tf.concat(X, 1) @ w[0] + w[1]) @ w[2] + w[3]) @ w[4] + w[5]


@pytest.mark.parametrize('case', CASES)
@pytest.mark.parametrize('idiom', ['T * ys', 'ys='])
def test_reproduces_deepexplain(session, case, idiom):
    net, _, rest = case.split('/', 2)
    method, parameters = rest[:rest.index('{')], json.loads(rest[rest.index('{'):])
    def get(name):
        return [DATA[f'{net}/{name}{k}'] for k in range(9) if f'{net}/{name}{k}' in DATA]

    X, T = build(net, get('w'))
    xs, b, ys = get('x'), get('b'), DATA[f'{net}/ys']
    one = (lambda values: values[0]) if len(X) == 1 else list
    if parameters.get('baseline') == 'b':
        parameters['baseline'] = one(b)
    if method == 'intgrad':
        parameters['quadrature'] = 'riemann_right'
    if method == 'elrp':
        parameters['offset'] = 'pass'
    with DeepExplain(session) as de:
        if idiom == 'ys=':
            got = de.explain(method, T, one(X), one(xs), ys=ys, **parameters)
        else:
            got = de.explain(method, T * ys, one(X), one(xs), **parameters)
    for k, g in enumerate(got if len(X) > 1 else [got]):
        expected = DATA[case.replace('/r0/', f'/r{k}/')]
        # deeplift: DeepExplain itself divides differences of 1e-5 in float32
        tolerance = 1e-3 if method == 'deeplift' else 1e-5
        np.testing.assert_allclose(g, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_all_cases_are_there():
    assert len(CASES) == 39
