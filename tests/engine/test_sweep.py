"""How runs are packed, told of, streamed and bounded: the answers are the same, and the plan is kept."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, methods
from deepexplain2.engine import fetch, query, sweep
from deepexplain2.request import layout
from deepexplain2.request import request as requests
from deepexplain2.request import samples as request_samples
from tests.support.counting import counted
from tests.support.networks import cnn, mlp, opened, samples

NET = mlp('tanh', 'relu', seed=3)
XS, YS = samples(NET, 11)
GRAPH = cnn('tanh')


@pytest.mark.parametrize('batch_size', [None, 1, 4])
@pytest.mark.parametrize('method', methods())
def test_plan_is_what_happens(method, batch_size, monkeypatch):
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer(method, T, X)
        rows = counted(explainer, monkeypatch)
        plan = explainer.plan(11, batch_size)
        explainer.run(XS, YS, batch_size)
        assert plan.rows >= max(rows)
        # it remembers coalitions
        assert plan.evaluations == sum(rows) if method != 'shapley_sampling' else plan.evaluations > sum(rows)
        # which draws permutations in rounds, each a pass of its own
        if method != 'shapley_sampling':
            assert plan.calls == len(rows)
        assert plan.bytes == plan.rows * explainer._model.path.row_total


def test_plan_of_what_is_not_known():
    with opened(NET) as (de, X, T, _):
        with pytest.raises(errors.ParameterError, match='how often "intgrad" evaluates the model is decided '
                                                        'by its tolerance'):
            de.get_explainer('intgrad', T, X, tolerance=.1).plan(3)
        U = tf.compat.v1.placeholder(tf.float64, (None, None))
        with pytest.raises(errors.ShapeError, match='plan needs an X with known feature axes'):
            de.get_explainer('saliency', tf.tanh(U), U).plan(3)


def test_memory_limit():
    """Rows per run follow it; less than a row is an error."""
    x, ys = samples(GRAPH, 9)
    with opened(GRAPH) as (de, X, T, _):
        explainer = de.get_explainer('intgrad', T, X, steps=5)
        row = explainer.plan(1, 1).bytes
        assert explainer.plan(9, memory_limit=3 * row).rows == 3 and explainer.plan(9).rows > 3
        np.testing.assert_allclose(explainer.run(x, ys, memory_limit=2 * row), explainer.run(x, ys),
                                   atol=1e-10)
        with pytest.raises(errors.ParameterError, match=r'memory_limit is 10 bytes, but one row takes about '
                                                        r'\d+'):
            explainer.run(x, ys, memory_limit=10)


@pytest.mark.parametrize('method', methods())
def test_progress(method, capsys, monkeypatch):
    """Every run is told, up to the planned total; the answer is the same; tqdm and plain text."""
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer(method, T, X)
        expected = explainer.run(XS, YS, 2)
        told = []
        np.testing.assert_array_equal(explainer.run(XS, YS, 2, progress=told.append), expected)
        assert [p.done for p in told] == sorted(p.done for p in told) and told[-1].done == told[-1].total
        assert told[0].total <= explainer.plan(11, 2).evaluations and (told[0].total == told[-1].total
                                                                       or method == 'shapley_sampling')
        assert told[-1].remaining == 0 and told[0].rate > 0
        if explainer._method.sums_to:
            told.clear()
            explainer.run(XS, YS, 2, progress=told.append, return_delta=True)
            assert told[-1].done == told[-1].total
        explainer.run(XS, YS, 2, progress=True)
        monkeypatch.setitem(__import__('sys').modules, 'tqdm.auto', None)
        explainer.run(XS, YS, 2, progress=True)
        assert f'{method}: {told[-1].total or explainer.plan(11, 2).evaluations}'.split(
            ':')[0] in capsys.readouterr().err
        with pytest.raises(errors.ParameterError, match='progress must be True, False or a function'):
            explainer.run(XS, YS, progress='yes')


def test_interrupted_runs_leave_a_working_explainer():
    with opened(NET) as (de, X, T, session):
        before = len(session.graph.get_operations())
        for method in methods():
            explainer = de.get_explainer(method, T, X)
            expected, added = explainer.run(XS, YS, 2), len(session.graph.get_operations())

            def interrupt(p):
                raise KeyboardInterrupt
            with pytest.raises(KeyboardInterrupt):
                explainer.run(XS, YS, 2, progress=interrupt)
            np.testing.assert_array_equal(explainer.run(XS, YS, 2), expected)
            assert len(session.graph.get_operations()) == added >= before


def test_stream(tmp_path):
    """Generators, datasets, memmaps: batch by batch in order, taken only as they are asked for."""
    file = np.lib.format.open_memmap(tmp_path / 'x.npy', 'w+', XS.dtype, XS.shape)
    file[:] = XS
    dataset = tf.data.Dataset.from_tensor_slices((XS, YS)).batch(4)
    with opened(NET) as (de, X, T, session):
        explainer = de.get_explainer('deeplift', T, X)
        whole, weighted = explainer.run(XS), explainer.run(XS, YS)
        before = len(session.graph.get_operations())
        taken = []

        def batches():
            for k in range(0, 11, 4):
                taken.append(k)
                yield XS[k:k + 4], YS[k:k + 4]
        stream = explainer.stream(batches())
        first = next(stream)
        assert taken == [0]
        np.testing.assert_allclose(np.concatenate([first, *stream]), weighted, atol=1e-12)
        np.testing.assert_allclose(np.concatenate(list(explainer.stream(dataset))), weighted, atol=1e-12)
        for source in np.load(tmp_path / 'x.npy', mmap_mode='r'), XS, iter([XS[:3], XS[3:]]):
            np.testing.assert_allclose(np.concatenate(list(explainer.stream(source, batch_size=1))), whole,
                                       atol=1e-12)
        deltas = [d for _, d in explainer.stream(batches(), return_delta=True)]
        np.testing.assert_allclose(np.concatenate(deltas), 0, atol=1e-10)
        assert len(session.graph.get_operations()) == before
        with pytest.raises(errors.ShapeError, match='not a tuple of 3'):
            next(explainer.stream([(XS, YS, YS)]))


@pytest.mark.parametrize('method', methods())
def test_answers_written_piece_by_piece(method, tmp_path):
    """A memmap to read from and one to write into, of other dtypes; per-row baselines, weights and feeds go
    with their rows."""
    n = 70
    x, ys = samples(NET, n)
    read = np.lib.format.open_memmap(tmp_path / 'x.npy', 'w+', 'f4', x.shape)
    read[:] = x
    x = np.array(read, float)
    given = np.random.default_rng(1).normal(size=x.shape)
    with opened(NET) as (de, X, _, session):
        factor = tf.compat.v1.placeholder(tf.float64, (None, 5))
        T = NET.tensorflow(X * factor)
        baselines = [given, given[:3], lambda xs: 0 * xs
                     + given[0]] if 'baseline' in de.get_explainer(method, T, X)._method.__dict__ else [None]
        for baseline in baselines[:2 if method in ('occlusion', 'shapley_sampling') else 3]:
            if baseline is not None and not callable(baseline) and len(baseline) == 3 and method in (
                'occlusion', 'shapley_sampling'):
                continue
            parameters = {} if baseline is None else {'baseline': baseline}
            parameters |= {'steps': 5} if method == 'intgrad' else {}
            explainer = de.get_explainer(method, T, X, **parameters)
            promised = bool(explainer._method.sums_to)
            whole = explainer.run(x, ys, 2, feed_dict={factor: given}, return_delta=promised)
            out = np.lib.format.open_memmap(tmp_path / 'out.npy', 'w+', 'f4', x.shape)
            found = explainer.run(read, ys, 2, feed_dict={factor: given}, return_delta=promised, out=out)
            if promised:
                np.testing.assert_allclose(found[1], whole[1], atol=1e-9)
                found, whole = found[0], whole[0]
            assert found is out
            np.testing.assert_allclose(out, whole, rtol=1e-5, atol=1e-5)      # float32


def test_large_memmaps_stay_on_disk(tmp_path, monkeypatch):
    """They are read in pieces of 16 runs, and looked through for NaN beforehand."""
    monkeypatch.setattr(request_samples, 'LOOK', 100)        # 5 rows
    x = np.lib.format.open_memmap(tmp_path / 'x.npy', 'w+', 'f4', (70, 5))
    x[:] = samples(NET, 70)[0]
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer('deeplift', T, X)
        pieces = []
        take_rows = requests.take_rows
        monkeypatch.setattr(requests, 'take_rows', lambda arrays, rows, inputs: pieces.append(rows)
                            or take_rows(arrays, rows, inputs))
        np.testing.assert_allclose(explainer.run(x, batch_size=2), explainer.run(np.array(x)), rtol=1e-9)
        # beside rows that are compared alone and among others
        pieces = [p for p in pieces if isinstance(p, slice)]
        assert [(p.start, p.stop) for p in pieces[:3]] == [(0, 32), (32, 64), (64, 70)]
        x[60, 1] = np.nan
        with pytest.raises(errors.ValueRangeError, match=r'xs for X "x:0", from row 60 on, holds 1 values '
                                                         r'that are NaN'):
            explainer.run(x, batch_size=2)


def test_out_of_what_does_not_fit():
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer('shapley_sampling', T, X)
        for out, message in [(np.zeros((11, 4)), r'out has shape \(11, 4\), but the attributions have \(11, '
                                                 r'5\)'), ([1], 'out must be an array'),
                             (np.zeros((11, 5), int), 'out has dtype int64: attributions are float64')]:
            with pytest.raises(errors.DeepExplainError, match=message):
                explainer.run(XS, out=out)
        frozen = np.zeros((11, 5))
        frozen.flags.writeable = False
        with pytest.raises(errors.ParameterError, match='read-only'):
            explainer.run(XS, out=frozen)


def test_datasets_run_whole():
    dataset = tf.data.Dataset.from_tensor_slices((XS, YS)).batch(4)
    empty = dataset.take(0)
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer('deeplift', T, X)
        expected = explainer.run(XS, YS)
        np.testing.assert_allclose(explainer.run(dataset), expected, atol=1e-12)
        out = np.zeros((11, 5))
        attributions, delta = explainer.run(dataset, out=out, return_delta=True)
        assert attributions is out and delta.shape == (11,)
        np.testing.assert_allclose(out, expected, atol=1e-12)
        np.testing.assert_allclose(de.explain('deeplift', T, X, dataset), expected, atol=1e-12)
        with pytest.raises(errors.ParameterError, match='ys comes with it'):
            explainer.run(dataset, YS)
        with pytest.raises(errors.ShapeError, match=r'no room for rows 8 to 10'):
            explainer.run(dataset, out=np.zeros((10, 5)))
        with pytest.raises(errors.ShapeError, match='without batches'):
            explainer.run(empty)


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
            explainer = de.get_explainer(method, T, X, **({'steps': 16} if method == 'intgrad' else {}))
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


def test_a_reference_is_computed_once(monkeypatch):
    """From the second run with it on what the rules need of a baseline is fed; another one, and changed
    weights, are seen."""
    with opened(GRAPH) as (de, X, T, session):
        x, ys = samples(GRAPH, 3)
        expected = [de.explain('deeplift', T, X, x, ys, baseline=np.tile(b, (3, *[1] * (x.ndim - 1))))
                    for b in x]
        order = [0, 0, 0, 1, 1, 2, 0, 0]
        baselines = iter(order)
        explainer = de.get_explainer('deeplift', T, X, baseline=lambda xs: x[next(baselines)])
        asked, values = [], fetch.Fetch.values
        def counted(self, *arguments):
            if '/cached_' in self.fetches[0].name:               # not T or its gradient
                asked.append(self)
            return values(self, *arguments)
        monkeypatch.setattr(fetch.Fetch, 'values', counted)
        for k, times in zip(order, [0, 1, 1, 1, 2, 2, 2, 3]):
            np.testing.assert_allclose(explainer.run(x, ys), expected[k], rtol=1e-12, atol=1e-14)
            assert len(asked) == times
    with tf.Graph().as_default(), tf.compat.v1.Session() as session, DeepExplain(session) as de:
        X = tf.compat.v1.placeholder(tf.float64, (None, 5))
        w = tf.compat.v1.get_variable('w', (5, 3), tf.float64)
        T = tf.nn.tanh(X @ w + 1.)
        session.run(w.initializer)
        explainer = de.get_explainer('deeplift', T, X)
        for _ in range(3):
            before = explainer.run(XS)
        session.run(w.assign(2 * w))
        _, delta = explainer.run(XS, return_delta=True)
        np.testing.assert_allclose(delta, 0, atol=1e-12)
        assert len(asked) == 3 and np.abs(explainer.run(XS) - before).max() > .1
