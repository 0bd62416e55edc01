"""Every op of TensorFlow that has a gradient: linear, under a rule that is tested here, or refused by
deeplift."""

import warnings

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import op_def_registry, ops

from deepexplain2 import DeepExplain, errors
from deepexplain2.attribution.propagation.deeplift import COMPLETE, REFUSED
from deepexplain2.graph import linear
from deepexplain2.graph.gradients import OPS_WITHOUT_GRADIENT
from tests.support.catalogue import ONE_ROW, OPS, SINGLE, UNARY, unary
from tests.support.networks import v1

LINEAR = linear.JOINTLY_LINEAR | linear.MULTILINEAR | linear.LINEAR_IN.keys() | linear.DIFFERENTIATED_INSIDE
NOT_DIFFERENTIABLE = OPS_WITHOUT_GRADIENT | {'ArgMax', 'ArgMin'}
# loops of TF1
TRANSLATED = {f'TensorArray{what}V3' for what in ('Concat', 'Gather', 'Read', 'Scatter', 'Split', 'Write')}


@pytest.mark.parametrize('op', [*UNARY, *OPS])
def test_op(op):
    """Complete, near and far, in float64 to 1e-9; the op alone carries X to T."""
    function = unary(op) if op in UNARY else OPS[op]
    dtype = tf.float32 if op in SINGLE else tf.float64
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1 if op in ONE_ROW else 4, 6)).clip(-3, 3)
    batch = 1 if op in ONE_ROW else None
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de, \
            warnings.catch_warnings():
        warnings.simplefilter('error')
        warnings.simplefilter('ignore', errors.TargetWarning)
        X = v1.placeholder(dtype, (batch, 6))
        T = function(X) + 1.
        rows = {r.type: r.treatment for r in de.audit('deeplift', T, X)}
        assert rows[op] in ('rule', 'general rule'), rows
        for b in rng.normal(size=6), x[0] + 1e-3 * rng.normal(size=6), x[0] + 1e-7 * rng.normal(size=6), x[0]:
            a, delta = de.explain('deeplift', T, X, x, baseline=b, return_delta=True)
            tolerance = 1e-9 if dtype == tf.float64 else 1e-4
            np.testing.assert_allclose(delta, 0, atol=tolerance * max(1, np.abs(a).sum()))
            assert np.isfinite(a).all() and (np.abs(a).max() > 0 or np.abs(b - x).max() < .1)


def test_every_op_with_a_gradient_is_covered_or_refused():
    registered = ops.gradient_registry._registry
    types = {name for name, entry in registered.items() if op_def_registry.get(name) is not None
             and entry['type'] is not None}
    assert len(types) > 350
    tested = {*UNARY, *OPS}
    unknown = types - {'TopK'} - LINEAR - tested - REFUSED.keys() - NOT_DIFFERENTIABLE - TRANSLATED
    assert not unknown, f'neither covered by a rule that is tested, nor refused: {sorted(unknown)}'
    rules = {op for entry in COMPLETE.entries for op in entry.predicate.types
             if op_def_registry.get(op) is not None}
    assert rules <= tested | {'Select', 'SelectV2', 'TopK'}, f'rules without a test: {sorted(rules - tested)}'
    assert not tested & REFUSED.keys()
