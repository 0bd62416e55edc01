"""Integrated gradients with tensors beside X that are fed one entry per row: still one session.run for many
steps, and the numbers of the definition."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.errors import PathWarning, RunError
from tests.support.networks import v1

RNG = np.random.default_rng(0)
N, D, STEPS = 5, 6, 7
W, V, U = RNG.normal(size=(D, 5)), RNG.normal(size=(5, 3)), RNG.normal(size=(4, 5))
XS, MASK, SIDE = RNG.normal(size=(N, D)), RNG.normal(size=(N, D)), RNG.normal(size=(N, 4))
YS, TABLE, IDS = RNG.normal(size=(N, 3)), RNG.normal(size=(9, 5)), np.array([3, 0, 8, 3, 5])


def oracle(gradient, xs, baseline=0., steps=STEPS):
    """(x - b) times the Gauss-Legendre mean of a gradient (n, d), of each row."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    start = np.broadcast_to(baseline, xs.shape)
    return (xs - start) * sum(w / 2 * gradient(start + (t + 1) / 2 * (xs - start))
                              for t, w in zip(nodes, weights))


def dense(m):
    """Gradient of YS * (tanh((x * m) W + side U) V), of each row, for masks m (n, d)."""
    def gradient(x, side=0.):
        h = np.tanh((x * m) @ W + side)
        return m * (((YS @ V.T) * (1 - h ** 2)) @ W.T)
    return gradient


@pytest.fixture
def count(session, monkeypatch):
    """Counts the runs of the graph: `count()` since it was last called."""
    runs = []
    make = session._make_callable_from_options

    def counted(options):
        run = make(options)

        def call(*arrays):
            runs.append(options)
            return run(*arrays)
        return call
    monkeypatch.setattr(session, '_make_callable_from_options', counted)

    def since():
        found = len(runs)
        runs.clear()
        return found
    return since


def points_of(graph):
    """Types of the ops that are there once for all points."""
    return [op.type for op in graph.get_operations() if op.name.startswith('deepexplain2/intgrad/points/')]


def mask_at_x(X, M):
    """Nothing is linear in X alone upstream of the mask."""
    return tf.nn.tanh((X * M) @ W) @ V, dense(MASK)


def mask_after_prefix(X, M):
    """A prefix (scaling and a dense layer) upstream of what is fed."""
    def gradient(x):
        h = np.tanh((2 * x @ np.diag(np.ones(D))) * MASK)
        return ((YS @ np.eye(3, D)) * (1 - h ** 2)) * MASK * 2
    return tf.nn.tanh(((2. * X) @ tf.eye(D, dtype=tf.float64)) * M)[:, :3], gradient


def computed_from_mask(X, M):
    """What enters the path is computed from what is fed, by a function call."""
    @tf.function
    def squash(m):
        return tf.nn.sigmoid(m) + 1.
    return tf.nn.tanh((X * squash(M)) @ W) @ V, dense(1 / (1 + np.exp(-MASK)) + 1)


NETS = [mask_at_x, mask_after_prefix, computed_from_mask]


@pytest.mark.parametrize('jit', [False, True])
@pytest.mark.parametrize('net', NETS)
def test_masks_by_row(session, net, jit):
    X, M = (v1.placeholder(tf.float64, (None, D)) for _ in range(2))
    T, gradient = net(X, M)
    with DeepExplain(session) as de:
        for baseline in 0., RNG.normal(size=D), RNG.normal(size=(N, D)):
            explainer = de.get_explainer('intgrad', T, X, jit, steps=STEPS, baseline=baseline)
            expected = oracle(gradient, XS, baseline)
            for batch_size in (None, 7) if jit else (None, 1, 3, 7, 64):
                found = explainer.run(XS, YS, batch_size, feed_dict={M: MASK})
                np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


def test_the_steps_are_in_one_run(session, count):
    """All points of all rows fit into one run; more runs look at the rows of T, the first time."""
    X, M = (v1.placeholder(tf.float64, (None, D)) for _ in range(2))
    T, gradient = mask_at_x(X, M)
    with DeepExplain(session) as de:
        explainer = de.get_explainer('intgrad', T, X, steps=STEPS)
        explainer.run(XS, YS, N * STEPS, feed_dict={M: MASK})
        session.graph.finalize()
        count()
        found = explainer.run(XS, YS, N * STEPS, feed_dict={M: MASK})
        assert count() == 1
        np.testing.assert_allclose(found, oracle(gradient, XS), rtol=1e-9)
        explainer.run(XS, YS, STEPS, feed_dict={M: MASK})
        assert count() == N


def test_the_prefix_upstream_of_what_is_fed_is_hoisted(session):
    X, M = (v1.placeholder(tf.float64, (None, D)) for _ in range(2))
    with DeepExplain(session) as de:
        de.get_explainer('intgrad', mask_after_prefix(X, M)[0], X)
        assert 'MatMul' not in points_of(session.graph)


def test_what_is_fed_stays_out_of_the_prefix(session):
    X, M = (v1.placeholder(tf.float64, (None, D)) for _ in range(2))
    with DeepExplain(session) as de:
        de.get_explainer('intgrad', mask_at_x(X, M)[0], X)
        assert points_of(session.graph).count('MatMul') == 2


def test_one_of_two_inputs_meets_what_is_fed(session):
    X, Z = (v1.placeholder(tf.float64, (None, k)) for k in (D, 4))
    M = v1.placeholder(tf.float64, (None, D))
    T = tf.nn.tanh((X * M) @ W + Z @ U) @ V

    def gradients(x, z):
        h = (YS @ V.T) * (1 - np.tanh((x * MASK) @ W + z @ U) ** 2)
        return MASK * (h @ W.T), h @ U.T
    nodes, weights = np.polynomial.legendre.leggauss(STEPS)
    mean = [sum(w / 2 * gradients((t + 1) / 2 * XS, (t + 1) / 2 * SIDE)[k] for t, w in zip(nodes, weights))
            for k in range(2)]
    with DeepExplain(session) as de:
        explainer = de.get_explainer('intgrad', T, [X, Z], steps=STEPS)
        assert points_of(session.graph).count('MatMul') == 2            # Z @ U is in the prefix
        for batch_size in None, 1, 3, 7, 64:
            a, b = explainer.run([XS, SIDE], YS, batch_size, feed_dict={M: MASK})
            np.testing.assert_allclose(a, XS * mean[0], rtol=1e-9)
            np.testing.assert_allclose(b, SIDE * mean[1], rtol=1e-9)


def test_the_other_input_is_fed(session):
    """X is explained, and Z, an input of the model too, comes in feed_dict."""
    X, Z = (v1.placeholder(tf.float64, (None, k)) for k in (D, 4))
    T = tf.nn.tanh(X @ W + Z @ U) @ V
    with DeepExplain(session) as de:
        explainer = de.get_explainer('intgrad', T, X, steps=STEPS)
        assert points_of(session.graph).count('MatMul') == 1            # X @ W is in the prefix
        expected = oracle(lambda x: dense(np.ones((N, D)))(x, SIDE @ U), XS)
        for batch_size in None, 1, 3, 7, 64:
            found = explainer.run(XS, YS, batch_size, feed_dict={Z: SIDE})
            np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_embeddings_of_ids_that_are_fed(session):
    X, ids = v1.placeholder(tf.float64, (None, D)), v1.placeholder(tf.int32, (None,))
    T = tf.nn.tanh(X @ W * tf.gather(tf.constant(TABLE), ids)) @ V
    rows = TABLE[IDS]
    expected = oracle(lambda x: (((YS @ V.T) * (1 - np.tanh(x @ W * rows) ** 2)) * rows) @ W.T, XS)
    with DeepExplain(session) as de:
        explainer = de.get_explainer('intgrad', T, X, steps=STEPS)
        for batch_size in None, 1, 3, 7, 64:
            found = explainer.run(XS, YS, batch_size, feed_dict={ids: IDS})
            np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize('size', [2, N])
def test_fixed_batch(session, size, count):
    """One point per row in every run, as without what is fed."""
    X, M = (v1.placeholder(tf.float64, (size, D)) for _ in range(2))
    T, gradient = mask_at_x(X, M)
    with DeepExplain(session) as de:
        explainer = de.get_explainer('intgrad', T, X, steps=STEPS)
        assert points_of(session.graph) == ['Tanh']         # what is fed fits the ends: it is hoisted
        found = explainer.run(XS, YS, feed_dict={M: MASK})
        np.testing.assert_allclose(found, oracle(gradient, XS), rtol=1e-9)
        count()
        explainer.run(XS, YS, feed_dict={M: MASK})
        assert count() == STEPS * -(-N // size)


def test_a_tensor_that_is_no_placeholder(session):
    """Any tensor that leaves its first axis open may be fed by row, after the graph was finalized too."""
    X = v1.placeholder(tf.float64, (None, D))
    M = tf.ones(tf.stack([v1.placeholder_with_default(1, ()), D]), tf.float64)
    T, gradient = mask_at_x(X, M)
    with DeepExplain(session) as de:
        explainer = de.get_explainer('intgrad', T, X, steps=STEPS)
        session.graph.finalize()
        found = explainer.run(XS, YS, feed_dict={M: MASK})
        np.testing.assert_allclose(found, oracle(gradient, XS), rtol=1e-9)
        ones = oracle(dense(np.ones((1, D))), XS)
        np.testing.assert_allclose(explainer.run(XS, YS), ones, rtol=1e-9)


@pytest.mark.parametrize('fed_mask', [False, True])
def test_kept_masks(session, fed_mask):
    """The mask of x stays as it is at all points; where it takes what is fed by row, too."""
    X, M = (v1.placeholder(tf.float64, (None, D)) for _ in range(2))
    xs = XS * (np.arange(D) < 4)
    mask = np.abs(MASK)
    seen = tf.cast(tf.not_equal(X * M if fed_mask else X, 0.), tf.float64)
    T = tf.nn.tanh((X * M + .5) * seen @ W) @ V

    def gradient(x):
        h = np.tanh((x * mask + .5) * (xs != 0) @ W)
        return mask * (xs != 0) * (((YS @ V.T) * (1 - h ** 2)) @ W.T)
    with DeepExplain(session) as de:
        explainer = de.get_explainer('intgrad', T, X, steps=STEPS, masks='keep')
        assert bool(points_of(session.graph)) != fed_mask   # else a point goes through the whole network
        for batch_size in None, 1, 3, 64:
            np.testing.assert_allclose(explainer.run(xs, YS, batch_size, feed_dict={M: mask}),
                                       oracle(gradient, xs), rtol=1e-9, atol=1e-12)


def test_delta_and_tolerance(session):
    X, M = (v1.placeholder(tf.float64, (None, D)) for _ in range(2))
    T, gradient = mask_at_x(X, M)
    with DeepExplain(session) as de:
        found, delta = de.explain('intgrad', T, X, XS, YS, feed_dict={M: MASK}, tolerance=1e-9, max_steps=400,
                                  return_delta=True)
        np.testing.assert_allclose(delta, 0, atol=1e-7)
        np.testing.assert_allclose(found, oracle(gradient, XS, steps=100), rtol=1e-6, atol=1e-8)


def test_a_target_without_a_batch_axis(session):
    X, M = (v1.placeholder(tf.float64, (None, D)) for _ in range(2))
    T = tf.reduce_sum(tf.nn.tanh((X * M) @ W) @ V)
    with DeepExplain(session) as de:
        found = de.explain('intgrad', T, X, XS, feed_dict={M: MASK}, steps=STEPS)
    expected = oracle(lambda x: MASK * ((V.sum(1) * (1 - np.tanh((x * MASK) @ W) ** 2)) @ W.T), XS)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_what_xla_leaves_out_is_checked_at_the_points(session):
    """An index out of range that no gradient sees, where the shape of T is known."""
    X = v1.placeholder(tf.float64, (1, D))
    index = tf.constant(9) + tf.zeros([], tf.int32)
    T = tf.nn.tanh(X @ W)[:, 0] + tf.gather(tf.stop_gradient(X), index, axis=1)
    with DeepExplain(session) as de, pytest.warns(PathWarning), pytest.raises(RunError, match='9 is not in'):
        de.explain('intgrad', T, X, XS[:1], steps=STEPS, jit_compile=True)
