"""What every registered method keeps to, whatever it computes, beside what `check_method` checks. A new
method is covered the day it is registered."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, methods
from deepexplain2.explainer import Explainer
from tests.support.few import ANYWHERE, coarse, few
from tests.support.networks import cnn, mlp, opened, samples, v1

ALL = ANYWHERE
KINDS = ['saliency', 'deeplift', 'intgrad', 'occlusion']
NET = mlp('elu', 'sigmoid', 'relu', sizes=(5, 7, 6, 6, 3))
X7, YS7 = samples(NET, 7)
CLASSES = np.array([0, 2, 1, 1, 0, 2, 2])


@pytest.fixture(params=ALL)
def method(request):
    return few(request.param)


@pytest.fixture(params=KINDS)
def kind(request):
    """One method per kind of query: a gradient, a rule, a line, values."""
    return few(request.param)


@pytest.fixture(autouse=True)
def thrice(monkeypatch):
    """Every run three times: what is kept, chosen or learned in one changes nothing in the next."""
    run = Explainer.run

    def runs(explainer, *args, **options):
        first, *more = [run(explainer, *args, **options) for _ in range(3)]
        for again in more:
            tf.nest.map_structure(same, again, first)
        return first

    def same(a, b):
        np.testing.assert_allclose(a, b, rtol=1e-9 if a.dtype == 'float64' else 1e-5, atol=1e-12)
    monkeypatch.setattr(Explainer, 'run', runs)


def test_seven_methods_with_a_line_each():
    assert set(ALL) >= {'saliency', 'grad*input', 'intgrad', 'elrp', 'deeplift', 'occlusion',
                        'shapley_sampling'}
    assert all(line.endswith('.') and len(line) > 20 for line in methods().values())


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64'])
def test_shape_and_dtype(method, dtype):
    with opened(cnn('relu'), dtype) as (de, X, T, _):
        x = samples(cnn('relu'), 3)[0]
        a = de.explain(coarse(method), T, X, x)
        assert isinstance(a, np.ndarray) and a.shape == x.shape and a.dtype == dtype
        b = de.explain(coarse(method), T, X, x.tolist())              # a list of lists is an array
        np.testing.assert_array_equal(a, b)


def test_batch_size_bounds_the_rows_of_a_run(kind):
    rows = []

    def seen(shape):
        rows.append(shape[0])
        return np.float64(1)
    with opened(NET) as (de, X, *_):
        one = tf.numpy_function(seen, [tf.shape(X)], tf.float64)
        de.get_explainer(kind, NET.tensorflow(X * tf.ensure_shape(one, ())), X).run(X7, YS7, batch_size=3)
    assert max(rows) == 3


def test_explain_again_adds_a_constant_and_a_product_of_the_caller(method):
    with opened(NET) as (de, X, T, session):
        de.explain(method, T, X, X7, ys=YS7)
        before = len(session.graph.get_operations())
        for _ in range(3):
            de.explain(method, T * YS7, X, X7)
        assert len(session.graph.get_operations()) == before + 6


def test_works_after_the_context_and_in_threads(kind):
    with opened(NET) as (de, X, T, session):
        explainer = de.get_explainer(kind, T, X)
        whole = explainer.run(X7, YS7)
        de.__exit__(None, None, None)
        results = {}
        threads = [
            threading.Thread(target=lambda k=k: results.update({k: explainer.run(X7, YS7, batch_size=k)}))
                   for k in range(1, 5)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        de.__enter__()
        for k in range(1, 5):
            np.testing.assert_allclose(results[k], whole, rtol=1e-9, atol=1e-12)


def test_follows_the_weights(session, method):
    x = v1.placeholder(tf.float64, (None, 5))
    w = tf.Variable(np.ones((5, 3)))
    T = tf.nn.softplus(tf.nn.elu(x @ w))
    session.run(v1.global_variables_initializer())
    with DeepExplain() as de:
        explainer = de.get_explainer(method, T, x)
        before = explainer.run(X7)
        assign = w.assign(np.linspace(-1, 1, 15).reshape(5, 3))
        session.run(assign)
        after = explainer.run(X7)
        assert np.abs(after - before).max() > .1
        fresh = v1.placeholder(tf.float64, (None, 5))
        np.testing.assert_allclose(after, de.explain(method, tf.nn.softplus(tf.nn.elu(fresh @ w)), fresh, X7),
                                   rtol=1e-12)


def test_ways_to_say_the_target(method):
    one_hot = np.eye(3)[CLASSES]
    with opened(NET) as (de, X, T, _):
        expected = de.explain(method, T, X, X7, ys=one_hot)
        for got in (de.explain(method, one_hot * T, X, X7, batch_size=2),
                    de.explain(method, T * one_hot * 2., X, X7, ys=np.full((1, 3), .5))):
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
        second = de.explain(method, T, X, X7, ys=np.ones(7, int))
        for got in de.explain(method, T, X, X7, ys=[[0., 1, 0]]), de.explain(method, T[:, 1:2], X, X7):
            np.testing.assert_allclose(got, second, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('batch', [1, 7, 10])
def test_fixed_batch(kind, batch):
    """A graph that takes `batch` rows and nothing else, with the number written into a reshape, on 7 rows."""
    with opened(NET) as (de, X, T, session):
        expected = de.explain(kind, T, X, X7, ys=YS7)
        fixed = v1.placeholder(tf.float64, (batch, 5))
        T = NET.tensorflow(tf.reshape(tf.reshape(fixed, (batch * 5,)), (batch, 5)))
        np.testing.assert_allclose(de.explain(kind, T, fixed, X7, ys=YS7), expected, rtol=1e-9, atol=1e-12)


def test_target_without_a_batch_axis(method):
    """The mean over all rows, as a scalar: each row is explained as if it were alone."""
    with opened(NET) as (de, X, T, _):
        expected = de.explain(method, T[:, 0], X, X7)
        np.testing.assert_allclose(de.explain(method, tf.reduce_mean(T[:, 0]), X, X7), expected, rtol=1e-9,
                                   atol=1e-12)
        over_rows = tf.reduce_mean(T, 0)                    # 3 entries, with 3 rows the same number as rows
        expected = de.explain(method, T, X, X7[:3])
        np.testing.assert_allclose(de.explain(method, over_rows, X, X7[:3]), expected, rtol=1e-9, atol=1e-12)


def test_target_of_any_rank_and_unknown_shapes(kind):
    with opened(cnn('elu')) as (de, X, T, session):
        x = samples(cnn('elu'), 3)[0]
        hidden = next(o.outputs[0] for o in session.graph.get_operations() if o.type == 'MaxPool')
        ys = np.random.default_rng(0).normal(size=(3, 2, 2, 4))
        expected = de.explain(kind, tf.reshape(hidden, (-1, 16)), X, x, ys=ys.reshape(3, 16))
        np.testing.assert_allclose(de.explain(kind, hidden, X, x, ys=ys), expected, rtol=1e-9, atol=1e-12)
        for shape in (None, None, None, 2), None:
            open_x = v1.placeholder(tf.float64, shape)
            T = cnn('elu').tensorflow(tf.ensure_shape(open_x, (None, 6, 6, 2)))
            expected = de.explain(kind, T, open_x, x)
            np.testing.assert_allclose(expected, de.explain(kind, cnn('elu').tensorflow(X), X, x), rtol=1e-9,
                                       atol=1e-12)


def test_hidden_input(method):
    """X in the middle of the graph, behind an embedding lookup; what lies before it need not be fed."""
    with opened(NET) as (de, X, T, session):
        ids = v1.placeholder(tf.int32, (None, 4))
        embedded = tf.nn.embedding_lookup(np.random.default_rng(0).normal(size=(9, 5)), ids)
        T = NET.tensorflow(tf.reshape(embedded, (-1, 5)))
        T = tf.reduce_sum(tf.reshape(T, (-1, 4, 3)), 1)
        tokens = np.random.default_rng(1).integers(0, 9, (3, 4))
        xs = session.run(embedded, {ids: tokens})
        a = de.explain(coarse(method), T, embedded, xs, ys=CLASSES[:3])
        assert a.shape == (3, 4, 5)
        # others for other shapes. Tokens do not interact
        if not method.draws_samples and coarse(method) == method \
                and method.name not in ('hsic', 'meaningful_perturbation'):
            alone = de.explain(method, NET.tensorflow(X), X, xs.reshape(12, 5), ys=np.repeat(CLASSES[:3], 4))
            np.testing.assert_allclose(a.reshape(12, 5), alone, rtol=1e-9, atol=1e-12)


def test_other_inputs_by_feed_dict(method):
    """A second input goes with its rows, a dropout rate is one for all."""
    with opened(NET) as (de, X, T, session):
        other, rate = v1.placeholder(tf.float64, (None, 5)), v1.placeholder(tf.float64, ())
        values = np.random.default_rng(3).normal(size=(7, 5))
        joined = NET.tensorflow(X * (1 - rate) + other)
        batched = de.explain(method, joined, X, X7, ys=YS7, batch_size=2, feed_dict={rate: .5, other: values})
        alone = de.explain(method, NET.tensorflow(X * .5 + values[4]), X, X7[4:5], ys=YS7[4:5])
        np.testing.assert_allclose(batched[4:5], alone, rtol=1e-9, atol=1e-12)


def test_learning_phase_is_zero_unless_given(kind):
    with opened(NET) as (de, X, T, _):
        phase = v1.placeholder(tf.bool, (), 'keras_learning_phase')
        T2 = T * tf.where(phase, tf.constant(3., T.dtype), tf.constant(1., T.dtype))
        expected = de.explain(kind, T, X, X7)
        np.testing.assert_allclose(de.explain(kind, T2, X, X7), expected, rtol=1e-12)
        np.testing.assert_allclose(de.explain(kind, T2, X, X7, feed_dict={phase: True}), 3 * expected,
                                   rtol=1e-12)


def test_lists_in_lists_out(method):
    with opened(NET) as (de, X, T, _):
        single = de.explain(method, T, X, X7)
        (a,) = de.explain(method, T, [X], [X7])
        np.testing.assert_array_equal(a, single)
        # which measures T in units of what there is to lose
        if not method.is_perturbation and method.name != 'meaningful_perturbation':
            Y = v1.placeholder(tf.float32, (None, 2))
            T2 = tf.concat([T, tf.cast(tf.nn.relu(Y), T.dtype)], 1)
            y = np.random.default_rng(0).normal(size=(7, 2))
            a, b = de.explain(method, T2, (X, Y), (X7, y), batch_size=3)
            np.testing.assert_allclose(a, single, rtol=1e-9, atol=1e-12)
            assert b.dtype == 'float32' and b.shape == (7, 2)


def test_partial_derivatives_when_one_input_leads_to_another():
    """X2 is computed from X1: attributions to X1 are those that do not go through X2, which has a value of
    its own."""
    with opened(NET) as (de, X, T, session):
        hidden = tf.nn.softplus(2 * X)
        T = tf.reduce_sum(hidden ** 1. + 3 * X, 1)
        values = session.run(hidden, {X: X7})
        for method in few('grad*input'), few('intgrad'):
            a, b = de.explain(method, T, [X, hidden], [X7, values])
            np.testing.assert_allclose(a, 3 * X7)
            np.testing.assert_allclose(b, values)


def test_the_three_places_to_build_the_graph(kind):
    """Before, inside and outside the context: the same attributions."""
    graph = tf.Graph()
    with graph.as_default():
        before = v1.placeholder(tf.float64, (None, 5))
        T_before = NET.tensorflow(before)
    with v1.Session(graph=graph) as session:
        context = DeepExplain(session)
        with graph.as_default():
            outside = v1.placeholder(tf.float64, (None, 5))
            T_outside = NET.tensorflow(outside)
        with context as de:
            inside = v1.placeholder(tf.float64, (None, 5))
            T_inside = NET.tensorflow(inside)
            a, b, c = (de.explain(kind, T, X, X7) for T, X in ((T_before, before), (T_outside, outside),
                                                               (T_inside, inside)))
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, c)
