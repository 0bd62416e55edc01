"""Values that pass where gradients do not: refused where they are the only way from X to T, warned of where
they are one way."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import errors
from tests.support.outcomes import GRADIENTS, XS, outcome

RAW = tf.raw_ops
F8 = tf.dtypes.experimental.float8_e4m3fn, tf.dtypes.experimental.float8_e5m2


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
        elif name == 'index':               # a float X that only chooses rows of a table holds ids
            assert isinstance(a, errors.ValueRangeError) and 'ids are whole numbers' in str(a)
        else:
            assert isinstance(a, errors.PathError), (method, a)
        if method == 'elrp' and name not in ('Sign', 'Cast', 'StopGradient'):
            continue                                # what is on the way is found as for the others
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
