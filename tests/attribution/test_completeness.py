"""The gap in every answer: deltas, and where NaN begins."""

import re

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.few import ANYWHERE
from tests.support.networks import mlp, opened, samples, v1

NET = mlp('tanh', 'relu', seed=3)
XS, YS = samples(NET, 5)
SUMS = ('intgrad', 'deeplift', 'kernel_shap', 'owen', 'shapley', 'shapley_sampling', 'elrp', 'lrp',
        'layer_conductance', 'layer_intgrad', 'layer_deeplift')


@pytest.mark.parametrize('method', ANYWHERE)
def test_delta(method):
    """What is missing of the sum, weights of T included; methods without a sum say so."""
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer(method, T, X)
        if method not in SUMS:
            with pytest.raises(errors.ParameterError, match=rf'return_delta: the attributions of '
                                                            rf'"{re.escape(method)}" do not promise any sum'):
                explainer.run(XS, YS, return_delta=True)
            return
        a, delta = explainer.run(XS, YS, return_delta=True)
        np.testing.assert_array_equal(a, explainer.run(XS, YS))
        promised = NET.f(XS, YS) - (0 if method in ('elrp', 'lrp') else NET.f(0 * XS, YS))
        np.testing.assert_allclose(delta, promised - a.sum(1), atol=1e-12)
        assert delta.shape == (5,) and delta.dtype == np.float64
        if method in ('elrp', 'lrp'):
            assert np.abs(delta).max() > .1                 # what the biases absorbed
        a, delta = explainer.run(XS, YS, return_delta=True, batch_size=2)
        np.testing.assert_allclose(delta, promised - a.sum(1), atol=1e-12)


def test_where_nan_begins(session):
    x = v1.placeholder(tf.float64, (None, 3), 'x')
    weights = v1.placeholder_with_default(np.array([1., np.nan, 2.]), (3,), 'w')
    small = np.array([[1., -1., 2.]])
    with DeepExplain() as de:
        for target, parameters, message in [
                (tf.exp(tf.math.log(x, 'first') + 1., 'second'), {}, r'At x it begins at op "first" \(Log\): '
                                                                     r'look for overflow, the log'),
                (tf.tanh(x + weights) * 2., {}, 'It begins in a weight or constant: "w:0" holds NaN'),
                (tf.math.log(x + 2., 'late'), {'baseline': -2.}, r'At the baseline it begins at op "late" '
                                                                 r'\(Log\)')]:
            with pytest.raises(errors.ValueRangeError, match=message):
                de.explain('deeplift', target, x, small, **parameters)
        with pytest.raises(errors.ValueRangeError, match='All values on the way to T are finite: it is the '
                                                         'derivative'):
            de.explain('saliency', tf.sqrt(tf.nn.relu(x)), x, small)
        with pytest.raises(errors.ValueRangeError, match='the array that T is multiplied by holds 1 values '
                                                         'that are NaN'):
            de.explain('saliency', tf.tanh(x) * np.array([1., np.nan, 1.]), x, small)


def test_tokens_with_a_delta(session):
    table, W = np.random.default_rng(0).normal(size=(9, 4)), np.random.default_rng(1).normal(size=(4, 2))
    ids = v1.placeholder(tf.int32, (None, 3), 'ids')
    T = tf.tanh(tf.reduce_sum(tf.gather(tf.constant(table), ids), 1) @ W)
    with DeepExplain() as de:
        a, delta = de.explain('deeplift', T, ids, [[1, 2, 3], [4, 5, 6]], sum_embedding=True, baseline=0,
                              return_delta=True)
        assert a.shape == (2, 3)
        np.testing.assert_allclose(delta, 0, atol=1e-12)
        audit = de.audit('deeplift', T, ids)
        assert audit.fits and [r.type for r in audit.groups['rule']] == ['Tanh']
