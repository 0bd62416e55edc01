"""occlusion and shapley_sampling of several inputs: windows and players of all, beside definitions."""

import itertools
from math import factorial

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.engine import memo
from deepexplain2.features.permutations import Permutation
from tests.support.counting import counted
from tests.support.networks import mlp, v1

RNG = np.random.default_rng(0)
NET = mlp('tanh', 'softplus', sizes=(11, 7, 6, 3), seed=2)
SHAPES = (3,), (2, 4)
XS = [RNG.normal(size=(5, *s)) for s in SHAPES]
B = [RNG.normal(size=(5, *s)) for s in SHAPES]
YS = RNG.normal(size=(5, 3))
CHOICES = [None, [0., .3], [B[0][0], B[1][0]], B]         # of baselines


def f(arrays, ys=YS):
    return NET.f(np.concatenate([a.reshape(len(a), -1) for a in arrays], 1), ys)


def of_rows(baseline):
    """A baseline as two arrays with a row for each of xs."""
    given = [0., 0.] if baseline is None else baseline
    return [np.array(np.broadcast_to(b, x.shape)) for b, x in zip(given, XS)]


@pytest.fixture
def opened():
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = [v1.placeholder(tf.float64, (None, *s)) for s in SHAPES]
        yield de, X, NET.tensorflow(tf.concat([X[0], tf.reshape(X[1], (-1, 8))], 1))


def occluded(k, window, step, b):
    """Input k of XS, window by window."""
    total, number = np.zeros(XS[k].shape), np.zeros(XS[k].shape)
    window = [min(w, s) for w, s in zip(np.broadcast_to(window, len(SHAPES[k])), SHAPES[k])]
    step = np.broadcast_to(step, len(SHAPES[k]))
    for at in itertools.product(*(range(0, s - w + 1, t) for s, w, t in zip(SHAPES[k], window, step))):
        changed = [x.copy() for x in XS]
        where = (slice(None), *(slice(a, a + w) for a, w in zip(at, window)))
        changed[k][where] = b[k][where]
        drop = (f(XS) - f(changed)) / np.prod(window)
        total[where] += drop.reshape((-1,) + (1,) * len(SHAPES[k]))
        number[where] += 1
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


@pytest.mark.parametrize('baseline', CHOICES)
@pytest.mark.parametrize('window, step', [
    (1, 1), (2, 1), ([2, [2, 3]], 1), ([[1], [1, 2]], [1, [1, 2]]), ([[3], None], [[1], None])])
def test_occlusion(opened, window, step, baseline, monkeypatch):
    de, X, T = opened
    explainer = de.get_explainer('occlusion', T, X, window_shape=window, step=step, baseline=baseline)
    each = [v if isinstance(v, list) else [v, v] for v in (window, step)]
    each = [[1 if w is None else w for w in v] for v in each]
    rows = counted(explainer, monkeypatch)
    for batch_size in None, 1, 4:
        rows.clear()
        got = explainer.run(XS, YS, batch_size)
        assert isinstance(got, list) and sum(rows) == explainer.plan(5).evaluations
        for k in 0, 1:
            np.testing.assert_allclose(got[k], occluded(k, each[0][k], each[1][k], of_rows(baseline)),
                                       rtol=1e-9, atol=1e-12)


def test_occlusion_evaluates_no_input_twice(opened, monkeypatch):
    """Windows of one input in which nothing changes, or the same as in another window."""
    de, X, T = opened
    xs = [x.copy() for x in XS]
    xs[0][0], xs[1][1], xs[1][2, :, 1:] = B[0][0], B[1][1], B[1][2, :, 1:]
    explainer = de.get_explainer('occlusion', T, X, window_shape=[[1], [2, 2]], baseline=B)
    rows = counted(explainer, monkeypatch)
    got = explainer.run(xs, YS)
    assert sum(rows) == (1 + 0 + 3) + (1 + 3 + 0) + (1 + 3 + 1) + 2 * (1 + 3 + 3)      # x, windows of each
    assert (got[0][0] == 0).all() and (got[1][1] == 0).all()


def shapley(players, b):
    """Exact Shapley values by enumeration; players: (input, index into its row)."""
    m = len(players)
    value = {}
    for present in itertools.product([False, True], repeat=m):
        mixed = [v.copy() for v in b]
        for (k, at), p in zip(players, present):
            if p:
                mixed[k][(slice(None), *at)] = XS[k][(slice(None), *at)]
        value[present] = f(mixed)
    found = np.zeros((5, m))
    for i in range(m):
        for present in value:
            if not present[i]:
                s = sum(present)
                weight = factorial(s) * factorial(m - s - 1) / factorial(m)
                found[:, i] += weight * (value[(*present[:i], True, *present[i + 1:])] - value[present])
    return found


@pytest.mark.parametrize('table', [0, 1 << 20])
@pytest.mark.parametrize('baseline', CHOICES)
def test_shapley_sampling_is_exact_with_all_permutations(opened, baseline, table, monkeypatch):
    """Five players of both inputs, 120 orders."""
    from deepexplain2.attribution.perturbation import shapley_sampling
    monkeypatch.setattr(memo, 'TABLE', table)
    orders = [np.array(o) for o in itertools.permutations(range(5))]
    monkeypatch.setattr(shapley_sampling, 'permutation',
                        lambda seed, k, m, antithetic: Permutation(np.argsort(orders[k]), orders[k]))
    de, X, T = opened
    b = of_rows(baseline)
    everything = slice(None)
    players = [(0, (i,)) for i in range(3)] + [(1, (i, everything)) for i in range(2)]
    expected = shapley(players, b)
    explainer = de.get_explainer('shapley_sampling', T, X, samples=120, sampling_dims=[None, [1]],
                                 baseline=baseline)
    for batch_size in None, 7:
        got, delta = explainer.run(XS, YS, batch_size, return_delta=True)
        assert [g.shape for g in got] == [(5, 3), (5, 2)]
        np.testing.assert_allclose(np.concatenate(got, 1), expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(delta, 0, atol=1e-12)
        np.testing.assert_allclose(sum(g.sum(1) for g in got), f(XS) - f(b), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('dims', [None, [1], [[1], [2]], [[1], [1, 2]]])
def test_sums_and_standard_errors(opened, dims):
    """Twenty pairs of permutations: sums are exact, the true value is within six standard errors."""
    de, X, T = opened
    options = {'samples': 40, 'sampling_dims': dims, 'seed': 3}
    got, errors_, delta = de.explain('shapley_sampling', T, X, XS, YS, return_std_error=True,
                                     return_delta=True, **options)
    exact = de.explain('shapley_sampling', T, X, XS, YS, **options | {'samples': 2000, 'seed': 9})
    assert [e.shape for e in errors_] == [g.shape for g in got]
    np.testing.assert_allclose(delta, 0, atol=1e-12)
    for g, e, true in zip(got, errors_, exact):
        assert (np.abs(g - true) <= 6 * e + 1e-9).all() and e.max() > 0
    listed = de.explain('shapley_sampling', T, X[:1], XS[:1], YS, samples=4,
                        return_std_error=True, feed_dict={X[1]: XS[1]})
    assert [type(v) for v in listed] == [list, list]


def test_order_of_the_inputs_and_one_joined_input(opened):
    """The same as one tensor that holds both; occlusion in any order."""
    de, X, T = opened
    W = v1.placeholder(tf.float64, (None, 11))
    joined = np.concatenate([XS[0], XS[1].reshape(5, -1)], 1)
    for method, options in ('occlusion', {}), ('shapley_sampling', {'samples': 6}):
        one = de.explain(method, NET.tensorflow(W), W, joined, YS, **options)
        two = de.explain(method, T, X, XS, YS, **options)
        np.testing.assert_allclose(np.concatenate([a.reshape(5, -1) for a in two], 1), one, rtol=1e-9,
                                   atol=1e-12)
    swapped = de.explain('occlusion', T, X[::-1], XS[::-1], YS)
    for a, b in zip(swapped[::-1], de.explain('occlusion', T, X, XS, YS)):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_a_fixed_batch_and_an_output_to_write_into(opened, tmp_path):
    de, X, T = opened
    fixed = [v1.placeholder(tf.float64, (2, *s)) for s in SHAPES]
    U = NET.tensorflow(tf.concat([fixed[0], tf.reshape(fixed[1], (2, 8))], 1))
    for method in 'occlusion', 'shapley_sampling':
        expected = de.explain(method, T, X, XS, YS)
        out = [np.zeros_like(x) for x in XS]
        de.explain(method, T, X, XS, YS, batch_size=2, out=out)
        for a, b, c in zip(expected, de.explain(method, U, fixed, XS, YS), out):
            np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(c, a, rtol=1e-9, atol=1e-12)


def test_what_is_not_covered_is_named(opened):
    de, X, T = opened
    with pytest.warns(errors.CoverageWarning, match=r'window_shape \(1, 3\) and step \(1, 3\) leaves 2 of 8'):
        got = de.explain('occlusion', T, X, XS, YS, window_shape=[[1], [1, 3]], step=[[1], [1, 3]])
    assert np.isnan(got[1][:, :, 3]).all() and not np.isnan(got[0]).any()
