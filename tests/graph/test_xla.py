"""jit_compile: the same answers from what XLA compiled, in few sizes, and refused where XLA could answer
otherwise."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain, errors, methods
from deepexplain2.engine.batch_size import rounded
from deepexplain2.graph import xla as compiled
from tests.support.networks import cnn, mlp, opened, samples, v1

NETS = {'mlp': mlp('elu', 'sigmoid', 'relu', sizes=(5, 7, 6, 6, 3)), 'cnn': cnn('tanh', 'softplus')}
OPTIONS = {'intgrad': {'steps': 3}, 'shapley_sampling': {'samples': 2, 'seed': 1}}
RNG = np.random.default_rng(0)


def recurrent():
    x = keras.Input((4, 2))
    return keras.Model(x, L.Dense(3)(L.LSTM(3)(x)))


def attention():
    x = keras.Input((5, 8))
    h = L.LayerNormalization()(x + L.MultiHeadAttention(2, 4)(x, x))
    return keras.Model(x, L.Dense(3)(L.GlobalAveragePooling1D()(L.Softmax()(L.Dense(8, 'gelu')(h)))))


def pooled():
    x = keras.Input((8, 8, 2))
    h = L.MaxPooling2D()(L.BatchNormalization()(L.Conv2D(4, 3, padding='same', activation='relu')(x)))
    h = L.DepthwiseConv2D(2, activation='relu6')(L.ZeroPadding2D()(h))
    return keras.Model(x, L.Dense(3)(L.GlobalMaxPooling2D()(h)))


def both(de, method, T, X, xs, ys, **options):
    """Attributions with and without XLA."""
    return [de.explain(method, T, X, xs, ys, **OPTIONS.get(method, {}) | options, **more)
            for more in ({'jit_compile': True}, {})]


@pytest.mark.parametrize('name', NETS)
def test_same_answers(name):
    """Of all methods; those that ask the same question share what is compiled."""
    xs, ys = samples(NETS[name], 6)
    with opened(NETS[name]) as (de, X, T, _):
        for method in methods():
            compiled, plain = both(de, method, T, X, xs, ys)
            np.testing.assert_allclose(compiled, plain, rtol=1e-9, atol=1e-12, err_msg=method)


@pytest.mark.filterwarnings('ignore::deepexplain2.errors.NonlinearOpWarning')
@pytest.mark.parametrize('build, kinds', [(recurrent, ['deeplift', 'intgrad']),
                                          (attention, ['elrp', 'deeplift', 'intgrad']),
                                          (pooled, ['elrp', 'deeplift', 'intgrad', 'occlusion'])])
def test_same_answers_of_keras_models(build, kinds):
    """Loops, attention, pooling, in float32; all methods in a loop: test_variables_in_a_loop."""
    keras.utils.set_random_seed(0)
    model = build()
    xs = RNG.normal(size=(3, *model.input_shape[1:])).astype('f')
    with DeepExplain.from_keras(model) as de:
        for method in kinds:
            shared = {'baseline': xs[2]} if method in ('deeplift', 'intgrad') else {}
            compiled, plain = both(de, method, de.outputs[0], de.inputs[0], xs, [0, 1, 2], **shared)
            np.testing.assert_allclose(compiled, plain, rtol=0, atol=2e-5 * np.abs(plain).max(),
                                       err_msg=method)


def test_it_is_compiled(session):
    """One op that XLA must compile for each question, and none of the path beside it but what it is compared
    with."""
    x = v1.placeholder(tf.float32, (None, 4))
    T = tf.tanh(x @ tf.ones((4, 2)))
    with DeepExplain() as de:
        for method in 'saliency', 'elrp', 'deeplift', 'intgrad', 'occlusion':
            before = {op.name for op in session.graph.get_operations()}
            de.get_explainer(method, T, x, jit_compile=True)
            added = [op for op in session.graph.get_operations() if op.name not in before]
            assert all(op.name.startswith('deepexplain2/') for op in added)
            calls = [op for op in added if op.type.endswith('PartitionedCall')]
            assert len(calls) == 1 and calls[0].get_attr('_XlaMustCompile'), method
            assert not {'MatMul', 'Tanh'} & {op.type for op in added if '_plain/' not in op.name}


def test_compiles_once():
    net = NETS['mlp']
    xs, ys = samples(net, 5)
    with opened(net) as (de, X, T, session):
        explainer = de.get_explainer('deeplift', T, X, jit_compile=True)
        size = len(session.graph.get_operations())
        session.graph.finalize()
        assert de.get_explainer('deeplift', T, X, jit_compile=True)._model is explainer._model
        explainer.run(xs, ys)
        _, delta = explainer.run(xs, ys, return_delta=True)
        assert len(session.graph.get_operations()) == size and np.abs(delta).max() < 1e-9
        with pytest.raises(errors.ContextError, match='finalized'):
            de.explain('occlusion', T, X, xs, ys, jit_compile=True)
        de.explain('occlusion', T, X, xs, ys)                                   # which adds no op


def test_few_sizes():
    """Any number of rows is filled up to one of a few, never to more than batch_size; the answers are those
    of the rows alone."""
    net = NETS['mlp']
    xs, ys = samples(net, 60)
    with opened(net) as (de, X, T, _):
        expected = de.explain('intgrad', T, X, xs, ys, steps=2)
        explainers = [de.get_explainer(m, T, X, jit_compile=True, **o) for m,
                      o in (('grad*input', {}), ('intgrad', {'steps': 2}), ('occlusion', {}))]
        sizes = [set() for _ in explainers]
        for explainer, seen in zip(explainers, sizes):
            query = explainer.compile()
            run = query._fetch._callable({})[1]
            query._fetch._callables[()] = ([], lambda *arrays, run=run, seen=seen: seen.add(len(arrays[0]))
                                    or run(*arrays))
        for n in range(1, 60, 2):
            np.testing.assert_allclose(explainers[0].run(xs[:n], ys[:n]),
                                       xs[:n] * net.gradient(xs[:n], ys[:n]), atol=1e-9)
        np.testing.assert_allclose(explainers[1].run(xs[:33], ys[:33]), expected[:33], atol=1e-9)
        assert sizes[0] <= {rounded(n) for n in range(60)} and len(sizes[0]) < 17 and max(sizes[0]) == 64
        assert sizes[1] == {40}
        sizes[0].clear()
        explainers[0].run(xs[:23], ys[:23], batch_size=9)
        assert sizes[0] == {9, 5}
        explainers[2].run(xs[:5], ys[:5], batch_size=11)
        assert max(sizes[2]) == 11
        # as many points as rows, and one row more
        np.testing.assert_allclose(*both(de, 'intgrad', T, X, xs[:9], ys[:9], steps=9), atol=1e-9)
    assert [rounded(n) for n in (1, 7, 8, 9, 17, 33, 100, 1000)] == [1, 7, 8, 10, 20, 40, 112, 1024]
    assert all(n <= rounded(n) <= 1.25 * n for n in range(1, 2000))


def test_rows_of_a_run():
    """Chosen among the sizes that are compiled, and not by trials."""
    with opened(mlp('tanh', sizes=(5, 500, 3), seed=1), tf.float32) as (de, X, T, _):
        explainer = de.get_explainer('occlusion', T, X, jit_compile=True)
        rows = explainer.plan(3).rows
        assert rows == rounded(rows) <= de.get_explainer('occlusion', T, X).plan(3).rows
        explainer.run(np.ones((900, 5), 'f'))
        assert explainer.plan(3).rows == rows and explainer._layouts.of(900, None, None).tuner is None


def test_what_else_is_fed(session):
    """Weights that change, a scale per row, a baseline for each row, targets per row."""
    x, scale = v1.placeholder(tf.float64, (None, 4), 'x'), v1.placeholder(tf.float64, (None, 1), 'scale')
    w = tf.Variable(RNG.normal(size=(4, 3)))
    T = tf.tanh(x * scale @ w)
    xs, factors = RNG.normal(size=(9, 4)), RNG.uniform(1, 2, (9, 1))
    session.run(w.initializer)
    with DeepExplain() as de:
        for value in RNG.normal(size=(2, 4, 3)):
            session.run(w.assign(value))
            for method, options in [('elrp', {}), ('deeplift', {'baseline': xs[::-1]}),
                                    ('intgrad', {'baseline': xs[0], 'steps': 3}),
                                    ('occlusion', {}), ('deeplift', {'baseline': xs[:4], 'average': True})]:
                for ys in (np.arange(9) % 3, RNG.normal(size=(9, 3))):
                    compiled, plain = (de.explain(method, T, x, xs, ys, feed_dict={scale: factors}, **options,
                                                  **more)
                                       for more in ({'jit_compile': True}, {}))
                    np.testing.assert_allclose(compiled, plain, rtol=1e-9, atol=1e-12, err_msg=method)


def test_variables_in_a_loop(session):
    x = v1.placeholder(tf.float64, (None, 6, 3), 'x')
    w = tf.Variable(RNG.normal(size=(3, 3)))
    _, h = tf.while_loop(lambda k, h: k < 6, lambda k, h: (k + 1, tf.tanh(h @ w + x[:, k])),
                         (0, tf.zeros_like(x[:, 0])), maximum_iterations=6)
    session.run(w.initializer)
    xs = RNG.normal(size=(4, 6, 3))
    with DeepExplain() as de:
        for method in methods():
            compiled, plain = both(de, method, h, x, xs, [0, 1, 2, 0])
            np.testing.assert_allclose(compiled, plain, rtol=1e-8, atol=1e-11, err_msg=method)


def test_other_shapes(session):
    """A T without a batch, a fixed batch, T that is X, several inputs."""
    x, fixed = v1.placeholder(tf.float64, (None, 4), 'x'), v1.placeholder(tf.float64, (3, 4), 'fixed')
    xs = RNG.normal(size=(7, 4))
    with DeepExplain() as de:
        for T, X in [(tf.reduce_sum(tf.sin(x)), x), (tf.sin(fixed)[:, 1], fixed), (x, x)]:
            for method in methods():
                compiled, plain = both(de, method, T, X, xs, None)
                np.testing.assert_allclose(compiled, plain, rtol=1e-9, atol=1e-12, err_msg=method)
        y = v1.placeholder(tf.float64, (None, 2), 'y')
        for method in 'deeplift', 'intgrad':
            for a, b in zip(*both(de, method, tf.tanh(x[:, :2] * y), [x, y], [xs, xs[:, 2:]],
                                  [0, 1] * 3 + [1])):
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_tokens(session):
    ids = v1.placeholder(tf.int32, (None, 6))
    h = tf.gather(tf.constant(RNG.normal(size=(20, 4))), ids)
    T = tf.reduce_mean(tf.nn.gelu(h @ RNG.normal(size=(4, 2))), 1)
    with DeepExplain() as de:
        compiled, plain = both(de, 'deeplift', T, ids, RNG.integers(0, 20, (5, 6)), [0, 1, 0, 1, 1],
                               sum_embedding=True, baseline=3)
        np.testing.assert_allclose(compiled, plain, rtol=1e-9, atol=1e-12)


def test_nan_is_said(session):
    x = v1.placeholder(tf.float64, (None, 3), 'x')
    with DeepExplain() as de:
        T = tf.exp(tf.math.log(x, 'first'))
        for method in 'saliency', 'deeplift', 'intgrad', 'occlusion':
            with pytest.raises(errors.ValueRangeError, match=r'NaN or infinite'):
                de.explain(method, T, x, np.array([[1., -1., 2.]]), jit_compile=True)


@pytest.mark.parametrize('dtype', ['float32', 'float64'])
def test_edges(session, dtype):
    """Where rules divide by nothing, saturate, overflow or meet ties, XLA rounds and hides no more than
    TensorFlow."""
    values = np.array([-1e30, -60, -6, -1e-20, -0., 0, 1e-20, .5, 6, 60, 1e30], dtype)
    xs = np.stack(np.meshgrid(values, values)).reshape(2, -1).T             # every value against every other
    pairs = v1.placeholder(dtype, (None, 2))
    functions = [tf.nn.relu, tf.nn.relu6, tf.nn.elu, tf.nn.selu, tf.sigmoid, tf.tanh, tf.nn.softplus,
                 tf.nn.softsign, tf.nn.gelu, tf.atan, tf.abs,
                 tf.math.erf, tf.nn.softmax, lambda x: tf.reduce_max(x, 1, True),
                 lambda x: tf.maximum(x[:, :1], x[:, 1:]),
                 lambda x: tf.tanh(x[:, :1]) * tf.sigmoid(x[:, 1:]),
                 lambda x: tf.where(x > 1, 2 * tf.tanh(x), tf.tanh(x))]
    T = tf.concat([f(pairs) for f in functions], 1)
    k = T.shape[1]
    with DeepExplain() as de, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        for method, options in ('elrp', {}), ('deeplift',
                                              {'baseline': np.tile(xs[::-1], (k, 1))}), ('deeplift',
                                                                                         {'baseline': xs[3]}):
            compiled, plain = both(de, method, T, pairs, np.tile(xs, (k, 1)),
                                   np.repeat(np.arange(k), len(xs)), **options)
            rounding = 40 * np.finfo(dtype).eps         # functions of values near 1, as erf(60)
            # 1e30 times 1 + erf(-1e30), in which XLA's erf is half an ulp off -1
            gelu = np.repeat(np.arange(k), len(xs)) // 2 == 8
            largest = np.maximum(1, np.maximum(np.abs(np.tile(xs, (k, 1))),
                                               np.abs(options.get('baseline', 0))))[gelu]
            for some, scale in (~gelu, 1), (gelu, largest):
                excess = np.abs(compiled[some] - plain[some]) - rounding * (np.abs(plain[some]) + scale)
                assert excess.max() <= 0, f'{method}: {excess.max()}'


def test_functions_run_eagerly(session):
    """A switch of the user's that takes nothing from the compiled op, and stays."""
    x = v1.placeholder(tf.float64, (None, 2), 'x')
    T = tf.tanh(x)
    tf.config.run_functions_eagerly(True)
    try:
        with DeepExplain() as de:
            de.explain('deeplift', T, x, np.ones((2, 2)), jit_compile=True)
            assert tf.config.functions_run_eagerly()
    finally:
        tf.config.run_functions_eagerly(False)
    assert 'Tanh' not in {op.type for op in session.graph.get_operations()
                          if op.name.startswith('deepexplain2/') and '_plain/' not in op.name}


@tf.custom_gradient
def halved(x):
    return x, lambda g: g / 2


class TestRefused:
    def case(self, what, x):
        index = v1.placeholder_with_default([1], (1,), 'index')
        looped = tf.while_loop(lambda k, h: k < 2, lambda k, h: (k + 1, h + tf.gather(x, index, axis=1)),
                               (0, x[:, :1]), maximum_iterations=2)
        return {'random': lambda: tf.nn.dropout(x, .5), 'fed index': lambda: tf.gather(x, index, axis=1),
                'fed slice': lambda: x[:, index[0]:],
                'in a loop': lambda: looped[1],
                'index of X': lambda: x * tf.gather(tf.range(3.), tf.cast(x, tf.int32)),
                'check': lambda: tf.debugging.check_numerics(x, 'no'),
                'state': lambda: tf.numpy_function(np.tanh, [x], tf.float32)}[what]()

    @pytest.mark.parametrize('what, op, why', [
        ('random', 'RandomUniform', 'random numbers'), ('fed index', 'GatherV2', 'indices'),
                                               ('fed slice', 'StridedSlice', 'indices'),
        ('in a loop', 'GatherV2', 'indices'), ('index of X', 'GatherV2', 'indices'),
                                               ('state', 'PyFunc', 'a state'),
        ('check', 'CheckNumerics', 'checks values')])
    @pytest.mark.parametrize('method', ['occlusion', 'saliency'])
    def test_before_anything_is_added(self, session, method, what, op, why):
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        T = self.case(what, x)
        size = len(session.graph.get_operations())
        with DeepExplain() as de:
            with pytest.raises(errors.PathError, match=f'jit_compile: .*{op}.*{why}.*Leave jit_compile out'):
                de.explain(method, T, x, np.ones((2, 3), 'f'), jit_compile=True)
            assert len(session.graph.get_operations()) == size
            de.explain('occlusion', T, x, np.ones((2, 3), 'f'))

    def test_a_constant_index_out_of_range(self, session):
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        T = x * tf.gather(x, [7], axis=1)
        with DeepExplain() as de:
            for method in methods():
                with pytest.raises(errors.RunError, match=r'indices\[0\] = 7 is not in \[0, 3\)'):
                    de.explain(method, T, x, np.ones((2, 3), 'f'), jit_compile=True)

    def test_indices_that_are_constant_are_not(self, session):
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        with DeepExplain() as de:
            a = de.explain('grad*input', tf.gather(x, tf.argsort([3, 1, 2]), axis=1)[:, 1:], x,
                           np.ones((2, 3), 'f'), jit_compile=True)
            np.testing.assert_array_equal(a, [[1, 0, 1]] * 2)

    def loop(self, body, n=4):
        return lambda x: tf.while_loop(lambda i, a: i < n,
                                       lambda i, a: (i + 1, a * .5 + tf.sin(x) * body(i, a)), [0, x],
                                       maximum_iterations=n)[1]

    def sized(self):
        """Loops in which a size moves with the counter: name -> (function of x, op)."""
        def total(t):
            return tf.reduce_sum(t, 1, keepdims=True)

        def nested(i, a):
            return tf.while_loop(lambda j, b: j < 2, lambda j, b: (j + 1, b * tf.cos(b[:, i:i + 1])), [0, a],
                                 maximum_iterations=2)[1]
        bodies = {
            'both ends': (lambda i, a: a[:, i:i + 1], 'StridedSlice'),
            'from': (lambda i, a: total(a[:, i:]), 'StridedSlice'), 'to': (lambda i, a: total(a[:, :i]),
                                                                           'StridedSlice'),
            'size': (lambda i, a: total(tf.slice(a, [0, 0], tf.stack([-1, i]))), 'Slice'),
            'range': (lambda i, a: total(tf.gather(a, tf.range(i), axis=1)), 'Range'),
            'pad': (lambda i, a: total(tf.pad(a, [[0, 0], [0, i]])), 'Pad'),
            'tile': (lambda i, a: total(tf.tile(a, tf.stack([1, i]))), 'Tile'),
                  'fill': (lambda i, a: tf.reduce_sum(tf.fill([i], 1.)), 'Fill'),
            'shape': (lambda i, a: tf.reduce_max(tf.reshape(a, tf.stack([-1, 1 + i % 2]))), 'Reshape'),
            'mask': (lambda i, a: total(tf.boolean_mask(a, tf.range(4) < i, axis=1)), 'Where'),
                  'nested': (nested, 'StridedSlice'),
            'split': (lambda i, a: total(tf.split(a, tf.stack([i, 4 - i]), 1, num=2)[0]), 'SplitV'),
            'conditional': (lambda i, a: tf.cond(i < 2, lambda: a, lambda: tf.tanh(a[:, i:i + 1]) * a),
                            'StridedSlice')}
        return {name: (self.loop(body), op) for name, (body, op) in bodies.items()}

    def test_sizes_that_move_with_a_counter(self, session):
        x = v1.placeholder(tf.float32, (None, 4), 'x')
        for name, (f, op) in self.sized().items():
            T = f(x)
            size = len(session.graph.get_operations())
            with DeepExplain() as de:
                for method in 'occlusion', 'saliency':
                    with pytest.raises(errors.PathError, match=rf'jit_compile: op .*\({op}\).* moves with '
                                                               rf'the iterations .*Leave jit_compile out'):
                        de.get_explainer(method, T, x, jit_compile=True)
                    assert len(session.graph.get_operations()) == size, name

    def test_places_that_move_with_a_counter(self, session):
        x = v1.placeholder(tf.float32, (None, 4), 'x')
        xs = RNG.normal(size=(3, 4)).astype('f')
        places = {'entry': lambda i, a: a[:, i][:, None],
                  'slice': lambda i, a: tf.slice(a, tf.stack([0, i]), [-1, 1]),
                  'gather': lambda i, a: tf.gather(a, i, axis=1)[:, None],
                  'one-hot': lambda i, a: tf.one_hot(i, 4) * a}
        with DeepExplain() as de:
            for name, body in places.items():
                np.testing.assert_allclose(*both(de, 'saliency', self.loop(body, 3)(x), x, xs, None),
                                           rtol=1e-4, atol=1e-5, err_msg=name)

    def test_a_place_in_a_loop_of_which_x_decides_the_end(self, session):
        x = v1.placeholder(tf.float32, (1, 4), 'x')
        T = tf.while_loop(lambda i, a: tf.reduce_sum(a) < 9,
                          lambda i, a: (i + 1, a + tf.gather(x, i, axis=1)), [0, x], maximum_iterations=9)[1]
        with DeepExplain() as de, pytest.raises(errors.PathError, match='takes indices that are fed or that '
                                                                        'X decides on'):
            de.get_explainer('saliency', T, x, jit_compile=True)

    @pytest.mark.parametrize('method', ['occlusion', 'saliency', 'intgrad'])
    def test_what_is_not_foreseen_is_seen(self, session, method, monkeypatch):
        """What XLA computes otherwise, whatever it is: beside TensorFlow's kernels at the first run, and
        again for another number of rows."""
        monkeypatch.setattr(compiled, '_moving_size', lambda op, body: False)
        x = v1.placeholder(tf.float32, (None, 4), 'x')
        T = self.sized()['both ends'][0](x)
        xs = RNG.normal(size=(3, 4)).astype('f')
        with DeepExplain() as de:
            for n in 3, 3, 1:
                with pytest.raises(errors.RunError, match=r'jit_compile: what XLA computes of T .* differs '
                                                          r'by .*Leave jit_compile out'):
                    de.explain(method, T, x, xs[:n], jit_compile=True)
            de.explain(method, T, x, xs)

    def test_a_corner_is_no_difference(self, session):
        """Where rounding decides between two gradients: sums of other order, in XLA and in TensorFlow, around
        0."""
        rng = np.random.default_rng(0)
        w = rng.normal(size=(60, 8)).astype('f')
        x = v1.placeholder(tf.float32, (None, 60), 'x')
        xs = rng.normal(size=(40, 60)).astype('f')
        # x w is 0 but for rounding
        xs -= (xs.astype(float) @ w @ np.linalg.pinv(w.astype(float))).astype('f')
        with DeepExplain() as de:
            de.explain('saliency', tf.nn.relu(x @ w), x, xs, jit_compile=True)

    def test_custom_gradients(self, session):
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        with DeepExplain() as de:
            for method in 'saliency', 'intgrad':
                with pytest.raises(errors.PathError, match=r'jit_compile: between X and T there is a '
                                                           r'tf\.custom_gradient function'):
                    de.explain(method, halved(x), x, np.ones((2, 3), 'f'), jit_compile=True)

    def test_ops_that_xla_lacks(self, session):
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        with DeepExplain() as de:
            with pytest.raises(errors.RunError, match=r'BesselJ0.* XLA cannot compile this: leave '
                                                      r'jit_compile out') as caught:
                de.explain('saliency', tf.math.special.bessel_j0(x), x, np.ones((2, 3), 'f'),
                           jit_compile=True)
            assert 'dummy' not in str(caught.value)
            endless = tf.while_loop(lambda h: tf.reduce_sum(h) < 9, lambda h: (2 * h,), (tf.abs(x),))[0]
            # a row alone: they share the condition
            with pytest.raises(errors.RunError, match=r'maximum_iteration.* XLA cannot compile this'):
                de.explain('saliency', endless, x, np.ones((1, 3), 'f'), jit_compile=True)
            de.explain('saliency', endless, x, np.ones((1, 3), 'f'))

    def test_other_values(self, session):
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        with DeepExplain() as de, pytest.raises(errors.ParameterError, match="jit_compile must be True or "
                                                                             "False, not 'yes'"):
            de.get_explainer('saliency', tf.tanh(x), x, jit_compile='yes')
