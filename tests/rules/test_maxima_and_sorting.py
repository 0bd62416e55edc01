"""Winners of a maximum, and sorted entries."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.networks import v1


@pytest.mark.parametrize('k', [1, 3, 6])
def test_sorting(session, k):
    """The definition, by 20000 points on the line; ties at the start, at the end, all along, and an entry
    that is the same in both."""
    rng = np.random.default_rng(0)
    z, z_ref, r = rng.normal(size=(4, 6)), rng.normal(size=(4, 6)), rng.normal(size=(4, k))
    z[0, :2], z_ref[1, 3:], z[2, 4:], z_ref[2, 4:], z[3, 0] = .5, -.2, 1., 0., z_ref[3, 0]
    x = v1.placeholder(tf.float64, (None, 6))
    with DeepExplain() as de:
        got, delta = de.explain('deeplift', tf.math.top_k(x, k).values, x, z, ys=r, baseline=z_ref,
                                return_delta=True)
    np.testing.assert_allclose(delta, 0, atol=1e-14)
    points = 20_000
    m = np.zeros((4, 6))
    for alpha in (np.arange(points) + .5) / points:
        first = np.argsort(-(z_ref + alpha * (z - z_ref)), 1, kind='stable')[:, :k]
        for row in range(4):
            m[row, first[row]] += r[row] / points
    np.testing.assert_allclose(got, m * (z - z_ref), atol=1e-3)


def test_sorting_of_many_axes(session):
    """Fixed and open batches, one baseline for all, ascending, along another axis: complete."""
    rng = np.random.default_rng(1)
    xs = rng.normal(size=(3, 5, 4))
    for batch in 3, None:
        x = v1.placeholder(tf.float64, (batch, 5, 4))
        for direction, axis in ('ASCENDING', 1), ('DESCENDING', 2):
            h = tf.tanh(tf.sort(tf.square(x), axis, direction)) * np.arange(20.).reshape(5, 4)
            with DeepExplain() as de:
                delta = de.explain('deeplift', h, x, xs, baseline=rng.normal(size=(5, 4)),
                                   return_delta=True)[1]
            np.testing.assert_allclose(delta, 0, atol=1e-12)


def test_winners_of_changes(session):
    """Each change to one winner, of x or of the reference, by a multiplier between 0 and 1; what is the same
    in both has the gradient."""
    x = v1.placeholder(tf.float64, (None, 3))
    h = tf.stack([x[:, 0] - x[:, 1], x[:, 2]], 1)
    with DeepExplain() as de:
        for T, sign in (tf.reduce_max(h, 1), 1.), (tf.reduce_min(-h, 1), -1.):
            for a, b, expected in [([3., 1, 0], [2., 0, 5], [0, 0, -3]), ([3., 1, 0], [2., 0, 1], [1, -1, 0]),
                                   ([5., 0, 1], [0., 0, 2], [3, 0, 0])]:
                np.testing.assert_allclose(de.explain('deeplift', T, x, [a], baseline=np.array(b)),
                                           [sign * np.array(expected)], atol=1e-12)
