"""guided_backprop and deconvnet beside those of Captum, see tests/data/README.md."""

from collections import ChainMap
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.cams import built, cast
from tests.support.networks import v1

FILES = [np.load(Path(__file__).parent.parent / 'data' / f'{name}_reference.npz')
         for name in ('relu', 'layer', 'cams')]
DATA = ChainMap(*FILES)
NETS = sorted({key.split('/')[0] for key in FILES[0]})
METHODS = {'guided_backprop': 'guided_backprop', 'deconvnet': 'deconvolution'}


@pytest.mark.parametrize('nested', [False, True])
@pytest.mark.parametrize('net', NETS)
def test_same_as_captum(net, nested, session):
    given = [cast(DATA[f'{net}/x{k}']) for k in range(2) if f'{net}/x{k}' in DATA]
    inputs = [v1.placeholder(tf.float64, (None, *a.shape[1:])) for a in given]
    T = tf.function(lambda *xs: built(DATA, net, xs))(*inputs) if nested else built(DATA, net, inputs)
    with DeepExplain(session) as de:
        np.testing.assert_allclose(de.value(T, inputs, given), DATA[f'{net}/logits'], rtol=1e-6)
        for name, of_captum in METHODS.items():
            for batch_size in None, 1:
                got = de.explain(name, T, inputs, given, DATA[f'{net}/y'].astype(int), batch_size)
                for k, a in enumerate(got):
                    expected = DATA[f'{net}/captum/{of_captum}/{k}']
                    np.testing.assert_allclose(a, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max(),
                                               err_msg=f'{name} {k}')


def test_all_networks_are_there():
    assert NETS == ['cnn_bn', 'cnn_pool', 'cnn_res', 'mlp_relu', 'mlp_tabular', 'two_inputs']
