"""Layers by the names of Keras, of token ids, beside control flow, masks and gradients in Python; inside of
wrappers and of functions as T."""

from dataclasses import dataclass

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain, errors, methods
from deepexplain2.attribution import register
from deepexplain2.attribution.averaging import mean_over, paired, repeated
from deepexplain2.attribution.wrapper import Wrapper
from tests.support.networks import v1

RNG = np.random.default_rng(3)
LAYERS = ['internal_influence', 'layer_conductance', 'layer_deeplift', 'layer_gradient_x_activation',
          'layer_intgrad']
COMPLETE = ['layer_conductance', 'layer_deeplift', 'layer_intgrad']


def tape(head, h):
    """The gradient of the first unit of head(h), in eager mode."""
    h = tf.constant(h)
    with tf.GradientTape() as g:
        g.watch(h)
        t = head(h)[:, 0]
    return g.gradient(t, h).numpy()


def test_layers_of_a_nested_model_by_name():
    """Inside of a model inside of a model: by name and by symbolic tensor, as by hand."""
    x = keras.Input((6, 6, 2))
    c = L.Conv2D(3, 3, activation='tanh', name='conv')(x)
    backbone = keras.Model(x, L.GlobalAveragePooling2D()(c), name='backbone')
    y = keras.Input((6, 6, 2))
    b = backbone(y)
    model = keras.Model(y, L.Dense(2, name='head')(L.Dense(4, 'tanh', name='hidden')(b)))
    xs = RNG.normal(size=(3, 6, 6, 2)).astype(np.float32)
    conv = keras.Model(backbone.inputs, backbone.get_layer('conv').output)(xs).numpy()

    def rest(h):
        return model.get_layer('head')(model.get_layer('hidden')(tf.reduce_mean(h, [1, 2])))
    want = conv * tape(rest, conv)
    with DeepExplain.from_keras(model) as de:
        T, X = de.outputs[0], de.inputs[0]
        for layer in 'backbone/conv', 'conv', de.tensor('conv'):
            got = de.explain('layer_gradient_x_activation', T, X, xs, 0, layer=layer)
            np.testing.assert_allclose(got, want, rtol=2e-4, atol=1e-6 * np.abs(want).max())
        gain = de.value(T, X, xs)[:, 0] - de.value(T, X, 0 * xs)[:, 0]
        for name in COMPLETE:
            for layer, shape in ('conv', (3, 4, 4, 3)), (b, (3, 3)), ('hidden', (3, 4)):
                got = de.explain(name, T, X, xs, 0, layer=layer)
                assert got.shape == shape
                np.testing.assert_allclose(got.reshape(3, -1).sum(1), gain, rtol=1e-3, atol=1e-5)


def test_a_shared_layer_called_twice():
    """Each call is a layer of its own; the bare name is refused, with both."""
    a, b = keras.Input((4,)), keras.Input((4,))
    enc = L.Dense(3, 'tanh', name='enc')
    joined = L.Concatenate(name='joined')([enc(a), enc(b)])
    model = keras.Model([a, b], L.Dense(1)(joined))
    xs = [RNG.normal(size=(5, 4)).astype(np.float32) for _ in range(2)]
    with DeepExplain.from_keras(model) as de:
        for name in LAYERS:
            whole = de.explain(name, de.outputs[0], list(de.inputs), xs, layer='joined')
            for k in 0, 1:
                got = de.explain(name, de.outputs[0], list(de.inputs), xs, layer=f'enc/{k}')
                np.testing.assert_allclose(got, whole[:, 3 * k:3 * k + 3], rtol=1e-4, atol=1e-6)
            with pytest.raises(errors.TensorError, match=r'enc/0.*enc/1'):
                de.explain(name, de.outputs[0], list(de.inputs), xs, layer='enc')


def test_recurrent_layers_and_what_is_inside_of_their_loops():
    x = keras.Input((None, 3))
    model = keras.Model(x, L.Dense(2)(L.LSTM(4, name='second')(L.LSTM(4, return_sequences=True,
                                                                       name='first')(x))))
    xs = RNG.normal(size=(3, 5, 3)).astype(np.float32)
    with DeepExplain.from_keras(model) as de:
        T, X = de.outputs[0], de.inputs[0]
        gain = de.value(T, X, xs)[:, 0] - de.value(T, X, 0 * xs)[:, 0]
        for name in COMPLETE:
            for layer, shape in ('first', (3, 5, 4)), ('second', (3, 4)):
                out = np.zeros(shape, np.float32)               # time is open: seen when it runs
                got = de.explain(name, T, X, xs, 0, layer=layer, out=out)
                np.testing.assert_allclose(got.reshape(3, -1).sum(1), gain, rtol=1e-3, atol=1e-5)
            with pytest.raises(errors.ShapeError, match=r'out has shape \(3, 5, 2\)'):
                de.explain(name, T, X, xs, 0, layer='first', out=np.zeros((3, 5, 2), np.float32))
        body = next(f for f in de.session.graph._functions.values()) if hasattr(
            de.session.graph, '_functions') and isinstance(de.session.graph._functions, dict) else None
        if body is not None and hasattr(body, 'graph'):
            inside = next(op.outputs[0] for op in body.graph.get_operations() if op.type == 'Tanh')
            with pytest.raises(errors.TensorError, match='another graph'):
                de.explain('layer_intgrad', T, X, xs, 0, layer=inside)


@pytest.mark.parametrize('name', LAYERS)
def test_token_ids(name, session):
    """Shaped like the layer, as where the embedding is X."""
    ids = v1.placeholder(tf.int32, (None, 4), 'ids')
    e = tf.nn.embedding_lookup(tf.constant(RNG.normal(size=(9, 3))), ids)
    h = tf.tanh(tf.reshape(e, (-1, 12)) @ RNG.normal(size=(12, 5)), name='h')
    t = tf.exp(.2 * h) @ RNG.normal(size=(5, 2))
    xs = RNG.integers(0, 9, (3, 4))
    with DeepExplain() as de:
        embedded = session.run(e, {ids: xs})
        want = de.explain(name, t, e, embedded, 1, layer=h)
        got = de.explain(name, t, ids, xs, 1, layer=h)
        assert got.shape == (3, 5)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-14)
        out = np.zeros((3, 5))
        assert de.explain(name, t, ids, xs, 1, layer=h, out=out) is out
        found = de.explanation(name, t, ids, xs, 1, layer=h)
        assert found.layer == 'h:0' and found.input_names == ['h:0'] and found.parameters['layer'] == 'h:0'
        np.testing.assert_array_equal(found.xs, xs)
        if name in COMPLETE:
            _, delta = de.explain(name, t, ids, xs, 1, layer=h, return_delta=True)
            assert np.abs(delta).max() < 1e-3
        with pytest.raises(errors.ParameterError, match='sum_embedding: the attributions are those of the '
                                                        'layer "h:0"'):
            de.explain(name, t, ids, xs, 1, layer=h, sum_embedding=True)


def test_beside_a_gradient_in_python(session):
    """Built in its place where the layer is upstream; a plain copy where it is downstream."""
    @tf.custom_gradient
    def doubled(x):
        return tf.tanh(x), lambda g: 2 * g
    x = v1.placeholder(tf.float64, (None, 4), 'x')
    W, V = RNG.normal(size=(4, 6)), RNG.normal(size=(6, 3))
    h = tf.sin(x @ W, name='h')
    d = doubled(h)
    t = tf.exp(.3 * d) @ V
    xs = RNG.normal(size=(5, 4))
    values = np.exp(.3 * np.tanh(np.sin(xs @ W)))
    by_d = .3 * values * V[:, 0]
    with DeepExplain() as de:
        got = de.explain('layer_gradient_x_activation', t, x, xs, 0, layer=h)
        np.testing.assert_allclose(got, np.sin(xs @ W) * 2 * by_d, rtol=1e-9)
        got = de.explain('layer_gradient_x_activation', t, x, xs, 0, layer=d)
        np.testing.assert_allclose(got, np.tanh(np.sin(xs @ W)) * by_d, rtol=1e-9)
        for name in 'layer_conductance', 'internal_influence':
            assert de.explain(name, t, x, xs, 0, layer=h).shape == (5, 6)
        with pytest.raises(errors.PathError, match='T cannot be taken at other values of the layer "h:0"'):
            de.explain('layer_intgrad', t, x, xs, 0, layer=h)
        whole = de.explain('layer_intgrad', t, x, xs, 0, steps=30, layer='x')
        np.testing.assert_allclose(whole, de.explain('intgrad', t, x, xs, 0, steps=30), rtol=1e-9)


def test_control_flow_of_tf1(session):
    """Layers before and behind a loop and a conditional; inside of the conditional is refused."""
    x, flag = v1.placeholder(tf.float64, (None, 4), 'x'), v1.placeholder(tf.bool, (), 'flag')
    v1.disable_control_flow_v2()
    try:
        h = tf.tanh(x, name='h')
        g = v1.while_loop(lambda i, a: i < 2, lambda i, a: (i + 1, tf.sin(a) + a), [0, h])[1]
        c = v1.cond(flag, lambda: tf.exp(g, 'inner'), lambda: g)
    finally:
        v1.enable_control_flow_v2()
    t = tf.reduce_sum(c * c, 1)
    xs = RNG.normal(size=(3, 4))
    inner = next(op for op in session.graph.get_operations() if op.name.endswith('/inner')).outputs[0]
    with DeepExplain() as de:
        feed = {flag: True}
        gain = de.value(t, x, xs, feed_dict=feed) - de.value(t, x, 0 * xs, feed_dict=feed)
        for name in COMPLETE:
            for layer in h, g, c:
                if name == 'layer_deeplift' and layer is not h:
                    with pytest.raises(errors.PathError, match='the output of control flow of TF1'):
                        de.explain(name, t, x, xs, layer=layer, feed_dict=feed)
                    continue
                got = de.explain(name, t, x, xs, layer=layer, feed_dict=feed)
                np.testing.assert_allclose(got.sum(1), gain, rtol=1e-3)
            with pytest.raises(errors.PathError, match='inside of a conditional'):
                de.explain(name, t, x, xs, layer=inner, feed_dict=feed)


def test_masks_stay_those_of_x(session):
    """A mask of x != 0 that gates the layer, and one behind it."""
    x = v1.placeholder(tf.float64, (None, 4, 2), 'x')
    there = tf.cast(tf.reduce_any(tf.not_equal(x, 0), 2), tf.float64)[..., None]
    h = tf.tanh(x + 1, name='h')
    t = tf.reduce_sum(h * h * there, [1, 2])
    xs = RNG.normal(size=(3, 4, 2))
    xs[:, 2:] = 0
    with DeepExplain() as de:
        gain = (np.tanh(xs[:, :2] + 1) ** 2 - np.tanh(1) ** 2).sum((1, 2))
        for name in COMPLETE:
            got = de.explain(name, t, x, xs, layer=h, return_delta=True)
            np.testing.assert_allclose(got[0].sum((1, 2)), gain, rtol=1e-3)
            np.testing.assert_allclose(got[0][:, 2:], 0, atol=1e-12)
            assert np.abs(got[1]).max() < 1e-3
            de.explain(name, t, x, xs, layer=h, masks='follow')


def test_inside_of_a_wrapper(session):
    @register('noisy_for_layers')
    @dataclass(frozen=True)
    class Noisy(Wrapper):
        """Mean attributions over noise. Parameters: of."""

        times = property(lambda self: 3)

        def attribute(self, sweep, xs, baselines):
            def some(pairs, k):
                noise = [np.stack([np.random.default_rng(i).normal(size=x.shape[1:])
                                   for i in range(k.start, k.stop)]) for x in xs]
                noisy = [repeated(x, k) + paired(e[None], slice(None), len(x)) for x, e in zip(xs, noise)]
                return self.of.attribute(pairs, noisy, [repeated(b, k) for b in baselines])
            return mean_over(sweep, 3, some)
    try:
        x = v1.placeholder(tf.float64, (None, 4), 'x')
        h = tf.tanh(x @ RNG.normal(size=(4, 6)), name='h')
        t = tf.exp(.3 * h) @ RNG.normal(size=(6, 3)) + tf.sin(x @ RNG.normal(size=(4, 3)))
        xs = RNG.normal(size=(5, 4))
        with DeepExplain() as de:
            for name in LAYERS:
                more = {'steps': 5} if 'steps' in methods[name]().parameters else {}
                noisy = [xs + np.random.default_rng(i).normal(size=4) for i in range(3)]
                one = [de.explain(name, t, x, n, 0, layer=h, **more) for n in noisy]
                for size in None, 2:
                    got = de.explain(Noisy(methods[name](layer='h', **more)), t, x, xs, 0, size)
                    np.testing.assert_allclose(got, np.mean(one, 0), rtol=1e-9, atol=1e-14)
    finally:
        methods._classes.pop('noisy_for_layers')


def test_functions_as_targets():
    """T of outputs, and of outputs and ys, of an array, a list and a dataset of inputs."""
    a, b = keras.Input((4,), name='a'), keras.Input((4,), name='b')
    model = keras.Model([a, b], L.Dense(3)(L.Dense(5, 'tanh', name='hidden')(L.Add()([a, b]))))
    xs = [RNG.normal(size=(5, 4)).astype(np.float32) for _ in range(2)]
    ys = RNG.normal(size=(5, 3)).astype(np.float32)
    with DeepExplain.from_keras(model) as de:
        X = list(de.inputs)
        for name in LAYERS:
            want = de.explain(name, de.outputs[0], X, xs, ys, layer='hidden')
            got = de.explain(name, lambda out, ys: tf.reduce_sum(out * ys, 1), X, xs, ys, layer='hidden')
            assert got.shape == (5, 5)
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)
            first = de.explain(name, lambda out: out[:, 0], X, xs, layer='hidden')
            np.testing.assert_allclose(first, de.explain(name, de.outputs[0], X, xs, 0, layer='hidden'),
                                       rtol=1e-4, atol=1e-6)
            data = tf.data.Dataset.from_tensor_slices((tuple(xs), ys)).batch(2)
            got = de.explain(name, lambda out, ys: tf.reduce_sum(out * ys, 1), X, data, layer='hidden')
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)
