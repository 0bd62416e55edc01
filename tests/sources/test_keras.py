"""Keras models as they are called for inference, the names of what is in them, and that they are left as they
were."""

import contextlib
import random
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain, errors
from deepexplain2.sources import from_keras
from tests.support.networks import v1

RNG = np.random.default_rng(0)


class Doubles(L.Layer):
    """Trains where nobody says otherwise."""

    def call(self, x, training=True):
        return 2 * x if training else x


class Noisy(L.Layer):
    """Draws, and counts its calls, in training only."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seed = keras.random.SeedGenerator(1)
        self.count = self.add_weight(shape=(), initializer='zeros', trainable=False)

    def call(self, x, training=True):
        if not training:
            return x + 1
        self.count.assign_add(1.)
        return x + keras.random.normal(keras.ops.shape(x), seed=self.seed)


class Twice(L.Layer):
    """One layer called two times, and one besides."""

    def __init__(self, **options):
        super().__init__(**options)
        self.inner, self.other = L.Dense(4, 'tanh', name='inner'), L.Dense(4, name='other',
                                                                           activity_regularizer='l2')

    def call(self, x):
        return self.other(self.inner(self.inner(x)))


class Scaled(keras.Model):
    """A functional model with a call of its own."""

    def call(self, x, training=None, mask=None):
        return super().call(x, training=training) * 3 + 1


class Rerouted(keras.Model):
    """A functional model that calls its layers by hand, in another order, and one of them not at all."""

    def call(self, x, training=None, mask=None):
        return self.get_layer('first')(self.get_layer('second')(x)) + 1


class Pair(keras.Model):
    """A subclassed model of two inputs by name, with a model in it."""

    def __init__(self, backbone):
        super().__init__(name='pair')
        self.backbone, self.head = backbone, L.Dense(2, name='head')

    def call(self, inputs):
        a, b = self.backbone(inputs['a']), self.backbone(inputs['b'])
        return {'sum': self.head(a + b), 'parts': [a, b]}


def backbone(name='backbone'):
    return keras.Sequential([keras.Input((4,)), L.Dense(4, 'tanh', name='dense'), Doubles(name='doubles')],
                            name=name)


def image(*layers):
    return keras.Sequential([keras.Input((6, 6, 3)), *layers, L.Flatten(), L.Dense(2)])


def shared():
    """The second call of a layer is run before the first."""
    a, b, encoder = keras.Input((4,), name='a'), keras.Input((4,), name='b'), L.Dense(3, 'tanh', name='enc')
    first, second = encoder(a), encoder(b)
    return keras.Model([a, b], L.Dense(1, name='out')(L.Concatenate()([keras.ops.exp(2 * second), first])))


def nested():
    x = keras.Input((4,))
    inner = backbone()
    middle = keras.Model(x, keras.ops.relu(inner(x)) + 1, name='middle')
    return keras.Sequential([keras.Input((4,)), middle, Twice(name='twice'), L.Dense(2, name='dense')])


def twice_nested():
    a, b, inner = keras.Input((4,)), keras.Input((4,)), backbone()
    return keras.Model([a, b], L.Dense(2)(inner(a) - inner(b)))


def functional(kind):
    x = keras.Input((4,))
    return kind(x, L.Dense(4, name='second')(Doubles(name='doubles')(L.Dense(4, 'tanh', name='first')(x))))


def ops_only():
    x = keras.Input((4, 5))
    return keras.Model(x, keras.ops.softmax(keras.ops.matmul(x, keras.ops.transpose(x, (0, 2, 1))) / 2.,
                                            axis=-1)[:, 0])


def attention():
    x = keras.Input((5, 4))
    h = L.MultiHeadAttention(2, 3, dropout=.5, name='mha')(x, x)
    return keras.Model(x, L.Dense(2)(L.LSTM(3)(L.Masking(0.)(L.GaussianNoise(1.)(h)))))


def states():
    x = keras.Input((5, 4))
    return keras.Model(x, list(L.LSTM(3, return_sequences=True, return_state=True, name='lstm')(x)))


def of_a_function():
    x = keras.Input((4,))
    y = keras.Function(x, Doubles()(L.Dense(3)(x)))(x)
    return keras.Model(x, L.Dropout(.5)(y))


def mixed_precision():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy('mixed_float16')
    try:
        return keras.Sequential([keras.Input((4,)), L.Dense(8, 'relu'), L.Dropout(.5),
                                 L.Dense(2, dtype='float32')])
    finally:
        keras.config.set_dtype_policy(policy)


MODELS = {
    'doubles': lambda: functional(keras.Model),
          'noisy': lambda: keras.Sequential([keras.Input((4,)), Noisy(), Noisy(), L.Dense(2)]),
    'call of its own': lambda: functional(Scaled), 'rerouted': lambda: functional(Rerouted), 'shared': shared,
          'nested': nested,
    'twice nested': twice_nested, 'ops only': ops_only, 'attention': attention, 'states': states,
          'function': of_a_function,
    'mixed precision': mixed_precision, 'cloned': lambda: keras.models.clone_model(nested_of_keras()),
    'augmentation': lambda: image(L.RandomRotation(.2), L.RandomTranslation(.1, .1), L.RandomErasing(),
                                  L.RandomBrightness(.5), L.MixUp()),
    'cropped': lambda: image(L.RandomCrop(6, 6), L.GaussianDropout(.5), L.AlphaDropout(.5),
                             L.SpatialDropout2D(.5), L.RandomContrast(.5)),
    'sub-model': lambda: (lambda m: keras.Model(m.inputs, m.layers[-2].output))(nested_of_keras()),
}


def nested_of_keras():
    inner = keras.Sequential([keras.Input((4,)), L.Dense(4, 'tanh'), L.Dropout(.3)], name='inner')
    x = keras.Input((4,))
    return keras.Model(x, L.Dense(2)(L.BatchNormalization()(inner(x))))


def arrays(model, n=3):
    return [RNG.uniform(.1, 1, size=(n, *t.shape[1:])).astype(t.dtype) for t in model.inputs]


def everything(model):
    """What a model consists of, down to the lists that its layers keep."""
    layers = model._flatten_layers()
    nodes = [n for layer in layers for n in layer._inbound_nodes + layer._outbound_nodes]
    state = [(k, v, list(v) if isinstance(v, list) else None) for layer in layers for k,
             v in vars(layer).items()]
    return [(id(layer), layer.name) for layer in layers], [(id(n), id(n.operation)) for n in nodes], [
        (k, id(v), [id(x) for x in content] if content is not None else None) for k, v, content in state]


@contextlib.contextmanager
def unchanged(model):
    """Attributes, nodes, losses, variables and random states are after it what they were before it."""
    random.seed(3)
    np.random.seed(3)
    before, values, losses = everything(model), [v.numpy()
                                                 for v in model.variables], [float(x) for x in model.losses]
    # of layers made from now on
    global_names = keras.src.backend.common.global_state.get_global_attribute('object_name_uids')
    made = dict(global_names)
    yield
    assert everything(model) == before and [float(x)
                                            for x in model.losses] == losses and dict(global_names) == made
    for value, variable in zip(values, model.variables):
        np.testing.assert_array_equal(value, variable)
    assert random.random() == random.Random(3).random()
    assert np.random.random() == np.random.RandomState(3).random()


# Keras on a tensor in place of a list of one
@pytest.mark.filterwarnings('ignore:The structure of `inputs` doesn:UserWarning')
@pytest.mark.parametrize('kind', MODELS)
def test_as_in_inference(kind):
    """Outputs of predict, of the source's callable, and of every layer on the way, as on a model that ends
    there."""
    keras.utils.set_random_seed(0)
    model = MODELS[kind]()
    xs = arrays(model)
    expected = [np.asarray(y) for y in tf.nest.flatten(model.predict(xs if len(xs) > 1 else xs[0],
                                                                     verbose=0))]
    model(xs if len(xs) > 1 else xs[0])                 # its layers note their losses
    with unchanged(model):
        context = DeepExplain.from_keras(model)
        source = from_keras(model, None)
        again = [y.numpy() for y in source.original(*map(tf.constant, xs))]
    with context as de:
        feed = dict(zip(de.inputs, xs))
        got = de.session.run(list(de.outputs), feed)
        tolerance = 2e-3 if kind == 'mixed precision' else 1e-5
        for a, b, c in zip(got, expected, again):
            np.testing.assert_allclose(a, b, atol=tolerance, rtol=tolerance)
            np.testing.assert_allclose(c, b, atol=tolerance, rtol=tolerance)
        assert len(got) == len(expected) == len(again)
        assert [tuple(s.shape) for s in source.specs] == [t.shape for t in model.inputs]
        graph = getattr(model, '_functional', None) or model
        symbols = [t for nodes in graph._nodes_by_depth.values() for node in nodes for t in node.outputs]
        if kind == 'rerouted':
            with pytest.raises(errors.TensorError, match='is not part of the model of this context, as it is '
                                                         'called for inference'):
                de.tensor(model.get_layer('doubles').output)
            with pytest.raises(errors.TensorError, match="no tensor 'doubles'"):
                de.tensor('doubles')
            second = model.get_layer('second')(xs[0])
            np.testing.assert_allclose(de.session.run(de.tensor('second'), feed), second, atol=1e-5)
            symbols = []
        for t in symbols:
            part = keras.Model(model.inputs, t)
            wanted = part(xs if len(xs) > 1 else xs[0], training=False)
            np.testing.assert_allclose(de.session.run(de.tensor(t), feed), wanted, atol=tolerance,
                                       rtol=tolerance, err_msg=t.name)


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


@pytest.mark.filterwarnings('ignore:Layer .pair. looks:UserWarning', 'ignore:`build..` was called on layer '
                                                                     '.pair.:UserWarning')
def test_input_signature():
    """Fixes sizes that a model leaves open: the steps of TimeDistributed, which Keras takes from the batch
    where it does not know them."""
    x = RNG.normal(size=(3, 7, 4)).astype('f')
    model = keras.Sequential([keras.Input((None, 4), name='x'), L.TimeDistributed(L.Dense(1))])
    spec = tf.TensorSpec((None, 7, 4), tf.float32)
    for signature in [spec], spec, {'x': spec}, (spec,):
        with DeepExplain.from_keras(model, signature) as de:
            assert de.inputs[0].shape.as_list() == [None, 7, 4]
            assert from_keras(model, signature).specs[0].shape.as_list() == [None, 7, 4]
            np.testing.assert_allclose(de.explain('grad*input', de.outputs[0], 'x', x).sum(-1),
                                       model.predict(x, verbose=0)[..., 0], atol=1e-5)
    with DeepExplain.from_keras(model, [tf.TensorSpec(None, tf.float32)], check=False) as de:
        assert de.inputs[0].shape.as_list() == [None, None, 4]
    for message, signature in {'gives input "x" the shape (None, 7, 5), but': [tf.TensorSpec((None, 7, 5))],
                               'the shape (7, 4), but "': tf.TensorSpec((7, 4)),
                               'has 2 entries (0, 1), but': [spec, spec],
                               'has 1 entries (y), but': {'y': spec},
                               'holds 3, which is not a tf.TensorSpec': [3], 'holds None': [None],
                               'input_signature is empty': [],
                               'the model takes strings': tf.TensorSpec((None, 7, 4), tf.string)}.items():
        with pytest.raises(errors.SourceError, match=message.replace('(', r'\(').replace(')', r'\)')):
            DeepExplain.from_keras(model, signature)
    a, b = keras.Input((None,), name='a'), keras.Input((None,), name='b')
    two = keras.Model([b, a], keras.ops.sum(b, -1) - 2 * keras.ops.sum(a, -1))
    five, three = tf.TensorSpec((None, 5)), tf.TensorSpec((None, 3))
    for signature in {'a': five, 'b': three}, [three, five]:
        with DeepExplain.from_keras(two, signature) as de:
            assert de.inputs['a'].shape[1] == 5 and de.inputs['b'].shape[1] == 3
    fixed = keras.Model(*(lambda i: (i, keras.ops.tanh(i)))(keras.Input(batch_shape=(3, None))))
    with DeepExplain.from_keras(fixed, tf.TensorSpec((None, 2))) as de:
        assert de.inputs[0].shape.as_list() == [3, 2]                   # the batch is the model's
    subclassed = Pair(backbone())
    with pytest.raises(errors.SourceError, match=r'could not trace "pair" with training=False for "a" '
                                                 r'\(None, 5\), .* Keras says'):
        DeepExplain.from_keras(subclassed, {'a': five, 'b': five})


def test_a_failed_trace_leaves_the_model():
    class Fails(L.Layer):
        works = True

        def call(self, x):
            if not self.works:
                raise RuntimeError('out of order')
            return x
    x = keras.Input((4,))
    layer, inner = Fails(name='fails'), backbone()
    model = keras.Model(x, layer(inner(x)))
    model(np.ones((2, 4)))
    layer.works = False
    with unchanged(model), pytest.raises(errors.SourceError, match=r'Keras says: .*out of order'):
        DeepExplain.from_keras(model)
    layer.works = True
    x = np.ones((2, 4), 'f')
    np.testing.assert_allclose(from_keras(model, None).original(x)[0], model(x, training=False), atol=1e-6)


def test_states_are_put_back():
    """The callable of a source writes no state, where the model itself does."""
    x = keras.Input(batch_shape=(3, 5, 4))
    model = keras.Model(x, L.LSTM(2, stateful=True)(x))
    xs = RNG.normal(size=(3, 5, 4)).astype('f')
    first = model(xs)
    with DeepExplain.from_keras(model) as de, unchanged(model):
        a, b = (from_keras(model, None).original(xs)[0].numpy() for _ in range(2))
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(de.session.run(de.outputs[0], {de.inputs[0]: xs}), a, atol=1e-6)
    np.testing.assert_allclose(model(xs), a, atol=1e-6)
    assert np.abs(first - a).max() > 1e-3


def test_other_threads_may_call_the_model():
    """Their calls are not noted; two traces at a time leave the layers as they were."""
    model, xs = nested(), np.ones((2, 4), 'f')
    expected, wrong = model(xs, training=False).numpy(), []
    before, stop = everything(model), threading.Event()

    def call():
        while not stop.is_set():
            if np.abs(model(xs, training=False).numpy() - expected).max() > 1e-6:
                wrong.append('another value')

    def trace():
        for _ in range(2):
            with DeepExplain.from_keras(model) as de:
                if de.tensor('twice').name != de.tensor('twice/other').name:
                    wrong.append('another name')
    threads = [threading.Thread(target=f) for f in (call, trace, trace)]
    for t in threads:
        t.start()
    for t in threads[1:]:
        t.join()
    stop.set()
    threads[0].join()
    assert not wrong and everything(model)[:2] == before[:2] and not any('call' in vars(layer)
                                                                         for layer in model._flatten_layers())


def test_functions_by_the_structure_of_what_they_take_and_give(tmp_path):
    one = RNG.normal(size=(2, 3)).astype('f')

    def fn(x):
        return {'b': x * 3., 'a': [x, x * 2., None], 'c': tf.identity(x * 5., name='b'), 'same': x}
    spec = tf.TensorSpec((None, 3), tf.float32)
    with DeepExplain.from_function(fn, [spec]) as de:
        for name, value in {'a/0': 1, 'a/1': 2, 'b': 3, 'c': 5, 'same': 1}.items():
            np.testing.assert_allclose(de.session.run(de.outputs[name], {de.inputs['x']: one}), value * one,
                                       rtol=1e-6)
        assert de.outputs['same'] is de.inputs[0] and len(de.outputs) == 5
        with pytest.raises(errors.TensorError, match=r"the name 'b' is ambiguous: it could be the output "
                                                     r"'b', tensor .*; the op 'b', tensor \"b:0\""):
            de.tensor('b')
        with pytest.raises(errors.TensorError, match=r"the name 'a' is ambiguous: it could be 'a/0', tensor "
                                                     r".*; 'a/1', tensor"):
            de.outputs['a']

    def two(second, first):
        return {'difference': first['q'] - 2 * first['p'] + 0 * second, 'second': second}
    structured = tf.function(two).get_concrete_function(spec, {'q': spec, 'p': spec})
    with DeepExplain.from_function(structured) as de:
        feed = {de.inputs['second']: one, de.inputs['first/p']: 2 * one, de.inputs['first/q']: one}
        np.testing.assert_allclose(de.session.run(de.outputs['difference'], feed), -3 * one, rtol=1e-6)
        for look in de.tensor, de.inputs.__getitem__:
            with pytest.raises(errors.TensorError, match=r"the name 'first' is ambiguous: .*'first/p', "
                                                         r".*'first/q'"):
                look('first')

    class Module(tf.Module):
        @tf.function(input_signature=[spec, spec])
        def serve(self, z, y):
            return {'p': y - 2 * z, 'o': z}
    tf.saved_model.save(module := Module(), str(tmp_path / 'tf2'), signatures=module.serve)
    with tf.Graph().as_default(), v1.Session() as session:
        # the ops the other way round
        z, y = v1.placeholder(tf.float32, (None, 3), 'y'), v1.placeholder(tf.float32, (None, 3), 'z')
        v1.saved_model.simple_save(session, str(tmp_path / 'tf1'), {'z': z, 'y': y},
                                   {'p': y - 2 * z, 'o': tf.identity(z)})
    for way in 'tf2', 'tf1':
        with DeepExplain.from_saved_model(tmp_path / way) as de:
            got = de.session.run([de.outputs['p'], de.outputs['o']], {de.inputs['z']: one,
                                                                      de.inputs['y']: 5 * one})
            np.testing.assert_allclose(got, [3 * one, one], rtol=1e-6, err_msg=way)


def test_ops_with_several_outputs_and_exact_names():
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        x = v1.placeholder(tf.float32, (None, 4), 'x')
        a, b = tf.split(x, 2, 1, name='parts')
        assert de.tensor('parts:1') is b and de.tensor('parts:0') is a and de.tensor('x') is x
        with pytest.raises(errors.TensorError, match=r'ambiguous: it could be .*"parts:0"; .*"parts:1"'):
            de.tensor('parts')
