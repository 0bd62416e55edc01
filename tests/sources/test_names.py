"""Names of inputs, outputs, layers and ops."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain, errors
from deepexplain2.sources import from_keras
from tests.support.keras_layers import Pair, arrays, backbone, nested, shared, states, twice_nested
from tests.support.keras_models import MODELS, inputs
from tests.support.networks import v1

RNG = np.random.default_rng(0)


def test_names():
    model = MODELS['mlp']()
    with DeepExplain.from_keras(model) as de:
        assert de.tensor('logits') is de.tensor(model.get_layer('logits').output) is de.outputs[0]
        assert de.tensor(de.outputs[0].name) is de.tensor(de.outputs[0].op.name) is de.outputs[0]
        with pytest.raises(errors.TensorError, match=r"no tensor 'logit' in the graph. Close: .*logits"):
            de.tensor('logit')
        with pytest.raises(errors.TensorError, match=r'is not part of the model'):
            de.explain('saliency', MODELS['mlp']().outputs[0], de.inputs[0], *inputs(model))
        with pytest.raises(errors.TensorError, match=r"no tensor 'y' here. There are"):
            de.inputs['y']
        table = str(de.describe())
        assert 'logits' in table and '(?, 7)' in table and 'input' in table and 'output' in table
    with tf.Graph().as_default() as graph, v1.Session() as session, DeepExplain(session) as de:
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        T = tf.tanh(x, 'scope/out')
        np.testing.assert_array_equal(de.explain('saliency', 'scope/out', 'x:0', np.ones((2, 3))),
                                      de.explain('saliency', T, x, np.ones((2, 3))))
        assert de.inputs[0] is x and de.outputs['scope/out'] is T and de.graph is graph


def test_dict_inputs_by_name():
    a, b = keras.Input((4,), name='left'), keras.Input((4,), name='right')
    model = keras.Model({'left': a, 'right': b}, {'difference': L.Dense(2, name='head')(a - 2 * b),
                                                  'sum': L.Dense(1)(a + b)})
    xs = {k: RNG.normal(size=(3, 4)).astype('f') for k in ('left', 'right')}
    with DeepExplain.from_keras(model) as de:
        X = [de.inputs['left'], de.inputs['right']]
        p, q = de.explain('grad*input', 'head', X, [xs['left'], xs['right']])
        np.testing.assert_allclose(p / xs['left'], -.5 * q / xs['right'], rtol=1e-4)


def test_names_of_shared_layers():
    model = shared()
    encoder, (a, b) = model.get_layer('enc'), (x.astype('f') for x in arrays(model))
    with DeepExplain.from_keras(model) as de:
        with pytest.raises(errors.TensorError, match=r"the name 'enc' is ambiguous: it could be the layer "
                                                     r"'enc/0', tensor .*; the layer 'enc/1'"):
            de.tensor('enc')
        # Keras: output of the first call
        for name, x in ('enc/0', a), ('enc/1', b), (encoder.output, a):
            np.testing.assert_allclose(de.session.run(de.tensor(name), dict(zip(de.inputs, (a, b)))),
                                       encoder(x), atol=1e-6)
        with pytest.raises(errors.TensorError, match=r"no tensor 'enc/2' in the graph. Close: .*enc/1"):
            de.tensor('enc/2')
        assert de.tensor('a') is de.inputs['a'] is de.inputs[0] and de.tensor('out') is de.outputs['out']
        table = str(de.describe())
        assert 'enc/0' in table and 'enc/1' in table


def test_names_in_nested_models():
    model = nested()
    middle, twice = model.layers[:2]
    inner, x = middle.get_layer('backbone'), RNG.normal(size=(3, 4)).astype('f')
    hidden = inner.get_layer('dense')(x)
    ends = {'middle/backbone/dense': hidden, 'backbone/dense': hidden,
            inner.get_layer('dense').output: hidden, inner.inputs[0]: x,
            inner.outputs[0]: hidden, 'doubles': hidden, 'middle': middle(x, training=False),
            'twice': twice(middle(x, training=False)),
            'twice/inner/0': twice.inner(middle(x, training=False)),
            'inner/1': twice.inner(twice.inner(middle(x, training=False))),
            'dense': model(x, training=False), middle.outputs[0]: middle(x, training=False)}
    with DeepExplain.from_keras(model) as de:
        for name, expected in ends.items():         # 'dense' in full is the outer one
            np.testing.assert_allclose(de.session.run(de.tensor(name), {de.inputs[0]: x}), expected,
                                       atol=1e-5, err_msg=str(name))
        with pytest.raises(errors.TensorError, match=r"'inner' is ambiguous: it could be the layer "
                                                     r"'twice/inner/0', .* the layer 'twice/inner/1'"):
            de.tensor('inner')
    model = twice_nested()
    inner = model.get_layer('backbone')
    with DeepExplain.from_keras(model) as de:
        for name in 'dense/0', 'backbone/dense', inner.get_layer('dense').output, inner.inputs[0]:
            with pytest.raises(errors.TensorError, match=r"ambiguous: .*('backbone/0|input_layer)|no tensor "
                                                         r"'dense/0' .*backbone/0/dense"):
                de.tensor(name)
        xs = arrays(model)
        for k in 0, 1:
            got = de.session.run(de.tensor(f'backbone/{k}/dense'), dict(zip(de.inputs, xs)))
            np.testing.assert_allclose(got, inner.get_layer('dense')(xs[k]), atol=1e-6)


def test_names_of_several_outputs():
    model, x = states(), RNG.normal(size=(3, 5, 4)).astype('f')
    expected = model(x)
    with DeepExplain.from_keras(model) as de:
        for name in 'lstm', 'lstm/0':
            with pytest.raises(errors.TensorError, match=r"ambiguous: .*'lstm'|ambiguous: .*'lstm:0'"):
                de.tensor(name)
        with pytest.raises(errors.TensorError, match="the name 'lstm' is ambiguous"):
            de.outputs['lstm']
        for k, t in enumerate(de.session.run([de.tensor(f'lstm:{k}') for k in range(3)], {de.inputs[0]: x})):
            np.testing.assert_allclose(t, expected[k], atol=1e-6)
        with pytest.raises(errors.TensorError, match=r'is computed inside a loop|no tensor'):
            de.tensor('lstm/lstm_cell:0')


def test_keys_are_the_names_of_inputs_and_outputs():
    """Not the names of layers, which are the other way round here."""
    a, b = keras.Input((3,), name='a'), keras.Input((3,), name='b')
    p, q = L.Dense(2, name='p')(a), L.Dense(2, name='q')(b)
    with pytest.warns(UserWarning, match='all keys in the dict must match'):
        model = keras.Model({'b': a, 'a': b}, {'p': q, 'q': p, 'more': [a, p, p]})
    xs = {'a': np.ones((2, 3), 'f'), 'b': RNG.normal(size=(2, 3)).astype('f')}
    expected = model(xs)
    with DeepExplain.from_keras(model) as de:
        feed = {de.inputs[k]: v for k, v in xs.items()}
        for name, value in {'p': expected['p'], 'q': expected['q'], 'more/0': xs['b'],
                            'more/1': expected['q'], 'more/2': expected['q']}.items():
            np.testing.assert_allclose(de.session.run(de.outputs[name], feed), value, atol=1e-6)
        assert de.outputs['more/0'] is de.inputs['b']
        assert de.outputs['more/1'] is de.outputs['more/2'] is de.outputs['q']
        assert [t.name for t in de.inputs] == [de.inputs[k].name for k in ('a', 'b')] and len(de.outputs) == 5
        for t, y in zip(de.session.run(list(de.outputs), feed), tf.nest.flatten(expected)):
            np.testing.assert_allclose(t, y, atol=1e-6)
        for name in 'a', 'p':
            with pytest.raises(errors.TensorError, match=rf"the name '{name}' is ambiguous: it could be the "
                                                         rf"(in|out)put '{name}', .*; the layer"):
                de.tensor(name)
        assert de.tensor(de.outputs['p'].name) is de.outputs['p']


def test_subclassed_models_have_names_too():
    model = Pair(backbone())
    spec = tf.TensorSpec((None, 4), tf.float32)
    xs = {k: RNG.normal(size=(3, 4)).astype('f') for k in 'ba'}
    with DeepExplain.from_keras(model, {'b': spec, 'a': spec}) as de:
        expected = model(xs, training=False)
        feed = {de.inputs[k]: v for k, v in xs.items()}
        for name, value in {'sum': expected['sum'], 'parts/0': expected['parts'][0],
                            'parts/1': expected['parts'][1]}.items():
            np.testing.assert_allclose(de.session.run(de.outputs[name], feed), value, atol=1e-6)
        dense = model.backbone.get_layer('dense')
        np.testing.assert_allclose(de.session.run(de.tensor('backbone/1/dense'), feed), dense(xs['b']),
                                   atol=1e-6)
        assert de.tensor('head') is de.outputs['sum']
        for a, b in zip(from_keras(model, {'b': spec, 'a': spec}).original(*(xs[k] for k in 'ab')),
                        tf.nest.flatten(expected)):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_ops_with_several_outputs_and_exact_names():
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        x = v1.placeholder(tf.float32, (None, 4), 'x')
        a, b = tf.split(x, 2, 1, name='parts')
        assert de.tensor('parts:1') is b and de.tensor('parts:0') is a and de.tensor('x') is x
        with pytest.raises(errors.TensorError, match=r'ambiguous: it could be .*"parts:0"; .*"parts:1"'):
            de.tensor('parts')
