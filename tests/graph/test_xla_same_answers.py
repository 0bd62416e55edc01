"""jit_compile: the same answers from what XLA compiled, for every method and kind of network."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain
from tests.support.few import ANYWHERE
from tests.support.networks import cnn, opened, samples, v1
from tests.support.xla import both

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


def test_same_answers():
    """Of all methods but one whose gradient descent magnifies rounding; those that ask the same question
    share what is compiled."""
    net = cnn('tanh', 'softplus')
    xs, ys = samples(net, 6)
    with opened(net) as (de, X, T, _):
        for method in sorted({*ANYWHERE} - {'meaningful_perturbation'}):
            compiled, plain = both(de, method, T, X, xs, ys)
            np.testing.assert_allclose(compiled, plain, rtol=1e-9, atol=1e-12, err_msg=method)


@pytest.mark.filterwarnings('ignore::deepexplain2.errors.NonlinearOpWarning')
@pytest.mark.parametrize('build, kinds', [(recurrent, ['deeplift']), (attention, ['deeplift']),
                                          (pooled, ['elrp', 'intgrad'])])
def test_same_answers_of_keras_models(build, kinds):
    """Loops, attention, pooling, in float32; the other methods in a loop:
    test_variables_in_a_loop."""
    keras.utils.set_random_seed(0)
    model = build()
    xs = RNG.normal(size=(3, *model.input_shape[1:])).astype('f')
    with DeepExplain.from_keras(model) as de:
        for method in kinds:
            shared = {'baseline': xs[2]} if method in ('deeplift', 'intgrad') else {}
            compiled, plain = both(de, method, de.outputs[0], de.inputs[0], xs, [0, 1, 2], **shared)
            np.testing.assert_allclose(compiled, plain, rtol=0, atol=2e-5 * np.abs(plain).max(),
                                       err_msg=method)


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
    x = v1.placeholder(tf.float64, (None, 3, 3), 'x')
    w = tf.Variable(RNG.normal(size=(3, 3)))
    _, h = tf.while_loop(lambda k, h: k < 3, lambda k, h: (k + 1, tf.tanh(h @ w + x[:, k])),
                         (0, tf.zeros_like(x[:, 0])), maximum_iterations=3)
    session.run(w.initializer)
    xs = RNG.normal(size=(4, 3, 3))
    with DeepExplain() as de:
        for method in 'grad*input', 'elrp', 'intgrad', 'occlusion':
            compiled, plain = both(de, method, h, x, xs, [0, 1, 2, 0])
            np.testing.assert_allclose(compiled, plain, rtol=1e-8, atol=1e-11, err_msg=method)


def test_other_shapes(session):
    """A T without a batch, a fixed batch, T that is X, several inputs."""
    x, fixed = v1.placeholder(tf.float64, (None, 4), 'x'), v1.placeholder(tf.float64, (3, 4), 'fixed')
    xs = RNG.normal(size=(7, 4))
    with DeepExplain() as de:
        for T, X, kinds in [(tf.reduce_sum(tf.sin(x)), x, ['saliency', 'deeplift', 'intgrad', 'occlusion']),
                            (tf.sin(fixed)[:, 1], fixed, ['intgrad', 'occlusion']),
                            (x, x, ['saliency', 'deeplift'])]:
            for method in kinds:
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
        for method in ['elrp', 'deeplift'] if dtype == 'float32' else ['deeplift']:
            options = {'baseline': np.tile(xs[::-1], (k, 1))} if method == 'deeplift' else {}
            compiled, plain = both(de, method, T, pairs, np.tile(xs, (k, 1)),
                                   np.repeat(np.arange(k), len(xs)), batch_size=k * len(xs), **options)
            rounding = 40 * np.finfo(dtype).eps         # functions of values near 1, as erf(60)
            # 1e30 times 1 + erf(-1e30), in which XLA's erf is half an ulp off -1
            gelu = np.repeat(np.arange(k), len(xs)) // 2 == 8
            largest = np.maximum(1, np.maximum(np.abs(np.tile(xs, (k, 1))),
                                               np.abs(options.get('baseline', 0))))[gelu]
            for some, scale in (~gelu, 1), (gelu, largest):
                excess = np.abs(compiled[some] - plain[some]) - rounding * (np.abs(plain[some]) + scale)
                assert excess.max() <= 0, f'{method}: {excess.max()}'
