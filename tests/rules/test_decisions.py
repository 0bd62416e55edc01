"""Comparisons and choices among tensors that depend on X."""

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.functions import evaluate
from tests.support.networks import v1


def test_decisions_of_one_tensor_are_its_secant(session):
    """However a function of one feature is put together from comparisons, its share is f(x) - f(b)."""
    x = v1.placeholder(tf.float64, (None, 12))
    xs, b = np.random.default_rng(0).normal(size=(5, 12)), np.random.default_rng(1).normal(size=12)
    functions = {
        'select': lambda z: tf.where(z > .3, z * z, tf.sin(z)),
                 'and': lambda z: tf.where((z > -.5) & (z < .5), z, 0. * z),
        'or': lambda z: tf.where((z < -.5) | (z > .5), z + 1, tf.exp(z)),
                 'not': lambda z: tf.where(~(z <= .2), 3 * z, z),
        'cast': lambda z: z * tf.cast(z >= .1, z.dtype),
                 'nested': lambda z: tf.where(z > 0, tf.where(z > 1, 2 - z, z), -z ** 3),
        'shaped': lambda z: tf.where(tf.reshape(tf.reshape(z, [-1, 3, 4]) > 0, [-1, 12]), z, z / 2),
        'other dtype': lambda z: tf.where(tf.cast(z, tf.float32) > .25, z, z / 2),
                 'scalar': lambda z: tf.where(z > 0, tf.constant(2., z.dtype), z)}
    with DeepExplain() as de:
        for name, f in functions.items():
            got = de.explain('deeplift', f(x) + 0., x, xs, baseline=b)
            # the multiplier of a comparison in float32 is in float32
            tolerance = 1e-6 if name == 'other dtype' else 1e-9
            np.testing.assert_allclose(got, evaluate(f, xs) - evaluate(f, b), rtol=tolerance, atol=tolerance,
                                       err_msg=name)
        # v1 Select with one condition per row, a condition of several tensors, and any/all over an axis:
        # complete
        rows = tf.raw_ops.Select(condition=x[:, 0] > x[:, 1], x=tf.sin(x), y=x * x)
        anywhere = tf.where(tf.reduce_any(x > 1.2, 1, keepdims=True) & tf.reduce_all(x < 2, 1, keepdims=True),
                            x, tf.tanh(x))
        loop = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.where(h > .1, h * h, h - 1.)),
                             [0, x])[1]
        for T in rows, anywhere, loop:
            _, delta = de.explain('deeplift', T, x, xs, baseline=b, return_delta=True)
            np.testing.assert_allclose(delta, 0, atol=1e-9)
            assert np.abs(session.run(T, {x: xs}) - session.run(T, {x: np.tile(b, (5, 1))})).max() > .1


def test_a_changed_decision_is_a_product(session):
    """c a + (1 - c) b: half of the change of each branch, and the jump at the mean of the two for the
    condition."""
    x = v1.placeholder(tf.float64, (None, 3))
    with DeepExplain() as de:
        got = de.explain('deeplift', tf.where(x[:, 0] > 0, x[:, 1], x[:, 2]), x,
                         [[1., 5., 2.], [-2., 5., 2.]], baseline=np.array([-1., 1., -1.]))
        np.testing.assert_allclose(got, [[2.5, 2., 1.5], [0., 0., 3.]], rtol=1e-9)


def test_conditions_of_any_shape(session):
    """A condition is followed through what changes its shape."""
    x = v1.placeholder(tf.float64, (None, 4))
    xs, b = np.random.default_rng(0).normal(size=(5, 4)), np.random.default_rng(1).normal(size=4)
    ways = {
        'Identity': tf.identity, 'ExpandDims': lambda c: tf.expand_dims(c, 1)[:, 0],
            'Squeeze': lambda c: tf.squeeze(tf.expand_dims(c, 1), 1),
        'Transpose': lambda c: tf.transpose(tf.transpose(c)), 'StridedSlice': lambda c: c[:, ::-1],
            'Slice': lambda c: tf.slice(c, [0, 1], [-1, 1]),
        'BroadcastTo': lambda c: tf.broadcast_to(c[:, :1], tf.shape(c)),
            'Tile': lambda c: tf.tile(c[:, :2], [1, 2]),
        'GatherV2': lambda c: tf.gather(c, [3, 1, 2, 0], axis=1),
            'NotEqual': lambda c: tf.not_equal(tf.nn.relu(x), 0.)}
    with DeepExplain() as de:
        for name, way in ways.items():
            delta = de.explain('deeplift', tf.where(way(x > .1), x * x, tf.sin(x)), x, xs, baseline=b,
                               return_delta=True)[1]
            np.testing.assert_allclose(delta, 0, atol=1e-9, err_msg=name)


def test_a_branch_that_is_nan_where_it_is_not_taken(session):
    """The other one changes first, and the decision takes the rest: both ways."""
    x = v1.placeholder(tf.float64, (None, 2))
    with DeepExplain() as de:
        for T in tf.where(x[:, 0] > 0, tf.math.log(x[:, 0]), x[:, 1]), tf.where(x[:, 0] <= 0, x[:, 1],
                                                                                tf.math.log(x[:, 0])):
            np.testing.assert_allclose(de.explain('deeplift', T, x, [[2., 3.]], baseline=np.array([-1., 1.])),
                                       [[np.log(2) - 3, 2.]], rtol=1e-9)
