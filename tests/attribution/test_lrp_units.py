"""lrp: what is folded into a linear op, in every form, and what is not; the rules there."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.lrp import (
    alpha_beta,
    epsilon,
    first,
    flat,
    gamma,
    named,
    w_square,
    weighted,
    z_box,
    z_plus,
)
from tests.support.linear_forms import FORMS, RNG, c, explained, matrix
from tests.support.networks import v1

RULES = {'epsilon': epsilon(.1), 'gamma': gamma(.3), 'alpha_beta': alpha_beta(3, 2), 'z_plus': z_plus(),
         'z_box': z_box(-3, 4), 'w_square': w_square()}


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
            share += (alpha * up / (up.sum() + max(b[j], 0) + e)
                      - beta * down / (down.sum() + min(b[j], 0) - e)) * r[j]
    got, _ = explained(lambda x: x @ tf.constant(W) + tf.constant(b), (5,), x[None], (r / y)[None],
                       composite=[(weighted(), RULES[rule])])
    np.testing.assert_allclose(got[0], share, rtol=1e-9)


def test_padding_is_no_input(session):
    """Zeros that an op of its own pads with: as those of the convolution, for every rule."""
    X = v1.placeholder(tf.float64, (None, 6, 6, 3))
    apart = tf.nn.conv2d(tf.pad(X, [(0, 0), (1, 1), (1, 1), (0, 0)]), c(3, 3, 3, 4), 1, 'VALID')
    joined = tf.nn.conv2d(X, c(3, 3, 3, 4), 1, 'SAME')
    xs = RNG.normal(size=(4, 6, 6, 3))
    with DeepExplain(session) as de:
        for rule in *RULES.values(), flat(), z_box(1, 2):
            got, expected = (de.explain('lrp', tf.reduce_sum(T * c(4), -1)[:, 0], X, xs,
                                        composite=[(first(), rule)]) for T in (apart, joined))
            np.testing.assert_allclose(got, expected, rtol=1e-9, err_msg=str(rule))


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
    """Each pair says the same in ops that no unit reaches over: a sum of both signs, a scale of a tensor that
    has two users, in front and behind; the larger of two takes all."""
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
            got, expected = (de.explain('lrp', t, X, xs, 0, composite=rules, epsilon=1e-12)
                             for t in (T, same))
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-8 * np.abs(expected).max(),
                                       err_msg=str(k))


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


def test_bounds_of_channels_run_along_channels():
    """Also where another axis has as many entries."""
    keras.utils.set_random_seed(0)
    low, x = np.array([-1., -2, -3], 'f'), RNG.uniform(-1, 1, (2, 3, 3, 3)).astype('f')
    found = []
    for data_format in 'channels_first', 'channels_last':
        conv = keras.layers.Conv2D(4, 2, data_format=data_format, use_bias=False)
        to_last = [keras.layers.Permute((2, 3, 1))] if data_format == 'channels_first' else []
        model = keras.Sequential([keras.Input((3, 3, 3)), conv, *to_last, keras.layers.Flatten()])
        conv.set_weights([np.random.default_rng(1).normal(size=(2, 2, 3, 4))])
        with DeepExplain.from_keras(model) as de:
            xs = x if to_last else np.moveaxis(x, 1, -1)
            got = de.explain('lrp', de.outputs[0], de.inputs[0], xs, 'sum', composite='epsilon_gamma_box',
                             low=low, high=-low)
            found.append(got if to_last else np.moveaxis(got, -1, 1))
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-6)


def test_einsum_of_one_tensor_is_a_sum():
    def by_einsum(x):
        return tf.einsum('bij->bj', tf.einsum('bij->bji', x)) @ c(3, 4)
    xs, ys = RNG.normal(size=(2, 3, 5)), RNG.normal(size=(2, 4))
    for rule in z_plus(), flat():
        got, expected = (explained(form, (3, 5), xs, ys, composite=[(weighted(), rule)], epsilon=1e-13)[0]
                         for form in (by_einsum, lambda x: tf.reduce_sum(x, 2) @ c(3, 4)))
        np.testing.assert_allclose(got, expected, rtol=1e-9)
