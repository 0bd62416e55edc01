"""lrp: what is folded into a linear op, in every form; predicates, composites, other ops, errors."""

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
    epsilon,
    first,
    flat,
    gamma,
    in_layers,
    last,
    named,
    of_types,
    passes,
    w_square,
    weighted,
    where,
    z_box,
    z_plus,
    zero,
)
from tests.support.networks import v1

RNG = np.random.default_rng(0)
RULES = {'epsilon': epsilon(.1), 'gamma': gamma(.3), 'alpha_beta': alpha_beta(3, 2), 'z_plus': z_plus(),
         'z_box': z_box(-3, 4), 'w_square': w_square()}


def c(*shape):
    return tf.constant(np.random.default_rng(sum(shape)).normal(size=shape))


def normalized(h, axis=-1):
    """Batch normalization by constants, as TensorFlow's op."""
    size = h.shape[axis]
    statistics = [c(size), c(size) + .1, c(size) / 3, tf.abs(c(size)) + .5]
    return v1.nn.fused_batch_norm(tf.cast(h, tf.float32), *(tf.cast(t, tf.float32) for t in statistics),
                                  is_training=False, data_format='NHWC')[0]


def multiply_add(h):
    return h * (c(h.shape[-1]) + .2) + c(h.shape[-1])


def strided(h, **keywords):
    return tf.nn.conv2d(h, c(3, 3, 3, 4), 2, 'SAME', **keywords)


FORMS = {
    'dense': ((5,), lambda x: x @ c(5, 4) + c(4)),
    'dense, transposed weights': ((5,), lambda x: tf.nn.bias_add(tf.matmul(x, c(4, 5), transpose_b=True), c(4))),
    'dense, normalized after': ((5,), lambda x: multiply_add(x @ c(5, 4) + c(4))),
    'dense, normalized before': ((5,), lambda x: (multiply_add(x)) @ c(5, 4) + c(4)),
    'dense, on both sides': ((5,), lambda x: -multiply_add(multiply_add(x / 2. - .3) @ c(5, 4)) / c(4)),
    'dense, constant minus it': ((5,), lambda x: c(4) - (1. - x) @ c(5, 4)),
    'dense along sequences': ((3, 5), lambda x: multiply_add(tf.tensordot(multiply_add(x), c(5, 4), 1) + c(4))),
    'einsum': ((3, 5), lambda x: tf.einsum('btd,dhk->bthk', multiply_add(x), c(5, 2, 4)) + c(2, 4)),
    'einsum with axes in another order': ((3, 5), lambda x: tf.einsum('hdk,...td->...tkh', c(2, 5, 4), x) + c(4, 2)),
    'einsum over two axes': ((3, 5), lambda x: tf.einsum('btd,tdk->bk', x * c(3, 5), c(3, 5, 4)) * c(4) + c(4)),
    'conv2d': ((6, 6, 3), lambda x: tf.nn.bias_add(strided(x), c(4))),
    'conv2d, normalized on both sides': ((6, 6, 3), lambda x: multiply_add(strided(multiply_add(x)) + c(4))),
    'conv2d behind a normalization and padding': (
        (6, 6, 3), lambda x: tf.nn.conv2d(tf.pad(multiply_add(x), [(0, 0), (1, 1), (2, 0), (0, 0)]), c(3, 3, 3, 4),
                                          1, 'VALID') + c(4)),

    'depthwise': ((6, 6, 3), lambda x: multiply_add(
        tf.nn.depthwise_conv2d(multiply_add(x), c(3, 3, 3, 2), (1, 1, 1, 1), 'SAME') + c(6))),
    'transposed conv2d': ((3, 3, 3), lambda x: multiply_add(
        tf.nn.conv2d_transpose(multiply_add(x), c(3, 3, 4, 3), (tf.shape(x)[0], 6, 6, 4), 2))),
    'conv1d': ((7, 3), lambda x: multiply_add(tf.nn.conv1d(multiply_add(x), c(3, 3, 4), 1, 'SAME') + c(4))),
    'dilated conv1d': ((8, 3), lambda x: multiply_add(
        tf.nn.convolution(multiply_add(x), c(3, 3, 4), dilations=[2], padding='SAME'))),
    'conv3d': ((4, 4, 4, 2), lambda x: multiply_add(tf.nn.conv3d(multiply_add(x), c(2, 2, 2, 2, 3), [1] * 5, 'SAME'))),
    'turned around': ((5,), lambda x: tf.transpose(tf.matmul(c(4, 5), tf.transpose(x))) + c(4)),
}


def explained(form, shape, xs, ys, **parameters):
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, *shape))
        T = form(X)
        T = tf.reshape(T, (-1, int(np.prod(T.shape[1:]))))
        got = de.explain('lrp', T, X, xs, ys, **parameters)
        return got, de.audit('lrp', T, X)


def matrix(form, shape):
    """(A, b) of an affine function of one row."""
    size = int(np.prod(shape))
    with tf.Graph().as_default(), v1.Session() as session:
        values = session.run(form(tf.constant(np.concatenate([np.zeros((1, size)), np.eye(size)])
                                              .reshape(-1, *shape))))
    values = values.reshape(size + 1, -1)
    return values[1:] - values[0], values[0]


@pytest.mark.parametrize('name', FORMS)
def test_every_form_is_its_matrix(name):
    """A linear op with all that is folded into it is A x + b, whatever ops it consists of."""
    shape, form = FORMS[name]
    A, b = matrix(form, shape)
    xs, ys = RNG.normal(size=(3, *shape)), RNG.normal(size=(3, len(b)))
    flat_xs = xs.reshape(3, -1)
    for rule in RULES.values():
        for bias in 'absorb', 'ignore':
            parameters = {'composite': [(weighted(), rule)], 'bias': bias}
            got, audit = explained(form, shape, xs, ys, **parameters)
            expected, _ = explained(lambda x: x @ tf.constant(A) + tf.constant(b), (A.shape[0],), flat_xs, ys,
                                    **parameters)
            np.testing.assert_allclose(got.reshape(3, -1), expected, rtol=1e-8,
                                       atol=1e-10 * np.abs(expected).max(), err_msg=f'{rule} {bias}')
    assert not audit.groups.get('plain gradient')


@pytest.mark.parametrize('rule', RULES)
def test_rules_are_their_formulas(rule):
    """y = W x + b, entry by entry."""
    W, b, x, r = RNG.normal(size=(5, 4)), RNG.normal(size=4), RNG.normal(size=5), RNG.normal(size=4)
    y, e = x @ W + b, 1e-6
    share = np.zeros(5)
    for j in range(4):
        c_ij = {'epsilon': x * W[:, j], 'gamma': x * W[:, j], 'w_square': W[:, j] ** 2,
                'z_box': x * W[:, j] + 3 * np.maximum(W[:, j], 0) - 4 * np.minimum(W[:, j], 0)}.get(rule)
        if rule == 'epsilon':
            share += c_ij / (y[j] + .1 * np.sign(y[j])) * r[j]
        elif rule == 'gamma':
            part = np.maximum if y[j] >= 0 else np.minimum
            terms = c_ij + .3 * part(c_ij, 0)
            z = terms.sum() + b[j] + .3 * part(b[j], 0)
            share += terms / (z + e * np.sign(z)) * r[j]
        elif rule in ('w_square', 'z_box'):
            z = c_ij.sum() + (b[j] ** 2 if rule == 'w_square' else 0)
            share += c_ij / (z + e) * r[j]
        else:
            alpha, beta = (3, 2) if rule == 'alpha_beta' else (1, 0)
            up, down = np.maximum(x * W[:, j], 0), np.minimum(x * W[:, j], 0)
            share += (alpha * up / (up.sum() + max(b[j], 0) + e) - beta * down / (down.sum() + min(b[j], 0) - e)) * r[j]
    got, _ = explained(lambda x: x @ tf.constant(W) + tf.constant(b), (5,), x[None], (r / y)[None],
                       composite=[(weighted(), RULES[rule])])
    np.testing.assert_allclose(got[0], share, rtol=1e-9)


def small():
    """(X, T): a network with residual sum, pooling and several kinds of layers, and weights 0 as bias."""
    X = v1.placeholder(tf.float64, (None, 6, 6, 3), 'x')
    h = tf.nn.relu(tf.nn.conv2d(X, c(3, 3, 3, 4), 1, 'SAME', name='one'))
    h = h + tf.nn.elu(tf.nn.conv2d(h, c(3, 3, 4, 4), 1, 'SAME', name='two'))
    h = tf.nn.avg_pool2d(tf.nn.max_pool2d(h, 2, 2, 'VALID'), 2, 2, 'SAME')
    h = tf.tanh(tf.matmul(tf.reshape(h, (-1, 16)), c(16, 5), name='three'))
    return X, tf.matmul(h, c(5, 3), name='four')


XS, YS = RNG.normal(size=(4, 6, 6, 3)), RNG.normal(size=(4, 3))
NAMED = {'epsilon': {}, 'epsilon_plus': {}, 'epsilon_plus_flat': {}, 'epsilon_alpha2_beta1': {},
         'epsilon_alpha2_beta1_flat': {}, 'epsilon_gamma_box': {'low': -4, 'high': [4., 5., 6.]},
         'excitation_backprop': {}}


@pytest.fixture
def scene():
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X, T = small()
        yield de, X, T


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
    inner = keras.Sequential([keras.Input((8, 8, 6)), L.DepthwiseConv2D(3, padding='same'), L.BatchNormalization(),
                              L.ReLU(max_value=6.), L.Conv2D(5, 1), L.BatchNormalization(), L.Activation('gelu')])
    x = keras.Input((8, 8, 3))
    h = inner(L.Activation('swish')(L.BatchNormalization()(L.Conv2D(6, 3, padding='same')(L.Rescaling(.5, .1)(x)))))
    model = keras.Model(x, L.Dense(4)(L.GlobalAveragePooling2D()(h)))
    for w in model.weights:
        w.assign(w + np.abs(RNG.normal(size=w.shape)) * .3)
    xs = RNG.normal(size=(3, 8, 8, 3)).astype(np.float32)
    with DeepExplain.from_keras(model) as de:
        for composite in 'epsilon', 'epsilon_plus_flat', 'epsilon_gamma_box':
            box = {'low': -4, 'high': 4} if 'box' in composite else {}
            a, delta = de.explain('lrp', de.outputs[0], de.inputs[0], xs, 1, composite=composite, bias='ignore',
                                  return_delta=True, **box)
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
    T = tf.reduce_sum(centred * tf.math.rsqrt(tf.reduce_mean(centred ** 2, -1, keepdims=True) + .1) * c(6), [1, 2])
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


BAD = {
    'an unknown composite': ({'composite': 'epsilon_minus'}, "composite must be one of 'epsilon', .* or a Composite"),
    'no bounds': ({'composite': 'epsilon_gamma_box'}, "'epsilon_gamma_box' needs low= and high="),
    'bounds of nothing': ({'low': 0}, 'low and high belong to composite=.epsilon_gamma_box.'),
    'bounds turned around': ({'composite': 'epsilon_gamma_box', 'low': 1, 'high': 0}, 'low must not be above high'),
    'bounds of other shapes': ({'composite': 'epsilon_gamma_box', 'low': [0, 0], 'high': [1, 1, 1]},
                               'low has shape .2,. and high .3,.'),
    'a bound that is text': ({'composite': 'epsilon_gamma_box', 'low': 'a', 'high': 1}, 'low must be a number or'),
    'bounds that fit no channel': ({'composite': 'epsilon_gamma_box', 'low': [0.] * 5, 'high': 1},
                                   'low has shape .5,., which does not fit a row of what op "one"'),
    'a rule alone': ({'composite': [flat()]}, 'takes pairs .predicate, rule.'),
    'a predicate that is text': ({'composite': [('first', flat())]}, 'takes pairs'),
    'passes where shapes differ': ({'composite': [(first(), passes())]},
                                   'rule "passes" at op "one" .Conv2D. needs an input and an output of equal shapes'),
    'epsilon': ({'epsilon': 0}, 'epsilon must be a number > 0'), 'gamma': ({'gamma': -1}, 'gamma must be'),
}


@pytest.mark.parametrize('name', BAD)
def test_errors(scene, name):
    de, X, T = scene
    parameters, message = BAD[name]
    before = len(X.graph.get_operations())
    with pytest.raises(errors.ParameterError, match=message):
        de.explain('lrp', T, X, XS, **parameters)
    assert len(X.graph.get_operations()) == before


def test_errors_of_rules():
    for make, message in [(lambda: alpha_beta(2, 2), 'alpha - beta must be 1'), (lambda: alpha_beta(0, -1), 'beta must'),
                          (lambda: epsilon(0), 'epsilon must be'), (lambda: gamma('a'), 'gamma must be'),
                          (lambda: z_box(2, 1), 'low must not be above high'), (lambda: Composite(3), 'pairs')]:
        with pytest.raises(errors.ParameterError, match=message):
            make()


def test_padding_is_no_input(session):
    """Zeros that an op of its own pads with: as those of the convolution, for every rule."""
    X = v1.placeholder(tf.float64, (None, 6, 6, 3))
    apart = tf.nn.conv2d(tf.pad(X, [(0, 0), (1, 1), (1, 1), (0, 0)]), c(3, 3, 3, 4), 1, 'VALID')
    joined = tf.nn.conv2d(X, c(3, 3, 3, 4), 1, 'SAME')
    with DeepExplain(session) as de:
        for rule in *RULES.values(), flat(), z_box(1, 2):
            got, expected = (de.explain('lrp', tf.reduce_sum(T * c(4), -1)[:, 0], X, XS, composite=[(first(), rule)])
                             for T in (apart, joined))
            np.testing.assert_allclose(got, expected, rtol=1e-9, err_msg=str(rule))


def test_equal_composites_share_a_copy(scene):
    de, X, T = scene
    de.explain('lrp', T, X, XS, YS, composite=[(first(), gamma(.5)), (convolutions(), z_plus())])
    before = len(X.graph.get_operations())
    de.explain('lrp', T, X, XS, YS, composite=Composite([(first(), gamma(.5)), (convolutions(), z_plus())]))
    assert len(X.graph.get_operations()) == before


def test_filters_of_grouped_convolutions():
    """What they are scaled by, group by group. (TensorFlow has no gradient of them on a CPU.)"""
    from deepexplain2.graph.unit_layout import layout
    from deepexplain2.rules.lrp.unit import _scaled
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float64, (None, 6, 6, 4))
        W, before, after = c(3, 3, 2, 6), c(4), c(6)
        y = tf.nn.conv2d(x, W, 1, 'SAME')
        scaled = tf.nn.conv2d(x, _scaled(W, before, after, layout(y.op, 0), y.op), 1, 'SAME')
        got, expected = session.run([scaled, tf.nn.conv2d(x * before, W, 1, 'SAME') * after],
                                    {x: RNG.normal(size=(2, 6, 6, 4))})
    np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_what_is_not_folded_and_what_wins(session):
    """Each pair says the same in ops that no unit reaches over: a sum of both signs, a scale of a tensor that has
    two users, in front and behind; the larger of two takes all."""
    X = v1.placeholder(tf.float64, (None, 5), 'x')
    A, B = X @ c(5, 6), tf.matmul(X, c(6, 6)[:5], name='of_two')
    scale = -c(6) ** 2 - .1
    two = tf.nn.relu(X @ c(7, 6)[:5])
    pairs = [((tf.nn.relu(A) + B) @ c(6, 3), tf.add_n([tf.nn.relu(A), B]) @ c(6, 3)),
             ((B * scale) @ c(6, 3) + B @ c(6, 3), (B @ tf.linalg.diag(scale)) @ c(6, 3) + B @ c(6, 3)),
             (tf.maximum(A, two) @ c(6, 3), tf.where(A > two, A, two) @ c(6, 3))]
    xs = RNG.normal(size=(4, 5))
    with DeepExplain(session) as de:
        for k, (T, same) in enumerate(pairs):
            rules = [(named('of_two', 'MatMul'), gamma(.5))] if k == 1 else [(weighted(), z_plus())]
            got, expected = (de.explain('lrp', t, X, xs, 0, composite=rules, epsilon=1e-12) for t in (T, same))
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-8 * np.abs(expected).max(), err_msg=str(k))


@pytest.mark.parametrize('turned', [False, True])
def test_what_another_op_takes_too_is_not_folded(turned):
    """A bias behind a linear op or a scale before it, beside another user of the same tensor, whichever was
    made first."""
    A, b, x = RNG.normal(size=(5, 4)), RNG.normal(size=4), RNG.normal(size=(3, 5))
    s = np.arange(3., 8)
    h, m = x @ A, x * s

    def behind(X):
        H = X @ tf.constant(A)
        makers = [lambda: tf.nn.relu(H + b), lambda: tf.tanh(H)]
        return tf.concat([make() for make in (makers[::-1] if turned else makers)], 1)

    def before(X):
        M = X * s
        makers = [lambda: M @ tf.constant(A), lambda: tf.tanh(M)]
        return tf.concat([make() for make in (makers[::-1] if turned else makers)], 1)

    def shared(r):
        return r / (A ** 2).sum(0) @ A.T ** 2
    for form, expected, width in ((behind, shared(np.maximum(h + b, 0) * h / (h + b) + np.tanh(h)), 8),
                                  (before, shared(m @ A) + np.tanh(m), 9)):
        got, _ = explained(form, (5,), x, np.ones((3, width)), composite=[(weighted(), w_square())],
                           epsilon=1e-12)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


def test_first_and_last_in_loops_are_told():
    """Whether an op in a loop is the first one is not known: told, unless a unit outside is or nobody asks."""
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
