"""Values that pass where gradients do not: refused where they are the only way from X to T, warned of where
they are one way, or followed."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from deepexplain2 import DeepExplain, errors
from deepexplain2.graph.completed import COMPLETED
from deepexplain2.graph.gradients import can_carry, inputs_with_gradient, registered_gradient
from tests.support.networks import v1

RAW = tf.raw_ops
XS = np.random.default_rng(0).normal(size=(1, 4))
GRADIENTS = ['saliency', 'grad*input', 'intgrad']
F8 = tf.dtypes.experimental.float8_e4m3fn, tf.dtypes.experimental.float8_e5m2


def outcome(f, method, xs=XS, dtype=tf.float64, **parameters):
    """(the map or the error, the gap, messages of path warnings, whether the audit fits) for T = f(x), rows
    summed."""
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de, \
            warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        x = v1.placeholder(dtype, xs.shape)
        T = tf.reduce_sum(tf.reshape(f(x), [xs.shape[0], -1]), 1)
        delta = None
        try:
            if method in ('intgrad', 'deeplift', 'elrp'):
                a, delta = de.explain(method, T, x, xs, return_delta=True, **parameters)
            else:
                a = de.explain(method, T, x, xs, **parameters)
        except errors.DeepExplainError as e:
            return e, None, [], False
        return a, delta, [str(w.message) for w in caught if issubclass(w.category,
                                                                       errors.PathWarning)], de.audit(
                                                                           method, T, x, **parameters).fits


# Piecewise constant: the derivative is 0 or missing.
STEPS = {
    'Sign': tf.sign, 'Floor': tf.floor, 'Ceil': tf.math.ceil, 'Round': tf.round, 'Rint': tf.math.rint,
    'FloorDiv': lambda x: tf.math.floordiv(x * 3, 2.),
         'TruncateDiv': lambda x: RAW.TruncateDiv(x=x * 3, y=tf.constant(2., x.dtype)),
    'Cast': lambda x: tf.cast(tf.cast(x * 3, tf.int32), x.dtype),
    'Cast of Bucketize': lambda x: tf.cast(RAW.Bucketize(input=x, boundaries=[0.]), x.dtype),
    'Cast to float8_e4m3fn': lambda x: tf.cast(tf.cast(tf.cast(x, tf.float32), F8[0]), x.dtype),
    'Cast to float8_e5m2': lambda x: tf.cast(tf.cast(tf.cast(x, tf.float32), F8[1]), x.dtype),
    'StopGradient': tf.stop_gradient, 'HSVToRGB': lambda x: tf.image.hsv_to_rgb(tf.sigmoid(x[:, None, :3])),
    'Heaviside': lambda x: tf.cast(x > 0, x.dtype),
         'ReluGrad': lambda x: RAW.ReluGrad(gradients=tf.ones_like(x), features=x),
    'MaxPoolGrad': lambda x: RAW.MaxPoolGrad(orig_input=x[:, :, None, None], orig_output=x[:, :3, None, None],
                                             ksize=[1, 2, 1, 1], strides=[1] * 4,
                                             grad=tf.ones([1, 3, 1, 1], x.dtype), padding='VALID'),
    'index': lambda x: tf.gather(tf.constant([1., 5, 2, 7], x.dtype), tf.argmax(x, 1)),
         'NextAfter': lambda x: tf.math.nextafter(tf.zeros_like(x), x),
    'Zeta': lambda x: tf.math.zeta(2 + tf.sigmoid(x), tf.ones_like(x)),
    'Betainc': lambda x: tf.math.betainc(1 + tf.sigmoid(x), 1 + tf.sigmoid(x), tf.ones_like(x) / 2),
    'transforms': lambda x: RAW.ImageProjectiveTransformV3(
        images=tf.reshape(tf.range(9.), [1, 3, 3, 1]), transforms=tf.concat([[[1., 0.]],
                                                                             tf.cast(x[:, :1], tf.float32),
                                                                             [[0., 1., 0., 0., 0.]]], 1),
        output_shape=[3, 3], fill_value=0., interpolation='BILINEAR'),
    'fill_value': lambda x: RAW.ImageProjectiveTransformV3(
        images=tf.reshape(tf.range(9.), [1, 3, 3, 1]), transforms=[[1., 0., 1., 0., 1., 0., 0., 0.]],
                                                           output_shape=[3, 3],
        fill_value=tf.cast(x[0, 0], tf.float32), interpolation='BILINEAR'),
    'given statistics': lambda x: RAW.FusedBatchNormV3(x=tf.ones([1, 2, 2, 4]), scale=tf.ones([4]),
                                                       offset=tf.ones([4]), variance=tf.ones([4]),
                                                       mean=tf.cast(x[0], tf.float32), is_training=False).y,
    'sign of a determinant': lambda x: tf.linalg.slogdet(tf.reshape(x, [1, 2, 2])).sign,
    'RandomShuffle': lambda x: RAW.RandomShuffle(value=x, seed=1),
         'limit': lambda x: tf.range(0., 3. + tf.tanh(x[0, 0]), 1., x.dtype)}


def same_kind(value, x):
    return tf.cast(value, x.dtype)


@pytest.mark.parametrize('name', STEPS)
def test_steps(name):
    """As the only way: PathError, or complete under a rule that compares values. As one way: a warning and an
    audit that does not fit."""
    f = STEPS[name]
    for method in ['intgrad', 'elrp', 'deeplift']:
        a, delta, messages, _ = outcome(f, method)
        if method == 'deeplift' and name in ('Sign', 'Heaviside'):
            np.testing.assert_allclose(delta, 0, atol=1e-9)
        elif method == 'deeplift' and name in ('ReluGrad', 'MaxPoolGrad', 'NextAfter', 'Zeta', 'Betainc',
                                               'transforms', 'fill_value',
                                               'given statistics', 'sign of a determinant'):
            assert isinstance(a, errors.PathError | errors.RuleError), (method, a)
        else:
            assert isinstance(a, errors.PathError), (method, a)
        a, delta, messages, fits = outcome(lambda x: tf.reduce_sum(same_kind(f(x), x)) + tf.reduce_sum(x),
                                           method)
        if method == 'deeplift' and name in ('Sign', 'Heaviside'):
            np.testing.assert_allclose(delta, 0, atol=1e-9)
            assert fits and not messages
        elif not isinstance(a, errors.RuleError):
            assert len(messages) == 1 and 'which pass no gradient' in messages[0] and not fits, (method, a,
                                                                                                 messages)


QUIET = {'absolute': lambda x: x * tf.sign(x) + tf.abs(x), 'relu': lambda x: x * tf.cast(x > 0, x.dtype),
         'mask': lambda x: x * tf.cast(x != 0, x.dtype),
         'winner': lambda x: tf.one_hot(tf.argmax(x, 1), 4, dtype=x.dtype) * x,
         'choice': lambda x: tf.where(x > 0, x, 2 * x),
         'otherwise': lambda x: x * (1 - tf.cast(x > 0, x.dtype)),
         'relu backward': lambda x: RAW.ReluGrad(gradients=2 * x, features=x),
         'casts': lambda x: tf.cast(tf.cast(x, tf.bfloat16), x.dtype),
         'sizes': lambda x: x * tf.cast(tf.size(x), x.dtype),
         'FakeQuant': lambda x: tf.quantization.fake_quant_with_min_max_args(tf.cast(x, tf.float32), -6, 6)}


@pytest.mark.parametrize('name', [n for n in QUIET if n != 'absolute'])
def test_what_only_chooses_is_silent(name):
    """A factor of 0 or 1 chooses as a Select does; elrp gives the other factor all."""
    for method in GRADIENTS:
        a, _, messages, fits = outcome(QUIET[name], method)
        assert not isinstance(a, Exception) and not messages and fits, (method, a, messages)
    if name in ('relu', 'mask', 'otherwise', 'winner'):
        _, delta, _, _ = outcome(QUIET[name], 'elrp')
        np.testing.assert_allclose(delta, 0, atol=1e-9)


def columns(x):
    return tf.transpose(x)


def listed(x):
    """A list that is overwritten in part, one place twice."""
    start = RAW.TensorListFromTensor(tensor=columns(tf.sin(x)), element_shape=[1])
    end = RAW.TensorListScatterIntoExistingList(input_handle=start, tensor=columns(x ** 2)[:3],
                                                indices=[0, 1, 1])
    return RAW.TensorListStack(input_handle=end, element_dtype=x.dtype, element_shape=[1])


# What TensorFlow's own gradient counts for each of several values that are written to one place.
WRITTEN_TWICE = {
    'DynamicStitch': lambda x: tf.dynamic_stitch([1, [0, 2, 1]], [columns(tf.tanh(x))[0],
                                                                  columns(x * x)[1:]]),
    'ParallelDynamicStitch': lambda x: RAW.ParallelDynamicStitch(indices=[[0, 1], [1, 2]],
                                                                 data=[columns(tf.tanh(x))[:2],
                                                                       columns(x * x)[2:]]),
    'TensorScatterUpdate': lambda x: tf.tensor_scatter_nd_update(columns(x), [[0], [1], [1], [3]],
                                                                 columns(tf.tanh(x))),
    'TensorScatterUpdate in places': lambda x: tf.tensor_scatter_nd_update(
        tf.reshape(x, [2, 2]), [[[0, 1], [1, 1]], [[1, 1], [tf.size(x) - 3, 0]]], tf.reshape(tf.tanh(x),
                                                                                             [2, 2])),
    'TensorListScatter': lambda x: RAW.TensorListStack(input_handle=RAW.TensorListScatter(
        tensor=columns(x ** 2)[:3], indices=[0, 1, 1], element_shape=[1]), element_dtype=x.dtype,
                                                       element_shape=[1]),
    'TensorListScatterV2': lambda x: tf.TensorArray(x.dtype, 3,
                                                    element_shape=(1,)).scatter([0, 1, 1],
                                                                                columns(x ** 2)[:3]).stack(),
    'TensorListScatterIntoExistingList': listed,
    'written twice in a loop': lambda x: columns(tf.while_loop(
        lambda i, h: i < 3,
        lambda i, h: (i + 1, tf.tensor_scatter_nd_update(h, [[i], [i], [0]], tf.tanh(h)[:3])),
        [0, columns(x)])[1]),
    'written once': lambda x: tf.tensor_scatter_nd_update(columns(x), [[0], [3], [1]],
                                                          columns(tf.tanh(x))[1:])}

# Inputs that TensorFlow's own gradient drops and ours follows.
FOLLOWED = WRITTEN_TWICE | {
    'PadV2': lambda x: tf.pad(x * x, [[0, 0], [1, 2]], constant_values=tf.reduce_sum(x ** 2)),
    'PadV2 of a constant': lambda x: tf.pad(tf.ones([1, 2], x.dtype), [[0, 0], [1, 2]],
                                            constant_values=tf.reduce_sum(x ** 2)),
    'MatrixDiagV2': lambda x: RAW.MatrixDiagV2(diagonal=x * x, k=1, num_rows=-1, num_cols=-1,
                                               padding_value=tf.reduce_sum(x)),
    'MatrixDiagV3': lambda x: tf.linalg.diag(tf.reshape(x, [1, 2, 2]), k=(0, 1),
                                             padding_value=tf.reduce_sum(x ** 2)),
    'MatrixDiagPartV2': lambda x: RAW.MatrixDiagPartV2(input=tf.reshape(x, [1, 2, 2]), k=[-1, 0],
                                                       padding_value=tf.reduce_sum(x ** 3)),
    'MatrixDiagPartV3': lambda x: tf.linalg.diag_part(tf.reshape(x, [1, 2, 2]), k=(0, 1),
                                                      padding_value=tf.reduce_sum(x ** 3)),
    'OneHot': lambda x: tf.one_hot([1, 7], 3, tf.reduce_sum(x * x), x[0, 1], axis=0),
    'OneHot off': lambda x: tf.one_hot([1], 3, off_value=x[0, 1] * x[0, 0]),
    'LinSpace': lambda x: RAW.LinSpace(start=x[0, 0] * x[0, 1], stop=x[0, 2], num=5),
    'LinSpace of one': lambda x: RAW.LinSpace(start=x[0, 0], stop=x[0, 2], num=1),
    'start': lambda x: tf.range(tf.tanh(x[0, 0]) / 9, 3., 1.),
    'delta': lambda x: RAW.Range(start=tf.zeros([], x.dtype), limit=3., delta=1.1 + .1 * tf.tanh(x[0, 1])),
    'in a loop': lambda x: tf.while_loop(
        lambda i, h: i < 2, lambda i, h: (i + 1, tf.pad(h, [[0, 0], [1, 0]],
                                                        constant_values=tf.reduce_sum(h ** 2))[:, :4]),
                                         [0, x])[1],
    'in a function': lambda x: tf.function(lambda t: tf.pad(t * t, [[0, 0], [1, 0]],
                                                            constant_values=tf.reduce_sum(t)))(x)}


@pytest.mark.parametrize('name', FOLLOWED)
def test_inputs_that_tensorflow_drops(name):
    def f(x):
        h = FOLLOWED[name](x)
        return h * tf.cast(tf.reshape(1 + tf.range(tf.size(h)), tf.shape(h)), h.dtype)
    for method in 'intgrad', 'deeplift':
        a, delta, messages, fits = outcome(f, method)
        assert not isinstance(a, Exception) and not messages and fits, (method, a, messages)
        np.testing.assert_allclose(delta, 0, atol=1e-8)
    step = 1e-6 * np.eye(4)[:, None]
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float64, XS.shape)
        T = tf.reduce_sum(f(x))
        expected = [(session.run(T, {x: XS + s}) - session.run(T, {x: XS - s})) / 2e-6 for s in step]
    np.testing.assert_allclose(outcome(f, 'grad*input')[0][0], expected * XS[0], atol=1e-5)
    assert outcome(f, 'elrp')[0].any()


def test_every_input_that_is_dropped_is_known():
    """The registered gradients of the ops of the catalogue, called: where they give None for a number, that
    is in our tables."""
    from tests.support.catalogue import OPS, UNARY, unary
    with tf.Graph().as_default() as graph:
        wide, single, one = (v1.placeholder(d, [n, 6]) for d, n in ((tf.float64, 4), (tf.float32, 4),
                                                                    (tf.float64, 1)))
        for name in [*UNARY, *OPS]:
            f = unary(name) if name in UNARY else OPS[name]
            for x in wide, one, single:
                try:
                    f(x)
                    break
                except (ValueError, TypeError, tf.errors.OpError):
                    continue
        for f in FOLLOWED.values():
            f(v1.placeholder(tf.float64, [1, 4]))
        checked = set()
        for op in graph.get_operations():
            numbers = [k for k, i in enumerate(op.inputs) if i.dtype.is_floating]
            if (op.type in checked or not numbers or not all(map(can_carry, op.outputs[:1]))
                    or op_def_registry.get(op.type) is None):
                continue
            try:
                found = registered_gradient(op)(op, *[tf.ones_like(o) if can_carry(o) else None
                                                      for o in op.outputs])
            except (LookupError, TypeError, ValueError, AttributeError):
                continue
            found = found if isinstance(found, list | tuple) else [found]
            checked.add(op.type)
            missing = [k for k in numbers if (k >= len(found) or found[k] is None)
                       and k in inputs_with_gradient(op)]
            assert not missing or (op.type.startswith('FusedBatchNorm')
                                   and op.get_attr('is_training')), (op.type, missing)
    assert len(checked) > 120 and {name for name in COMPLETED if not name.startswith('TensorList')} <= checked


stop = tf.stop_gradient


def largest(x, axis=-1):
    return stop(tf.reduce_max(x, axis, keepdims=True))


def mean(x, axis=-1):
    return tf.reduce_mean(x, axis, keepdims=True)


def softmax(x):
    e = tf.exp(x - largest(x))
    return e / tf.reduce_sum(e, -1, keepdims=True)


def log_softmax(x):
    z = x - largest(x)
    return z - tf.math.log(tf.reduce_sum(tf.exp(z), -1, keepdims=True))


def masked_softmax(x):
    e = tf.exp(x - largest(x)) * tf.constant([1., 0, 1], x.dtype)
    return e / tf.reduce_sum(e, -1, keepdims=True)


def normalized(x):
    m, v = tf.nn.moments(x, [-1], keepdims=True)
    return (x - m) * tf.math.rsqrt(v + 1e-3)


def shared(x):
    m = largest(x)
    return tf.reduce_sum(tf.exp(x - m) * x, -1) / tf.reduce_sum(tf.exp(x - m), -1)


def logarithm(x, times=1, plus=0):
    m = largest(x)
    log = tf.math.log(tf.reduce_sum(tf.exp(x - m), -1, keepdims=True))
    return times * log + m + plus * log


HARMLESS = {
    'softmax': softmax, 'log-softmax': log_softmax, 'masked softmax': masked_softmax,
            'normalized': normalized, 'shared': shared,
    'log-sum-exp': lambda x: tf.reduce_logsumexp(x, -1),
            'of two axes': lambda x: tf.reduce_logsumexp(x, [1, 2]),
    'less log-sum-exp': lambda x: x - tf.reduce_logsumexp(x, -1, keepdims=True),
            'variance': lambda x: mean((x - stop(mean(x))) ** 2),
    'moments': lambda x: tf.nn.moments(x, [1, 2])[1],
    'weighted moments': lambda x: tf.nn.weighted_moments(x, [1], tf.constant([[[1.], [2.]]], x.dtype))[1],
    'reduce_variance': lambda x: tf.math.reduce_variance(x, 1),
            'attention': lambda x: softmax(x @ tf.transpose(x, [0, 2, 1])) @ x,
    'in a loop': lambda x: tf.while_loop(lambda i, h: i < 2,
                                         lambda i, h: (i + 1, h + tf.reduce_logsumexp(h, -1)[..., None]),
                                         [0, x])[1]}
HARMFUL = {
    'centred': lambda x: tf.tanh(x - stop(mean(x))), 'exp': lambda x: tf.exp(x - largest(x)),
           'plus': lambda x: x + largest(x),
    'once more': lambda x: log_softmax(x) + largest(x),
           'not added': lambda x: tf.math.log(tf.reduce_sum(tf.exp(x - largest(x)), -1)),
    'standardized': lambda x: (x - stop(mean(x))) * tf.math.rsqrt(mean((x - stop(mean(x))) ** 2) + 1),
    'another mean': lambda x: mean((x - stop(mean(x, 1))) ** 2),
    'another sum': lambda x: tf.exp(x - largest(x)) / tf.reduce_sum(tf.exp(x - largest(x)), 1, keepdims=True),
    'absolute': lambda x: mean(tf.abs(x - stop(mean(x)))),
    'fourth power': lambda x: mean((x - stop(mean(x))) ** 4), 'half added': lambda x: logarithm(x, 2),
    'a logarithm more': lambda x: logarithm(x, plus=1),
    'plus one': lambda x: tf.exp(x - largest(x)) / (1 + tf.reduce_sum(tf.exp(x - largest(x)), -1,
                                                                      keepdims=True)),
    'times exp': lambda x: softmax(x) * tf.exp(x - largest(x)),
    'labels': lambda x: tf.nn.softmax_cross_entropy_with_logits(stop(tf.nn.softmax(x)), x)}


@pytest.mark.parametrize('name', [*HARMLESS, *HARMFUL])
def test_stops(name):
    """Harmless as a whole pattern: silent and complete. Otherwise warned of, and the audit names it."""
    xs = np.random.default_rng(0).normal(size=(1, 2, 3))

    def f(x):
        h = tf.reshape((HARMLESS | HARMFUL)[name](x), [-1])
        return tf.reduce_sum(h * tf.cast(1 + tf.range(tf.size(h)), x.dtype))
    for method in 'intgrad', 'deeplift':
        _, delta, messages, fits = outcome(f, method, xs)
        assert fits == (not messages) == (name in HARMLESS), (method, delta, messages)
        if name in HARMLESS:
            np.testing.assert_allclose(delta, 0, atol=1e-8)
        else:
            assert 'StopGradient' in messages[0]


def test_normalization_layers_are_silent():
    L = keras.layers
    x = keras.Input((6, 4))
    h = L.LayerNormalization()(L.BatchNormalization()(x))
    h = L.GroupNormalization(2)(L.MultiHeadAttention(2, 3)(h, h))
    model = keras.Model(x, L.Dense(2)(L.Lambda(lambda t: keras.ops.logsumexp(t, -1))(h)))
    with DeepExplain.from_keras(model) as de, warnings.catch_warnings():
        warnings.simplefilter('error', errors.PathWarning)
        xs = np.random.default_rng(0).normal(size=(2, 6, 4)).astype('f4')
        for method in 'intgrad', 'deeplift':
            _, delta = de.explain(method, de.outputs[0], de.inputs[0], xs, return_delta=True)
            np.testing.assert_allclose(delta, 0, atol=2e-4)
            assert de.audit(method, de.outputs[0], de.inputs[0]).fits


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


def test_calls_that_are_named_after_their_function():
    """As TF1 makes them."""
    from tensorflow.python.framework import function

    @function.Defun(tf.float64, func_name='TanhForTest')
    def called(x):
        return tf.tanh(x) * x
    for method in [*GRADIENTS, 'elrp', 'deeplift']:
        a, _, messages, fits = outcome(lambda x: called(x) * 2, method)
        expected, *_ = outcome(lambda x: tf.tanh(x) * x * 2, method)
        np.testing.assert_allclose(a, expected, rtol=1e-12)
        assert not messages and fits


def test_maps_of_zeros_are_named():
    """Saturated units, dead ones; in silence where T does not change, and where not every attribution is
    0."""
    for method in [*GRADIENTS, 'elrp', 'occlusion']:
        _, _, messages, _ = outcome(lambda x: tf.nn.relu(1 - tf.reduce_max(tf.abs(x))), method, XS * 1e3)
        assert any('are exactly 0, but T' in m for m in messages) == (method != 'intgrad'), (method, messages)
        assert not outcome(lambda x: tf.nn.relu(x - 1e6), method)[2]
        assert not outcome(lambda x: tf.nn.relu(x), method, np.array([[-1., -2, 0, 3]]))[2]


def test_a_baseline_without_a_value_is_no_error_for_maps_of_zeros():
    a, _, messages, _ = outcome(lambda x: tf.nn.relu(tf.math.log(tf.abs(x)) - 1e6), 'saliency')
    assert not a.any() and not messages


@pytest.mark.parametrize('method', GRADIENTS)
def test_numbers_that_are_read_as_integers_and_back(method):
    _, _, messages, fits = outcome(lambda x: x * tf.bitcast(tf.bitcast(x, tf.int64), x.dtype), method)
    assert len(messages) == 1 and 'pass no gradient' in messages[0] and not fits
