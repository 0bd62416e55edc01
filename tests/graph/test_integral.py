"""Integrated gradients with the linear front of a network computed once: the same as with every step through
the whole network."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.networks import v1

RNG = np.random.default_rng(0)
D = 6
W, V = RNG.normal(size=(D, 5)), RNG.normal(size=(5, 3))
KERNEL, FILTER = RNG.normal(size=(3, 3, 2, 4)), RNG.normal(size=(3, 4, 4))


def dense(x):
    return tf.nn.tanh(x @ W + 1.) @ V


def deep_front(x):
    """Scaled, shifted, two dense layers without a nonlinearity between them."""
    return tf.nn.softplus((x * 3. - .5) @ W @ V + .25)


def linear(x):
    return x @ W


def residual(x):
    """X and a front of it both go on."""
    h = x @ (W @ V @ RNG.normal(size=(3, D)))
    return tf.nn.sigmoid(h) * x + tf.nn.tanh(x)


def nothing(x):
    return tf.nn.tanh(x) @ W


def image(x):
    """Padding, convolution, normalization with given statistics, pooling; the size of the batch is read from
    X, and from behind the front."""
    h = tf.nn.conv2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), KERNEL, 1, 'VALID')
    h = tf.nn.avg_pool2d((h - .2) * 1.5, 2, 2, 'VALID')
    h = tf.reshape(h, tf.stack([tf.shape(x)[0], -1])) + 0. * tf.cast(tf.shape(h)[1], tf.float64)
    return tf.nn.elu(h) @ tf.reshape(tf.constant(FILTER), [16, 3])


def tokens(x):
    """The dense layer of Keras on three axes joins rows and steps; its output has them apart again."""
    h = tf.tensordot(x, FILTER[0], 1)
    h = tf.nn.tanh(tf.nn.conv1d(h, FILTER, 1, 'SAME'))
    return tf.reduce_sum(h, 1)


def joined(x):
    """A nonlinearity where rows and steps are one axis: the front must end before."""
    h = tf.nn.tanh(tf.reshape(x, [-1, 4]) @ FILTER[0])
    return tf.reduce_sum(tf.reshape(h, [-1, 5, 4]), 1)


def steps_first(x):
    """A loop over the steps of a transposed X."""
    h = tf.transpose(x @ FILTER[1], [1, 0, 2])
    return tf.scan(lambda s, e: tf.nn.tanh(s @ FILTER[2] + e), h, tf.zeros_like(h[0]))[-1]


def wide(x):
    """Only wider in front: nothing to save."""
    return tf.reduce_sum(tf.nn.tanh(tf.tile(x, [1, 9])), 1, keepdims=True)


def constant_choice(x):
    return tf.nn.tanh(tf.where(tf.constant([True, False] * 3), x, 2 * x) @ W)


NETS = {net: shape for shape, nets in {
    (D,): [dense, deep_front, linear, residual, nothing, wide, constant_choice], (4, 4, 2): [image],
                                       (5, 4): [tokens, joined, steps_first],
}.items() for net in nets}


def points_of(graph):
    """Types of the ops that are there once for all points."""
    return [op.type for op in graph.get_operations() if op.name.startswith('deepexplain2/intgrad/points/')]


@pytest.fixture(params=NETS, ids=lambda net: net.__name__)
def case(request):
    """(net, xs, ys, one baseline per row)"""
    net, shape = request.param, NETS[request.param]
    xs, bs = RNG.normal(size=(2, 3, *shape))
    with tf.Graph().as_default():
        units = net(tf.zeros((1, *shape), tf.float64)).shape[1]
    return net, xs, RNG.normal(size=(3, units)), bs


def test_the_same_without_hoisting(case):
    net, xs, ys, bs = case
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, *xs.shape[1:]))
        T = net(X)
        for baseline in .3, bs[0], bs, np.concatenate([bs, xs[:1]]):
            expected = de.explain('intgrad', T, X, xs, ys, baseline=baseline, steps=7, hoist=False)
            explainer = de.get_explainer('intgrad', T, X, baseline=baseline, steps=7)
            for batch_size in None, 1, 3, 7, 16:
                np.testing.assert_allclose(explainer.run(xs, ys, batch_size), expected, rtol=1e-10,
                                           atol=1e-12)
        hoisted, plain = (de.explain('intgrad', T, X, xs, ys, tolerance=1e-6, hoist=h) for h in (True, False))
        np.testing.assert_allclose(hoisted, plain, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize('net, gone', [(dense, ['MatMul']), (deep_front, ['MatMul', 'Mul']),
                                       (image, ['Conv2D', 'AvgPool', 'Pad']),
                                       (tokens, ['MatMul'])])
def test_the_front_is_not_computed_at_the_points(net, gone):
    with tf.Graph().as_default() as graph, v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, *NETS[net]))
        de.get_explainer('intgrad', net(X)[:, :1] ** 2, X)
        there = points_of(graph)
        whole = [op.type for op in graph.get_operations() if not op.name.startswith('deepexplain2/')]
        for op_type in gone:
            assert there.count(op_type) < whole.count(op_type), (op_type, there)


def test_what_is_only_wider_is_not_hoisted():
    with tf.Graph().as_default() as graph, v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, D))
        de.get_explainer('intgrad', wide(X), X)
        assert 'Tile' in points_of(graph)


def test_fixed_batch_and_targets_without_rows():
    """Every run has one point per row there, in whatever layout."""
    xs = RNG.normal(size=(5, 5, 4))
    for batch, reduce in (2, lambda t: t), (None, tf.reduce_sum), (5, tf.reduce_sum):
        with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
            X = v1.placeholder(tf.float64, (batch, 5, 4))
            T = reduce(steps_first(X))
            np.testing.assert_allclose(de.explain('intgrad', T, X, xs, steps=6),
                                       de.explain('intgrad', T, X, xs, steps=6, hoist=False),
                                       rtol=1e-10, atol=1e-12)


def test_two_inputs():
    xs = [RNG.normal(size=(3, D)), RNG.normal(size=(3, 4))]
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = [v1.placeholder(tf.float64, (None, k)) for k in (D, 4)]
        T = tf.nn.tanh(X[0] @ W + tf.nn.sigmoid(X[1]) @ FILTER[0][:, :1])
        for baseline in 0, [RNG.normal(size=D), RNG.normal(size=(3, 4))]:
            for a, b in zip(*(de.explain('intgrad', T, X, xs, baseline=baseline, steps=5, hoist=h)
                              for h in (True, False))):
                np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_rows_fed_beside_x():
    """A mask with a row for each row of xs goes with its rows: nothing is hoisted. One for all rows, and a
    default that is fed by row."""
    xs, mask = RNG.normal(size=(3, D)), RNG.normal(size=(3, D))
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, D))
        M = v1.placeholder(tf.float64, (None, D))
        factor = v1.placeholder_with_default(tf.ones([1, D], tf.float64), (None, D))
        expected = np.concatenate([de.explain('intgrad', dense(X * m), X, x[None], steps=5) for x,
                                   m in zip(xs, mask)])
        np.testing.assert_allclose(de.explain('intgrad', dense(X * M), X, xs, steps=5, feed_dict={M: mask}),
                                   expected, rtol=1e-10)
        explainer = de.get_explainer('intgrad', dense(X * factor), X, steps=5)
        np.testing.assert_allclose(explainer.run(xs, feed_dict={factor: mask}), expected, rtol=1e-10)
        np.testing.assert_allclose(explainer.run(xs, feed_dict={factor: mask[:1]})[0], expected[0],
                                   rtol=1e-10)
        computed = tf.ones(tf.stack([v1.placeholder_with_default(1, ()), D]), tf.float64)
        explainer = de.get_explainer('intgrad', dense(X * computed), X, steps=5)
        np.testing.assert_allclose(explainer.run(xs, feed_dict={computed: mask}), expected, rtol=1e-10)
        late = de.get_explainer('intgrad', dense(X * M + 0.), X, steps=5)
        session.graph.finalize()                # what is fed by row was seen before
        np.testing.assert_allclose(late.run(xs, feed_dict={M: mask}), expected, rtol=1e-10)


def test_noise_is_drawn_for_every_point():
    """A random factor of X is not part of the front: two steps see two draws."""
    with tf.Graph().as_default() as graph, v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, D))
        T = dense(X * tf.random.uniform(tf.shape(X), dtype=tf.float64))
        de.get_explainer('intgrad', T, X)
        assert 'RandomUniform' in points_of(graph)


# the digits of the dtype
@pytest.mark.parametrize('dtype, rtol', [(tf.float16, 2e-2), (tf.float32, 1e-5)])
def test_narrow_dtypes(dtype, rtol):
    xs = RNG.normal(size=(3, D))
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(dtype, (None, D))
        T = tf.nn.tanh(X @ tf.constant(W, dtype)) @ tf.constant(V, dtype)
        a, b = (de.explain('intgrad', T, X, xs, steps=9, hoist=h) for h in (True, False))
        assert a.dtype == dtype.as_numpy_dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def test_custom_gradients_count():
    """They live in the user's graph: the plain gradient there, every step through the whole network."""
    @tf.custom_gradient
    def tripled(z):
        return tf.nn.relu(z), lambda g: 3 * g
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, D))
        xs = RNG.normal(size=(2, D))
        found = de.explain('intgrad', tripled(X @ W), X, xs, steps=4)
        np.testing.assert_allclose(found, 3 * xs * W.sum(1), rtol=1e-10)


def test_overflow_on_the_way_is_named():
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, D))
        T = tf.reduce_sum(tf.exp(X @ W, name='blown_up'), 1)
        with pytest.raises(Exception, match=r'NaN or infinite.*begins at op "blown_up" \(Exp\)'):
            de.explain('intgrad', T, X, np.full((2, D), 1e5), baseline=[0] * D)


@pytest.mark.parametrize('net', [joined, steps_first, tokens])
def test_shapes_of_tensorflow_1(net):
    """Sizes are objects there, an open one not None: what joins rows and steps is no front there either."""
    xs = RNG.normal(size=(3, *NETS[net]))
    v1.disable_v2_tensorshape()
    try:
        with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
            X = v1.placeholder(tf.float64, (None, *NETS[net]))
            T = net(X)
            np.testing.assert_allclose(*(de.explain('intgrad', T, X, xs, steps=5, hoist=h)
                                         for h in (True, False)), rtol=1e-10, atol=1e-12)
    finally:
        v1.enable_v2_tensorshape()
