"""Details that a change could break without any other test noticing."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, methods
from tests.support.networks import ACTIVATIONS, v1

close = partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12)
W = np.array([[1., 2, 3], [4, 5, -6], [-7, 8, 9], [1, -1, 1]]) / 10
XS = np.random.default_rng(1).normal(size=(3, 4))
GRADIENTS = ['saliency', 'grad*input', 'intgrad', 'elrp', 'deeplift']
PERTURBING = ['occlusion', 'shapley_sampling']
ALL = sorted(methods())


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


@pytest.mark.parametrize('name', ['sigmoid', 'softplus'])     # f(0) != 0
def test_sign_of_zero_is_plus_in_the_epsilon_rule(session, name):
    function, f, _ = ACTIVATIONS[name]
    x = v1.placeholder(tf.float64, (None, 2))
    with DeepExplain() as de:
        a, b = (de.explain('elrp', function(tf.reduce_sum(x, 1)), x, [[1., -1.]], epsilon=.5, offset=offset)
                for offset in ('pass', 'absorb'))
    close(a, f(np.zeros(1)) / .5 * [[1, -1]])
    close(b, [[0, 0]])


@pytest.mark.parametrize('name', ACTIVATIONS)
def test_multiplier_is_the_derivative_where_x_and_reference_agree(session, name):
    """Different x with the same pre-activation: nothing is multiplied by zero."""
    function, _, derivative = ACTIVATIONS[name]
    x, c = v1.placeholder(tf.float64, (None, 2)), np.array([-2., -.5, .5, 3., 7.])
    with DeepExplain() as de:
        a = de.explain('deeplift', function(tf.reduce_sum(x, 1, keepdims=True) + c), x,
                       np.tile([[1., -1.]], (5, 1)), ys=np.arange(5))
    np.testing.assert_allclose(a, derivative(c)[:, None] * [[1, -1]], rtol=1e-12, atol=1e-14)


def test_small_epsilon_in_float16(session):
    x = v1.placeholder(tf.float16, (None, 2))
    with DeepExplain() as de:
        close(de.explain('elrp', tf.nn.relu(x), x, [[0., 1.]], epsilon=1e-8), [[0, 1]])


def test_sums_do_not_stagnate_in_float16(session):
    """The sum over runs is kept in float64: 2000 runs of one point each."""
    x = v1.placeholder(tf.float16, (None, 2))
    with DeepExplain() as de:
        a = de.get_explainer('intgrad', 3 * x, x, steps=2000, quadrature='riemann_middle').run([[1., .5]],
                                                                                               batch_size=1)
    np.testing.assert_allclose(a, [[3, 1.5]], rtol=1e-3)


@pytest.mark.parametrize('name', ACTIVATIONS)
def test_neighbours_in_float16(session, name):
    function, f, _ = ACTIVATIONS[name]
    a = np.array([-3., -.5, -.1, -.01, .01, .1, .5, 3.], 'float16').repeat(3)
    b = a + (np.tile([1, 4, 16], 8) * np.spacing(a)).astype('float16')
    x = v1.placeholder(tf.float16, (None, a.size))
    with DeepExplain() as de:
        got = de.explain('deeplift', function(x), x, a[None], ys=np.full((1, a.size), 1024.),
                         baseline=b)[0].astype(float) / 1024
    u, v = a.astype(float), b.astype(float)
    np.testing.assert_allclose(got / (u - v), (f(u) - f(v)) / (u - v), rtol=1.2e-3, atol=1e-6)


def test_int_window_is_cut_to_short_axes(session):
    x = v1.placeholder(tf.float64, (None, 5, 4, 1))
    xs = np.random.default_rng(0).normal(size=(2, 5, 4, 1))
    T = tf.reduce_sum(x ** 3, [1, 2, 3])
    with DeepExplain() as de:
        close(de.explain('occlusion', T, x, xs, window_shape=3), de.explain('occlusion', T, x, xs,
                                                                            window_shape=(3, 3, 1)))


def test_a_single_player(session):
    x = v1.placeholder(tf.float64, (None, 1))
    with DeepExplain() as de:
        a = de.explain('shapley_sampling', tf.exp(x), x, [[1.], [2.]], samples=5, baseline=.5)
    close(a, np.exp([[1.], [2.]]) - np.exp(.5))


def test_neighbouring_seeds_share_no_permutation():
    from deepexplain2.features.permutations import permutation
    assert len({tuple(permutation(s, k, 20, False).order) for s in range(5) for k in range(5)}) == 25


@pytest.mark.parametrize('name', ALL)
def test_classes_of_a_weighted_target(session, x, name):
    T, w, c = tf.tanh(x @ W), np.array([[1., -2, 3]]), np.array([2, 0, 1])
    with DeepExplain() as de:
        close(de.explain(name, T * w, x, XS, ys=c), de.explain(name, T, x, XS, ys=np.eye(3)[c] * w))


@pytest.mark.parametrize('name', GRADIENTS)
def test_order_of_the_inputs(session, x, name):
    y = v1.placeholder(tf.float64, (None, 4))
    T = tf.tanh(x @ W + 2 * (y @ W) * .1)
    with DeepExplain() as de:
        a, b = de.explain(name, T, [x, y], [XS, 3 * XS])
        b2, a2 = de.explain(name, T, [y, x], [3 * XS, XS])
    close(a2, a)
    close(b2, b)


@pytest.mark.parametrize('name', ALL)
def test_target_of_unknown_shape_on_a_fixed_batch(session, x, name):
    fixed = v1.placeholder(tf.float64, (2, 4))
    T = v1.placeholder_with_default(tf.tanh(fixed @ W), None)
    with DeepExplain() as de:
        close(de.explain(name, T, fixed, XS, ys=np.eye(3)), de.explain(name, tf.tanh(x @ W), x, XS,
                                                                       ys=np.eye(3)))


@pytest.mark.parametrize('name', ALL)
def test_target_of_one_row(session, x, name):
    T = tf.tanh(x @ W)
    one, c = tf.reduce_mean(T, 0, keepdims=True), np.array([2, 0, 1])
    with DeepExplain() as de:
        close(de.explain(name, one, x, XS, ys=c), de.explain(name, T, x, XS, ys=c))


@pytest.mark.parametrize('name', ALL)
def test_feeds_that_go_with_the_rows_of_a_fixed_batch(session, x, name):
    fixed, z = v1.placeholder(tf.float64, (2, 4)), v1.placeholder(tf.float64, (2, 4))
    other = np.random.default_rng(3).normal(size=(3, 4))
    with DeepExplain() as de:
        a = de.explain(name, tf.tanh((fixed + z) @ W), fixed, XS, feed_dict={z: other})
        open_z = v1.placeholder(tf.float64, (None, 4))
        close(a, de.explain(name, tf.tanh((x + open_z) @ W), x, XS, feed_dict={open_z: other}))


@pytest.mark.parametrize('name', ALL)
def test_other_placeholders_in_turn(session, x, name):
    a, b = (v1.placeholder_with_default(tf.constant(v, tf.float64), ()) for v in (2., 3.))
    T = tf.nn.softplus(x @ W * a + b)
    with DeepExplain() as de:
        got = [de.explain(name, T, x, XS, feed_dict=f) for f in ({a: 1.}, {b: 1.}, {a: 5., b: 7.}, {})]
        for g, (p, q) in zip(got, [(1., 3.), (2., 1.), (5., 7.), (2., 3.)]):
            close(g, de.explain(name, tf.nn.softplus(x @ W * p + q), x, XS))


def test_partial_derivatives_beside_a_custom_gradient(session, x):
    @tf.custom_gradient
    def straight_through(v):
        return tf.round(v), lambda d: d
    hidden = tf.identity(2 * x)
    T = straight_through(hidden) + 3 * x
    with DeepExplain() as de:
        for name in 'grad*input', 'intgrad':
            a, b = de.explain(name, T, [x, hidden], [XS, 2 * XS])
            close(a, 3 * XS)
            close(b, 2 * XS)


@pytest.mark.parametrize('name', ALL)
def test_a_later_run_without_the_feed(session, x, name):
    rate = v1.placeholder(tf.float64, (), 'rate')
    with DeepExplain() as de:
        explainer = de.get_explainer(name, x @ W * rate, x)
        explainer.run(XS, feed_dict={rate: 2.})
        with pytest.raises(errors.FeedError, match='needs "rate:0"'):
            explainer.run(XS)


@pytest.mark.parametrize('op', ['Prod', 'Cumprod', 'UnsortedSegmentProd'])
def test_products_along_an_axis_are_not_linear(session, x, op):
    f = {'Prod': lambda h: tf.reduce_prod(h, 1), 'Cumprod': lambda h: tf.math.cumprod(h, 1),
         'UnsortedSegmentProd': lambda h: tf.transpose(tf.math.unsorted_segment_prod(tf.transpose(h),
                                                                                     [0, 0, 1, 1], 2))}[op]
    with DeepExplain() as de, pytest.warns(errors.NonlinearOpWarning, match=rf'\({op}\)'):
        de.get_explainer('elrp', f(x), x)


@pytest.mark.parametrize('name', ALL)
def test_weights_that_widen_the_target(session, x, name):
    T = tf.tanh(x @ W[:, :1])
    with DeepExplain() as de:
        close(de.explain(name, T * np.array([[1., 2, 4]]), x, XS), 7 * de.explain(name, T, x, XS))


@pytest.mark.parametrize('name', ALL)
def test_features_first(session, x, name):
    """Features first: the first axis of a sum is not the batch."""
    T = tf.transpose(tf.nn.elu(tf.matmul(W.T, x, transpose_b=True) + np.array([[1.], [2], [3]])))
    with DeepExplain() as de:
        np.testing.assert_allclose(de.explain(name, T, x, XS), de.explain(name, tf.nn.elu(x @ W + [1., 2, 3]),
                                                                          x, XS), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('kind', ['feeds', 'None', 'variable'])
def test_one_row_of_baseline_where_shapes_mislead(session, x, kind):
    """Static shapes say (?, 4), and one row of the reference would become a column.

    A bias vector makes (?, ?) look like (?, 4): the static shape does not say what one row of baseline
    becomes."""
    c, b = np.array([-.5, .25, .5, -1]), np.array([0., 1, 2, 3])
    xs = np.random.default_rng(0).normal(size=(4, 4))
    size, feed = {'feeds': lambda: ((s := v1.placeholder(tf.int32, ())), {s: 4}), 'None': lambda: (4, {}),
                  'variable': lambda: (tf.Variable(4), {})}[kind]()
    session.run(v1.global_variables_initializer())
    h = tf.nn.relu(tf.reshape(x, [size, -1]) + c)
    T = v1.placeholder_with_default(tf.reduce_sum(h, 1), (None,))
    expected = np.maximum(xs + c, 0).sum(1) - np.maximum(b + c, 0).sum()
    with DeepExplain() as de:
        close(de.explain('deeplift', T, x, xs, feed_dict=feed, baseline=np.tile(b, (4, 1))).sum(1), expected)
        close(de.explain('deeplift', T, x, xs, feed_dict=feed, baseline=b).sum(1), expected)


def test_one_row_of_baseline_where_a_variable_knows_the_batch(session, x):
    size, xs, b = tf.Variable(4), np.random.default_rng(0).normal(size=(4, 4)), np.array([0., 1, 2, 3])
    session.run(v1.global_variables_initializer())
    T = tf.reduce_sum(tf.nn.relu(tf.reshape(x, [size, -1]) - .5), 1)
    with DeepExplain() as de:
        close(de.explain('deeplift', T, x, xs, baseline=b).sum(1),
              np.maximum(xs - .5, 0).sum(1) - np.maximum(b - .5, 0).sum())


def test_inputs_and_outputs_are_those_of_the_model(session, x):
    """What explaining added to the graph is not among them."""
    T = tf.nn.relu(x @ W, name='scores')
    with DeepExplain() as de:
        de.explain('deeplift', T, x, XS, baseline=np.ones(4))
        assert list(de.inputs) == [x] and list(de.outputs) == [T]


def test_pairs_in_float16(session):
    """The quotient of two differences is taken in float32."""
    x = v1.placeholder(tf.float16, (None, 2))
    xs = np.random.default_rng(0).uniform(.3, 1., (40, 2)).astype(np.float16)
    b = (xs + np.random.default_rng(1).uniform(.1, .2, (40, 2))).astype(np.float16)
    with DeepExplain() as de:
        for f, exact in (tf.pow, np.power), (tf.math.xlogy, lambda u, v: u * np.log(v)):
            a = de.explain('deeplift', f(x[:, 0], x[:, 1]), x, xs, baseline=b, average=False).astype(float)
            expected = exact(*xs.T.astype(float)) - exact(*b.T.astype(float))
            np.testing.assert_allclose(a.sum(1), expected, atol=3e-4)


def test_rows_without_features_are_refused(session):
    x = tf.compat.v1.placeholder(tf.float64, (None, 0))
    with DeepExplain() as de:
        for method in 'occlusion', 'shapley_sampling', 'grad*input':
            with pytest.raises(errors.ShapeError):
                de.explain(method, tf.reduce_sum(x, 1), x, np.zeros((3, 0)))
