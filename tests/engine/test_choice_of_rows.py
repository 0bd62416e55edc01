"""The number of rows of a run is chosen by timing."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2.engine import query, sweep
from deepexplain2.request import layout
from tests.support.counting import counted
from tests.support.networks import mlp, opened, samples

NET = mlp('tanh', 'relu', seed=3)


def clock(monkeypatch, cost):
    """Lets every run of so many rows take cost(rows) seconds, as the sweep sees it."""
    now = [0.]
    monkeypatch.setattr(sweep.time, 'perf_counter', lambda: now[0])
    run = query.Query._run

    def slow(self, batch, *rest):
        now[0] += cost(len(batch.rows))
        return run(self, batch, *rest)
    monkeypatch.setattr(query.Query, '_run', slow)


@pytest.mark.parametrize('method', ['intgrad', 'occlusion', 'saliency'])
def test_rows_are_chosen_by_timing(method, monkeypatch):
    """The fastest of four sizes, at whatever place among them, tried in the first long run; the answers are
    those of any size; batch_size and memory_limit go untried."""
    guess = 32
    x, ys = samples(NET, 600)
    monkeypatch.setattr(layout, 'default_rows', lambda *_: guess)
    for fastest in (16, 64, 8, 128) if method == 'saliency' else (8,) if method == 'intgrad' else (64,):
        with opened(NET) as (de, X, T, _):
            explainer = de.get_explainer(method, T, X, **({'steps': 4} if method == 'intgrad' else {}))
            whole = explainer.run(x, ys, 32)
            clock(monkeypatch, partial(lambda fastest, rows: rows * (1 + abs(np.log(rows / fastest))),
                                       fastest))
            assert explainer.plan(600).rows == guess
            np.testing.assert_allclose(explainer.run(x, ys, 32), whole, atol=1e-12)
            explainer.run(x[:4], ys[:4])
            explainer.run(x, ys, memory_limit=1 << 20)
            assert explainer.plan(600).rows == guess
            np.testing.assert_allclose(explainer.run(x, ys), whole, atol=1e-12)
            assert explainer.plan(600).rows == fastest
            explainer.run(x, ys)                        # which may try twice as many still
            rows = counted(explainer, monkeypatch)
            np.testing.assert_allclose(explainer.run(x, ys), whole, atol=1e-12)
            assert max(rows) <= fastest


def test_rows_are_chosen_in_several_short_runs(monkeypatch):
    """A run of twice the guess begins the trial, the next go on with it; shorter ones never do."""
    monkeypatch.setattr(layout, 'default_rows', lambda *_: 16)
    x, ys = samples(NET, 50)
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer('saliency', T, X)
        clock(monkeypatch, lambda rows: rows * (1 + abs(np.log(rows / 8))))
        rows = counted(explainer, monkeypatch)
        for _ in range(4):
            explainer.run(x[:31], ys[:31])
        assert rows == [16, 15] * 4
        rows.clear()
        for _ in range(3):
            explainer.run(x, ys)
        assert rows == [32, 8, 8, 2, 32, 4, 4, 10, *[8] * 6, 2] and explainer.plan(50).rows == 8


def test_rows_that_are_hardly_faster_are_not_chosen(monkeypatch):
    monkeypatch.setattr(layout, 'default_rows', lambda *_: 32)
    x, ys = samples(NET, 1600)
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer('saliency', T, X)
        clock(monkeypatch, lambda rows: rows * (1 - .04 * (rows == 16)))
        explainer.run(x, ys)
        assert explainer.plan(1600).rows == 32


def test_targets_without_rows_are_not_tried(monkeypatch):
    monkeypatch.setattr(layout, 'default_rows', lambda *_: 1)
    x, _ = samples(NET, 40)
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer('saliency', tf.reduce_sum(T), X)
        rows = counted(explainer, monkeypatch)
        explainer.run(x)
        assert rows == [1] * 40
