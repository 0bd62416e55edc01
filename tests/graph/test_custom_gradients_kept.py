"""tf.custom_gradient in models that are opened: kept as in eager TensorFlow, or named."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1
from tests.support.outcomes import GRADIENTS, outcome

W = np.random.default_rng(1).normal(size=(4, 3)).astype('f4')


@tf.custom_gradient
def straight_through(t):
    return tf.sign(t), lambda d: d * tf.cast(tf.abs(t) <= 1, tf.float32)


@tf.custom_gradient
def reversed_gradient(t):
    return tf.identity(t), lambda d: -2 * d


@tf.custom_gradient
def scaled(a, b):
    y = tf.round(a) * b
    return (y, y + a), lambda d, e: (d * b * W[0, 0] + e, tf.constant(W[:1]) * 0 @ tf.ones([3, 1]) + d * y)


@tf.custom_gradient
def clipped(t):
    h = tf.exp(t)
    return tf.math.log(1 + h), lambda d: tf.clip_by_value(d * h, -1., 1.)


KEPT = {
    'straight-through': lambda x: straight_through(x @ W),
        'reversed': lambda x: tf.tanh(reversed_gradient(x) @ W),
    'an inner tensor': lambda x: clipped(x @ W),
    'two results': lambda x: tf.concat(scaled(x @ W, tf.tanh(x @ W)), 1),
        'one of two': lambda x: scaled(x @ W, tf.tanh(x @ W))[1],
    'twice': lambda x: straight_through(reversed_gradient(x) @ W),
        'of a function': lambda x: tf.function(straight_through)(x @ W) * x[:, :1],
    'pass through': lambda x: tf.grad_pass_through(tf.round)(x * x),
        'recomputed': lambda x: tf.recompute_grad(lambda t: tf.tanh(t) * t)(x),
    'beside': lambda x: straight_through(x @ W) + x @ W, 'swish': lambda x: tf.nn.silu(x @ W)}


@pytest.mark.parametrize('name', KEPT)
def test_custom_gradients_of_frozen_functions(name):
    """What eager TensorFlow gives, in silence."""
    xs = np.random.default_rng(0).normal(size=(3, 4)).astype('f4')
    f = KEPT[name]
    with tf.GradientTape() as tape:
        x = tf.constant(xs)
        tape.watch(x)
        y = f(x)
    expected = tape.gradient(y, x).numpy()
    with DeepExplain.from_function(tf.autograph.experimental.do_not_convert(f),
                                   [tf.TensorSpec([None, 4])]) as de, warnings.catch_warnings():
        warnings.simplefilter('error', errors.PathWarning)
        for _ in range(2):
            np.testing.assert_allclose(de.explain('grad*input', de.outputs[0], de.inputs[0], xs),
                                       expected * xs, rtol=1e-5, atol=1e-6)
        points = np.stack([(k + .5) / 40 * xs for k in range(40)])
        with tf.GradientTape() as tape:
            x = tf.constant(points.reshape(-1, 4))
            tape.watch(x)
            y = f(x)
        mean_gradient = tape.gradient(y, x).numpy().reshape(points.shape).mean(0)
        a = de.explain('intgrad', de.outputs[0], de.inputs[0], xs, steps=40, quadrature='riemann_middle')
        np.testing.assert_allclose(a, mean_gradient * xs, rtol=1e-4, atol=1e-5)
        assert de.audit('saliency', de.outputs[0], de.inputs[0]).fits


class Rounded(keras.layers.Layer):
    def call(self, x):
        return straight_through(x)


def test_custom_gradients_of_keras_models():
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(2)(Rounded()(keras.layers.Dense(3)(x))))
    xs = np.random.default_rng(0).normal(size=(3, 4)).astype('f4')
    with tf.GradientTape() as tape:
        t = tf.constant(xs)
        tape.watch(t)
        y = model(t)
    with DeepExplain.from_keras(model) as de:
        np.testing.assert_allclose(de.explain('saliency', de.outputs[0], de.inputs[0], xs),
                                   np.abs(tape.gradient(y, t)), rtol=1e-5)
        with pytest.raises(errors.PathError, match=r'\(Sign\)'):
            de.explain('elrp', de.outputs[0], de.inputs[0], xs)


def test_custom_gradients_that_cannot_be_kept_are_named(tmp_path):
    """In a loop, and in a SavedModel, where nothing but the ops inside is left; swish is silent there too."""
    xs = np.ones((2, 4), 'f4')

    def looped(x):
        return tf.while_loop(lambda i, h: i < 2, lambda i, h: (i + 1, reversed_gradient(h) * 2), [0, x])[1]
    module = tf.Module()
    module.f = tf.function(lambda x: tf.nn.silu(clipped(x)), [tf.TensorSpec([None, 4])], autograph=False)
    tf.saved_model.save(module, str(tmp_path), signatures=module.f.get_concrete_function())
    for opened, where in ((DeepExplain.from_function(looped, [tf.TensorSpec([None, 4])]), 'IdentityN'),
                          (DeepExplain.from_saved_model(str(tmp_path)), 'IdentityN')):
        with opened as de:
            T, X = de.outputs[0], de.inputs[0]
            for method in GRADIENTS:
                with pytest.warns(errors.PathWarning, match=rf'does not use the gradient of '
                                                            rf'tf.custom_gradient at .*{where}') as caught:
                    a = de.explain(method, T, X, xs)
                assert len([w for w in caught
                            if 'custom_gradient' in str(w.message)]) == 1 and np.isfinite(a).all()
                assert not de.audit(method, T, X).fits
            with warnings.catch_warnings():
                warnings.simplefilter('error')
                de.explain('deeplift', T, X, xs)


def test_ctc_loss():
    """Kept where it is made in this process; what is inside has no gradient."""
    rng = np.random.default_rng(0)
    labels, logits = np.array([[1, 2, 3], [2, 3, 1]]), rng.normal(size=(2, 8, 5)).astype('f4')

    def loss(v):
        return tf.nn.ctc_loss(labels, tf.transpose(v, [1, 0, 2]), tf.constant([3, 3]), tf.constant([8, 8]),
                              blank_index=0)
    with tf.GradientTape() as tape:
        v = tf.constant(logits)
        tape.watch(v)
        y = loss(v)
    with DeepExplain.from_function(loss, [tf.TensorSpec([2, 8, 5])]) as de:
        T, X = de.outputs[0], de.inputs[0]
        np.testing.assert_allclose(de.explain('saliency', T, X, logits), np.abs(tape.gradient(y, v)),
                                   rtol=1e-4, atol=1e-6)
        for method in 'elrp', 'deeplift':
            with pytest.raises(errors.PathError, match='does not count its iterations'):
                de.explain(method, T, X, logits)
    # its loops call functions by the type of an op
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        x = v1.placeholder(tf.float32, [2, 8, 5])
        T = loss(x)
        with pytest.raises(errors.PathError, match='does not count its iterations'):
            de.explain('elrp', T, x, logits)
        with pytest.raises(errors.PathError, match=r'both .* and a tf\.custom_gradient function'):
            de.explain('saliency', T, x, logits)


def test_what_is_beside_a_custom_gradient_in_place():
    """In a graph of the user's own: its ops are seen, those inside the function are not."""
    def f(x):
        return tf.cast(straight_through(tf.cast(x, tf.float32)), x.dtype)
    for method in GRADIENTS:
        a, _, messages, fits = outcome(f, method)
        assert not messages and fits and a.any()
        for g in (lambda x: f(x) + tf.round(x), lambda x: f(x) + tf.pad(tf.ones_like(x), [[0, 0], [1, 0]],
                                                                        constant_values=x[0, 0])[:, 1:]):
            _, _, messages, _ = outcome(g, method)
            assert len(messages) == 1 and 'no gradient' in messages[0]
