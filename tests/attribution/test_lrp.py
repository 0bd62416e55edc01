"""lrp: predicates, composites, other ops."""

import re
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.lrp import (
    Composite,
    alpha_beta,
    convolutions,
    dense,
    first,
    flat,
    gamma,
    in_layers,
    last,
    named,
    of_types,
    passes,
    w_square,
    where,
    z_box,
    z_plus,
    zero,
)
from tests.support.linear_forms import RNG, c, small_opened
from tests.support.networks import v1

XS, YS = RNG.normal(size=(4, 6, 6, 3)), RNG.normal(size=(4, 3))
NAMED = {'epsilon': {}, 'epsilon_plus': {}, 'epsilon_plus_flat': {}, 'epsilon_alpha2_beta1': {},
         'epsilon_alpha2_beta1_flat': {}, 'epsilon_gamma_box': {'low': -4, 'high': [4., 5., 6.]},
         'excitation_backprop': {}}


@pytest.fixture
def scene():
    with small_opened() as found:
        yield found


@pytest.mark.parametrize('composite', NAMED)
def test_relevance_is_conserved(scene, composite):
    """Without biases all of T arrives; in any batches, and run after run."""
    de, X, T = scene
    explainer = de.get_explainer('lrp', T, X, composite=composite, epsilon=1e-12, **NAMED[composite])
    a, delta = explainer.run(XS, YS, return_delta=True)
    if composite not in ('epsilon_alpha2_beta1', 'epsilon_alpha2_beta1_flat', 'excitation_backprop'):
        # under these a unit that takes contributions of one sign alone has none of the other to give to
        np.testing.assert_allclose(delta, 0, atol=1e-7 * np.abs(a).sum())
    for batch_size in 1, 3, None:
        np.testing.assert_allclose(explainer.run(XS, YS, batch_size), a, rtol=1e-9,
                                   atol=1e-12 * np.abs(a).max())


def test_composites_by_name_are_composites_by_hand(scene):
    de, X, T = scene
    by_hand = {'epsilon': [], 'epsilon_plus': [(convolutions(), z_plus())],
               'epsilon_plus_flat': [(first(), flat()), (convolutions(), z_plus())],
               'epsilon_alpha2_beta1': [(of_types(['Conv2D'], linear=True), alpha_beta(2, 1))],
               'epsilon_alpha2_beta1_flat': [(first(), flat()), (named('*t*') & ~dense(), alpha_beta())],
               'epsilon_gamma_box': [(first(), z_box(-4, [4., 5., 6.])),
                                     (~first() & ~dense(), gamma(.25))],
               'excitation_backprop': [(dense() | convolutions(), z_plus())]}
    seen = []
    for name, pairs in by_hand.items():
        got = de.explain('lrp', T, X, XS, YS, composite=name, **NAMED[name])
        np.testing.assert_array_equal(de.explain('lrp', T, X, XS, YS, composite=pairs), got, err_msg=name)
        assert not any(np.allclose(got, other) for other in seen)
        seen.append(got)


def test_where_rules_stand(scene):
    de, X, T = scene

    def rules_of(pairs):
        rows = de.audit('lrp', T, X, composite=pairs).rows
        return {r.label: r.detail for r in rows if r.label in ('one', 'two', 'three', 'four')}
    assert rules_of([(first(), flat()), (last(), passes()), (named('t*'), gamma())]) == {
        'one': 'flat', 'two': 'gamma', 'three': 'gamma', 'four': 'passes'}
    assert rules_of([(where(lambda place: place.type == 'Conv2D'), w_square())]) == {
        'one': 'w_square', 'two': 'w_square', 'three': 'epsilon', 'four': 'epsilon'}


def test_layers_and_zero():
    x = keras.Input((4,))
    h = keras.layers.Dense(5, 'relu', name='block1_a')(x)
    left, right = keras.layers.Dense(2, name='left')(h), keras.layers.Dense(2, name='right')(h)
    with DeepExplain.from_keras(keras.Model(x, left + right)) as de:
        xs = RNG.normal(size=(3, 4)).astype(np.float32)
        T, X = de.outputs[0], de.inputs[0]
        whole = de.explain('lrp', T, X, xs, 0)
        without = [de.explain('lrp', T, X, xs, 0, composite=[(in_layers(name), zero())])
                   for name in ('left', 'right')]
        np.testing.assert_allclose(sum(without), whole, rtol=1e-4, atol=1e-6)
        assert not np.allclose(without[0], without[1])
        with pytest.warns(errors.PathWarning, match='exactly 0'):
            assert not de.explain('lrp', T, X, xs, 0, composite=[(in_layers('block*'), zero())]).any()


def test_keras_models_in_many_ways():
    """A model with normalization, depthwise convolution and a nested model: conserved up to the biases, and
    with bias='ignore' wholly, where all biases can be folded."""
    L = keras.layers
    keras.utils.set_random_seed(0)
    inner = keras.Sequential([keras.Input((8, 8, 6)), L.DepthwiseConv2D(3, padding='same'),
                              L.BatchNormalization(), L.ReLU(max_value=6.), L.Conv2D(5, 1),
                              L.BatchNormalization(), L.Activation('gelu')])
    x = keras.Input((8, 8, 3))
    h = L.BatchNormalization()(L.Conv2D(6, 3, padding='same')(L.Rescaling(.5, .1)(x)))
    h = inner(L.Activation('swish')(h))
    model = keras.Model(x, L.Dense(4)(L.GlobalAveragePooling2D()(h)))
    for w in model.weights:
        w.assign(w + np.abs(RNG.normal(size=w.shape)) * .3)
    xs = RNG.normal(size=(3, 8, 8, 3)).astype(np.float32)
    with DeepExplain.from_keras(model) as de:
        for composite in 'epsilon', 'epsilon_plus_flat', 'epsilon_gamma_box':
            box = {'low': -4, 'high': 4} if 'box' in composite else {}
            a, delta = de.explain('lrp', de.outputs[0], de.inputs[0], xs, 1, composite=composite,
                                  bias='ignore', return_delta=True, **box)
            f = de.value(de.outputs[0], de.inputs[0], xs)[:, 1]
            np.testing.assert_allclose(delta, 0, atol=1e-2 * np.abs(f).max())
            a, delta = de.explain('lrp', de.outputs[0], de.inputs[0], xs, 1, composite=composite,
                                  return_delta=True, **box)
            assert np.abs(delta).max() > .05 * np.abs(f).max()


def test_loops_are_as_their_steps(session):
    X = v1.placeholder(tf.float64, (None, 4))
    W, b = c(4, 4), c(4)

    def step(h):
        return tf.tanh(h @ W + b)
    _, loop = tf.while_loop(lambda k, h: k < 3, lambda k, h: (k + 1, step(h)), (0, X))
    xs = np.random.default_rng(3).normal(size=(3, 4))
    with DeepExplain(session) as de:
        for composite in 'epsilon', 'excitation_backprop':
            got, expected = (de.explain('lrp', T, X, xs, 'sum', composite=composite)
                             for T in (loop, step(step(step(X)))))
            np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_attention_and_normalization_share_as_elrp(session):
    """By the same shares: elrp without its epsilon, where all functions are linear but these."""
    X = v1.placeholder(tf.float64, (None, 4, 6))
    q, k, v = (X @ c(6, 6 + n)[:, :6] for n in range(3))
    h = X + tf.nn.softmax(q @ tf.linalg.matrix_transpose(k)) @ v
    centred = h - tf.reduce_mean(h, -1, keepdims=True)
    scale = tf.math.rsqrt(tf.reduce_mean(centred ** 2, -1, keepdims=True) + .1)
    T = tf.reduce_sum(centred * scale * c(6), [1, 2])
    xs = RNG.normal(size=(3, 4, 6))
    with DeepExplain(session) as de:
        for options in {}, {'products': 'uniform', 'softmax': 'gradient', 'normalization': 'uniform'}:
            expected = de.explain('elrp', T, X, xs, epsilon=1e-12, **options)
            np.testing.assert_allclose(de.explain('lrp', T, X, xs, epsilon=1e-12, **options), expected,
                                       rtol=1e-5, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize('dtype', ['float16', 'float32'])
def test_other_dtypes(dtype):
    found = {}
    for d in 'float64', dtype:
        with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
            X = v1.placeholder(d, (None, 5))
            h = tf.nn.relu(X @ tf.cast(c(5, 6), d) + tf.cast(c(6), d))
            T = h @ tf.cast(c(6, 3), d)
            found[d] = de.explain('lrp', T, X, np.linspace(-1, 1, 15).reshape(3, 5).astype(d), [0, 1, 2],
                                  composite='excitation_backprop')
    np.testing.assert_allclose(found[dtype], found['float64'], rtol={'float16': .05, 'float32': 1e-4}[dtype],
                               atol={'float16': .02, 'float32': 1e-5}[dtype])


def test_ops_without_a_rule_and_complex_numbers(session):
    X = v1.placeholder(tf.float64, (None, 3, 3))
    with DeepExplain(session) as de:
        with pytest.warns(errors.NonlinearOpWarning, match=r'lrp has no rule.*MatrixInverse'):
            a = de.explain('lrp', tf.linalg.inv(X + 3 * np.eye(3)), X, RNG.normal(size=(2, 3, 3)))
        assert np.isfinite(a).all()
        with pytest.raises(errors.RuleError, match=r'no rule for complex numbers.*Choose an X behind it'):
            de.explain('lrp', tf.abs(tf.signal.fft(tf.cast(X, tf.complex128))), X, RNG.normal(size=(2, 3, 3)))


def test_scalar_sums_do_not_mix_rows(scene):
    """A mean over all rows: each as if it were alone."""
    de, X, T = scene
    expected = de.explain('lrp', T[:, 0], X, XS)
    np.testing.assert_allclose(de.explain('lrp', tf.reduce_mean(T[:, 0]), X, XS), expected, rtol=1e-9)


def test_equal_composites_share_a_copy(scene):
    de, X, T = scene
    de.explain('lrp', T, X, XS, YS, composite=[(first(), gamma(.5)), (convolutions(), z_plus())])
    before = len(X.graph.get_operations())
    de.explain('lrp', T, X, XS, YS, composite=Composite([(first(), gamma(.5)), (convolutions(), z_plus())]))
    assert len(X.graph.get_operations()) == before


def test_first_and_last_in_loops_are_told():
    """Whether an op in a loop is the first one is not known: told, unless one outside is or nobody asks."""
    keras.utils.set_random_seed(0)
    xs = np.random.default_rng(0).normal(size=(2, 4, 3)).astype('float32')
    for front in [], [keras.layers.Dense(3)]:
        model = keras.Sequential([keras.Input((4, 3)), *front, keras.layers.LSTM(4), keras.layers.Dense(2)])
        with DeepExplain.from_keras(model) as de:
            for composite in ('epsilon_plus', 'epsilon_plus_flat', Composite([(in_layers('lstm*'), flat())]),
                              Composite([(last(), flat())])):
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter('always')
                    de.explain('lrp', de.outputs[0], de.inputs[0], xs, 0, composite=composite)
                is_told = not front and composite == 'epsilon_plus_flat'
                assert [w.category for w in caught] == [errors.PathWarning] * is_told
                assert not is_told or re.search(r'lstm_cell\S*/MatMul.*in_layers', str(caught[0].message))
