"""owen: by the orders that a hierarchy allows."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy.cluster.hierarchy import linkage

from deepexplain2 import DeepExplain, errors
from deepexplain2.features import Grid, Segments
from deepexplain2.features.hierarchy import Hierarchy, halves
from tests.support.networks import cnn, mlp, opened, samples, v1

TREES = [[[0, 1, 2], [3, 4, 5]], [[0, 5], [1, [2, 3, 4]]], [0, 1, 2, 3, 4, 5], [[0], [[1, 2], [3, [4, 5]]]]]


def orders(tree):
    """All orders of the features in which those of each group stand together."""
    if isinstance(tree, int):
        return [[tree]]
    return [[k for part in parts for k in part] for some in itertools.permutations(tree)
            for parts in itertools.product(*map(orders, some))]


def owen(f, x, b, tree):
    """The mean of what each feature adds to T over these orders."""
    found, every = np.zeros(len(x)), orders(tree)
    for order in every:
        z = b.copy()
        for k in order:
            before = f(z)
            z[k] = x[k]
            found[k] += f(z) - before
    return found / len(every)


def six(seed=0):
    """A net of six features, and rows of which some features are those of the baseline."""
    net = mlp('tanh', 'relu', sizes=(6, 5, 3), seed=seed)
    xs, ys = samples(net, 5)
    b = np.random.default_rng(1).normal(size=xs.shape)
    xs[1, 2], xs[2, :3], xs[3], xs[4, 1:] = b[1, 2], b[2, :3], b[3], b[4, 1:]
    return net, xs, ys, b


def expected(net, xs, ys, b, tree):
    return np.stack([owen(lambda x, k=k: float(net.f(x[None], ys[k:k + 1])[0]), xs[k], b[k], tree)
                     for k in range(len(xs))])


@pytest.mark.parametrize('tree', TREES)
def test_by_all_orders(tree):
    net, xs, ys, b = six()
    with opened(net) as (de, X, T, _):
        found, delta = de.explain('owen', T, X, xs, ys, hierarchy=tree, baseline=b, return_delta=True)
    np.testing.assert_allclose(found, expected(net, xs, ys, b, tree), rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(delta, 0, atol=1e-13)
    assert (found[[1, 2, 3, 4], [2, 0, 5, 1]] == 0).all()


def test_linkages_and_halves():
    net, xs, ys, b = six(1)
    links = linkage(np.random.default_rng(3).normal(size=(6, 2)))

    def tree_of(k):
        return k if k < 6 else [tree_of(int(part)) for part in links[k - 6, :2]]
    with opened(net) as (de, X, T, _):
        for hierarchy, tree in (links, tree_of(10)), (None, [[0, [1, 2]], [3, [4, 5]]]):
            found = de.explain('owen', T, X, xs, ys, hierarchy=hierarchy, baseline=b)
            np.testing.assert_allclose(found, expected(net, xs, ys, b, tree), rtol=1e-9, atol=1e-13)
        assert de.get_explainer('owen', T, X).plan(5).evaluations == 5 * (2 + 2 + 4 + 4 + 8 + 8)


def test_halves_of_images_and_of_several_inputs():
    tree = halves(((2, 3, 2), (2,)))

    def listed(node):
        return [listed(part) for part in tree.parts[node]] or int(tree.order[tree.starts[node]])
    first, second = listed(0)
    assert second == [12, 13]
    # the longest axis first, columns, then rows; channels last
    assert first == [[[0, 1], [6, 7]], [[[2, 3], [4, 5]], [[8, 9], [10, 11]]]]
    assert Hierarchy(0, lambda what: what).cost == 0
    tree = halves(((2, 2, 4),))                         # four channels, more than there are rows
    assert [tree.order[tree.starts[p]:tree.stops[p]].tolist() for p in tree.parts[0]] == [
        list(range(8)), list(range(8, 16))]


def test_a_budget_divides_what_changes_most_first(session):
    """T takes x0 and x1 of eight: what is spent elsewhere would not be exact."""
    x = v1.placeholder(tf.float64, (None, 8))
    t = 3 * x[:, 0] * x[:, 1] + .5 * x[:, 7]
    with DeepExplain(session) as de:
        explainer = de.get_explainer('owen', t, x, max_evaluations=4)
        np.testing.assert_allclose(explainer.run(np.ones((1, 8))), [[.75] * 4 + [.125] * 4])
        # 2 more for the left half without the right one, 2 with it
        explainer = de.get_explainer('owen', t, x, max_evaluations=8)
        np.testing.assert_allclose(explainer.run(np.ones((1, 8))), [[1.5, 1.5, 0, 0] + [.125] * 4])


def test_a_row_depends_on_no_other():
    """What is divided first, in any batch; the sum, whatever is not divided."""
    net = cnn('tanh', 'relu')
    xs, ys = samples(net, 4)
    xs[2, :2] = 0
    with opened(net) as (de, X, T, _):
        for most in 4, 21, 150:
            explainer = de.get_explainer('owen', T, X, max_evaluations=most)
            found, delta = explainer.run(xs, ys, return_delta=True)
            np.testing.assert_allclose(delta, 0, atol=1e-12)
            assert (found[2, :2] == 0).all()
            for batch_size in 1, 3, 64:
                np.testing.assert_allclose(explainer.run(xs, ys, batch_size), found, rtol=1e-9, atol=1e-14)
            for k in range(4):
                np.testing.assert_allclose(explainer.run(xs[k:k + 1], ys[k:k + 1]), found[k:k + 1],
                                           rtol=1e-9, atol=1e-14)


def test_of_features():
    """Groups of segments: as Shapley values where there is a single group."""
    net = cnn('tanh', 'relu')
    xs, ys = samples(net, 3)
    labels = np.arange(np.prod(net.shape[:2])).reshape(net.shape[:2]) % 4
    with opened(net) as (de, X, T, _):
        found = de.explanation('owen', T, X, xs, ys, features=Segments(labels), hierarchy=[0, 1, 2, 3])
        exact = de.explanation('shapley', T, X, xs, ys, features=Segments(labels))
        np.testing.assert_allclose(found.by_feature, exact.by_feature, rtol=1e-9, atol=1e-13)
        with pytest.raises(errors.ParameterError, match='must hold each of the 9 features once'):
            de.explain('owen', T, X, xs, ys, features=Grid(3), hierarchy=[0, 1, 2, 3])


def test_interrupted():
    net, xs, ys, _ = six()
    with opened(net) as (de, X, T, _):
        explainer = de.get_explainer('owen', T, X, max_evaluations=200)
        whole = explainer.run(xs, ys)

        def interrupt(p):
            if p.done > 5 * 9:
                raise KeyboardInterrupt
        with pytest.warns(errors.ToleranceWarning, match=r'owen was interrupted after \d+ evaluations'):
            found = explainer.run(xs, ys, 5, progress=interrupt)
        np.testing.assert_allclose(found.sum(1), whole.sum(1), rtol=1e-9, atol=1e-13)
        assert np.abs(found - whole).max() > 1e-3


def test_a_fixed_batch(session):
    x = v1.placeholder(tf.float64, (2, 6))
    t = tf.reduce_sum(tf.tanh(x @ np.random.default_rng(2).normal(size=(6, 4))), 1)
    y = v1.placeholder(tf.float64, (None, 6))
    u = tf.reduce_sum(tf.tanh(y @ np.random.default_rng(2).normal(size=(6, 4))), 1)
    xs = np.random.default_rng(0).normal(size=(4, 6))
    xs[1, :3] = 0
    with DeepExplain(session) as de:
        for most in 9, 100:
            np.testing.assert_allclose(de.explain('owen', t, x, xs, max_evaluations=most),
                                       de.explain('owen', u, y, xs, max_evaluations=most), rtol=1e-9,
                                       atol=1e-14)


@pytest.mark.parametrize('hierarchy, message', [
    ([[0, 1], [2, 3]], 'holds feature 4 0 times. It must hold each of the 6 features once'),
    ([[0, 1], [2, 3], [4, 5, 5]], 'holds feature 5 2 times'),
    ([[0, 1, 2], [3, 4, 5, 6]], 'holds feature 6 1 times'),
    (list(range(11)), 'a group of 11 parts, and takes 1 to 10'), ([[0, 'a']], "holds 'a'"),
    ('halves', 'must be lists of lists'), (np.zeros((3, 2)), r'have shape \(features - 1, 4\)'),
    (np.zeros((5, 4)), 'must hold each group but the last once'), ([[], [0]], 'a group of 0 parts'),
    (np.array([[7, 1, 0, 0], [2, 3, 0, 0], [4, 5, 0, 0], [6, 0, 0, 0], [8, 9, 0, 0]]), 'a later one makes'),
    (np.array([[0, 1, 0, 0], [2, 3, 0, 0]]), 'has 2 rows, as linkages of 3 features have, and there are 6')])
def test_what_is_refused(session, hierarchy, message):
    x = v1.placeholder(tf.float64, (None, 6))
    with DeepExplain(session) as de, pytest.raises(errors.ParameterError, match=message):
        de.explain('owen', tf.reduce_sum(x ** 2, 1), x, np.ones((1, 6)), hierarchy=hierarchy)


def test_too_few_evaluations(session):
    x = v1.placeholder(tf.float64, (None, 6))
    with DeepExplain(session) as de, pytest.raises(errors.ParameterError, match='max_evaluations is 3'):
        de.explain('owen', tf.reduce_sum(x ** 2, 1), x, np.ones((1, 6)), max_evaluations=3)
