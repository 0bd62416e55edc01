"""sobol and hsic: beside loops over their definitions, and values of reference."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import qmc

from deepexplain2 import DeepExplain, errors
from deepexplain2.attribution.perturbation.hsic import Dependences, dependence
from deepexplain2.features import Axes, Grid, Segments
from tests.support.black_box_reference import REFERENCE, reference
from tests.support.networks import cnn, mlp, opened, samples, v1

NETS = ['two_inputs', 'cnn_pool', 'mlp_tabular']
NET = mlp('tanh', 'softplus', sizes=(4, 6, 5, 3))
XS, YS = samples(NET, 3)


def drawn(n, dimensions, seed):
    return qmc.Sobol(dimensions, seed=np.random.default_rng(seed)).random(n)


def test_sobol_by_hand():
    a, b = drawn(16, 8, 3)[:, :4], drawn(16, 8, 3)[:, 4:]
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer('sobol', T, X, samples=16, seed=3, baseline=.2)
        found, error = explainer.run(XS, YS, return_std_error=True)
        for k in range(3):
            def f(masks, k=k):
                return NET.f(.2 + masks * (XS[k] - .2), np.repeat(YS[k:k + 1], len(masks), 0))
            for i in range(4):
                c = a.copy()
                c[:, i] = b[:, i]
                want = ((f(a) - f(c)) ** 2).mean() / 2 / f(a).var()
                np.testing.assert_allclose(found[k, i], want, rtol=1e-9)
                rests = (f(a) - f(c)) ** 2 / 2 - want * (f(a) - f(a).mean()) ** 2
                np.testing.assert_allclose(error[k, i], rests.std(ddof=1) / f(a).var() / 4, rtol=1e-8)
        for batch_size in 1, 5:
            np.testing.assert_allclose(explainer.run(XS, YS, batch_size), found, rtol=1e-9)
        np.testing.assert_allclose(explainer.run(XS[1:2], YS[1:2]), found[1:2], rtol=1e-9)
        assert explainer.plan(3).evaluations == 3 * 16 * 6


@pytest.mark.parametrize('net', ['two_inputs', 'mlp_tabular'])
def test_sobol_beside_integrals(net, session):
    """Within 5 standard errors, and the 2e-3 that the grid of the reference is off by."""
    X, t, xs, ys, baselines, _ = reference(net, session)
    players = Segments([REFERENCE[f'{net}/own/sobol/players/{k}'].astype(int) for k in range(len(xs))])
    with DeepExplain(session) as de:
        found = de.explanation('sobol', t, X, xs, ys, baseline=baselines, features=players, samples=4096,
                               return_std_error=True)
        want = REFERENCE[f'{net}/own/sobol/total']
        gap = np.abs(found.by_feature - want)
        errors_told = np.concatenate([e.reshape(4, -1) for e in found.std_error], 1).max(1, keepdims=True)
        assert (gap <= 5 * errors_told + 2e-3).all() and errors_told.max() < .1


@pytest.mark.parametrize('net', NETS)
def test_dependence_beside_values_of_reference(net):
    masks, outputs = REFERENCE[f'{net}/own/hsic/masks'], REFERENCE[f'{net}/own/hsic/outputs']
    want = REFERENCE[f'{net}/own/hsic/median_pairwise']
    for row, of_row in zip(want, outputs.T):
        np.testing.assert_allclose(dependence(masks, of_row), row, rtol=1e-9)


def test_hsic_by_hand():
    masks = drawn(32, 4, 2) >= .5
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer('hsic', T, X, samples=32, seed=2, baseline=-.1)
        found = explainer.run(XS, YS)
        center = np.eye(32) - 1 / 32
        for k in range(3):
            y = NET.f(np.where(masks, XS[k], -.1), np.repeat(YS[k:k + 1], 32, 0))
            gaps = np.abs(y[:, None] - y)
            outer = np.exp(-gaps ** 2 / 2 / np.median([gaps[i, j] for i in range(32) for j in range(i)]) ** 2)
            for i in range(4):
                z = masks[:, i] * 1.
                inner = .5 - (z[:, None] - z) ** 2
                np.testing.assert_allclose(
                    found[k, i], np.trace(inner @ center @ outer @ center) / 31 ** 2, rtol=1e-8, atol=1e-14)
        for batch_size in 1, 5:
            np.testing.assert_allclose(explainer.run(XS, YS, batch_size), found, rtol=1e-9)
        assert explainer.plan(3).evaluations == 96


@pytest.mark.parametrize('method', ['sobol', 'hsic'])
def test_images_sequences_and_constants(method):
    net = cnn('tanh')
    xs, ys = samples(net, 2)
    with opened(net) as (de, X, T, _):
        found = de.explanation(method, T, X, xs, ys, samples=16, features=Grid(2))
        assert found.values.shape == xs.shape and found.by_feature.shape == (2, 4)
        assert (found.by_feature >= 0).all() and found.by_feature.any()
        whole = de.explain(method, T, X, xs, ys, samples=8)             # Grid(8) of 6 x 6: single pixels
        assert whole.shape == xs.shape and (whole[..., 0] == whole[..., 1]).all()
        steps = de.explain(method, T, X, xs, ys, samples=8, features=Axes([1]))
        assert (steps == steps[:, :, :1, :1]).all()
        with pytest.warns(errors.PathWarning, match='T of 2 of 2 rows is the same for all masks'):
            nothing = de.explain(method, T, X, np.zeros_like(xs), ys, samples=8, features=Grid(2))
        assert not nothing.any()


def test_what_cannot_fade(session):
    x = v1.placeholder(tf.int32, (None, 3))
    t = tf.reduce_sum(tf.sin(tf.cast(x, tf.float32)), 1)
    with DeepExplain(session) as de:
        xs = np.array([[1, 2, 3], [4, 5, 6]])
        with pytest.raises(errors.ParameterError, match='X has dtype int32, whose values cannot fade'):
            de.explain('sobol', t, x, xs)
        assert de.explain('hsic', t, x, xs).any()
        assert de.explain('rise', t, x, xs, samples=20).any()
        with pytest.raises(errors.ParameterError, match='samples is 1'):
            de.explain('hsic', t, x, xs, samples=1)
        with pytest.raises(errors.ParameterError, match='samples is 1'):
            de.explain('sobol', t, x, xs, samples=1)


def test_words_fade(session):
    ids = v1.placeholder(tf.int32, (None, 4), 'ids')
    table = np.random.default_rng(0).normal(size=(9, 3))
    t = tf.reduce_sum(tf.tanh(tf.nn.embedding_lookup(table, ids))[:, :2], [1, 2])
    with DeepExplain(session) as de:
        tokens = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
        found = de.explain('sobol', t, ids, tokens, samples=256)
        assert found.shape == (2, 4) and not found[:, 2:].any()
        np.testing.assert_allclose(found.sum(1), 1, atol=.1)            # words do not interact


def test_errors_of_sobol_that_are_told():
    """Over 40 seeds they are no less than those that are made, and more by what quasi-random points save. The
    ratio of 40 draws of 12 numbers is off by 0.11 / sqrt(12) to 0.11."""
    with opened(NET) as (de, X, T, _):
        runs = [de.explain('sobol', T, X, XS, YS, samples=32, seed=seed, return_std_error=True)
                for seed in range(40)]
    found, told = (np.stack(a) for a in zip(*runs))
    ratio = np.sqrt((told ** 2).mean() / found.var(0, ddof=1).mean())
    assert .8 < ratio < 4, ratio


def test_errors_of_hsic_that_are_told():
    """With independent masks they are no less than those that are made, where the ratio of 60 draws of 12
    numbers is off by 0.09 / sqrt(12) to 0.09; as the width is a median, a jackknife tells too much: twice."""
    rng = np.random.default_rng(0)
    runs = []
    for _ in range(60):
        found = Dependences(3, 4)
        masks = rng.random((64, 4)) < .5
        found.add(masks, np.stack([NET.f(masks * x, np.repeat(y[None], 64, 0)) for x, y in zip(XS, YS)]))
        runs.append((found.values(), found.errors()))
    values, told = (np.stack(a) for a in zip(*runs))
    ratio = np.sqrt((told ** 2).mean() / values.var(0, ddof=1).mean())
    assert .8 < ratio < 3, ratio


def test_a_jackknife_by_hand():
    masks = drawn(32, 4, 2) >= .5
    with opened(NET) as (de, X, T, _):
        found, error = de.explain('hsic', T, X, XS, YS, samples=32, seed=2, baseline=-.1,
                                  return_std_error=True)
        for k in range(3):
            y = NET.f(np.where(masks, XS[k], -.1), np.repeat(YS[k:k + 1], 32, 0))
            without = np.stack([dependence(masks[rest], y[rest])
                                for g in range(16) for rest in [np.arange(32) // 2 != g]])
            want = np.sqrt(15 / 16 * ((without - without.mean(0)) ** 2).sum(0))
            np.testing.assert_allclose(error[k], want, rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize('method', ['sobol', 'hsic'])
def test_tolerance_and_interrupt(method):
    with opened(NET) as (de, X, T, _):
        found, error = de.explain(method, T, X, XS, YS, samples=16, tolerance=.1, return_std_error=True)
        assert (error.max(1) <= .1 * found.max(1)).all()
        twice = [de.explain(method, T, X, XS, YS, b, samples=16, tolerance=.1) for b in (1, 50)]
        np.testing.assert_allclose(twice, [found, found], rtol=1e-9)
        with pytest.warns(errors.ToleranceWarning, match='after 16 .* Raise max_samples'):
            de.explain(method, T, X, XS, YS, samples=16, tolerance=1e-4, max_samples=16)

        def interrupt(p):
            if p.done > 400:
                raise KeyboardInterrupt
        with pytest.warns(errors.ToleranceWarning, match=rf'{method} was interrupted after \d+ of 2048'):
            part = de.explain(method, T, X, XS, YS, 30, samples=2048, progress=interrupt)
        whole = de.explain(method, T, X, XS, YS, samples=2048)
        assert part.shape == whole.shape and 0 < np.abs(part - whole).max() < whole.max()
