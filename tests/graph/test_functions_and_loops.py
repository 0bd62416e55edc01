"""Graphs that are easy to get wrong: functions, loops, several outputs, rows written into T, feeds in odd
places."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, methods
from tests.support.networks import v1

W = np.array([[1., 2, 3], [4, 5, -6], [-7, 8, 9], [1, -1, 1]])
XS = np.random.default_rng(1).normal(size=(3, 4))
BOTH = ['elrp', 'deeplift']
GRADIENTS = ['saliency', 'grad*input', 'intgrad', *BOTH]


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


def ops(session):
    return len(session.graph.get_operations())


@pytest.mark.parametrize('name', methods())
def test_functions_are_opened(session, x, name):
    """A tf.function, one inside another, in a session that has run before: rules apply inside, and the
    session goes on working."""
    @tf.function
    def inner(h, w):
        return tf.tanh(h @ w), h

    @tf.function
    def outer(h):
        a, b = inner(h, tf.constant(W))
        return a + inner(b * 2., tf.constant(W))[0]
    T = outer(x)
    session.run(x * 3, {x: XS})
    with DeepExplain() as de:
        a = de.explain(name, T, x, XS)
        expected = de.explain(name, tf.tanh(x @ W) + tf.tanh(2 * x @ W), x, XS)
    np.testing.assert_allclose(a, expected, rtol=1e-9, atol=1e-12)
    session.run(x * 3, {x: XS})
    # TensorFlow's own gradient of a function cannot be added to a session that has run it
    with v1.Session() as fresh:
        fresh.run(tf.gradients(T, x), {x: XS})


@pytest.mark.filterwarnings('ignore::deepexplain2.errors.NonlinearOpWarning')
@pytest.mark.parametrize('kind', ['while', 'cond', 'map_fn'])
def test_loops_leave_session_and_gradients_usable(session, x, kind):
    if kind == 'while':
        T = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.tanh(h * 1.1)), [0, x])[1] @ W
    elif kind == 'cond':
        T = tf.cond(tf.reduce_sum(x) > 100, lambda: x, lambda: tf.exp(tf.tanh(x)) * tf.sin(x)) @ W
    else:
        T = tf.map_fn(lambda row: tf.tanh(row), x) @ W
    other = x * 3
    session.run(other, {x: XS})
    with DeepExplain() as de:
        found = {name: de.explain(name, T, x, XS) for name in GRADIENTS
                 if (name, kind) != ('deeplift', 'cond')}
        with DeepExplain() as again:
            again.explain('elrp', T + 0, x, XS)
    session.run(other, {x: XS})
    # TensorFlow's own gradient of a loop cannot be added to a session that has run it
    with v1.Session() as fresh:
        gradient = fresh.run(tf.gradients(T, x)[0], {x: XS})
    np.testing.assert_allclose(found['grad*input'], gradient * XS, rtol=1e-9)


class TestRulesInside:
    """Rules inside loops and conditionals: the same numbers as the same layers in a row."""

    @pytest.mark.parametrize('name', BOTH)
    def test_loop(self, session, x, name):
        def step(i, h, total):
            h = tf.nn.softplus(h @ V) - tf.nn.elu(h)
            return i + 1, h, total + tf.tanh(h)
        V = np.random.default_rng(0).normal(size=(4, 4))
        T = tf.while_loop(lambda i, *_: i < 3, step, [0, x, tf.zeros_like(x)])[2] @ W
        h, total = x, 0.
        for _ in range(3):
            _, h, total = step(0, h, total)
        parameters = {'baseline': np.array([.3, -1, 0, 2])} if name == 'deeplift' else {}
        with DeepExplain() as de:
            for batch_size in None, 2:
                np.testing.assert_allclose(de.explain(name, T, x, XS, batch_size=batch_size, **parameters),
                                           de.explain(name, total @ W, x, XS, **parameters), rtol=1e-9,
                                           atol=1e-12)

    @pytest.mark.parametrize('name', BOTH)
    def test_conditional_on_something_else(self, session, x, name):
        on = v1.placeholder_with_default(True, ())
        T = tf.cond(on, lambda: tf.tanh(x @ W), lambda: tf.nn.elu(x @ W))
        with DeepExplain() as de:
            for value, f in (True, tf.tanh), (False, tf.nn.elu):
                np.testing.assert_allclose(de.explain(name, T, x, XS, feed_dict={on: value}),
                                           de.explain(name, f(x @ W), x, XS), rtol=1e-9)

    @pytest.mark.parametrize('name', BOTH)
    def test_nested(self, session, x, name):
        """A loop with a conditional on its counter and a loop inside."""
        def inner(j, h):
            return j + 1, tf.tanh(h)

        def step(i, h):
            h = tf.cond(i > 0, lambda: tf.nn.softplus(h), lambda: tf.nn.elu(2 * h))
            return i + 1, tf.while_loop(lambda j, _: j < 2, inner, [0, h])[1]
        T = tf.while_loop(lambda i, _: i < 2, step, [0, x])[1] @ W
        flat = tf.tanh(tf.tanh(tf.nn.softplus(tf.tanh(tf.tanh(tf.nn.elu(2 * x)))))) @ W
        with DeepExplain() as de:
            np.testing.assert_allclose(de.explain(name, T, x, XS), de.explain(name, flat, x, XS), rtol=1e-9,
                                       atol=1e-12)

    @pytest.mark.parametrize('name', BOTH)
    def test_map(self, session, x, name):
        T = tf.map_fn(lambda row: tf.tanh(2 * row), x) @ W
        with DeepExplain() as de:
            np.testing.assert_allclose(de.explain(name, T, x, XS), de.explain(name, tf.tanh(2 * x) @ W, x,
                                                                              XS), rtol=1e-9, atol=1e-12)

    def test_nonlinear_ops_inside_are_named(self, session, x):
        T = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.tanh(tf.math.cumprod(h, 1))),
                          [0, x])[1] @ W
        with DeepExplain() as de, pytest.warns(errors.NonlinearOpWarning, match=r'no rule for 1 nonlinear '
                                                                                r'op.*"while/Cumprod" '
                                                                                r'\(Cumprod\)'):
            de.get_explainer('elrp', T, x)

    def test_another_number_of_iterations_or_branch(self, session, x):
        """What x and the baseline may do differently has no Rescale; elrp follows x."""
        T = tf.while_loop(lambda h: tf.reduce_sum(h) < 100., lambda h: tf.nn.softplus(h) + 1., [x])[0] @ W
        with DeepExplain() as de:
            with pytest.raises(errors.RuleError, match=r'number of iterations of "while" .* depends on X'):
                de.explain('deeplift', T, x, XS[:1])
            T = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.tanh(x), lambda: x) @ W
            with pytest.raises(errors.RuleError, match=r'the branch that "cond" .* takes depends on X'):
                de.explain('deeplift', T, x, XS[:1])
            with pytest.warns(errors.NonlinearOpWarning, match='"cond"'):
                a = de.explain('elrp', T, x, XS, batch_size=1)
            expected = [de.explain('elrp', (tf.tanh(x) if row.sum() > 0 else x) @ W, x, row[None])[0]
                        for row in XS]
            np.testing.assert_allclose(a, expected, rtol=1e-9)


def test_constants_can_still_be_fed(session, x):
    """TensorFlow forbids to feed what it has once computed statically."""
    c = tf.constant(2., tf.float64)
    T = tf.nn.relu((x @ W) * c)
    with DeepExplain() as de:
        for name in GRADIENTS:
            de.explain(name, T, x, XS)
            de.explain(name, T * c, x, XS)
        assert session.graph.is_feedable(c)
        with pytest.raises(errors.FeedError, match=r'\(Const\), which cannot be fed'):
            de.explain('elrp', T, x, XS, feed_dict={c: 3.})


def test_axes_computed_from_constants(session, x):
    """Reduction axes that are the output of a Range: known when the copy is differentiated."""
    h = tf.reshape(x, (-1, 2, 2))
    T = tf.nn.elu(tf.reduce_mean(h, axis=tf.range(1, 3)))
    with DeepExplain() as de:
        np.testing.assert_allclose(de.explain('deeplift', T, x, XS).sum(1),
                                   np.where((m := XS.mean(1)) > 0, m, np.expm1(m)), rtol=1e-9)


def test_outputs_of_one_op_and_its_source_as_inputs(session, x):
    a, b = tf.split(x, 2, axis=1)
    T = tf.reduce_sum(a * 3., 1) + tf.reduce_sum(b * 5., 1) + tf.reduce_sum(x, 1)
    with DeepExplain() as de:
        for name in 'grad*input', 'intgrad', 'deeplift', 'elrp':
            _, second = de.explain(name, T, [a, x], [np.ones((1, 2)), np.ones((1, 4))])
            np.testing.assert_allclose(second, [[1, 1, 6, 6]])


class TestRowsWrittenIntoT:
    def test_scalar(self, session, x):
        """A loss with constant labels: all rows together, or an error."""
        T = tf.reduce_sum(x @ W * np.eye(3))
        expected = session.run(tf.gradients(T, x)[0], {x: XS}) * XS
        with DeepExplain() as de:
            np.testing.assert_allclose(de.explain('grad*input', T, x, XS), expected)
            with pytest.raises(errors.ShapeError, match=r'an array of 3 rows was written into T .* but xs '
                                                        r'has 2 rows'):
                de.explain('grad*input', T, x, XS[:2])
            with pytest.raises(errors.TensorError, match=r'T .* has no batch axis and contains an array of 3 '
                                                         r'rows'):
                de.explain('occlusion', T, x, XS)

    def test_other_number_of_rows(self, session, x):
        T = tf.reduce_sum(tf.nn.relu(x @ W * np.ones((5, 3))), 1)
        with DeepExplain() as de, pytest.raises(errors.ShapeError, match='an array of 5 rows'):
            de.explain('grad*input', T, x, XS)

    def test_fed_rows(self, session, x):
        z = v1.placeholder(tf.float64, (4, 3))
        with DeepExplain() as de, pytest.raises(errors.ShapeError, match='an array of 4 rows'):
            de.explain('grad*input', x @ W * z, x, XS, feed_dict={z: np.ones((4, 3))})


def test_a_matrix_that_joins_rows(session, x):
    """T is of all five rows together, and takes no other number."""
    mixing = np.arange(10.).reshape(2, 5)
    T = tf.constant(mixing) @ (x @ W)
    xs = np.random.default_rng(0).normal(size=(5, 4))
    with DeepExplain() as de:
        for name in 'grad*input', 'deeplift':
            np.testing.assert_allclose(de.explain(name, T, x, xs), mixing.sum(0)[:, None] * W.sum(1) * xs,
                                       rtol=1e-9)
            with pytest.raises(errors.ShapeError, match=r'an array of 5 rows was written into T .* but xs '
                                                        r'has 3 rows'):
                de.explain(name, T, x, xs[:3])


def test_one_row_of_baseline_where_the_graph_knows_the_batch(session, x):
    """reshape(x, [batch, -1]) with as many rows as features: one row would become a column, and broadcast."""
    size = v1.placeholder(tf.int32, ())
    b = np.array([0., 1, 2, 3])
    xs = np.random.default_rng(0).normal(size=(4, 4))
    other = v1.placeholder(tf.float64, (None, 4))
    expected = np.maximum(xs - .5, 0).sum(1) - np.maximum(b - .5, 0).sum()
    with DeepExplain() as de:
        for shape, feed in ([size, -1], {size: 4}), ([4, -1], {}):
            T = tf.reduce_sum(tf.nn.relu(tf.reshape(x, shape) - .5), 1)
            np.testing.assert_allclose(de.explain('deeplift', T, x, xs, feed_dict=feed, baseline=b).sum(1),
                                       expected)
        T = tf.reduce_sum(tf.nn.relu(tf.reshape(x, [tf.shape(other)[0], -1]) - .5),
                          1) + tf.reduce_sum(other, 1)
        a, _ = de.explain('deeplift', T, [x, other], [xs, xs], baseline=[b, np.tile(b, (4, 1))])
        np.testing.assert_allclose(a.sum(1), expected)


class TestFeeds:
    def test_wrong_number_of_rows(self, session, x):
        z = v1.placeholder(tf.float64, (None, 4), 'z')
        with DeepExplain() as de:
            for batch_size in None, 2:
                with pytest.raises(errors.FeedError,
                                   match=r'feed_dict gives 2 rows for "z:0" .*, but xs has 3'):
                    de.explain('saliency', tf.reduce_sum(x * z, 1), x, XS, batch_size=batch_size,
                               feed_dict={z: np.ones((2, 4))})
            a = de.explain('saliency', tf.reduce_sum(x * z, 1), x, XS, feed_dict={z: np.full((1, 4), 2.)})
            np.testing.assert_allclose(a, 2)

    def test_shared_vector_as_long_as_the_batch(self, session, x):
        """Class weights in a placeholder of fixed shape are not rows, even if there are as many."""
        c = v1.placeholder(tf.float64, (3,))
        with DeepExplain() as de:
            for batch_size in None, 1:
                a = de.explain('grad*input', x @ W * c, x, XS, batch_size=batch_size,
                               feed_dict={c: [1., 10, 100]})
                np.testing.assert_allclose(a, XS * (W @ [1, 10, 100]))

    def test_between_x_and_t(self, session, x):
        h = x @ W
        with DeepExplain() as de:
            for name in methods():
                with pytest.raises(errors.FeedError, match='lies between X and T'):
                    de.explain(name, tf.nn.relu(h), x, XS, feed_dict={h: np.ones((3, 3))})

    @pytest.mark.parametrize('value', ['a', [[1], [1, 2]], np.nan, 2 ** 40, 2.5])
    def test_bad_values(self, session, x, value):
        k = v1.placeholder(tf.int32, (), 'k')
        with DeepExplain() as de, pytest.raises(errors.DeepExplainError, match='feed_dict for "k:0"'):
            de.explain('saliency', x * tf.cast(k, x.dtype), x, XS, feed_dict={k: value})


def test_targets_of_unknown_shape(session, x):
    scores = v1.placeholder_with_default(x @ W, None)
    total = v1.placeholder_with_default(tf.reduce_sum(x @ W, 1), None)
    with DeepExplain() as de:
        for name in methods():
            expected = de.explain(name, x @ W, x, XS, ys=np.eye(3))
            np.testing.assert_allclose(de.explain(name, scores, x, XS, ys=np.eye(3)), expected, rtol=1e-9,
                                       atol=1e-12)
            with pytest.raises(errors.DeepExplainError):
                de.explain(name, scores, x, XS, ys=np.array([1., 2, 3]), batch_size=1)
            with pytest.raises(errors.DeepExplainError):
                de.explain(name, total, x, XS, ys=np.array([[1.], [2], [3]]))


class TestRanges:
    def test_integers(self, session):
        u = v1.placeholder(tf.int32, (None, 4))
        T = tf.cast(u, tf.float32) * 1.
        with DeepExplain() as de:
            for value in 1e10, np.inf, .5, 2 ** 40:
                with pytest.raises(errors.ValueRangeError):
                    de.explain('occlusion', T, u, np.full((1, 4), value))
            with pytest.raises(errors.ValueRangeError):
                de.explain('occlusion', T, u, np.ones((1, 4)), baseline=1e12)

    def test_attributions(self, session):
        h = v1.placeholder(tf.float16, (None, 2))
        T = tf.reduce_sum(tf.cast(h, tf.float32) * [300., 1.], 1)
        with DeepExplain() as de:
            for name in 'intgrad', 'occlusion', 'shapley_sampling':
                with pytest.raises(errors.ValueRangeError, match='leave the range of float16'):
                    de.explain(name, T, h, [[300., 1.]])


class TestCustomGradients:
    def test_straight_through(self, session, x):
        """Its own gradient for the gradient methods; none for the rules, which look inside and find Round."""
        @tf.custom_gradient
        def straight_through(v):
            return tf.round(v), lambda d: d
        T = straight_through(x) @ W
        with DeepExplain() as de:
            np.testing.assert_allclose(de.explain('grad*input', T, x, XS), XS * W.sum(1))
            for name in BOTH:
                with pytest.raises(errors.PathError, match=r'only through ops without a gradient: "Round"'):
                    de.explain(name, T, x, XS)

    def test_overridden_product(self, session, x):
        @tf.RegisterGradient('NegatedForTest')
        def negated(op, d):
            return -2 * d, None
        with session.graph.gradient_override_map({'Mul': 'NegatedForTest'}):
            T = x * 2.
        with DeepExplain() as de:
            np.testing.assert_allclose(de.explain('grad*input', T, x, XS), -2 * XS)


def test_what_is_not_on_the_way_of_the_gradient_does_not_matter(session, x):
    """Complex numbers carry gradients; Unique has none and needs none."""
    values, _ = tf.unique(tf.reshape(x, (-1,)))
    with DeepExplain() as de:
        T = x * tf.cast(tf.size(values), x.dtype)
        np.testing.assert_allclose(de.explain('saliency', T, x, XS[:1]), 4)
        spectrum = tf.abs(tf.signal.rfft(x))
        expected = session.run(tf.gradients(spectrum, x)[0], {x: XS})
        np.testing.assert_allclose(de.explain('saliency', spectrum, x, XS), np.abs(expected), rtol=1e-9)


def test_x_that_is_itself_a_product(session, x):
    scaled = x * 2.
    with DeepExplain() as de:
        for name in methods():
            np.testing.assert_allclose(de.explain(name, scaled * np.ones((1, 4)), scaled, XS).shape, XS.shape)
            assert de.explain(name, scaled, scaled, XS).shape == XS.shape


def test_batch_statistics_are_refused(session):
    x = v1.placeholder(tf.float32, (None, 4, 4, 2))
    T = v1.nn.fused_batch_norm(x, [1., 1.], [0., 0.], is_training=True)[0]
    with DeepExplain() as de:
        for name in methods():
            with pytest.raises(errors.TensorError, match='statistics of the batch'):
                de.explain(name, T, x, np.ones((2, 4, 4, 2)))


def test_dropout_is_the_same_for_x_and_baseline(session, x):
    """Linear in x for any mask: the difference is the mask's."""
    T = tf.nn.dropout(tf.nn.relu(x + 100.), .5) @ np.ones((4, 1))
    with DeepExplain() as de:
        a = de.explain('deeplift', T, x, np.ones((50, 4)))
        assert set(np.round(np.unique(a), 9)) == {0, 2}


def test_new_contexts_find_what_was_compiled(session, x):
    T = tf.tanh(x @ W)
    for name in methods():
        with DeepExplain() as de:
            de.explain(name, T, x, XS)
    before = ops(session)
    for name in methods():
        with DeepExplain() as de:
            de.explain(name, T, x, XS)
            de.get_explainer(name, T, x)
    assert ops(session) == before


def test_parameters_with_equal_names_are_not_equal(session, x):
    """An array-like without array contents to compare is taken anew each time."""
    class Column:
        def __init__(self, value):
            self.value = value

        def __array__(self, dtype=None, copy=None):
            return np.full(4, self.value, dtype)

        def __repr__(self):
            return 'Column'
    with DeepExplain() as de:
        a = [de.explain('deeplift', x @ W, x, XS, baseline=Column(v)) for v in (0., 1.)]
        np.testing.assert_allclose(a[0] - a[1], np.broadcast_to(W.sum(1), (3, 4)))


def test_contexts_in_threads(session, x):
    """Many contexts on one graph compile at the same time."""
    targets = [tf.tanh(x @ (W * k)) for k in range(1, 7)]
    results, failures = {}, []

    def work(k):
        try:
            with DeepExplain(session) as de:
                results[k] = [de.explain(name, targets[k], x, XS)
                              for name in ('elrp', 'deeplift', 'grad*input')]
        except Exception as e:
            failures.append(e)
    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    with DeepExplain(session) as de:
        for k in range(6):
            for got, name in zip(results[k], ('elrp', 'deeplift', 'grad*input')):
                np.testing.assert_allclose(got, de.explain(name, targets[k] + 0., x, XS), rtol=1e-9)


def test_warnings_as_errors_leave_nothing(session, x):
    T = tf.where(tf.equal(tf.argmax(x, 1), 0)[:, None], tf.math.cumprod(x, 1), x)
    before = ops(session)
    with DeepExplain() as de:
        for name in BOTH:
            with pytest.raises(errors.NonlinearOpWarning):      # by the settings of the suite
                de.explain(name, T, x, XS)
    assert ops(session) == before


def test_no_gradient_after_all_leaves_nothing(session, x):
    """zeta has a registered gradient, which is None for x in places."""
    T = tf.math.zeta(tf.constant(2., tf.float64),
                     x + 2.) * 0. + tf.math.polygamma(x + 1., tf.constant(2., tf.float64))
    before = ops(session)
    with DeepExplain() as de:
        for name in 'saliency', 'intgrad':
            try:
                de.explain(name, tf.math.polygamma(x + 1., tf.constant(2., tf.float64)), x, XS)
            except errors.DeepExplainError:
                pass
    assert not [op.name for op in session.graph.get_operations()[before:]
                if 'deepexplain2' in op.name] and T is not None
