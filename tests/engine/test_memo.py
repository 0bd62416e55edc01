"""Arbitrary masks: every input is evaluated once, what is known is not evaluated again.

The sweep is that of the library, the model a function of NumPy that counts.
"""

import numpy as np
import pytest

from deepexplain2.engine import memo
from deepexplain2.engine.sweep import Sweep
from deepexplain2.features.axes import AxesOfInput
from deepexplain2.features.base import join
from deepexplain2.features.coalitions import Masks, Prefixes
from deepexplain2.features.permutations import permutation

RNG = np.random.default_rng(0)


class Model:
    """T of two inputs, and the inputs that it was asked for."""

    def __init__(self, widths):
        self.weights, self.asked = [RNG.normal(size=w) for w in widths], []

    def f(self, arrays):
        return np.tanh(sum(a @ w for a, w in zip(arrays, self.weights)))

    def evaluate(self, arrays, rows):
        self.asked += [(row, *(a[i].tobytes() for a in arrays)) for i, row in enumerate(rows)]
        return {'value': self.f(arrays)}


def scene(widths, n, keep, fixed=False, size=16):
    model, told = Model(widths), []
    xs, baselines = ([RNG.normal(size=(n, w)) for w in widths] for _ in range(2))
    xs = [np.where(RNG.random(x.shape) < keep, x, b) for x, b in zip(xs, baselines)]
    sweep = Sweep(model.evaluate, n, size, fixed, report=lambda *counts: told.append(counts))
    features = join([AxesOfInput((w,)) for w in widths])
    return model, memo.Memo(sweep, features, xs, baselines), xs, baselines, told


def expected(model, xs, baselines, masks):
    """(values (n, coalitions), all inputs) by the definition."""
    n, count = len(xs[0]), masks.shape[-2]
    masks = np.broadcast_to(masks, (n, count, masks.shape[-1]))
    x, b = np.concatenate(xs, 1), np.concatenate(baselines, 1)
    mixed = np.split(np.where(masks, x[:, None], b[:, None]), [xs[0].shape[1]], 2)[:len(xs)]
    return model.f(mixed), {(r, *(m[r, k].tobytes() for m in mixed)) for r in range(n) for k in range(count)}


@pytest.mark.parametrize('table', [0, 40, 1 << 20])
@pytest.mark.parametrize('widths', [(4, 2), (70, 5), (64,), (7,)])
@pytest.mark.parametrize('keep', [0, .05, .5, 1])
@pytest.mark.parametrize('per_row', [False, True])
def test_masks(widths, keep, table, per_row, monkeypatch):
    monkeypatch.setattr(memo, 'TABLE', table)
    n, m = 4, sum(widths)
    model, known, xs, baselines, told = scene(widths, n, keep)
    masks = RNG.random((n, 50, m) if per_row else (50, m)) < RNG.choice([.1, .5, .9], (50, 1))
    masks[..., [7, 30], :], masks[..., 9, :], masks[..., 31, :] = True, False, masks[..., 3, :]
    values, inputs = expected(model, xs, baselines, masks)
    np.testing.assert_allclose(known(Masks(masks)), values, rtol=1e-12, atol=1e-12)
    assert len(model.asked) == len(set(model.asked)) == len(inputs) and set(model.asked) == inputs
    assert sum(done + spared for done, spared in told) == n * 50
    # once more, with others: x and the baseline are known, and all inputs of rows in the table
    before = len(model.asked)
    more = RNG.random((30, m)) < .5
    more[0], more[1] = True, False
    values, new = expected(model, xs, baselines, more)
    np.testing.assert_allclose(known(Masks(more)), values, rtol=1e-12, atol=1e-12)
    again = model.asked[before:]
    assert len(again) == len(set(again))
    ends = expected(model, xs, baselines, np.eye(2, dtype=bool)[[0, 1]][:, :1].repeat(m, 1))[1]
    assert not set(again) & ends
    if table == 1 << 20 and known.changed.sum(1).max() <= 16:
        assert set(again) == new - inputs
    np.testing.assert_allclose(known.ends, [[model.f([b[r] for b in baselines]), model.f([x[r] for x in xs])]
                                            for r in range(n)], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize('table', [0, 1 << 20])
def test_a_fixed_batch(table, monkeypatch):
    """A run that any row wants is made for all rows of it; others are left out."""
    monkeypatch.setattr(memo, 'TABLE', table)
    model, known, xs, baselines, told = scene((5, 3), 7, .4, fixed=True, size=3)
    masks = RNG.random((60, 8)) < .5
    values, _ = expected(model, xs, baselines, masks)
    np.testing.assert_allclose(known(Masks(masks)), values, rtol=1e-12, atol=1e-12)
    assert len(model.asked) % 3 == 0 and sum(d + s for d, s in told) == 7 * 60
    if table:
        assert len(model.asked) < 9 * 60
        before = len(model.asked)
        known(Masks(masks[:20]))
        assert len(model.asked) == before                       # all of them known


def test_rows_with_few_features_are_remembered_first(monkeypatch):
    """Of rows that do not fit into the table together, those with the fewest inputs."""
    monkeypatch.setattr(memo, 'TABLE', 100)
    model, known, xs, baselines, _ = scene((30,), 4, 1)
    for row, changed in enumerate([3, 30, 5, 2]):
        xs[0][row, changed:] = baselines[0][row, changed:]
    known = memo.Memo(known._sweep, known.features, xs, baselines)
    rounds = [[permutation(0, k, 30, True) for k in range(r, r + 10)] for r in range(0, 100, 10)]
    for k, permutations in enumerate(rounds):
        known(Prefixes(permutations, with_ends=k == 0))
    asked = [[a for a in model.asked if a[0] == row] for row in range(4)]
    for row, changed in (0, 3), (2, 5), (3, 2):
        assert len(asked[row]) == len(set(asked[row])) <= 1 << changed
    assert len(asked[1]) == 100 * 29 + 2


def test_masks_of_which_none_is_the_baseline_or_x():
    model, known, xs, baselines, _ = scene((70, 5), 4, 1)
    masks = RNG.random((6, 75)) < .5
    for _ in range(2):
        values, _ = expected(model, xs, baselines, masks)
        np.testing.assert_allclose(known(Masks(masks)), values, rtol=1e-12)
    assert np.isnan(known.ends).all()
