"""jit_compile: what is compiled, once for each question and in few sizes."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.engine.batch_size import rounded
from tests.support.networks import mlp, opened, samples, v1
from tests.support.xla import both

NET = mlp('elu', 'sigmoid', 'relu', sizes=(5, 7, 6, 6, 3))


def test_it_is_compiled(session):
    """One op that XLA must compile for each question, and none of the path beside it but what it is compared
    with."""
    x = v1.placeholder(tf.float32, (None, 4))
    T = tf.tanh(x @ tf.ones((4, 2)))
    with DeepExplain() as de:
        for method in 'saliency', 'elrp', 'deeplift', 'intgrad', 'occlusion':
            before = {op.name for op in session.graph.get_operations()}
            de.get_explainer(method, T, x, jit_compile=True)
            added = [op for op in session.graph.get_operations() if op.name not in before]
            assert all(op.name.startswith('deepexplain2/') for op in added)
            calls = [op for op in added if op.type.endswith('PartitionedCall')]
            assert len(calls) == 1 and calls[0].get_attr('_XlaMustCompile'), method
            assert not {'MatMul', 'Tanh'} & {op.type for op in added if '_plain/' not in op.name}


def test_compiles_once():
    xs, ys = samples(NET, 5)
    with opened(NET) as (de, X, T, session):
        explainer = de.get_explainer('deeplift', T, X, jit_compile=True)
        size = len(session.graph.get_operations())
        session.graph.finalize()
        assert de.get_explainer('deeplift', T, X, jit_compile=True)._model is explainer._model
        explainer.run(xs, ys)
        _, delta = explainer.run(xs, ys, return_delta=True)
        assert len(session.graph.get_operations()) == size and np.abs(delta).max() < 1e-9
        with pytest.raises(errors.ContextError, match='finalized'):
            de.explain('occlusion', T, X, xs, ys, jit_compile=True)
        de.explain('occlusion', T, X, xs, ys)                                   # which adds no op


def test_few_sizes():
    """Any number of rows is filled up to one of a few, never to more than batch_size; the answers are those
    of the rows alone."""
    xs, ys = samples(NET, 60)
    with opened(NET) as (de, X, T, _):
        expected = de.explain('intgrad', T, X, xs, ys, steps=2)
        explainers = [de.get_explainer(m, T, X, jit_compile=True, **o) for m,
                      o in (('grad*input', {}), ('intgrad', {'steps': 2}), ('occlusion', {}))]
        sizes = [set() for _ in explainers]
        for explainer, seen in zip(explainers, sizes):
            query = explainer.compile()
            run = query._fetch._callable({})[1]
            query._fetch._callables[()] = ([], lambda *arrays, run=run, seen=seen: seen.add(len(arrays[0]))
                                    or run(*arrays))
        for n in (1, 7, 9, 17, 33, 34, 57, 59):
            np.testing.assert_allclose(explainers[0].run(xs[:n], ys[:n]),
                                       xs[:n] * NET.gradient(xs[:n], ys[:n]), atol=1e-9)
        np.testing.assert_allclose(explainers[1].run(xs[:33], ys[:33]), expected[:33], atol=1e-9)
        assert sizes[0] <= {rounded(n) for n in range(60)} and len(sizes[0]) == 6 and max(sizes[0]) == 64
        assert sizes[1] == {40}
        sizes[0].clear()
        explainers[0].run(xs[:23], ys[:23], batch_size=9)
        assert sizes[0] == {9, 5}
        explainers[2].run(xs[:5], ys[:5], batch_size=11)
        assert max(sizes[2]) == 11
        # as many points as rows, and one row more
        np.testing.assert_allclose(*both(de, 'intgrad', T, X, xs[:9], ys[:9], steps=9), atol=1e-9)
    assert [rounded(n) for n in (1, 7, 8, 9, 17, 33, 100, 1000)] == [1, 7, 8, 10, 20, 40, 112, 1024]
    assert all(n <= rounded(n) <= 1.25 * n for n in range(1, 2000))


def test_rows_of_a_run():
    """Chosen among the sizes that are compiled, and not by trials."""
    with opened(mlp('tanh', sizes=(5, 500, 3), seed=1), tf.float32) as (de, X, T, _):
        explainer = de.get_explainer('occlusion', T, X, jit_compile=True)
        rows = explainer.plan(3).rows
        assert rows == rounded(rows) <= de.get_explainer('occlusion', T, X).plan(3).rows
        explainer.run(np.ones((900, 5), 'f'))
        assert explainer.plan(3).rows == rows and explainer._layouts.of(900, None, None).tuner is None


def test_nan_is_said(session):
    x = v1.placeholder(tf.float64, (None, 3), 'x')
    with DeepExplain() as de:
        T = tf.exp(tf.math.log(x, 'first'))
        for method in 'saliency', 'deeplift', 'intgrad', 'occlusion':
            with pytest.raises(errors.ValueRangeError, match=r'NaN or infinite'):
                de.explain(method, T, x, np.array([[1., -1., 2.]]), jit_compile=True)


def test_functions_run_eagerly(session):
    """A switch of the user's that takes nothing from the compiled op, and stays."""
    x = v1.placeholder(tf.float64, (None, 2), 'x')
    T = tf.tanh(x)
    tf.config.run_functions_eagerly(True)
    try:
        with DeepExplain() as de:
            de.explain('deeplift', T, x, np.ones((2, 2)), jit_compile=True)
            assert tf.config.functions_run_eagerly()
    finally:
        tf.config.run_functions_eagerly(False)
    assert 'Tanh' not in {op.type for op in session.graph.get_operations()
                          if op.name.startswith('deepexplain2/') and '_plain/' not in op.name}
