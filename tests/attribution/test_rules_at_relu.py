"""guided_backprop and deconvnet beside their definitions in NumPy."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors

v1 = tf.compat.v1
RNG = np.random.default_rng(1)
W, V, XS = RNG.normal(size=(4, 6)), RNG.normal(size=(6, 3)), 4 * RNG.normal(size=(5, 4))
YS = [0, 1, 2, 0, 1]


def expected(name, top):
    z = XS @ W
    y = np.clip(z, 0, top) @ V
    r = np.eye(3)[YS]
    for pre, weights, limit in (y, V, np.inf), (z, W, top):
        gate = (pre > 0) & (pre < limit) if name == 'guided_backprop' else 1
        r = (np.maximum(r, 0) * gate) @ weights.T
    return r


@pytest.mark.parametrize('name', ['guided_backprop', 'deconvnet'])
@pytest.mark.parametrize('relu, top', [(tf.nn.relu, np.inf), (tf.nn.relu6, 6)])
@pytest.mark.parametrize('nested', [False, True])
def test_beside_numpy(name, relu, top, nested):
    hidden = tf.function(lambda x: relu(x @ W)) if nested else lambda x: relu(x @ W)
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        T = tf.nn.relu(hidden(X) @ V)
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            for batch_size in None, 1, 3:
                got = de.explain(name, T, X, XS, ys=YS, batch_size=batch_size)
                np.testing.assert_allclose(got, expected(name, top), rtol=1e-12)


@pytest.mark.parametrize('name', ['guided_backprop', 'deconvnet'])
@pytest.mark.parametrize('activation, op', [(tf.nn.elu, 'Elu'), (tf.nn.leaky_relu, 'LeakyRelu'),
                                            (tf.tanh, 'Tanh'), (lambda z: tf.maximum(z, 0), 'Maximum'),
                                            (lambda z: tf.where(z > 0, z, 0 * z), 'SelectV2'),
                                            (lambda z: z * tf.cast(z > 0, z.dtype), 'Mul'),
                                            (lambda z: tf.cast(~(z <= 0), z.dtype)[:, :] * 2 * z, 'Mul')])
def test_other_activations_keep_their_gradient_and_are_named(name, activation, op):
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        T = activation(X @ W)
        with pytest.warns(errors.ReluWarning) as told:
            got = de.explain(name, T, X, XS, ys=YS)
        assert len([w for w in told if w.category is errors.ReluWarning]) == 1
        assert f'({op})' in str(told[0].message)
        assert not de.audit(name, T, X).fits
        gradient = session.run(tf.gradients(T * tf.one_hot(YS, 6, dtype=T.dtype), X)[0], {X: XS})
        np.testing.assert_allclose(got, gradient, rtol=1e-12)


def test_a_model_without_relu_says_so():
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        with pytest.warns(errors.ReluWarning, match='there is none between'):
            got = de.explain('guided_backprop', X @ W, X, XS, ys=YS)
        np.testing.assert_allclose(got, W.T[YS], rtol=1e-12)


@pytest.mark.parametrize('name', ['guided_backprop', 'deconvnet'])
def test_raises_where_asked_to(name):
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        for T in X @ W, tf.nn.elu(tf.nn.relu(X @ W)):
            with pytest.raises(errors.RuleError, match='Relu and Relu6 alone'):
                de.explain(name, T, X, XS, ys=YS, on_unsupported='raise')


@pytest.mark.parametrize('v2', [True, False])
@pytest.mark.parametrize('name', ['guided_backprop', 'deconvnet'])
def test_in_a_loop(name, v2):
    """Three steps of a recurrent ReLU, in loops of TF2 and of TF1."""
    square, before = RNG.normal(size=(4, 4)), v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if v2 else v1.disable_control_flow_v2)()
    try:
        with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
            X = v1.placeholder(tf.float64, (None, 4))
            T = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.nn.relu(h @ square)), [0, X])[1]
            got = de.explain(name, T, X, XS, ys='sum')
    finally:
        (v1.enable_control_flow_v2 if before else v1.disable_control_flow_v2)()
    h, states = XS, []
    for _ in range(3):
        states.append(h @ square)
        h = np.maximum(states[-1], 0)
    r = np.ones_like(h)
    for z in reversed(states):
        r = (np.maximum(r, 0) * ((z > 0) if name == 'guided_backprop' else 1)) @ square.T
    np.testing.assert_allclose(got, r, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize('name', ['guided_backprop', 'deconvnet', 'guided_grad_cam'])
@pytest.mark.parametrize('from_function', [False, True])
def test_a_gradient_that_was_given_is_named_where_rules_take_its_place(name, from_function):
    @tf.custom_gradient
    def tripled(z):
        return tf.nn.relu(z), lambda d: 3 * d

    def model(x):
        return tf.reduce_sum(tripled(tf.tanh(x) + x), [1, 2])

    def check(de, T, X):
        with pytest.warns(errors.PathWarning, match='does not use the gradient of tf.custom_gradient at "'):
            de.explain(name, T, X, xs, ys='sum', on_unsupported='ignore')
        assert not de.audit(name, T, X).fits and 'gives way to the rules' in str(de.audit(name, T, X))
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            de.explain('gradient', T, X, xs, ys='sum')
    xs = RNG.normal(size=(2, 4, 4, 3))
    if from_function:
        spec = tf.TensorSpec((None, 4, 4, 3), tf.float64)
        with DeepExplain.from_function(tf.function(model), [spec]) as de:
            check(de, de.outputs[0], de.inputs[0])
    else:
        with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
            X = v1.placeholder(tf.float64, (None, 4, 4, 3))
            check(de, model(X), X)
