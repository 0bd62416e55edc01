"""A method that samples masks is its masks and its estimate: RISE, beside its definition."""

from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, testing
from deepexplain2.attribution import methods
from deepexplain2.attribution.registry import register
from deepexplain2.attribution.sampling import Sampling
from deepexplain2.features.grid import grid
from deepexplain2.features.segments import SegmentsOfInputs
from tests.support.networks import cnn, mlp, opened, samples, v1


@pytest.fixture(scope='module', autouse=True)
def rise():
    before = set(methods)

    @register('rise_of_entries')
    @dataclass(frozen=True)
    class Rise(Sampling):
        """Mean of T over random masks that keep a feature, over how often they do (Petsiuk et al. 2018).

        samples, baseline, references, features, seed, tolerance, max_samples: see Sampling. keep: chance to
        stay.
        """

        keep: float = .5

        def mask(self, rng, features, k):
            return rng.random(features.count) < self.keep

        def estimate(self, masks, scores):
            return scores[:, :, None] * masks / self.keep

    @register('rise_of_cells')
    @dataclass(frozen=True)
    class OfCells(Rise):
        """RISE of a grid of 3 x 2 cells.

        samples, baseline, references, features, seed, tolerance, max_samples, keep: see Rise.
        """

        def features_of(self, shapes):
            return SegmentsOfInputs([grid(s[1:], (3, 2, 1)) for s in shapes], [s[1:] for s in shapes])

    yield Rise
    for name in set(methods) - before:
        methods._classes.pop(name)


def by_hand(f, x, b, count, drawn, seed=0, keep=.5, labels=None):
    """(mean, standard error) over the draws, one at a time, for x (n, ...)."""
    found = []
    for k in range(drawn):
        mask = np.random.default_rng([seed, k]).random(count) < keep
        entries = mask.reshape(x.shape[1:]) if labels is None else mask[labels]
        found.append(f(np.where(entries, x, b)).reshape((-1,) + (1,) * (x.ndim - 1)) * entries / keep)
    return np.mean(found, 0), np.std(found, 0, ddof=1) / np.sqrt(drawn)


@pytest.mark.parametrize('batch_size', [None, 1, 7])
def test_beside_the_definition(batch_size):
    net = mlp('tanh', sizes=(9, 6, 3))
    xs, ys = samples(net, 4)
    with opened(net) as (de, X, T, _):
        explainer = de.get_explainer('rise_of_entries', T, X, samples=60, keep=.7, baseline=.3, seed=5)
        a, error = explainer.run(xs, ys, batch_size, return_std_error=True)
        mean, spread = by_hand(lambda x: net.f(x, ys), xs, .3, 9, 60, 5, .7)
        np.testing.assert_allclose(a, mean, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(error, spread, rtol=1e-10)
        np.testing.assert_allclose(explainer.run(xs[2:3], ys[2:3], batch_size), a[2:3], rtol=1e-12)
        assert explainer.plan(4).evaluations == 4 * 60


@pytest.mark.parametrize('batch', [None, 3])
def test_cells_of_a_grid(batch):
    net = cnn('tanh')
    xs, ys = samples(net, 4)
    labels = grid(net.shape, (3, 2, 1)) * np.ones(net.shape, int)
    with opened(net, batch=batch) as (de, X, T, _):
        a = de.explain('rise_of_cells', T, X, xs, ys, samples=50)
    np.testing.assert_allclose(a, by_hand(lambda x: net.f(x, ys), xs, 0, 6, 50, labels=labels)[0], rtol=1e-11,
                               atol=1e-13)


def test_masks_that_are_alike_are_evaluated_once():
    """Six cells have 64 masks, and those of rows that are partly the baseline fewer."""
    net = cnn('tanh')
    xs, ys = samples(net, 3)
    labels = (grid(net.shape, (3, 2, 1)) * np.ones(net.shape, int)) > 2
    xs[1][labels] = 0
    told = []
    with opened(net) as (de, X, T, _):
        explainer = de.get_explainer('rise_of_cells', T, X, samples=2000)
        a = explainer.run(xs, ys, progress=told.append)
    assert told[-1].done == told[-1].total == 64 + 8 + 64
    drawn = np.array([np.random.default_rng([0, k]).random(6) < .5 for k in range(2000)])
    entries = drawn[:, grid(net.shape, (3, 2, 1)) * np.ones(net.shape, int)]
    for row in range(3):
        scores = net.f(xs[row] * entries, ys[row])
        np.testing.assert_allclose(a[row], np.tensordot(scores, entries / .5, 1) / 2000, rtol=1e-10)


def test_tolerance_and_interrupt():
    net = mlp('tanh', sizes=(5, 6, 3))
    xs, ys = samples(net, 3)
    f = lambda x: net.f(x, ys)  # noqa: E731
    with opened(net) as (de, X, T, _):
        a, error = de.explain('rise_of_entries', T, X, xs, ys, samples=8, tolerance=.1, return_std_error=True)
        assert (error.max(1) <= .1 * np.abs(a).max(1)).all()
        with pytest.warns(errors.ToleranceWarning, match='after 16 samples the largest standard error is'):
            a = de.explain('rise_of_entries', T, X, xs, ys, samples=8, tolerance=1e-6, max_samples=16)
        np.testing.assert_allclose(a, by_hand(f, xs, 0, 5, 16)[0], rtol=1e-10)
        with pytest.raises(errors.ParameterError, match='need at least two independent draws'):
            de.explain('rise_of_entries', T, X, xs, ys, samples=1, return_std_error=True)
        explainer = de.get_explainer('rise_of_entries', T, X, samples=90)

        def interrupt(p):
            if p.done >= 60:
                raise KeyboardInterrupt
        with pytest.warns(errors.ToleranceWarning, match=r'interrupted after \d+ of 90 samples') as caught:
            a = explainer.run(xs, ys, 12, progress=interrupt)
        drawn = int(str(caught[0].message).split('after ')[1].split(' ')[0])
        assert 0 < drawn < 90
        np.testing.assert_allclose(a, by_hand(f, xs, 0, 5, drawn)[0], rtol=1e-10)


def test_two_inputs():
    net = mlp('tanh', sizes=(5, 6, 3))
    xs, ys = samples(net, 3)
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        A, B = v1.placeholder(tf.float64, (None, 3)), v1.placeholder(tf.float64, (None, 2))
        T = net.tensorflow(tf.concat([A, B], 1))
        got, error = de.explain('rise_of_entries', T, [A, B], [xs[:, :3], xs[:, 3:]], ys, samples=40,
                                return_std_error=True)
    mean, spread = by_hand(lambda x: net.f(x, ys), xs, 0, 5, 40)
    np.testing.assert_allclose(np.concatenate(got, 1), mean, rtol=1e-10)
    np.testing.assert_allclose(np.concatenate(error, 1), spread, rtol=1e-10)


def test_the_contract(rise, monkeypatch):
    """All of it, but that a feature without influence gets 0: RISE gives it the mean of T."""
    monkeypatch.setattr(testing, 'CLAUSES', [c for c in testing.CLAUSES if c is not testing.meaningful])
    testing.check_method(rise(samples=20))
