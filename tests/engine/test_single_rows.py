"""A single row whose points stand in one run: they must not mix either."""

from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.evaluation import Metric
from tests.support.networks import v1

X1 = np.random.default_rng(0).normal(size=(1, 4))


@pytest.fixture
def mixing(session):
    x = v1.placeholder(tf.float64, (None, 4))
    return DeepExplain(), tf.tanh(2 * x - tf.reduce_mean(x, 0, keepdims=True)), x


@pytest.mark.parametrize('method', ['occlusion', 'shapley_sampling', 'intgrad'])
def test_points_that_mix_are_refused(mixing, method):
    de, T, x = mixing
    for _ in range(2):
        with pytest.raises(errors.TensorError, match=r'changes with the other rows.*Mean'):
            de.explain(method, T, x, X1)
    alone = de.explain(method, T, x, X1, batch_size=1)
    np.testing.assert_allclose(alone, de.explain(method, tf.tanh(x), x, X1), rtol=1e-6)


def test_one_point_is_not_looked_at(mixing):
    de, T, x = mixing
    assert de.explain('saliency', T, x, X1).shape == X1.shape


def test_metrics(mixing):
    @dataclass(frozen=True)
    class Halves(Metric):
        baseline: float = 0.
        better = 'higher'

        def score(self, trial):
            return sum(a['value'].sum(keepdims=True)
                       for *_, a in trial.sweep(lambda rows, ks: [trial.xs[0][rows] * ks[:, None] / 2], 3))
    de, T, x = mixing
    with pytest.raises(errors.TensorError, match='changes with the other rows'):
        de.evaluate(Halves(), T, x, X1, X1)
    np.testing.assert_allclose(de.evaluate(Halves(), T, x, X1, X1, batch_size=1),
                               np.tanh(X1).sum() + np.tanh(X1 / 2).sum())


def test_looked_at_once_and_fed_by_row(session):
    x, z, runs = v1.placeholder(tf.float64, (None, 4)), v1.placeholder(tf.float64, (None, 4)), []

    def count(v):
        runs.append(len(v))
        return v
    T = tf.ensure_shape(tf.numpy_function(count, [x], tf.float64), (None, 4)) * z
    with DeepExplain() as de:
        counts = []
        for _ in range(3):
            runs.clear()
            np.testing.assert_allclose(de.explain('occlusion', T, x, X1, feed_dict={z: 2 * X1}), 2 * X1 * X1)
            counts.append(len(runs))
        assert counts[0] - counts[1] == 5 and counts[1] == counts[2]        # three, and two for randomness
