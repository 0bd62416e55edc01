"""Layers whose first axis is as long as the batch and something else."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, methods
from tests.support.networks import v1

RNG = np.random.default_rng(0)
W, V = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
NAMES = sorted(name for name, method in methods.items() if 'layer' in method().parameters)
REFUSED = r'layer "maps:0" \(.*\) of a row changes with the other rows of the batch'


def time_first(x):
    """(layer with time first, T)."""
    h = tf.nn.tanh(tf.tensordot(tf.transpose(x, [1, 0, 2]), W, 1), name='maps')
    steps = tf.cast(tf.range(tf.shape(h)[0]), x.dtype)[:, None, None]
    return h, tf.reduce_sum(tf.sin(h * steps), 0) @ V


def mirrored(x):
    """(layer with the rows in the other order, T)."""
    h = tf.nn.tanh(tf.reverse(tf.tensordot(x, W, 1), [0]), name='maps')
    return h, tf.reduce_sum(tf.sin(tf.reverse(h, [0])), 1) @ V


def explain(method, layer, t, x, xs, **options):
    parameters = {'upsample': False} if 'upsample' in methods[method]().parameters \
        and method != 'guided_grad_cam' else {}
    with DeepExplain() as de:
        return de.explain(method, t, x, xs, 0, layer=layer, **parameters, **options)


@pytest.mark.parametrize('of', [time_first, mirrored])
@pytest.mark.parametrize('rows', [None, 5], ids=['open', 'fixed'])
@pytest.mark.parametrize('method', NAMES)
def test_refused(method, rows, of, session):
    x = v1.placeholder(tf.float64, (rows, rows, 3))
    h, t = of(x)
    for _ in range(2):
        with pytest.raises(errors.TensorError, match=REFUSED):
            explain(method, h, t, x, RNG.normal(size=(5, 5, 3)))


def test_rows_that_are_all_the_same(session):
    x = v1.placeholder(tf.float64, (None, None, 3))
    h, t = time_first(x)
    with pytest.raises(errors.TensorError, match=REFUSED):
        explain('layer_intgrad', h, t, x, np.repeat(RNG.normal(size=(1, 5, 3)), 5, 0))


def test_points_of_a_single_row(session):
    """A run of three points of one row of three steps."""
    x = v1.placeholder(tf.float64, (None, None, 3))
    h, t = time_first(x)
    with pytest.raises(errors.TensorError, match=REFUSED):
        explain('layer_conductance', h, t, x, RNG.normal(size=(1, 3, 3)), steps=3)


def test_layer_of_one_of_several_inputs(session):
    """Is looked at with the rows of that input, and passes."""
    x, y = v1.placeholder(tf.float64, (None, 2)), v1.placeholder(tf.float64, (None, 5, 3))
    h = tf.nn.tanh(tf.tensordot(y, W, 1), name='h')
    t = tf.reduce_sum(h, 1) @ V * x
    xs = RNG.normal(size=(5, 2)), RNG.normal(size=(5, 5, 3))
    together = explain('layer_gradient_x_activation', h, t, [x, y], list(xs))
    alone = [explain('layer_gradient_x_activation', h, t, [x, y], [a[k:k + 1] for a in xs]) for k in range(5)]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-12)
