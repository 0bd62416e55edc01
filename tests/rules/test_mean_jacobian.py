"""The rule for ops without one of their own."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.catalogue import OPS
from tests.support.networks import v1


@pytest.mark.parametrize('op', ['MatrixInverse', 'Cholesky', 'Prod', 'CumulativeLogsumexp', 'L2Loss',
                                'TanhGrad'])
def test_mean_jacobian(session, op):
    """The general rule on an op alone is integrated gradients."""
    x = v1.placeholder(tf.float64, (None, 6))
    xs, b = np.random.default_rng(0).normal(size=(3, 6)), np.random.default_rng(1).normal(size=6)
    with DeepExplain() as de:
        ways = [de.explain(method, OPS[op](x), x, xs, baseline=b, **options) for method,
                options in (('deeplift', {}), ('intgrad', {'steps': 200}))]
    # other rules stand before it: only the sum is the same
    if op in ('MatrixInverse', 'Cholesky', 'TanhGrad'):
        ways = [w.sum(1) for w in ways]
    np.testing.assert_allclose(*ways, rtol=1e-8, atol=1e-10)


def test_mean_jacobian_of_a_sharp_turn(session):
    """The panels are doubled until the mean stands."""
    x = v1.placeholder(tf.float64, (None, 3))
    with DeepExplain() as de:
        T, baseline = tf.math.cumulative_logsumexp(x, 1), np.array([-60., 60., 0])
        a, delta = de.explain('deeplift', T, x, [[60., -50., 30.]], baseline=baseline, return_delta=True)
    np.testing.assert_allclose(delta, 0, atol=1e-9)
