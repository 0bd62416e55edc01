"""elrp on recurrent and gated networks, against their backward pass written out in NumPy."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

L = keras.layers
RNG = np.random.default_rng(0)
XS = RNG.normal(size=(2, 4, 3))
EPS = 1e-4


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def share(y, z):
    return y / (z + EPS * np.where(z >= 0, 1, -1))


def lstm(x, W, U, b):
    """(output, attributions of the sum of its units): gates take nothing."""
    h = c = np.zeros((len(x), len(U)))
    seen = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ W + h @ U + b, 4, 1)
        c_before, (i, f, o) = c, map(sigmoid, (i, f, o))
        c = f * c_before + i * np.tanh(g)
        h = o * np.tanh(c)
        seen.append((i, f, g, o, c))
    (_, _, W_g, _), (_, _, U_g, _) = np.split(W, 4, 1), np.split(U, 4, 1)
    m_h, m_c, a = np.ones_like(h), np.zeros_like(h), np.zeros_like(x)
    for t, (i, f, g, o, c) in reversed(list(enumerate(seen))):
        m_c = m_c + m_h * o * share(np.tanh(c), c)
        m_g = m_c * i * share(np.tanh(g), g)
        a[:, t], m_h, m_c = x[:, t] * (m_g @ W_g.T), m_g @ U_g.T, m_c * f
    return h, a


def gru(x, W, U, b, reset_after):
    h = np.zeros((len(x), len(U)))
    seen, b = [], np.reshape(b, (-1, 3 * len(U)))
    (Wz, Wr, Wh), (Uz, Ur, Uh) = np.split(W, 3, 1), np.split(U, 3, 1)
    bz, br, bh = np.split(b.sum(0) if reset_after else b[0], 3)
    bi, ba = (np.split(row, 3)[2] for row in (b if reset_after else (b[0], 0 * b[0])))
    for t in range(x.shape[1]):
        z, r = sigmoid(x[:, t] @ Wz + h @ Uz + bz), sigmoid(x[:, t] @ Wr + h @ Ur + br)
        v = x[:, t] @ Wh + bi + (r * (h @ Uh + ba) if reset_after else (r * h) @ Uh)
        h = z * h + (1 - z) * np.tanh(v)
        seen.append((z, r, v))
    m, a = np.ones_like(h), np.zeros_like(x)
    for t, (z, r, v) in reversed(list(enumerate(seen))):
        m_v = m * (1 - z) * share(np.tanh(v), v)
        a[:, t] = x[:, t] * (m_v @ Wh.T)
        m = m * z + ((m_v * r) @ Uh.T if reset_after else (m_v @ Uh.T) * r)
    return h, a


@pytest.mark.parametrize('layer, oracle', [
    (lambda: L.LSTM(5, dtype='float64'), lstm), (lambda: L.LSTM(5, unroll=True, dtype='float64'), lstm),
    (lambda: L.GRU(5, dtype='float64'), lambda *a: gru(*a, True)),
    (lambda: L.GRU(5, reset_after=False, unroll=True, dtype='float64'), lambda *a: gru(*a, False))],
                         ids=['lstm', 'unrolled', 'gru', 'reset before'])
def test_recurrent_layers(layer, oracle):
    """In loops and unrolled, in every run."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4, 3), dtype='float64'), layer()])
    model.set_weights([w + .5 * RNG.normal(size=w.shape) for w in model.get_weights()])
    h, expected = oracle(XS, *model.get_weights())
    with DeepExplain.from_keras(model) as de:
        explainer = de.get_explainer('elrp', de.outputs[0], de.inputs[0])
        for batch_size in None, 1:
            a, delta = explainer.run(XS, batch_size=batch_size, return_delta=True)
            np.testing.assert_allclose(a, expected, atol=1e-10)
            np.testing.assert_allclose(delta, h.sum(1) - expected.sum((1, 2)), atol=1e-9)


GATES = {'sigmoid': tf.sigmoid, 'rest': lambda z: 1 - tf.sigmoid(z),
         'by hand': lambda z: 1 / (1 + tf.exp(-z)),
         'clipped': lambda z: tf.clip_by_value(.2 * z + .5, 0., 1.), 'hard': lambda z: tf.nn.relu6(z + 3) / 6,
         'exp': tf.exp,
         'two': lambda z: tf.sigmoid(z) * tf.sigmoid(2 * z), 'denominator': lambda z: 1 / (z * z + 1),
         'joined': lambda z: tf.concat([tf.sigmoid(z[:, :1]), tf.sigmoid(z[:, 1:])], 1)}
SIGNALS = {'itself': tf.identity, 'tanh': tf.tanh, 'relu': tf.nn.relu, 'softplus': tf.nn.softplus,
           'swish': lambda z: z * tf.sigmoid(z),
           'gelu': lambda z: .5 * z * (1 + tf.math.erf(z / np.sqrt(2.))),
           'mish': lambda z: z * tf.tanh(tf.nn.softplus(z))}


@pytest.mark.parametrize('gate', GATES)
def test_gates_take_nothing(session, gate):
    """Whatever the signal, which keeps all but what its own offset absorbs."""
    x = v1.placeholder(tf.float64, (None, 4))
    xs = RNG.normal(size=(3, 4))
    with DeepExplain() as de:
        targets = [signal(x[:, 2:]) * GATES[gate](x[:, :2]) for signal in SIGNALS.values()]
        for name, T in zip(SIGNALS, targets):
            got = de.explain('elrp', T, x, xs, epsilon=1e-12)
            np.testing.assert_array_equal(got[:, :2], 0, err_msg=name)
            kept = session.run(T, {x: xs}) - (np.log(2) * session.run(GATES[gate](x[:, :2]), {x: xs})
                                              if name == 'softplus' else 0)
            np.testing.assert_allclose(got[:, 2:], kept, atol=1e-9, err_msg=name)


def test_a_softmax_by_hand_is_one(session):
    x = v1.placeholder(tf.float64, (None, 4))
    xs = RNG.normal(size=(3, 4))
    e = tf.exp(x[:, :2] - tf.reduce_max(x[:, :2], 1, keepdims=True))
    with DeepExplain() as de:
        for products in 'signal', 'uniform':
            weights = e / tf.reduce_sum(e, 1, keepdims=True), tf.nn.softmax(x[:, :2])
            a, b = (de.explain('elrp', p * x[:, 2:], x, xs, products=products) for p in weights)
            np.testing.assert_allclose(a, b, atol=1e-12)
            np.testing.assert_array_equal(a[:, :2], 0)


def test_a_root_that_is_bounded_is_a_scale(session):
    """Normalized at 0: 0 times infinity, which a minimum bounds; finite, and all that there is."""
    x = v1.placeholder(tf.float64, (None, 3))
    xs = np.array([[1., -2, 3], [0, 0, 0]])
    with DeepExplain() as de:
        for T in (x * tf.minimum(tf.math.rsqrt(tf.reduce_sum(x * x, 1, keepdims=True)), 1e6),
                  tf.nn.l2_normalize(x, 1),
                  x / tf.sqrt(tf.reduce_sum(x * x, 1, keepdims=True) + 1e-9),
                  x / tf.maximum(tf.norm(x, axis=1, keepdims=True), 1e-6)):
            a, delta = de.explain('elrp', T, x, xs, return_delta=True)
            np.testing.assert_allclose(a, xs / np.maximum(np.linalg.norm(xs, axis=1, keepdims=True), 1e-9),
                                       atol=1e-8)
            np.testing.assert_allclose(delta, 0, atol=1e-8)


def test_a_constant_numerator_leaves_all_to_the_denominator(session):
    x = v1.placeholder(tf.float64, (None, 3))
    xs = np.abs(RNG.normal(size=(3, 3))) + 1
    with DeepExplain() as de:
        for products in 'signal', 'uniform':
            np.testing.assert_allclose(de.explain('elrp', 2. / x, x, xs, products=products), 2 / xs,
                                       rtol=1e-9)


def test_an_input_that_is_only_a_gate_is_named(session):
    x, g = (v1.placeholder(tf.float64, (None, 3), name) for name in 'xg')
    T = x * tf.sigmoid(g)
    with DeepExplain() as de:
        with pytest.warns(errors.PathWarning, match=r'X "g:0" reaches T only as a gate .* its attributions '
                                                    r'are 0. Take products=\'uniform\''):
            a, b = de.explain('elrp', T, [x, g], [XS[0, :, :], XS[1, :, :]])
        np.testing.assert_array_equal(b, 0)
        np.testing.assert_allclose(a, XS[0] * sigmoid(XS[1]), atol=1e-12)
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            de.explain('elrp', T, [x, g], [XS[0], XS[1]], products='uniform')


@pytest.mark.parametrize('batch', [None, 3])
def test_attributions_that_dwarf_the_output(session, batch):
    """Said of the rows that it is true of, with ys, piece by piece and in a fixed batch; nothing is said of
    others."""
    x = v1.placeholder(tf.float64, (batch, 2))
    T = tf.stack([1001 * x[:, 0] - 1000 * x[:, 1], 499 * x[:, 0] - 498 * x[:, 1]], 1)
    with DeepExplain() as de:
        explainer = de.get_explainer('elrp', T, x)
        for _ in range(2):
            with pytest.warns(errors.MagnitudeWarning, match=r'elrp: the attributions of 1 of 3 rows sum .* '
                                                             r'1000 \|f\(x\)\|, of row 1 to 2e\+03'):
                explainer.run([[1., 0], [1, 1], [2, 1]], ys=[0, 0, 0], batch_size=batch)
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            explainer.run([[1., 0], [1, 1], [2, 1]], ys=[1, 1, 1])
            explainer.run([[1., 0], [2, 1]], ys=[[1., 0], [1, 0]])
        np.testing.assert_allclose(explainer.run([[1., 1]], ys=[1]), [[499, -498]])


def test_offsets_that_are_passed_on_are_warned_of(session):
    """The quotient of DeepExplain where z is near 0, layer upon layer; with the offset absorbed the sizes are
    those of f."""
    x = v1.placeholder(tf.float64, (None, 6))
    h = x
    for k in range(4):
        W = np.random.default_rng(k).normal(size=(6, 6))
        h = tf.sigmoid(h @ (W - W.mean(0)))                         # sums to nearly 0 of large terms
    T, xs = h @ np.ones((6, 1)), RNG.normal(size=(20, 6)) * .1
    with DeepExplain() as de:
        with pytest.warns(errors.MagnitudeWarning):
            de.explain('elrp', T, x, xs, offset='pass')
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            a, f = de.explain('elrp', T, x, xs), session.run(T, {x: xs}).ravel()
    assert (np.abs(a).sum(1) < np.abs(f)).all()


@pytest.mark.parametrize('kind', ['stacked', 'ids', 'ConvLSTM2D'])
def test_sizes_of_recurrent_networks(kind):
    """No more than those of DeepLIFT, whose multipliers are slopes too, times 5."""
    keras.utils.set_random_seed(0)
    if kind == 'ids':
        model = keras.Sequential([keras.Input((12,), dtype='int32'), L.Embedding(20, 8),
                                  L.Conv1D(8, 3, activation='relu'), L.LSTM(8), L.Dense(1)])
        xs = RNG.integers(0, 20, (3, 12))
    elif kind == 'ConvLSTM2D':
        model = keras.Sequential([keras.Input((4, 6, 6, 2)), L.ConvLSTM2D(3, 3), L.Flatten(), L.Dense(1)])
        xs = RNG.normal(size=(3, 4, 6, 6, 2)).astype('f')
    else:
        model = keras.Sequential([keras.Input((5, 4)), L.Bidirectional(L.LSTM(8, return_sequences=True)),
                                  L.LSTM(8), L.Dense(1)])
        model.set_weights([2 * w for w in model.get_weights()])
        xs = RNG.normal(size=(3, 5, 4)).astype('f')
    with DeepExplain.from_keras(model) as de:
        a, b = (np.abs(de.explain(method, de.outputs[0], de.inputs[0], xs)).reshape(3, -1).sum(1)
                for method in ('elrp', 'deeplift'))
    assert (a < 5 * b).all(), (a, b)


def test_zeros_of_elrp_name_epsilon(session):
    """Outputs as small as those of a deep untrained network: epsilon mutes every layer until nothing is
    left."""
    h = x = v1.placeholder(tf.float32, (None, 2))
    for _ in range(9):
        h = tf.nn.relu(1e-3 * h)
    with DeepExplain() as de, pytest.warns(errors.PathWarning, match='exactly 0, .*, a smaller epsilon, or '
                                                                     'another method'):
        de.explain('elrp', h, x, [[1., 2]], epsilon=1.)
