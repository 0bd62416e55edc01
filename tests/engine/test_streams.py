"""Batches that come one after the other, memmaps, datasets, and arrays to write into."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import errors, methods
from deepexplain2.request import request as requests
from deepexplain2.request import samples as request_samples
from tests.support.few import ANYWHERE, few
from tests.support.networks import mlp, opened, samples

NET = mlp('tanh', 'relu', seed=3)
XS, YS = samples(NET, 11)


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


@pytest.mark.parametrize('method', ANYWHERE)
def test_answers_written_piece_by_piece(method, tmp_path):
    """A memmap to read from and one to write into, of other dtypes; per-row baselines, weights and feeds go
    with their rows."""
    n = 40                              # a piece of 16 runs, and the rest
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
        for baseline in baselines:
            if baseline is not None and not callable(baseline) and len(baseline) == 3 \
                    and not methods[method].averages:
                continue
            parameters = {} if baseline is None else {'baseline': baseline}
            explainer = de.get_explainer(replace(few(method), **parameters), T, X)
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
