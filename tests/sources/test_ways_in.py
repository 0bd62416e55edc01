"""Models of every kind through their way in: the graph computes what the model computes, and is explained as
by hand."""

import contextlib
import gc
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain, errors, methods
from tests.support import twins
from tests.support.networks import v1

RULES = ['elrp', 'deeplift']
RNG = np.random.default_rng(0)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def same_numbers():
    """Whatever ran before: where values tie in a maximum, rounding decides."""
    RNG.bit_generator.state = START


def recurrent(layer, **options):
    x = keras.Input((5, 4))
    h = L.Bidirectional(L.GRU(3, **options),
                        name='recurrent')(x) if layer is L.Bidirectional else layer(6, name='recurrent',
                                                                                    **options)(x)
    return keras.Model(x, L.Dense(3, name='logits')(h))


def attention():
    x = keras.Input((5, 8))
    h = L.LayerNormalization()(x + L.MultiHeadAttention(2, 4)(x, x))
    return keras.Model(x, L.Dense(3, name='logits')(L.GlobalAveragePooling1D()(L.Dense(8, 'gelu')(h))))


def residual():
    x = keras.Input((6, 6, 3))
    h = L.ReLU()(L.BatchNormalization()(L.Conv2D(4, 3, padding='same')(x)))
    h = L.Add()([h, L.BatchNormalization()(L.Conv2D(4, 3, padding='same', activation='elu')(h))])
    return keras.Model(x, L.Dense(3, name='logits')(L.GlobalAveragePooling2D()(h)))


def depthwise():
    return keras.Sequential([keras.Input((6, 6, 3)), L.DepthwiseConv2D(3, activation='relu6'),
                             L.SeparableConv2D(4, 2, activation='selu'),
                             L.Conv2DTranspose(3, 2, activation='tanh'), L.Conv2D(2, 2, dilation_rate=2),
                             L.Flatten(), L.Dense(3, name='logits')])


def two_inputs():
    a, b = keras.Input((4,), name='a'), keras.Input((6,), name='b')
    h = L.Concatenate()([L.Dense(5, 'relu')(a), L.Dense(5, 'softsign')(b)])
    return keras.Model([a, b], L.Dense(3, name='logits')(h))


MODELS = {
    'mlp': lambda: keras.Sequential([keras.Input((7,)), L.Rescaling(2., -1.), L.Dense(9, 'relu'),
                                     L.Dropout(.5), L.Dense(3, name='logits')]),
    'residual': residual, 'depthwise': depthwise, 'attention': attention, 'two_inputs': two_inputs,
    'lstm': lambda: recurrent(L.LSTM), 'gru': lambda: recurrent(L.GRU),
          'bidirectional': lambda: recurrent(L.Bidirectional),
    'nested': lambda: keras.Sequential([keras.Input((6, 6, 3)), residual(),
                                        L.Dense(3, 'tanh', name='logits')]),
}


LOOPS = {'lstm', 'gru', 'bidirectional', 'embedding_lstm'}
TOKENS = {
    'embedding_conv': lambda: on_tokens(L.Conv1D(4, 2, activation='relu'), L.GlobalMaxPooling1D()),
    'embedding_lstm': lambda: on_tokens(L.LSTM(4)),
}


def on_tokens(*layers):
    return keras.Sequential([keras.Input((6,), dtype='int32'), L.Embedding(20, 5), *layers,
                             L.Dense(3, name='logits')])


def made(kind):
    """The model, with batch statistics and biases that matter."""
    keras.utils.set_random_seed(1)
    model = (MODELS | TOKENS)[kind]()
    for w in model.weights:
        w.assign(w + .1 * np.abs(RNG.normal(size=w.shape)))
    return model


@pytest.fixture(params=MODELS)
def model(request):
    return made(request.param)


def inputs(model, n=4):
    xs = [RNG.integers(0, 20, (n, *t.shape[1:])) if t.dtype == 'int32'
          else RNG.normal(size=(n, *t.shape[1:])).astype(t.dtype) for t in model.inputs]
    return xs if len(xs) > 1 else xs[0]


def explained(de, X, xs, only=()):
    """All methods that take these inputs, with a baseline of their own where they have one: method -> a list
    of arrays."""
    many = isinstance(xs, list)
    baseline = [x[-1] for x in xs] if many else int(xs[0, 0]) if xs.dtype.kind == 'i' else xs[-1]
    options = {'saliency': {}, 'grad*input': {}, 'elrp': {}, 'deeplift': {}, 'intgrad': {'steps': 3},
               'occlusion': {}, 'shapley_sampling': {'samples': 1}}
    assert sorted(options) == sorted(methods())
    found = {}
    for method in only or options:
        more = options[method] | {} if method in ('saliency', 'grad*input',
                                                  'elrp') else {'baseline': baseline}
        a = de.explain(method, de.outputs[0], X, xs, ys=np.arange(len(xs[0] if many else xs)) % 3, **more)
        found[method] = a if many else [a]
    return found


def assert_same(found, expected, tolerance, way):
    for method in found:
        for a, b in zip(found[method], expected[method]):
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max(),
                                       err_msg=f'{way} {method}')


def tape(model, xs, units):
    """Gradient of the sum of these units by xs, by TensorFlow's eager tape."""
    xs = [tf.constant(x) for x in (xs if isinstance(xs, list) else [xs])]
    with tf.GradientTape() as t:
        t.watch(xs)
        y = tf.reduce_sum(model(xs if len(xs) > 1 else xs[0], training=False) * tf.one_hot(units, 3))
    return [g.numpy() for g in t.gradient(y, xs)]


@pytest.mark.filterwarnings('ignore::deepexplain2.errors.NonlinearOpWarning')
def test_keras(model):
    """Same outputs as the model; gradient methods as by the eager tape; X and T by symbolic tensors and by
    name; the model is as before, and trains on."""
    xs, ys = inputs(model), np.array([0, 2, 1, 1])
    many = isinstance(xs, list)
    before = model.predict(xs, verbose=0)
    with DeepExplain.from_keras(model) as de:
        X = list(de.inputs) if many else de.inputs[0]
        feed = dict(zip(X, xs)) if many else {X: xs}
        np.testing.assert_allclose(de.session.run(de.outputs[0], feed), before, rtol=1e-4, atol=1e-5)
        gradient = tape(model, xs, ys)
        got = de.explain('grad*input', de.outputs[0], X, xs, ys=ys)
        for a, g, x in zip(got if many else [got], gradient, xs if many else [xs]):
            np.testing.assert_allclose(a, g * x, atol=1e-4 * np.abs(g).max())
        symbolic = model.inputs if many else model.inputs[0]
        for name in 'deeplift', 'shapley_sampling':
            options = {'samples': 1} if name == 'shapley_sampling' else {}
            a = de.explain(name, model.get_layer('logits').output, symbolic, xs, ys=ys, **options)
            b = de.explain(name, 'logits', X, xs, ys=ys, batch_size=3, **options)
            for p, q in zip(a if many else [a], b if many else [b]):
                np.testing.assert_allclose(p, q, atol=1e-4 * np.abs(p).max())
        if not many:
            a = de.explain('shapley_sampling', 'logits', X, xs, ys=ys, samples=1)
            f = de.session.run(de.tensor('logits'), {X: np.concatenate([xs, xs[:1] * 0])})
            np.testing.assert_allclose(a.reshape(4, -1).sum(1), f[np.arange(4), ys] - f[4, ys], atol=1e-4)
    np.testing.assert_array_equal(model.predict(xs, verbose=0), before)
    model.compile('sgd', 'mse')
    model.fit(xs, before + 1, verbose=0)
    assert np.abs(model.predict(xs, verbose=0) - before).max() > 1e-5


@pytest.mark.filterwarnings('ignore::deepexplain2.errors.NonlinearOpWarning')
@pytest.mark.parametrize('layer', [L.GRU, L.SimpleRNN])
@pytest.mark.parametrize('method', RULES)
def test_loops_are_as_unrolled_layers(layer, method):
    """The rules inside a loop give what they give on the same layer without one."""
    model, unrolled = recurrent(layer), recurrent(layer, unroll=True)
    unrolled.set_weights(model.get_weights())
    xs, options = inputs(model), {'baseline': RNG.normal(size=(5, 4))} if method == 'deeplift' else {}
    with DeepExplain.from_keras(model) as de, DeepExplain.from_keras(unrolled) as de2:
        assert any(op.type == 'While' for op in de.graph.get_operations())
        assert not any(op.type == 'While' for op in de2.graph.get_operations())
        a, b = (d.explain(method, d.outputs[0], d.inputs[0], xs, ys=np.array([0, 1, 2, 0]), **options)
                for d in (de, de2))
        if method == 'deeplift':                # complete, gates included
            f = de.session.run(de.outputs[0], {de.inputs[0]: np.r_[xs, options['baseline'][None]]})
            np.testing.assert_allclose(a.sum((1, 2)), f[np.arange(4), [0, 1, 2, 0]] - f[4, [0, 1, 2, 0]],
                                       atol=1e-5)
    np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max())


@pytest.mark.filterwarnings('ignore::deepexplain2.errors.NonlinearOpWarning')
@pytest.mark.parametrize('method', ['intgrad', *RULES])
@pytest.mark.parametrize('tail', [lambda: [L.Conv1D(4, 2, activation='relu'), L.GlobalMaxPooling1D()],
                                  lambda: [L.LSTM(4)]], ids=['conv', 'lstm'])
def test_embeddings(tail, method):
    """Ids in, attributions of tokens out; the same as at the output of the embedding layer."""
    model = keras.Sequential([keras.Input((6,), dtype='int32'), L.Embedding(20, 5, mask_zero=True,
                                                                            name='embedding'), *tail(),
                              L.Dense(2)])
    ids = RNG.integers(1, 20, (4, 6))
    ids[:, 4:] = 0
    with DeepExplain.from_keras(model) as de:
        a = de.explain(method, de.outputs[0], de.inputs[0], ids, ys=np.array([0, 1, 0, 1]),
                       sum_embedding=True)
        assert a.shape == (4, 6) and np.abs(a).max() > 0
        embedded = model.get_layer('embedding').output
        values = de.session.run(de.tensor(embedded), {de.inputs[0]: ids})
        b = de.explain(method, de.outputs[0], embedded, values, ys=np.array([0, 1, 0, 1]),
                       feed_dict={de.inputs[0]: ids})
        np.testing.assert_allclose(a, b.sum(-1), atol=1e-5 * np.abs(b).max())


@pytest.mark.parametrize('policy', ['mixed_float16', 'float64'])
def test_policies(policy):
    with keras.DTypePolicy(policy) if hasattr(keras.DTypePolicy, '__enter__') else _Policy(policy):
        model = keras.Sequential([keras.Input((6,)), L.Dense(8, 'relu'), L.Dense(3)])
    xs = inputs(model)
    with DeepExplain.from_keras(model) as de:
        for name in methods():
            a = de.explain(name, de.outputs[0], de.inputs[0], xs)
            assert a.dtype == de.inputs[0].dtype.as_numpy_dtype and np.isfinite(a).all()
        f = de.session.run(de.outputs[0], {de.inputs[0]: np.concatenate([xs, xs[:1] * 0])}).sum(1)
        tolerance = 2e-2 if policy == 'mixed_float16' else 1e-6       # the input is float32 all the same
        np.testing.assert_allclose(de.explain('deeplift', de.outputs[0], de.inputs[0], xs).sum(1),
                                   f[:4] - f[4], rtol=tolerance, atol=tolerance)


class _Policy:
    def __init__(self, name):
        self._name = name

    def __enter__(self):
        self._old = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self._name)

    def __exit__(self, *_):
        keras.config.set_dtype_policy(self._old)


class Doubled(keras.Model):
    """A subclassed model, with a custom gradient inside (silu)."""

    def __init__(self):
        super().__init__()
        self.first, self.second = L.Dense(6, 'silu'), L.Dense(2)

    def call(self, x, training=False):
        return self.second(self.first(2. * x))


def test_string_layers():
    """T and X behind them: the inputs are what the lookup gives."""
    words, number = keras.Input((3,), dtype='string', name='words'), keras.Input((2,), name='number')
    ids = L.StringLookup(vocabulary=['good', 'bad', 'film'], name='lookup')(words)
    h = L.Flatten()(L.Embedding(5, 4)(ids))
    model = keras.Model([words, number],
                        L.Dense(2)(L.Concatenate()([h, L.Normalization(mean=1., variance=4.)(number)])))
    text, numbers = tf.constant([['good', 'film', 'x'],
                                 ['bad', 'film', 'film']]), RNG.normal(size=(2, 2)).astype('f')
    tokens = model.get_layer('lookup')(text).numpy()
    with DeepExplain.from_keras(model) as de:
        number_in, ids_in = de.inputs
        feed = {ids_in: tokens, number_in: numbers}
        np.testing.assert_allclose(de.session.run(de.outputs[0], feed),
                                   model([text, tf.constant(numbers)]).numpy(), rtol=1e-5)
        a = de.explain('intgrad', de.outputs[0], ids, tokens, sum_embedding=True,
                       feed_dict={number_in: numbers})
        assert a.shape == (2, 3)
        b = de.explain('deeplift', de.outputs[0], number, numbers, feed_dict={ids_in: tokens})
        w = model.layers[-1].kernel.numpy().sum(1)[-2:]
        # Normalization is part of what is explained
        np.testing.assert_allclose(b, numbers / 2 * w, rtol=1e-4)


def test_integers_that_are_looked_up():
    given = keras.Input((3,), dtype='int64')
    layer = L.IntegerLookup(vocabulary=[10, 20, 30])
    model = keras.Model(given, L.Dense(2)(L.Flatten()(L.Embedding(6, 2)(layer(given)))))
    tokens = layer(np.array([[10, 30, 7]])).numpy()
    with DeepExplain.from_keras(model) as de:
        assert len(de.inputs) == 1 and de.inputs[0].dtype == tf.int64
        np.testing.assert_allclose(de.session.run(de.outputs[0], {de.inputs[0]: tokens}),
                                   model(np.array([[10, 30, 7]])), rtol=1e-5)


def test_text_vectorization():
    text = keras.Input((1,), dtype='string')
    layer = L.TextVectorization(output_sequence_length=4, vocabulary=['good', 'bad', 'film'], name='words')
    ids = layer(text)
    model = keras.Model(text, L.Dense(2, name='logits')(L.GlobalAveragePooling1D()(L.Embedding(5, 4)(ids))))
    xs = tf.constant([['A good film'], ['bad, bad!']])
    tokens = layer(xs).numpy()
    with DeepExplain.from_keras(model) as de:
        np.testing.assert_allclose(de.session.run(de.outputs[0], {de.inputs[0]: tokens}), model(xs),
                                   rtol=1e-5)
        for T, X in ('logits', ids), (model.output, 'words'):
            a = de.explain('deeplift', T, X, tokens, ys=np.array([0, 1]), baseline=0, sum_embedding=True)
            f, f0 = (de.session.run(de.outputs[0], {de.inputs[0]: t}) for t in (tokens, 0 * tokens))
            np.testing.assert_allclose(a.sum(1), (f - f0)[range(2), [0, 1]], atol=1e-6)
            assert np.all((a != 0) == (tokens != 0))


def test_fixed_batch_open_sizes_and_products():
    """A batch of 3 written into the model; images of any size; Multiply layers; a stack of recurrent
    layers."""
    x = keras.Input(batch_shape=(3, 5, 4))
    h = L.GRU(4, return_sequences=True)(x)
    fixed = keras.Model(x, L.Dense(2)(L.SimpleRNN(3, unroll=True)(h)))
    image = keras.Input((None, None, 3))
    wide = keras.Model(image, L.Dense(2)(L.GlobalMaxPooling2D()(L.Conv2D(4, 3, activation='relu')(image))))
    a, b = keras.Input((4,)), keras.Input((4,))
    gated = keras.Model([a, b], L.Dense(2)(L.Concatenate()([L.Multiply()([a, L.Dense(4, 'sigmoid')(b)]),
                                                            L.Reshape((1,))(a[:, :1])])))
    for model, xs in [(fixed, RNG.normal(size=(7, 5, 4))), (wide, RNG.normal(size=(2, 9, 7, 3))),
                      (gated, [RNG.normal(size=(3, 4))] * 2)]:
        with DeepExplain.from_keras(model) as de, warnings.catch_warnings():
            warnings.simplefilter('ignore', errors.NonlinearOpWarning)
            X = list(de.inputs) if isinstance(xs, list) else de.inputs[0]
            for method in 'saliency', 'intgrad', 'elrp', 'deeplift':
                found = de.explain(method, de.outputs[0], X, xs)
                for r, v in zip(found if isinstance(xs, list) else [found], xs if isinstance(xs, list)
                                else [xs]):
                    assert r.shape == v.shape and np.isfinite(r).all()
            _, delta = de.explain('deeplift', de.outputs[0], X, xs, return_delta=True)
            np.testing.assert_allclose(delta, 0, atol=1e-4)


@contextlib.contextmanager
def float64():
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx('float64')
    keras.config.set_dtype_policy('float64')
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def by_hand(kind, model, xs):
    """What all methods say on the same network made of raw ops in a TF1 graph."""
    feeds, weights = xs if isinstance(xs, list) else [xs], model.get_weights()
    expected = model.predict(xs, verbose=0)
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session, DeepExplain(session) as de:
        X = [v1.placeholder(t.dtype, (None, *t.shape[1:])) for t in model.inputs]
        T = getattr(twins, kind)(*X, *weights)
        assert de.outputs[0] is T and T.dtype == tf.float64 and not any(op.type == 'While'
                                                                        for op in graph.get_operations())
        np.testing.assert_allclose(session.run(T, dict(zip(X, feeds))), expected, rtol=1e-12, atol=1e-12)
        return explained(de, X if len(X) > 1 else X[0], xs)


@pytest.mark.filterwarnings('ignore::deepexplain2.errors.NonlinearOpWarning')
@pytest.mark.parametrize('kind', [*MODELS, *TOKENS])
def test_all_ways_in_give_the_same(kind, tmp_path):
    """A model live, as SavedModel, frozen graph, function and in a session: every method says what it says on
    the network built by hand."""
    with float64():
        model = made(kind)
        xs = inputs(model, 2)
        many = isinstance(xs, list)
        model.export(str(tmp_path / 'exported'), verbose=False)
        specs = [tf.TensorSpec(t.shape, t.dtype, name=f'argument_{k}') for k, t in enumerate(model.inputs)]
        with DeepExplain.from_keras(model) as de:
            tf.io.write_graph(de.graph, str(tmp_path), 'frozen.pb', as_text=False)
            graph_def, graph = de.graph.as_graph_def(), tf.Graph()
            assert any(node.op == 'While' for node in graph_def.node) == (kind in LOOPS)
            expected = explained(de, list(de.inputs) if many else de.inputs[0], xs)
        with graph.as_default():
            tf.graph_util.import_graph_def(graph_def, name='')
        # float64, sums in another order
        assert_same(by_hand(kind, model, xs) if hasattr(twins, kind) else expected, expected, 1e-10,
                    'by hand')
        ways = {'saved model': lambda: DeepExplain.from_saved_model(tmp_path / 'exported'),
                'frozen': lambda: DeepExplain.from_graph_def(tmp_path / 'frozen.pb'),
                'function': lambda: DeepExplain.from_function(lambda *x: model(list(x) if many else x[0],
                                                                               training=False), specs),
                'session': lambda: DeepExplain(v1.Session(graph=graph))}
        for way, context in ways.items():
            # a loop is a loop: lstm goes all ways
            if kind in LOOPS - {'lstm'} and way != 'saved model':
                continue
            with context() as de:
                # 4 and 6 features
                X = sorted(de.inputs, key=lambda t: t.shape[-1]) if many else de.inputs[0]
                # methods do not see where a graph comes from: all of them live and by hand, each kind of
                # query through one more way
                one = {'saved model': ['deeplift'], 'frozen': ['elrp'], 'function': ['intgrad'],
                       'session': ['saliency', 'occlusion']}[way]
                assert_same(explained(de, X, xs, one), expected, 1e-10, way)
            de.session.close()


def test_subclassed():
    model = Doubled()
    xs = RNG.normal(size=(3, 4)).astype('f')
    expected = model(xs).numpy()
    for signature in None, [tf.TensorSpec((None, 4), tf.float32)]:
        with DeepExplain.from_keras(model, input_signature=signature) as de:
            np.testing.assert_allclose(de.session.run(de.outputs[0], {de.inputs[0]: xs}), expected, rtol=1e-5)
            a = de.explain('intgrad', de.outputs[0], de.inputs[0], xs)
            np.testing.assert_allclose(a.sum(1), (expected - model(0 * xs)).numpy().sum(1), rtol=1e-3,
                                       atol=1e-4)
    with pytest.raises(errors.SourceError, match=r'does not tell its input. Give from_keras'):
        DeepExplain.from_keras(Doubled())


def test_dict_inputs_by_name():
    a, b = keras.Input((4,), name='left'), keras.Input((4,), name='right')
    model = keras.Model({'left': a, 'right': b}, {'difference': L.Dense(2, name='head')(a - 2 * b),
                                                  'sum': L.Dense(1)(a + b)})
    xs = {k: RNG.normal(size=(3, 4)).astype('f') for k in ('left', 'right')}
    with DeepExplain.from_keras(model) as de:
        X = [de.inputs['left'], de.inputs['right']]
        p, q = de.explain('grad*input', 'head', X, [xs['left'], xs['right']])
        np.testing.assert_allclose(p / xs['left'], -.5 * q / xs['right'], rtol=1e-4)


def test_names():
    model = MODELS['mlp']()
    with DeepExplain.from_keras(model) as de:
        assert de.tensor('logits') is de.tensor(model.get_layer('logits').output) is de.outputs[0]
        assert de.tensor(de.outputs[0].name) is de.tensor(de.outputs[0].op.name) is de.outputs[0]
        with pytest.raises(errors.TensorError, match=r"no tensor 'logit' in the graph. Close: .*logits"):
            de.tensor('logit')
        with pytest.raises(errors.TensorError, match=r'is not part of the model'):
            de.explain('saliency', MODELS['mlp']().outputs[0], de.inputs[0], inputs(model))
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


def test_function_and_graph_def(tmp_path):
    w = tf.Variable(RNG.normal(size=(4, 2)), dtype=tf.float32)
    xs = RNG.normal(size=(3, 4)).astype('f')
    spec = [tf.TensorSpec((None, 4), tf.float32, 'x')]

    def f(x):
        return tf.nn.elu(x @ w)
    g = tf.function(f, input_signature=spec)
    found = []
    for fn, signature in (f, spec), (tf.function(f), spec), (g, None), (g.get_concrete_function(), None):
        with DeepExplain.from_function(fn, signature) as de:
            found.append(de.explain('deeplift', de.outputs[0], de.inputs[0], xs))
            graph_def = de.graph.as_graph_def()
    expected = (f(xs) - f(0 * xs)).numpy().sum(1)
    binary, text = tmp_path / 'frozen.pb', tmp_path / 'frozen.pbtxt'
    binary.write_bytes(graph_def.SerializeToString())
    text.write_text(str(graph_def))
    for given in graph_def, binary, str(text):
        with DeepExplain.from_graph_def(given) as de:
            found.append(de.explain('deeplift', de.outputs[0], de.inputs[0], xs))
    for a in found:
        np.testing.assert_allclose(a, found[0], rtol=1e-6)
        np.testing.assert_allclose(a.sum(1), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('layer, unroll', [(L.LSTM, False), (L.LSTM, True), (L.GRU, False)])
def test_stateful_layers(layer, unroll, tmp_path):
    """Every run starts from the state of the time of from_keras; the state of the model is not touched."""
    x = keras.Input(batch_shape=(3, 5, 4))
    model = keras.Model(x, L.Dense(3)(layer(6, stateful=True, unroll=unroll, name='recurrent')(x)))
    xs, ys, states = inputs(model, 3), np.array([0, 2, 1]), model.get_layer('recurrent').states
    model.predict(inputs(model, 3), verbose=0)
    state = [s.numpy() for s in states]
    assert np.abs(state).max() > .1
    with DeepExplain.from_keras(model) as de, warnings.catch_warnings():
        warnings.simplefilter('ignore', errors.NonlinearOpWarning)
        outputs = [de.session.run(de.outputs[0], {de.inputs[0]: v}) for v in (xs, xs, 0 * xs)]
        gradient = de.explain('grad*input', de.outputs[0], de.inputs[0], xs, ys=ys)
        lift = de.explain('deeplift', de.outputs[0], de.inputs[0], np.r_[xs, xs], ys=np.r_[ys, ys])
        de.explain('shapley_sampling', de.outputs[0], de.inputs[0], xs, ys=ys, samples=1, sampling_dims=[1])
        model.export(str(tmp_path), verbose=False)
        with DeepExplain.from_saved_model(tmp_path) as de2:
            np.testing.assert_allclose(de2.explain('grad*input', de2.outputs[0], de2.inputs[0], xs, ys=ys),
                                       gradient, atol=1e-6)
    np.testing.assert_array_equal(state, [s.numpy() for s in states])
    np.testing.assert_allclose(model.predict(xs, verbose=0), outputs[0], atol=1e-6)
    # the model itself goes on to write
    assert np.abs(state[0] - states[0].numpy()).max() > .01
    np.testing.assert_array_equal(outputs[0], outputs[1])
    np.testing.assert_allclose(lift.sum((1, 2)), np.tile((outputs[0] - outputs[2])[range(3), ys], 2),
                               atol=1e-5)
    for s, value in zip(states, state):
        s.assign(value)
    np.testing.assert_allclose(gradient, tape(model, xs, ys)[0] * xs, atol=1e-6)


def test_functions_that_write_variables():
    """Assignments after all reads are left out; those that the output hangs on, and tables, are refused."""
    count, spec = tf.Variable(2.), [tf.TensorSpec((None, 3), tf.float32)]
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1, 2], [3., 4.]), 0.)
    generator = tf.random.Generator.from_seed(1)

    @tf.function
    def read_and_write(x):
        y = x * count
        count.assign_add(1.)
        return y

    @tf.function
    def write_in_branch(x):
        y = x * count
        if tf.reduce_sum(x) > 0:
            count.assign(7.)
        return y

    def write_and_read(x):
        count.assign_add(1.)
        return x * count

    @tf.function
    def loop(x):
        for _ in tf.range(3):
            x *= count
            count.assign_add(1.)
        return x
    for fn in read_and_write, write_in_branch, lambda x: read_and_write(x):
        with DeepExplain.from_function(fn, spec) as de:
            for _ in range(2):
                np.testing.assert_array_equal(de.explain('elrp', de.outputs[0], de.inputs[0],
                                                         np.ones((2, 3))), np.full((2, 3), 2))
    for message, fn in {r'writes a variable \("AssignAddVariableOp"\) and then reads it '
                        r'\("mul/ReadVariableOp"\)': write_and_read,
                        'writes a variable': lambda x: read_and_write(read_and_write(x)),
                        r'depend on "while" \(While\), which writes variables': loop,
                        r'\(RngReadAndSkip\), which writes': lambda x: x + generator.normal((3,)),
                        r'\(LookupTableFindV2\), is a table':
                            lambda x: x * table.lookup(tf.cast(x, tf.int32))}.items():
        with pytest.raises(errors.SourceError, match=message):
            DeepExplain.from_function(fn, spec)
    assert count.numpy() == 2


def test_bad_sources(tmp_path):
    (tmp_path / 'no.pb').write_text('nonsense {')
    with tf.Graph().as_default() as unfrozen:
        v1.get_variable('w', [2])
    for message, call in {
            'takes a Keras model or the path of one, not int': lambda: DeepExplain.from_keras(3),
            'no SavedModel at': lambda: DeepExplain.from_saved_model(str(tmp_path)),
            'is not a GraphDef, neither binary nor text': lambda: DeepExplain.from_graph_def(
                tmp_path / 'no.pb'),
            'the graph is not frozen: it has 1 variables, e.g. "w"': lambda: DeepExplain.from_graph_def(
                unfrozen.as_graph_def()),
            'needs an input_signature': lambda: DeepExplain.from_function(lambda x: x),
            'takes a function of tensors, not str': lambda: DeepExplain.from_function('f'),
            'the model takes strings': lambda: DeepExplain.from_function(
                lambda x: tf.strings.to_number(x), [tf.TensorSpec((None,), tf.string)])}.items():
        with pytest.raises(errors.SourceError, match=message):
            call()


def test_context_closes_what_it_opened_and_nothing_else():
    """Eager code goes on inside; the explainer outlives the `with` block; fifty models leave no graph
    behind."""
    model = MODELS['mlp']()
    xs = inputs(model)
    with DeepExplain.from_keras(model) as de:
        assert tf.executing_eagerly() and model(xs).shape == (4, 3)
        explainer = de.get_explainer('deeplift', de.outputs[0], de.inputs[0])
        inside = explainer.run(xs)
    np.testing.assert_array_equal(explainer.run(xs), inside)
    de.close()
    with pytest.raises(errors.ContextError, match='the session is closed'):
        explainer.run(xs)
    del explainer, de
    gc.collect()
    before = sum(isinstance(o, tf.Graph) for o in gc.get_objects())
    for _ in range(50):
        with DeepExplain.from_keras(model) as de:
            de.explain('elrp', de.outputs[0], de.inputs[0], xs)
    del de
    gc.collect()
    assert sum(isinstance(o, tf.Graph) for o in gc.get_objects()) <= before + 5


WRITER = Path(__file__).parents[1] / 'programs' / 'writers.py'


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """A folder for each way to write a model, filled by another process."""
    folder = tmp_path_factory.mktemp('written')
    run = subprocess.run([sys.executable, str(WRITER), str(folder)], capture_output=True, text=True,
                         timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    return folder


@pytest.mark.parametrize('way', ['keras', 'h5', 'export', 'tf1', 'frozen'])
def test_models_written_by_another_process(way, written):
    tmp_path = written / way
    rng = np.random.default_rng(0)
    w, b, w2, b2 = (rng.normal(size=s).astype('f') for s in ((4, 6), (6,), (6, 2), (2,)))
    xs = RNG.normal(size=(3, 4)).astype('f')
    open_it = {'keras': lambda: DeepExplain.from_keras(tmp_path / 'm.keras'),
               'h5': lambda: DeepExplain.from_keras(str(tmp_path / 'm.h5')),
               'export': lambda: DeepExplain.from_saved_model(tmp_path / 'm'),
               'tf1': lambda: DeepExplain.from_saved_model(str(tmp_path / 'm')),
               'frozen': lambda: DeepExplain.from_graph_def(tmp_path / 'm.pb')}[way]
    with open_it() as de:
        f = np.maximum(xs @ w + b, 0) @ w2 + b2
        np.testing.assert_allclose(de.session.run(de.outputs[0], {de.inputs[0]: xs}), f, rtol=1e-4, atol=1e-5)
        a = de.explain('deeplift', de.outputs[0], de.inputs[0], xs, ys=np.array([0, 1, 1]))
        f0 = np.maximum(b, 0) @ w2 + b2
        np.testing.assert_allclose(a.sum(1), (f - f0)[np.arange(3), [0, 1, 1]], rtol=1e-4, atol=1e-5)
        assert not hasattr(de, 'signature')
    if way == 'tf1':
        with pytest.raises(errors.SourceError, match=r"has no signature 'other'. It has: serving_default"):
            DeepExplain.from_saved_model(tmp_path / 'm', signature='other')


@pytest.mark.filterwarnings('ignore::deepexplain2.errors.NonlinearOpWarning')
@pytest.mark.parametrize('name, size', [('MobileNetV2', 32), ('ResNet50', 32), ('EfficientNetB0', 32),
                                        ('InceptionV3', 75)])
def test_applications(name, size):
    """Random weights, batch statistics made non-trivial: outputs and gradients equal the model's, and rules
    reach X through all layers."""
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3),
                                              classifier_activation=None, classes=10)
    for w in model.weights:
        if 'moving' in w.path or 'gamma' in w.path or 'beta' in w.path:
            w.assign(np.abs(w.numpy() + .1 * RNG.normal(size=w.shape)))
    xs = RNG.normal(size=(2, size, size, 3)).astype('f')
    with DeepExplain.from_keras(model) as de:
        with tf.GradientTape() as t:
            x = tf.constant(xs)
            t.watch(x)
            expected = model(x, training=False)
            y = tf.reduce_sum(expected * tf.one_hot([1, 2], 10))
        got = de.session.run(de.outputs[0], {de.inputs[0]: xs})
        np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())
        gradient = de.explain('grad*input', de.outputs[0], de.inputs[0], xs, ys=np.array([1, 2]))
        # float32 through up to 300 layers of random weights: two orders of summation differ by 1.5e-3 of the
        # largest (InceptionV3)
        np.testing.assert_allclose(gradient, t.gradient(y, x).numpy() * xs,
                                   atol=1e-2 * np.abs(gradient).max())
        # one deep network for each rule; MobileNetV2 for the line integral too
        for method in {'MobileNetV2': [*RULES, 'intgrad'], 'ResNet50': ['elrp'],
                       'EfficientNetB0': RULES, 'InceptionV3': ['deeplift']}[name]:
            a = de.explain(method, de.outputs[0], de.inputs[0], xs, ys=np.array([1, 2]),
                           **({'steps': 5} if method == 'intgrad' else {}))
            assert a.shape == xs.shape and np.isfinite(a).all() and np.abs(a).max() > 0


def test_gradients_that_were_built_before():
    """Functions of TensorFlow's own gradients of a loop are colocated with ops of the graph; they do not come
    along."""
    model = keras.Sequential([keras.Input((4, 3)), keras.layers.LSTM(2), keras.layers.Dense(2)])
    xs = np.random.default_rng(0).normal(size=(2, 4, 3)).astype('f')
    with DeepExplain.from_keras(model) as de, DeepExplain.from_keras(model) as fresh:
        with de.graph.as_default():
            tf.gradients(de.outputs[0][:, 1], de.inputs[0])
        for method in 'saliency', 'elrp', 'deeplift', 'intgrad':
            np.testing.assert_allclose(*(d.explain(method, d.outputs[0], d.inputs[0], xs)
                                         for d in (de, fresh)), rtol=1e-5, atol=1e-7)


def test_all_inputs_as_X():
    """`X=de.inputs` is the list of them, for explain, get_explainer and audit, and for batches of a
    dataset."""
    specs, xs = [tf.TensorSpec((None, 3)), tf.TensorSpec((None, 2))], (np.ones((4, 3), 'f4'),
                                                                       np.ones((4, 2), 'f4'))
    with DeepExplain.from_function(lambda a, b: tf.tanh(a[:, :2] * b), specs) as de:
        T, expected = de.outputs[0], de.explain('deeplift', de.outputs[0], list(de.inputs), list(xs),
                                                ys=[0, 1, 0, 1])
        explainer = de.get_explainer('deeplift', T, de.inputs)
        batches = tf.data.Dataset.from_tensor_slices((xs, [0, 1, 0, 1])).batch(2)
        for got in de.explain('deeplift', T, de.inputs, xs,
                              ys=[0, 1, 0, 1]), explainer.run(xs, [0, 1, 0, 1]), explainer.run(batches):
            for a, b in zip(got, expected):
                np.testing.assert_allclose(a, b, rtol=1e-6)
        assert de.audit('deeplift', T, de.inputs).fits
