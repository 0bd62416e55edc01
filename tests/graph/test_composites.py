"""Rulebooks whose rules are asked by predicates: linear ops, layers and names, against their definitions."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain
from deepexplain2.graph.clone import Copy
from deepexplain2.graph.layers import LayerOfOps
from deepexplain2.graph.passes import ALONE, WITH_REFERENCE
from deepexplain2.graph.path import Path
from deepexplain2.graph.predicates import in_layers, named, of_types, where
from deepexplain2.graph.rulebook import Entry, Rulebook, table
from deepexplain2.rules.lrp.epsilon import FUNCTIONS, epsilon
from deepexplain2.rules.op_tools import again, vjp, whole
from tests.support.networks import v1

EPS = 1e-2
WEIGHTED = ['MatMul', 'Conv2D']
EPSILON = table('epsilon', dict.fromkeys(FUNCTIONS, epsilon(EPS, False)))


def of_weights(change):
    """r_x = w' (r z / (x w')) for z = x w, with changed weights w'."""
    def rule(op, r, varying):
        k, = varying(op)
        changed = again(op, {k: tf.identity(op.inputs[k]), 1 - k: change(op.inputs[1 - k])})
        return whole(op, {k: vjp(changed, [r * op.outputs[0] / changed.outputs[0]], [k])[0]})
    return rule


def gamma(g):
    return of_weights(lambda w: w + g * tf.nn.relu(w))


Z_PLUS = of_weights(tf.nn.relu)


def gamma_in(layer):
    return Rulebook((Entry('gamma', in_layers(layer) & of_types(WEIGHTED, linear=True), gamma(.5)), EPSILON))


def relevances(T, X, book, x, layers=None, feeds=None):
    """The multipliers of the first unit of T, for the rows x."""
    copy = Copy(Path(T[:, 0], [X]), book, layer_of=LayerOfOps(layers))
    copy.check_differentiable()
    clone = copy.install('composite')
    with v1.Session(graph=T.graph) as session:
        return session.run(clone.relevances[0], {X: x, **(feeds or {})}), copy


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def share(z, a):
    """The multiplier of an activation a of z."""
    return a / (z + EPS * np.where(z >= 0, 1, -1))


W1, W2, W3 = numbers(5, 7, seed=1), numbers(7, 6, seed=2), numbers(6, 3, seed=3)
XS = numbers(4, 5, seed=4)


def two_layers():
    """(X, T, outputs of layers) of a network x W1, relu, W2, tanh, W3 in which each product is a layer."""
    X = v1.placeholder(tf.float64, [None, 5], 'x')
    with tf.name_scope('first'):
        a = tf.nn.relu(X @ tf.constant(W1))
    with tf.name_scope('second'):
        b = tf.tanh(a @ tf.constant(W2))
    return X, tf.matmul(b, tf.constant(W3), name='last'), {'first': a, 'second': b}


def expected(second, first=W1):
    """The multipliers, with the weights that the rules of the first and second layer take."""
    a1 = np.maximum(XS @ W1, 0)
    z2 = a1 @ W2
    m = W3[:, 0] * share(z2, np.tanh(z2))
    m = (m * z2 / (a1 @ second)) @ second.T * share(XS @ W1, a1)
    return (m * (XS @ W1) / (XS @ first)) @ first.T


W2_GAMMA = W2 + .5 * np.maximum(W2, 0)


@pytest.mark.parametrize('predicate, second, first', [
    (in_layers('second') & of_types(WEIGHTED, linear=True), W2_GAMMA, W1),
    (of_types(WEIGHTED, linear=True) & in_layers('sec*'), W2_GAMMA, W1),
    ((in_layers('second') | named('nothing')) & of_types(WEIGHTED, linear=True), W2_GAMMA, W1),
    (named('second/*') & of_types(WEIGHTED, linear=True), W2_GAMMA, W1),
    (~in_layers('first') & in_layers('?*') & of_types(WEIGHTED, linear=True), W2_GAMMA, W1),
    (where(lambda place: place.layer == 'second') & of_types(WEIGHTED, linear=True), W2_GAMMA, W1),
    (in_layers('first', 'second') & of_types(WEIGHTED, linear=True), W2_GAMMA,
     W1 + .5 * np.maximum(W1, 0)),
    (in_layers('second') & of_types(WEIGHTED), W2, W1),            # nonlinear products: none is
    (of_types([*WEIGHTED, 'Add']), W2, W1),
    (in_layers('third') & of_types(WEIGHTED, linear=True), W2, W1),
])
def test_gamma_in_one_layer_epsilon_elsewhere(predicate, second, first):
    with tf.Graph().as_default():
        X, T, layers = two_layers()
        book = Rulebook((Entry('gamma', predicate, gamma(.5)), EPSILON))
        got, copy = relevances(T, X, book, XS, layers)
    np.testing.assert_allclose(got, expected(second, first), rtol=1e-10)
    families = {t.name.split('"')[1]: t.detail for t in copy.treatments if t.type == 'MatMul'}
    assert families == {'first/matmul': 'gamma' if first is not W1 else '',
                        'second/matmul': 'gamma' if second is not W2 else '', 'last': ''}


def test_first_entry_counts():
    with tf.Graph().as_default():
        X, T, layers = two_layers()
        linear = of_types(WEIGHTED, linear=True)
        positive = of_weights(lambda w: tf.nn.relu(w) + .1)         # + .1: all of a column may be negative
        book = Rulebook((Entry('z+', linear & in_layers('second'), positive),
                         Entry('gamma', linear & in_layers('*'), gamma(.5)), EPSILON))
        got, copy = relevances(T, X, book, XS, layers)
    assert {t.detail for t in copy.treatments if t.type == 'MatMul'} == {'z+', 'gamma'}
    last = W3 + .5 * np.maximum(W3, 0)                  # no layer owns the last product: '*' matches ''
    a1 = np.maximum(XS @ W1, 0)
    z2, w2, w1 = a1 @ W2, np.maximum(W2, 0) + .1, W1 + .5 * np.maximum(W1, 0)
    b = np.tanh(z2)
    m = (b @ W3[:, :1] / (b @ last[:, :1])) * last[:, 0] * share(z2, b)
    m = (m * z2 / (a1 @ w2)) @ w2.T * share(XS @ W1, a1)
    np.testing.assert_allclose(got, (m * (XS @ W1) / (XS @ w1)) @ w1.T, rtol=1e-10)
    assert np.isfinite(got).all()


def test_convolution():
    """z+ at a convolution of positive values, written as a matrix product by hand."""
    kernel, x = numbers(2, 2, 1, 3, seed=5), np.abs(numbers(2, 4, 4, 1, seed=6)) + .1
    with tf.Graph().as_default():
        X = v1.placeholder(tf.float64, [None, 4, 4, 1])
        h = tf.nn.conv2d(X, tf.constant(kernel), 1, 'VALID')
        T = tf.reduce_sum(tf.nn.softplus(h), [1, 2])
        book = Rulebook((Entry('z+', of_types(WEIGHTED, linear=True), Z_PLUS), EPSILON))
        got, _ = relevances(T, X, book, x)
    matrix = np.zeros((16, 9, 3))
    for i, j, k, n in np.ndindex(3, 3, 2, 2):
        matrix[4 * (i + k) + j + n, 3 * i + j] += kernel[k, n, 0]
    flat, w = x.reshape(2, 16), matrix[..., 0]
    z, plus = flat @ w, np.maximum(w, 0)
    m = share(z, np.log1p(np.exp(z)))
    np.testing.assert_allclose(got.reshape(2, 16), (m * z / (flat @ plus)) @ plus.T, rtol=1e-10)


def in_function(h, w):
    return tf.function(lambda h: tf.matmul(h, w), autograph=False)(h)


def in_loop(h, w):
    return tf.while_loop(lambda k, h: k < 1, lambda k, h: (k + 1, tf.matmul(h, w)), [0, h],
                         [tf.TensorShape([]), tf.TensorShape([None, None])])[1]


def in_branch(h, w):
    return tf.cond(tf.constant(1) > v1.placeholder_with_default(0, []), lambda: tf.matmul(h, w),
                   lambda: tf.matmul(h, -w))


@pytest.mark.parametrize('place', [in_function, in_loop, in_branch])
def test_inside_of_functions_loops_and_conditionals(place):
    """The op belongs to the layer around the call."""
    with tf.Graph().as_default():
        X = v1.placeholder(tf.float64, [None, 5])
        a = tf.nn.relu(place(X, tf.constant(W1)))
        b = tf.tanh(place(a, tf.constant(W2)))
        b.set_shape([None, 6])
        book = gamma_in('b')
        got, _ = relevances(b @ tf.constant(W3), X, book, XS, {'a': a, 'b': b})
    np.testing.assert_allclose(got, expected(W2_GAMMA), rtol=1e-10)


def test_one_loop_in_two_layers():
    """A function with a loop that two layers call: the rule of one layer is not that of the other one."""
    w = numbers(5, 5, seed=7)

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, None], tf.float64)])
    def call(h):                        # traced once: both calls have the same loop body
        return in_loop(h, tf.constant(w))
    with tf.Graph().as_default():
        X = v1.placeholder(tf.float64, [None, 5])
        a = tf.nn.relu(call(X))
        b = tf.tanh(call(a))
        b.set_shape([None, 5])
        book = gamma_in('b')
        got, _ = relevances(b, X, book, XS, {'a': a, 'b': b})
    changed, a1 = w + .5 * np.maximum(w, 0), np.maximum(XS @ w, 0)
    z2 = a1 @ w
    m = np.eye(5)[0] * share(z2, np.tanh(z2))
    m = (m * z2 / (a1 @ changed)) @ changed.T * share(XS @ w, a1)
    np.testing.assert_allclose(got, m @ w.T, rtol=1e-10)


def test_nested_keras_models():
    inner = keras.Sequential([keras.Input((7,)), L.Dense(6, 'tanh', use_bias=False, name='dense')],
                             name='inner')
    x = keras.Input((5,))
    outer = keras.Model(x, L.Dense(3, use_bias=False, name='head')(inner(
        L.Dense(7, 'relu', use_bias=False, name='dense')(x))))
    outer.set_weights([W1, W2, W3])
    with DeepExplain.from_keras(outer) as de:
        X, T, layers = de.inputs[0], de.outputs[0], de._layers
        label, = (name for name in layers if 'inner' in name and 'dense' in name)
        book = gamma_in(label)
        with T.graph.as_default():
            got, copy = relevances(T, X, book, XS.astype(np.float32), layers)
    np.testing.assert_allclose(got, expected(W2_GAMMA), rtol=2e-3)      # float32, divided by small sums
    assert [t.detail for t in copy.treatments if t.type == 'MatMul'].count('gamma') == 1


def test_gradients_of_the_user_outside_of_the_layers():
    """Where a rule is asked in one layer only, an op elsewhere keeps the gradient that the user gave it."""
    name = f'Five{np.random.default_rng().integers(1 << 60)}'
    tf.RegisterGradient(name)(lambda op, g: 5 * g)
    with tf.Graph().as_default() as graph:
        X = v1.placeholder(tf.float64, [None, 5])
        with graph.gradient_override_map({'Tanh': name}):
            a = tf.tanh(X)
        b = tf.tanh(a)
        rule = epsilon(EPS, False)
        book = Rulebook((Entry('here', in_layers('b') & of_types(['Tanh']), rule),))
        got, _ = relevances(b, X, book, XS, {'a': a, 'b': b})
    a = np.tanh(XS)
    np.testing.assert_allclose(got, np.eye(5)[0] * 5 * share(a, np.tanh(a)), rtol=1e-10)


def test_key():
    """Books are equal by what they say."""
    def book(g=.5, layer='second', **options):
        predicate = in_layers(layer) & of_types(WEIGHTED, linear=True)
        return Rulebook((Entry('gamma', predicate, gamma(g)), EPSILON), **options)
    assert book().key == book().key and hash(book().key) == hash(book().key)
    different = [book(.6), book(layer='first'), book(passes=WITH_REFERENCE), book(passes=ALONE[1:]),
                 Rulebook(book().entries[::-1]), Rulebook(book().entries[:1]), Rulebook()]
    assert len({b.key for b in [book(), *different]}) == len(different) + 1
    assert Rulebook((Entry('', of_types(['Tanh']), gamma(1)),)).key \
        != Rulebook((Entry('', of_types(['Tanh'], linear=True), gamma(1)),)).key
    assert Rulebook((Entry('', in_layers('a') | named('b'), gamma(1)),)).key \
        != Rulebook((Entry('', in_layers('a') & named('b'), gamma(1)),)).key
