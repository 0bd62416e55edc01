"""Masks that a model makes of X: those of x all the way to the baseline, by the model with its mask given as
the oracle."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager.context import eager_mode

from deepexplain2 import DeepExplain, errors
from deepexplain2.request.ends import Ends
from tests.support.networks import v1

L = keras.layers
RNG = np.random.default_rng(0)
XS = RNG.normal(size=(3, 4, 3)).astype('f')
# padding of two lengths, and zeros that are none
XS[0, 2:], XS[1, 3:], XS[1, 0, 1], XS[2, :, 2] = 0, 0, 0, 0
A, B, W = (RNG.normal(size=shape).astype('f') for shape in ((3, 4), (3, 4), (4, 1)))


def conv(x, mask):
    m = tf.cast(mask, x.dtype)[..., None]
    h = tf.nn.conv1d(x * m, np.stack([A, B]), 1, 'SAME') * m
    return tf.tanh(tf.reduce_sum(h, 1) / tf.maximum(tf.reduce_sum(m, 1), 1.)) @ W


def attention(x, mask, additive):
    scores = tf.matmul(x @ A, x @ B, transpose_b=True)
    scores = scores + (1 - tf.cast(mask, x.dtype))[:, None] * -1e9 if additive else tf.where(mask[:, None],
                                                                                             scores, -1e9)
    return tf.reduce_sum(tf.nn.softmax(scores / 2) @ (x @ B), 1) @ W


def pooled(x, mask):
    return tf.reduce_max(tf.where(mask[..., None], x @ A, -9.), 1) @ W


def unrolled(x, mask):
    h = tf.zeros_like(x[:, 0] @ A)
    for t in range(4):
        h = tf.where(mask[:, t, None], tf.tanh(x[:, t] @ A + h), h)
    return h @ W


def weighed(x, mask):
    """Sums over the steps by a product of matrices."""
    return tf.tanh(tf.squeeze(tf.matmul(tf.cast(mask, x.dtype)[:, None], tf.sigmoid(x @ A)), 1)) @ W


def any_entry(value):
    return lambda x: tf.reduce_any(tf.not_equal(x, value), -1)


MAKES = {'any': any_entry(0.), 'all equal': lambda x: tf.logical_not(tf.reduce_all(tf.equal(x, 0.), -1)),
         'sum': lambda x: tf.not_equal(tf.reduce_sum(tf.abs(x), -1), 0.),
         'first': lambda x: tf.not_equal(x[..., 0], 0.),
         'time first': lambda x: tf.transpose(tf.reduce_any(tf.not_equal(tf.transpose(x, [1, 0, 2]), 0.),
                                                            -1))}
NETS = {'conv': conv, 'added to scores': lambda x, m: attention(x, m, True),
        'in place of scores': lambda x, m: attention(x, m, False),
        'pooled': pooled, 'unrolled': unrolled, 'weighed': weighed}


def integrated(g, x, b, steps):
    """Gauss-Legendre along the line, by the tape."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    total = np.zeros_like(x)
    for node, weight in zip((nodes + 1) / 2, weights / 2):
        z = tf.constant((b + node * (x - b)).astype('f'))
        with tf.GradientTape() as tape:
            tape.watch(z)
            y = tf.reduce_sum(g(z))
        total += weight * tape.gradient(y, z).numpy()
    return total * (x - b)


def check(de, T, X, g, xs=XS, baseline=0., steps=20):
    """intgrad is that of g, which has the mask of x; deeplift, intgrad and shapley_sampling sum to g(x) -
    g(baseline), however packed and often."""
    b = np.broadcast_to(np.asarray(baseline, 'f'), xs.shape)
    with eager_mode():
        gap, expected = (g(tf.constant(xs)) - g(tf.constant(b))).numpy().ravel(), integrated(g, xs, b, steps)
    scale = np.abs(expected).sum(tuple(range(1, xs.ndim))).max() + np.abs(gap).max()
    for method, options in [('intgrad', {'steps': steps}), ('intgrad', {'steps': steps, 'hoist': False}),
                            ('deeplift', {}),
                            ('shapley_sampling', {'samples': 3})]:
        explainer = de.get_explainer(method, T, X, baseline=baseline, **options)
        runs = [explainer.run(xs, batch_size=k, return_delta=True) for k in (None, 2, None)]
        for a, delta in runs:
            np.testing.assert_allclose(a, runs[0][0], atol=2e-5 * scale, err_msg=method)
            np.testing.assert_allclose(a.reshape(len(xs), -1).sum(1) + delta, gap, atol=1e-5 * scale,
                                       err_msg=method)
        np.testing.assert_allclose(delta, 0, atol=1e-5 * scale if method != 'intgrad' else .02 * scale,
                                   err_msg=method)
        if method == 'intgrad':
            np.testing.assert_allclose(a, expected, atol=1e-5 * scale)


@pytest.mark.parametrize('net', NETS)
def test_mask_of_x_is_kept(session, net):
    x = v1.placeholder(tf.float32, (None, 4, 3), 'x')
    with DeepExplain() as de, warnings.catch_warnings():
        warnings.simplefilter('error')
        T = NETS[net](x, any_entry(0.)(x))
        mask = XS.any(-1)
        check(de, T, x, lambda z: NETS[net](z, mask))


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
        return [L.GRU(4, return_sequences=True), L.GRU(3)]
    return [L.Bidirectional(L.LSTM(3)), L.Dense(3, activation='tanh')]


@pytest.mark.parametrize('kind, value', [('lstm', 0.), ('gru', 0.), ('bidirectional', 2.)])
def test_keras_masking(kind, value):
    """Masking of another value than the baseline too."""
    keras.utils.set_random_seed(1)
    masking, parts = L.Masking(value), [*layers(kind), L.Dense(1)]
    model = keras.Sequential([keras.Input((4, 3)), masking, *parts])
    xs = np.where(XS.any(-1, keepdims=True), XS, np.float32(value))
    mask = tf.constant((xs != value).any(-1))

    def g(z):
        h = tf.where(mask[..., None], z, 0.)
        for k, layer in enumerate(parts):
            h = layer(h, mask=mask) if k == 0 or isinstance(layer, L.GRU) else layer(h)
        return h
    with DeepExplain.from_keras(model) as de, warnings.catch_warnings():
        warnings.simplefilter('error', errors.NonlinearOpWarning)
        check(de, de.outputs[0], de.inputs[0], tf.function(g), xs, steps=6)


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


def test_masks_that_follow(session):
    """masks='follow': the model as it is; deeplift takes steps, intgrad says that T jumps; occlusion asks the
    model as it is always."""
    x = v1.placeholder(tf.float32, (None, 4, 3), 'x')
    T = conv(x, any_entry(0.)(x))
    with DeepExplain() as de:
        f = session.run(T, {x: XS}).ravel() - session.run(T, {x: 0 * XS}).ravel()
        for method in 'deeplift', 'shapley_sampling':
            np.testing.assert_allclose(de.explain(method, T, x, XS, masks='follow').sum((1, 2)), f, atol=1e-5)
        with pytest.warns(errors.PathWarning, match=r'intgrad: a mask that is made of X at "NotEqual:0" '
                                                    r'changes between .* masks=\'keep\' explains'):
            de.explain('intgrad', T, x, XS, masks='follow')
        a = de.explain('occlusion', T, x, XS, window_shape=(1, 3))
        z = XS.copy()
        z[:, 1] = 0
        np.testing.assert_allclose(a[:, 1].sum(1), (session.run(T, {x: XS}) - session.run(T, {x: z})).ravel(),
                                   atol=1e-6)
        with pytest.raises(errors.ParameterError, match="masks must be one of 'keep', 'follow'"):
            de.explain('intgrad', T, x, XS, masks='hold')


@pytest.mark.parametrize('makes', ['category', 'product', 'decision', 'difference', 'alone', 'hidden'])
def test_what_is_no_mask(session, makes):
    """Encodings of a category, comparisons of two tensors, decisions, comparisons that are all of T: as in
    the model, with the jumps that it has."""
    x = v1.placeholder(tf.float32, (None, 3), 'x')
    one_hot = tf.cast(tf.equal(x[:, :1], [0., 1., 2.]), tf.float32)
    rest = tf.tanh(x @ A) @ W
    T = {'category': one_hot @ A @ W + rest, 'product': tf.reduce_sum(one_hot * [3., -1., 2.], 1,
                                                                      keepdims=True) + rest,
         'decision': tf.where(x > 0, x, .1 * x) @ A @ W,
         'difference': tf.where(tf.equal(x, x[:, ::-1]), x, 2 * x) @ A @ W,
         'alone': one_hot @ A @ W, 'hidden': tf.cast(tf.not_equal(tf.nn.relu(x @ A), 0.),
                                                     tf.float32) * (x @ A) @ W}[makes]
    xs = np.array([[1, .5, -2], [2, -1, .3], [0, 1, 1]], 'f')
    with DeepExplain() as de:
        f = (session.run(T, {x: xs}) - session.run(T, {x: 0 * xs})).ravel()
        for method in 'shapley_sampling', 'deeplift':
            np.testing.assert_allclose(de.explain(method, T, x, xs).sum(1), f, atol=2e-5, err_msg=method)


def test_one_input_masks_the_other(session):
    """Two inputs, both on the line; the mask of the first hides steps of the second."""
    x, y = (v1.placeholder(tf.float32, (None, 4, 3)) for _ in range(2))
    ys = RNG.normal(size=XS.shape).astype('f')
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


def test_a_mask_inside_a_function_is_warned_of(session):
    """Out of reach in the graph of a session, kept where the function is opened."""
    x = v1.placeholder(tf.float32, (None, 4, 3), 'x')
    fn = tf.function(lambda z: pooled(z, any_entry(0.)(z)))
    with DeepExplain() as de, pytest.warns(errors.PathWarning, match='open the model by from_function'):
        de.explain('intgrad', fn(x), x, XS)


def test_a_mask_inside_a_function_that_is_opened():
    fn = tf.function(lambda z: pooled(z, any_entry(0.)(z)))
    with DeepExplain.from_function(fn, [tf.TensorSpec((None, 4, 3))]) as de:
        check(de, de.outputs[0], de.inputs[0], lambda z: pooled(z, XS.any(-1)))


def test_attributions_that_cancel_one_another():
    """A mask of an attention, -1e38 in its logits, that changes between x and the baseline: 1e22 and no
    meaning, and a warning says so."""
    keras.utils.set_random_seed(0)
    h = i = keras.Input((4, 3))
    h = keras.layers.Masking(0.)(h)
    model = keras.Model(
        i, keras.layers.Dense(2)(keras.layers.Flatten()(keras.layers.MultiHeadAttention(2, 3)(h, h))))
    x = np.random.default_rng(0).normal(size=(2, 4, 3))
    x[0, 2:] = 0
    with DeepExplain.from_keras(model) as de, warnings.catch_warnings():
        warnings.simplefilter('error')
        de.explain('deeplift', de.outputs[0], de.inputs[0], x, 'sum')
        with pytest.raises(errors.MagnitudeWarning, match=r'deeplift: the attributions of . of 2 rows sum in '
                                                          r'magnitude to more than 1e.06 times T'):
            de.explain('deeplift', de.outputs[0], de.inputs[0], x, 'sum', masks='follow')


def test_large_attributions_of_a_large_output(session, monkeypatch):
    """No warning; T is asked once, and not again before they are ten times as large."""
    x = v1.placeholder(tf.float64, (None, 3))
    with DeepExplain() as de, warnings.catch_warnings():
        warnings.simplefilter('error')
        explainer = de.get_explainer('deeplift', 1e9 * tf.tanh(x[:, 0]), x)
        asked = []
        values = Ends.values
        monkeypatch.setattr(Ends, 'values', lambda *a: asked.append(1) or values(*a))
        for scale in 1, 2, .5, 1:
            explainer.run(scale * np.ones((2, 3)))
        assert len(asked) == 1
