"""occlusion and shapley_sampling evaluate no input twice: how many they do, and that the answers are those of
the definitions."""

import itertools
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.engine import arrays, memo, packing
from deepexplain2.features.permutations import permutation
from deepexplain2.features.windows import WindowsOfInput
from tests.support.counting import counted, occluded
from tests.support.networks import cnn, mlp, opened, samples, v1

IMAGE, TABLE = cnn('tanh', seed=2), mlp('tanh', 'softplus', sizes=(9, 6, 5, 3), seed=4)


def sparse(net, n, keep, seed=0):
    """(xs, ys, baselines with one row each): about `keep` of the features are not the baseline; none in the
    first row, one in the second."""
    rng = np.random.default_rng(seed + 100)         # not that of the samples
    xs, ys = samples(net, n, seed)
    b = rng.normal(size=xs.shape)
    moved = rng.random(xs.shape) < keep
    moved[:2] = False
    moved.reshape(n, -1)[1, 3] = True
    return np.where(moved, xs, b), ys, b


def shared(xs, b):
    """xs that is one baseline where it was its own."""
    return np.where(xs == b, b[:1], xs), b[:1]


def in_windows(shape, window, step):
    """Where each window is, (windows,) + shape."""
    result = []
    for at in itertools.product(*(range(0, s - w + 1, t) for s, w, t in zip(shape, window, step))):
        result.append(np.zeros(shape, bool))
        result[-1][tuple(slice(a, a + w) for a, w in zip(at, window))] = True
    return np.array(result)


def distinct(inputs):
    """How many different inputs there are, bit by bit."""
    return len({i.tobytes() for i in inputs})


@pytest.fixture(params=[1 << 17, 5])
def look(request, monkeypatch):
    """Rows in one block, and one by one."""
    monkeypatch.setattr(arrays, 'LOOK', request.param)


@pytest.mark.parametrize('net, window, step', [
    (TABLE, (1,), (1,)), (TABLE, (3,), (1,)), (TABLE, (4,), (2,)), (TABLE, (2,), (3,)), (TABLE, (9,), (1,)),
                                               (IMAGE, (1, 1, 1), (1, 1, 1)),
    (IMAGE, (3, 3, 2), (1, 1, 1)), (IMAGE, (3, 2, 1), (2, 1, 1)), (IMAGE, (2, 4, 2), (2, 1, 1))])
@pytest.mark.filterwarnings('ignore::deepexplain2.errors.CoverageWarning')
def test_occlusion(net, window, step, look, monkeypatch):
    """As many evaluations as there are different inputs, and the attributions of the definition."""
    xs, ys, own = sparse(net, 5, .15)
    where = in_windows(net.shape, window, step)
    with opened(net) as (de, X, T, _):
        for x, b in (xs, own), shared(xs, own), (xs, own[0] + 1):
            explainer = de.get_explainer('occlusion', T, X, window_shape=window, step=step, baseline=b)
            rows, told = counted(explainer, monkeypatch), []
            bs = np.broadcast_to(b, x.shape)
            expected = sum(distinct([xi, *np.where(where, bi, xi)]) for xi, bi in zip(x, bs))
            planned = explainer.plan(len(x)).evaluations
            assert planned == len(x) * (len(where) + 1)
            for batch_size in None, 4:
                rows.clear()
                got = explainer.run(x, ys, batch_size, progress=told.append)
                assert sum(rows) == expected == told[-1].done <= planned and {
                    p.total for p in told} == {expected}
                np.testing.assert_allclose(got, occluded(net, x, ys, b, window, step), rtol=1e-9, atol=1e-12)
            if b is own:
                covered = where.any(0)
                assert (got[0][covered] == 0).all() and expected < planned          # exactly


@pytest.mark.parametrize('window', [(1, 1, 1), (3, 3, 2)])
def test_occlusion_in_a_fixed_batch(window, monkeypatch):
    """A run that no row needs is left out; the others hold all rows."""
    xs, ys, b = sparse(IMAGE, 5, .1)
    xs[:, 4:], b[:, 4:] = 0, 0                          # a border that all have
    with opened(IMAGE) as (de, X, T, _):
        expected = de.explain('occlusion', T, X, xs, ys, window_shape=window, baseline=b)
    with opened(IMAGE, batch=3) as (de, X, T, _):
        explainer = de.get_explainer('occlusion', T, X, window_shape=window, baseline=b)
        rows, told = counted(explainer, monkeypatch), []
        np.testing.assert_allclose(explainer.run(xs, ys, progress=told.append), expected, rtol=1e-9,
                                   atol=1e-12)
        assert set(rows) == {3} and len(rows) < explainer.plan(5).calls
        assert told[-1].done == told[-1].total < explainer.plan(5).evaluations


def test_windows_that_are_alike():
    """The first window with the same changed features, beside the definition."""
    rng = np.random.default_rng(0)
    for _ in range(150):
        shape = tuple(rng.integers(1, 7, rng.integers(1, 4)))
        window = tuple(int(rng.integers(1, s + 1)) for s in shape)
        step = tuple(int(t) for t in rng.integers(1, 4, len(shape)))
        changed = rng.random((3, *shape)) < rng.choice([0, .1, .3, .7, 1])
        where = in_windows(shape, window, step)
        expected = []
        for c in changed:
            held = [(w & c).tobytes() for w in where]
            expected.append([held.index(h) if any(h) else len(where) for h in held])
        np.testing.assert_array_equal(WindowsOfInput(shape, window, step).first_alike([changed]), expected)


@pytest.mark.parametrize('method', ['occlusion', 'shapley_sampling'])
def test_minus_zero_is_not_zero(session, method):
    """They are equal, and arctan2 tells them apart."""
    x = v1.placeholder(tf.float64, (None, 2))
    with DeepExplain() as de:
        a = de.explain(method, tf.atan2(x, -tf.ones_like(x)), x, [[-0., 0.]])
        np.testing.assert_allclose(a, [[-2 * np.pi, 0]])


def played(net, x, ys, b, axes, permutations):
    """(attributions, the inputs of each permutation from the baseline to x): player by player, for one
    row."""
    shape = tuple(x.shape[a - 1] for a in axes)
    total, inputs = np.zeros(shape), []
    for k in permutations:
        present = np.array(np.broadcast_to(b, x.shape))
        inputs.append([present.copy()])
        for player in permutation(7, k, int(np.prod(shape)), True).order:
            place = np.unravel_index(player, shape)
            where = [slice(None)] * x.ndim
            for axis, p in zip(axes, place):
                where[axis - 1] = p
            before = net.f(present[None], ys)
            present[tuple(where)] = x[tuple(where)]
            inputs[-1].append(present.copy())
            total[place] += (net.f(present[None], ys) - before)[0] / len(permutations)
    return total, inputs


@pytest.mark.parametrize('remembered', [True, False])
@pytest.mark.parametrize('net, axes, drawn', [(TABLE, [1], 5), (TABLE, [1], 12), (IMAGE, [1, 2], 1),
                                              (IMAGE, [2], 4), (IMAGE, [3], 3)])
def test_shapley_sampling(net, axes, drawn, remembered, look, monkeypatch):
    """The game played by hand. Each coalition once where all are remembered, else each once per permutation,
    both ends once."""
    if not remembered:
        monkeypatch.setattr(memo, 'TABLE', 0)
    xs, ys, own = sparse(net, 4, .3, seed=1)
    remembers = remembered and axes != [1, 2]
    with opened(net) as (de, X, T, _):
        for x, b in (xs, own), shared(xs, own), (xs, own[0] + 1):
            explainer = de.get_explainer('shapley_sampling', T, X, samples=drawn, baseline=b,
                                         sampling_dims=axes, seed=7)
            bs = np.broadcast_to(b, x.shape)
            expected, inputs = zip(*(played(net, xi, yi[None], bi, axes, range(drawn)) for xi, yi,
                                     bi in zip(x, ys, bs)))
            if remembers:
                asked = sum(distinct(itertools.chain(*i)) for i in inputs)
            else:
                asked = sum(max(0, distinct(p) - 2) for i in inputs for p in i) + sum(min(2, distinct(i[0]))
                                                                                      for i in inputs)
            rows, told = counted(explainer, monkeypatch), []
            planned = explainer.plan(len(x)).evaluations
            for batch_size in None, 3:
                rows.clear()
                got = explainer.run(x, ys, batch_size, progress=told.append)
                np.testing.assert_allclose(got, expected, atol=1e-12)
                assert sum(rows) == asked == told[-1].done == told[-1].total <= planned
                assert max(rows) <= (batch_size or 1024)
            if b is own:
                assert (got[0] == 0).all() and np.count_nonzero(got[1]) <= 1
    with opened(net, batch=3) as (de, X, T, _):
        explainer = de.get_explainer('shapley_sampling', T, X, samples=drawn, baseline=own,
                                     sampling_dims=axes, seed=7)
        rows, told = counted(explainer, monkeypatch), []
        np.testing.assert_allclose(explainer.run(xs, ys, progress=told.append),
                                   [played(net, x, y[None], b, axes, range(drawn))[0] for x, y,
                                    b in zip(xs, ys, own)], atol=1e-12)
        assert set(rows) == {3} and told[-1].done == told[-1].total <= explainer.plan(4).evaluations


def test_one_player_and_nothing_to_explain(session):
    x = v1.placeholder(tf.float64, (None, 1))
    with DeepExplain() as de:
        a = de.explain('shapley_sampling', tf.exp(x), x, [[1.], [.5]], samples=5, baseline=.5)
        np.testing.assert_allclose(a, [[np.exp(1) - np.exp(.5)], [0]], rtol=1e-12)
        told = []
        explainer = de.get_explainer('occlusion', tf.exp(x), x, baseline=.5)
        np.testing.assert_array_equal(explainer.run([[.5], [.5]], progress=told.append), 0)
        assert told[-1].done == told[-1].total == 2 and told[0].total == 2


def test_pairs_stay_together_where_a_tolerance_decides():
    """An odd number of samples to begin with is rounded up, so that more can follow."""
    xs, ys = samples(TABLE, 3)
    with opened(TABLE) as (de, X, T, _):
        even = de.explain('shapley_sampling', T, X, xs, ys, samples=6)
        np.testing.assert_allclose(de.explain('shapley_sampling', T, X, xs, ys, samples=5, tolerance=1e3),
                                   even, rtol=1e-12)
        odd = de.explain('shapley_sampling', T, X, xs, ys, samples=5)
        np.testing.assert_allclose(de.explain('shapley_sampling', T, X, xs, ys, samples=5, tolerance=1e3,
                                              max_samples=5), odd, rtol=1e-12)


@pytest.mark.parametrize('size', [1, 4, 100])
def test_packs(size, monkeypatch):
    """The wanted items in their order, in full runs; in a fixed batch every run that a row wants."""
    monkeypatch.setattr(arrays, 'LOOK', 7)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n, points = rng.integers(1, 9, 2)
        wanted = rng.random((n, points)) < rng.choice([0, .3, 1])
        runs = list(packing.packs(n, points, itertools.repeat(size), False, wanted))
        items = [(r, k) for rows, ks, *_ in runs for r, k in zip(rows, ks)]
        assert items == [tuple(i) for i in np.argwhere(wanted)]
        assert all(len(rows) == size for rows, *_ in runs[:-1]) and all(0 < len(rows) == real <= size
                                                                        for rows, _, real, _ in runs)
        fixed = list(packing.packs(n, points, itertools.repeat(size), True, wanted))
        assert all(len(rows) == size and wanted[rows, ks].any() for rows, ks, *_ in fixed)
        held = {(r, k) for rows, ks, real, _ in fixed for r, k in zip(rows[:real], ks)}
        assert held >= set(items) and len(held) == sum(real for *_, real, _ in fixed)


@pytest.mark.parametrize('table', [0, 1 << 20])
def test_memory_does_not_grow_with_samples(table, monkeypatch):
    monkeypatch.setattr(memo, 'TABLE', table)
    net = mlp('tanh', sizes=(14, 4, 3))
    xs, ys = samples(net, 4)
    peaks = []
    with opened(net) as (de, X, T, _):
        for drawn in 20, 400:
            explainer = de.get_explainer('shapley_sampling', T, X, samples=drawn)
            explainer.run(xs[:1], ys[:1], 256)
            tracemalloc.start()
            explainer.run(xs, ys, 256)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
