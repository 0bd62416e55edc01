"""How runs are packed, told of, bounded and interrupted: the answers are the same, and the plan is kept."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import errors, methods
from tests.support.counting import counted
from tests.support.few import ANYWHERE, few
from tests.support.networks import cnn, mlp, opened, samples

NET = mlp('tanh', 'relu', seed=3)
XS, YS = samples(NET, 11)
GRAPH = cnn('tanh')


@pytest.mark.parametrize('batch_size', [None, 1, 4])
@pytest.mark.parametrize('method', ANYWHERE)
def test_plan_is_what_happens(method, batch_size, monkeypatch):
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer(few(method), T, X)
        rows = counted(explainer, monkeypatch)
        plan = explainer.plan(11, batch_size)
        explainer.run(XS, YS, batch_size)
        assert plan.rows >= max(rows)
        if method in ('shapley_sampling', 'kernel_shap'):       # they remember coalitions
            assert plan.evaluations > sum(rows)
        else:
            assert plan.evaluations == sum(rows)
        # what draws makes passes of as many draws as fill a run, and what divides groups rounds
        if not methods[method].draws_samples and method != 'owen':
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


@pytest.mark.parametrize('method', ANYWHERE)
def test_progress(method, capsys, monkeypatch):
    """Every run is told, up to the planned total; the answer is the same; tqdm and plain text."""
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer(few(method), T, X)
        expected = explainer.run(XS, YS, 2)
        told = []
        np.testing.assert_array_equal(explainer.run(XS, YS, 2, progress=told.append), expected)
        assert [p.done for p in told] == sorted(p.done for p in told) and told[-1].done == told[-1].total
        assert told[0].total <= explainer.plan(11, 2).evaluations and (told[0].total == told[-1].total
                                                                       or method in ('shapley_sampling',
                                                                                     'kernel_shap'))
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
        for method in ANYWHERE:
            explainer = de.get_explainer(few(method), T, X)
            expected, added = explainer.run(XS, YS, 2), len(session.graph.get_operations())

            def interrupt(p):
                raise KeyboardInterrupt
            with pytest.raises(KeyboardInterrupt):
                explainer.run(XS, YS, 2, progress=interrupt)
            np.testing.assert_array_equal(explainer.run(XS, YS, 2), expected)
            assert len(session.graph.get_operations()) == added >= before
