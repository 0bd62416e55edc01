"""lrp beside zennit: every composite on small networks, every rule alone; see tests/data/README.md."""

from collections import ChainMap
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2 import lrp as rules
from tests.support.cams import built, cast
from tests.support.networks import v1

FILES = [np.load(Path(__file__).parent.parent / 'data' / f'{name}_reference.npz')
         for name in ('lrp', 'relu', 'layer', 'cams')]
DATA = ChainMap(*FILES)
NETS = ['cnn_bn', 'cnn_pool', 'cnn_res', 'mlp_relu', 'mlp_tabular', 'two_inputs']
SINGLE = {'epsilon_1e-6': lambda low, high: rules.epsilon(1e-6),
          'epsilon_0.25': lambda low, high: rules.epsilon(.25),
          'gamma_0.25': lambda low, high: rules.gamma(.25), 'zplus': lambda low, high: rules.z_plus(),
          'alphabeta_2_1': lambda low, high: rules.alpha_beta(2, 1),
          'alphabeta_1_0': lambda low, high: rules.alpha_beta(1, 0), 'zbox': rules.z_box,
          'wsquare': lambda low, high: rules.w_square(), 'flat': lambda low, high: rules.flat(),
          'norm': lambda low, high: rules.norm(), 'pass': lambda low, high: rules.passes()}


def composites(net):
    """(key in the file, parameters) of the composites of a net."""
    box = DATA[f'{net}/zennit/box']
    for key in sorted({k.split('/')[2] for k in FILES[0].files if k.startswith(f'{net}/zennit/')} - {'box'}):
        name = key.removesuffix('_merged')
        if name.startswith('epsilon_all'):
            yield key, {'composite': [(rules.weighted(), rules.epsilon(float(name.split('_')[2])))]}
        elif name == 'epsilon_gamma_box':
            yield key, {'composite': name, 'low': box[0], 'high': box[1]}
        else:
            yield key, {'composite': name}


@pytest.mark.parametrize('nested', [False, True])
@pytest.mark.parametrize('net', NETS)
def test_composites(net, nested, session):
    given = [cast(DATA[f'{net}/x{k}']) for k in range(2) if f'{net}/x{k}' in DATA]
    inputs = [v1.placeholder(tf.float64, (None, *a.shape[1:])) for a in given]
    T = tf.function(lambda *xs: built(DATA, net, xs))(*inputs) if nested else built(DATA, net, inputs)
    found = list(composites(net))
    assert len(found) == 7
    with DeepExplain(session) as de:
        for key, parameters in found:
            got = de.explain('lrp', T, inputs, given, DATA[f'{net}/y'].astype(int), **parameters)
            for k, a in enumerate(got):
                expected = DATA[f'{net}/zennit/{key}/{k}']
                np.testing.assert_allclose(a, expected, rtol=1e-9, atol=1e-11 * np.abs(expected).max(),
                                           err_msg=f'{key} {k}')


@pytest.mark.parametrize('net', ['one_dense', 'one_conv'])
def test_single_rules(net, session):
    x, r = cast(DATA[f'{net}/x0']), DATA[f'{net}/zennit/R_out']
    X = v1.placeholder(tf.float64, (None, *x.shape[1:]))
    T = built(DATA, net, [X])
    bounds = [DATA[f'{net}/zennit/{name}'][0] for name in ('low', 'high')]
    keys = [k.split('/')[2] for k in FILES[0].files if k.startswith(f'{net}/zennit/') and k.endswith('/0')]
    assert len(keys) == 18
    with DeepExplain(session) as de:
        ys = r / session.run(T, {X: x})                     # relevance begins as ys T
        for key in keys:
            got = de.explain('lrp', T, X, x, ys, bias='ignore' if key.endswith('_nobias') else 'absorb',
                             composite=[(rules.first(), SINGLE[key.removesuffix('_nobias')](*bounds))])
            expected = DATA[f'{net}/zennit/{key}/0']
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-11 * np.abs(expected).max(),
                                       err_msg=key)
