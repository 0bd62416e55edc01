"""Masks that a model makes of X: those of x all the way to the baseline, by the model with its mask given as
the oracle."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager.context import eager_mode

from deepexplain2 import DeepExplain, errors
from tests.support.masked_networks import (
    XS,
    any_entry,
    attention,
    conv,
    integrated,
    pooled,
    unrolled,
    weighed,
)
from tests.support.networks import v1

L = keras.layers
MAKES = {'any': any_entry(0.), 'all equal': lambda x: tf.logical_not(tf.reduce_all(tf.equal(x, 0.), -1)),
         'sum': lambda x: tf.not_equal(tf.reduce_sum(tf.abs(x), -1), 0.),
         'first': lambda x: tf.not_equal(x[..., 0], 0.),
         'time first': lambda x: tf.transpose(tf.reduce_any(tf.not_equal(tf.transpose(x, [1, 0, 2]), 0.),
                                                            -1))}
NETS = {'conv': conv, 'added to scores': lambda x, m: attention(x, m, True),
        'in place of scores': lambda x, m: attention(x, m, False),
        'pooled': pooled, 'unrolled': unrolled, 'weighed': weighed}
# without hoisting the mask is found again where the line is not joined
WAYS = {'intgrad': {}, 'intgrad without hoisting': {'hoist': False}, 'deeplift': {},
        'shapley_sampling': {'samples': 3}}


def check(de, T, X, g, xs=XS, baseline=0., steps=20, ways=('intgrad', 'deeplift')):
    """intgrad is that of g, which has the mask of x; deeplift, intgrad and shapley_sampling sum to g(x) -
    g(baseline), however packed and often."""
    b = np.broadcast_to(np.asarray(baseline, 'f'), xs.shape)
    with eager_mode():
        gap, expected = (g(tf.constant(xs)) - g(tf.constant(b))).numpy().ravel(), None
        if 'intgrad' in ways:
            expected = integrated(g, xs, b, steps)
    scale = 2 * np.abs(gap).max() if expected is None else (
        np.abs(expected).sum(tuple(range(1, xs.ndim))).max() + np.abs(gap).max())
    for way in ways:
        method, options = way.split()[0], WAYS[way]
        if method == 'intgrad':
            options = options | {'steps': steps}
        explainer = de.get_explainer(method, T, X, baseline=baseline, **options)
        runs = [explainer.run(xs, batch_size=k, return_delta=True) for k in (None, 2, None)]
        for a, delta in runs:
            np.testing.assert_allclose(a, runs[0][0], atol=2e-5 * scale, err_msg=way)
            np.testing.assert_allclose(a.reshape(len(xs), -1).sum(1) + delta, gap, atol=1e-5 * scale,
                                       err_msg=way)
        np.testing.assert_allclose(delta, 0, atol=1e-5 * scale if method != 'intgrad' else .02 * scale,
                                   err_msg=way)
        if method == 'intgrad':
            np.testing.assert_allclose(a, expected, atol=1e-5 * scale)


@pytest.mark.parametrize('net', NETS)
def test_mask_of_x_is_kept(session, net):
    x = v1.placeholder(tf.float32, (None, 4, 3), 'x')
    with DeepExplain() as de, warnings.catch_warnings():
        warnings.simplefilter('error')
        T = NETS[net](x, any_entry(0.)(x))
        mask = XS.any(-1)
        ways = WAYS if net == 'unrolled' else ('intgrad', 'deeplift')
        check(de, T, x, lambda z: NETS[net](z, mask), ways=ways)


@pytest.mark.parametrize('makes', MAKES)
def test_ways_to_make_a_mask(session, makes):
    x = v1.placeholder(tf.float32, (None, 4, 3), 'x')
    mask = XS[..., 0] != 0 if makes == 'first' else XS.any(-1)
    with DeepExplain() as de:
        check(de, conv(x, MAKES[makes](x)), x, lambda z: conv(z, mask), baseline=.5 if makes == 'any' else 0.)


def layers(kind):
    if kind == 'lstm':
        return [L.LSTM(4)]
    if kind == 'gru':
        return [L.GRU(4, return_sequences=True), L.SimpleRNN(3)]
    return [L.Bidirectional(L.SimpleRNN(3)), L.Dense(3, activation='tanh')]


@pytest.mark.parametrize('kind, value, ways', [
    ('lstm', 0., ['intgrad', 'deeplift', 'shapley_sampling']), ('gru', 0., ['deeplift']),
    ('bidirectional', 2., ['deeplift'])])
def test_keras_masking(kind, value, ways):
    """Masking of another value than the baseline too."""
    keras.utils.set_random_seed(1)
    masking, parts = L.Masking(value), [*layers(kind), L.Dense(1)]
    model = keras.Sequential([keras.Input((4, 3)), masking, *parts])
    xs = np.where(XS.any(-1, keepdims=True), XS, np.float32(value))
    mask = tf.constant((xs != value).any(-1))

    def g(z):
        h = tf.where(mask[..., None], z, 0.)
        for k, layer in enumerate(parts):
            h = layer(h, mask=mask) if k == 0 or isinstance(layer, L.SimpleRNN) else layer(h)
        return h
    with DeepExplain.from_keras(model) as de, warnings.catch_warnings():
        warnings.simplefilter('error', errors.NonlinearOpWarning)
        check(de, de.outputs[0], de.inputs[0], g, xs, steps=6, ways=ways)


def test_shapley_values_by_their_definition(session):
    """Two steps, two players: the four values of the model with the mask of x."""
    x = v1.placeholder(tf.float32, (None, 2, 3), 'x')
    xs = XS[:, :2].copy()
    xs[0, 1] = 0
    with DeepExplain() as de:
        got = de.explain('shapley_sampling', conv(x, any_entry(0.)(x)), x, xs, samples=2, sampling_dims=[1],
                         baseline=.3)

    def g(first, second):
        z = np.stack([xs[:, 0] if first else np.full_like(xs[:, 0], .3), xs[:, 1] if second
                      else np.full_like(xs[:, 1], .3)], 1)
        with eager_mode():
            return conv(z, xs.any(-1)).numpy().ravel()
    v = {(i, j): g(i, j) for i in (0, 1) for j in (0, 1)}
    expected = np.stack([(v[1, 0] - v[0, 0] + v[1, 1] - v[0, 1]) / 2,
                         (v[0, 1] - v[0, 0] + v[1, 1] - v[1, 0]) / 2], 1)
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_one_input_masks_the_other(session):
    """Two inputs, both on the line; the mask of the first hides steps of the second."""
    x, y = (v1.placeholder(tf.float32, (None, 4, 3)) for _ in range(2))
    ys = np.random.default_rng(1).normal(size=XS.shape).astype('f')
    m = XS.any(-1)
    with DeepExplain() as de:
        T = conv(y, any_entry(0.)(x)) + pooled(x, any_entry(0.)(x))
        with eager_mode():
            gap = (conv(ys, m) + pooled(XS, m) - conv(0 * ys, m) - pooled(0 * XS, m)).numpy().ravel()
        for method in 'intgrad', 'deeplift':
            got, delta = de.explain(method, T, [x, y], [XS, ys], return_delta=True)
            np.testing.assert_allclose(sum(g.sum((1, 2)) for g in got) + delta, gap, atol=1e-5)
            np.testing.assert_allclose(delta, 0, atol=1e-5 if method == 'deeplift' else .02)


def test_lengths_that_are_fed_and_a_fixed_batch(session):
    x, n = v1.placeholder(tf.float32, (3, 4, 3)), v1.placeholder(tf.int32, (None,))
    with DeepExplain() as de:
        a, delta = de.explain('intgrad', conv(x, any_entry(0.)(x)), x, XS, return_delta=True)
        with eager_mode():
            np.testing.assert_allclose(a, integrated(lambda z: conv(z, XS.any(-1)), XS, 0 * XS, 100),
                                       atol=1e-5)
        open_x = v1.placeholder(tf.float32, (None, 4, 3))
        T = conv(open_x, tf.sequence_mask(n, 4))
        for method in 'intgrad', 'deeplift', 'shapley_sampling':
            _, delta = de.explain(method, T, open_x, XS, feed_dict={n: [2, 3, 4]}, return_delta=True)
            np.testing.assert_allclose(delta, 0, atol=.02 if method == 'intgrad' else 1e-5)


def test_a_mask_inside_a_function_that_is_opened():
    fn = tf.function(lambda z: pooled(z, any_entry(0.)(z)))
    with DeepExplain.from_function(fn, [tf.TensorSpec((None, 4, 3))]) as de:
        check(de, de.outputs[0], de.inputs[0], lambda z: pooled(z, XS.any(-1)))
