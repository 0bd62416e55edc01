"""Every op of TensorFlow that has a gradient: linear, under a rule that is tested here, or refused by
deeplift."""

import sys
import warnings

import numpy as np
import pytest
from tensorflow.python.framework import op_def_registry, ops

from deepexplain2 import errors
from deepexplain2.graph import linear
from deepexplain2.graph.gradients import OPS_WITHOUT_GRADIENT
from deepexplain2.rules.deeplift.books import COMPLETE, REFUSED
from deepexplain2.rules.deeplift.mean_jacobian import mean_jacobian
from tests.support.catalogue import ONE_ROW, OPS, SINGLE, UNARY, unary
from tests.support.side_by_side import SideBySide

LINEAR = linear.JOINTLY_LINEAR | linear.MULTILINEAR | linear.LINEAR_IN.keys() | linear.DIFFERENTIATED_INSIDE
NOT_DIFFERENTIABLE = OPS_WITHOUT_GRADIENT | {'ArgMax', 'ArgMin'}
# loops of TF1
TRANSLATED = {f'TensorArray{what}V3' for what in ('Concat', 'Gather', 'Read', 'Scatter', 'Split', 'Write')}


GROUPS = {(dtype, batch): [op for op in (*UNARY, *OPS) if (op in SINGLE) == (dtype == 'float32')
                           and (op in ONE_ROW) == (batch == 1)]
          for dtype in ('float32', 'float64') for batch in (1, None)}


@pytest.mark.parametrize('dtype, batch', GROUPS)
def test_ops(dtype, batch, monkeypatch):
    """Complete, near and far, in float64 to 1e-9; the op alone carries its columns of X to T."""
    # half of the ops to build for the general rule, which doubles the panels until the mean stands
    monkeypatch.setattr(sys.modules[mean_jacobian.__module__], 'NODES', 4)
    rng, names = np.random.default_rng(0), GROUPS[dtype, batch]
    x, tolerance = rng.normal(size=(batch or 4, 6)).clip(-3, 3), 1e-9 if dtype == 'float64' else 1e-4
    functions = {op: (unary(op) if op in UNARY else OPS[op], 6) for op in names}
    with SideBySide(functions, dtype, batch) as ops, warnings.catch_warnings():
        warnings.simplefilter('error')
        warnings.simplefilter('ignore', errors.TargetWarning)
        treated = {(r.type, r.treatment) for r in ops.de.audit('deeplift', ops.T, ops.X)}
        assert all({(op, 'rule'), (op, 'general rule')} & treated for op in names), sorted(treated)
        xs = dict.fromkeys(names, x)
        f = ops.f(xs)
        for b in rng.normal(size=6), x[0] + 1e-3 * rng.normal(size=6), x[0] + 1e-7 * rng.normal(size=6), x[0]:
            a = ops.explain('deeplift', xs, dict.fromkeys(names, b))
            f_ref = ops.f(dict.fromkeys(names, np.tile(b, (len(x), 1))))
            for op in names:
                missing = f[op] - f_ref[op] - a[op].sum(1, dtype=float)
                np.testing.assert_allclose(missing, 0, atol=tolerance * max(1, np.abs(a[op]).sum()),
                                           err_msg=op)
                assert np.abs(a[op]).max() > 0 or np.abs(b - x).max() < .1, op


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
