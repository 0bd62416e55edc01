"""What is made of maps after they are computed, beside slow definitions."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, Explanation, errors, postprocess
from deepexplain2.postprocess import channels, forgrad, negative, normalize, positive, segment_mean, upsample

v1 = tf.compat.v1
RNG = np.random.default_rng(0)
RANKS = [(4,), (5, 4), (6, 5, 3), (4, 3, 5, 2)]


@pytest.mark.parametrize('row', RANKS[1:])
def test_channels(row):
    a = RNG.normal(size=(3, *row))
    for axis in range(1, a.ndim):
        at = [np.take(a, c, axis) for c in range(a.shape[axis])]
        slow = {'max': np.maximum.reduce(at), 'sum': sum(at), 'mean': sum(at) / len(at),
                'l2': np.sqrt(sum(c ** 2 for c in at))}
        for how, expected in slow.items():
            for number in axis, axis - a.ndim:
                np.testing.assert_allclose(channels(a, how, number), expected, rtol=1e-12)
    np.testing.assert_allclose(channels(a), a.sum(-1))


def test_signs():
    a = np.array([[1., -2., 0., np.nan]], np.float32)
    np.testing.assert_array_equal(positive(a), [[1, 0, 0, np.nan]])
    np.testing.assert_array_equal(negative(a), [[0, 2, 0, np.nan]])
    a = RNG.normal(size=(3, 4, 2))
    np.testing.assert_array_equal(positive(a) - negative(a), a)
    assert (negative(a) >= 0).all() and positive(np.float16(a)).dtype == 'float16'


@pytest.mark.parametrize('row', RANKS)
def test_normalize(row):
    a = RNG.normal(size=(4, *row)) * np.array([1, 1e-200, 1e200, 0]).reshape((4,) + (1,) * len(row))
    axes = tuple(range(1, a.ndim))
    np.testing.assert_allclose(np.abs(normalize(a)).max(axes), [1, 1, 1, 0])
    np.testing.assert_allclose(np.abs(normalize(a, 'sum')).sum(axes), [1, 1, 1, 0])
    np.testing.assert_allclose((normalize(a, 'l2') ** 2).sum(axes), [1, 1, 1, 0])
    ranged = normalize(a + np.array([0, 0, 0, 3]).reshape((4,) + (1,) * len(row)), 'range')
    np.testing.assert_allclose([ranged.min(axes), ranged.max(axes)], [[0] * 4, [1, 1, 1, 0]])
    one = a[:1]
    np.testing.assert_allclose(normalize(one), one / np.abs(one).max())
    np.testing.assert_allclose(normalize(one, 'range'), (one - one.min()) / np.ptp(one))
    with_nan = normalize(np.array([[np.nan, -2., 1.], [np.nan] * 3]))
    np.testing.assert_array_equal(with_nan, [[np.nan, -1, .5], [np.nan] * 3])


def test_inputs_of_a_row_are_normalized_together():
    a, b = normalize([np.array([[1., -2.]]), np.array([[[4.]]])])
    np.testing.assert_array_equal(a, [[.25, -.5]])
    np.testing.assert_array_equal(b, [[[1.]]])
    a, b = normalize([np.array([[1., -2.]]), np.array([[[4.]]])], 'range')
    np.testing.assert_allclose([*a[0], *b.ravel()], [.5, 0, 1])


@pytest.mark.parametrize('shape', [(7,), (8,), (6, 6), (7, 7), (5, 8), (8, 5), (1, 6), (4, 5, 3)])
@pytest.mark.parametrize('sigma', [.5, 1, 2, 2.7, 50])
def test_forgrad(shape, sigma):
    """Beside a sum of all waves that stay, one by one."""
    a, expected = RNG.normal(size=(2, *shape)), np.zeros((2, *shape))
    grids = np.meshgrid(*map(np.arange, shape), indexing='ij')
    for k in itertools.product(*map(range, shape)):
        periods = [min(i, s - i) for i, s in zip(k, shape)]
        if max(shape) * np.sqrt(sum((p / s) ** 2 for p, s in zip(periods, shape))) <= sigma:
            wave = np.exp(2j * np.pi * sum(i * g / s for i, g, s in zip(k, grids, shape)))
            amount = (np.abs(a) * wave.conj()).reshape(2, -1).sum(1) / wave.size
            expected += (amount.reshape((2,) + (1,) * len(shape)) * wave).real
    axes = tuple(range(1, len(shape) + 1))
    got = forgrad(a, axes, sigma)
    assert got.shape == a.shape
    np.testing.assert_allclose(got, np.abs(expected), atol=1e-12)
    np.testing.assert_allclose(forgrad(a, axes[::-1], sigma), got, atol=1e-12)
    stacked = np.stack([a, 2 * a], -1)                       # each channel by itself
    np.testing.assert_allclose(forgrad(stacked, axes, sigma), np.stack([got, 2 * got], -1), atol=1e-12)
    first = np.stack([a, 2 * a], 1)
    np.testing.assert_allclose(forgrad(first, tuple(x + 1 for x in axes), sigma), np.stack([got, 2 * got], 1),
                               atol=1e-12)


def test_forgrad_of_square_maps_is_that_of_a_disc():
    """As written by hand for square maps: integer periods in a disc of radius sigma."""
    for size in 8, 9:
        a = RNG.normal(size=(1, size, size))
        k = np.fft.fftfreq(size) * size
        disc = np.hypot(k[:, None], k) <= 3
        np.testing.assert_allclose(forgrad(a, (1, 2), 3), np.abs(np.fft.ifft2(np.fft.fft2(np.abs(a)) * disc)),
                                   atol=1e-12)


@pytest.mark.parametrize('row', RANKS)
def test_segment_mean(row):
    a, own = RNG.normal(size=(3, *row)), RNG.integers(-1, 3, (3, *row))
    for labels in own, own[0]:
        expected = a.copy()
        for k, label in itertools.product(range(3), range(3)):
            inside = (labels[k] if labels is own else labels) == label
            if inside.any():
                expected[k][inside] = a[k][inside].mean()
        got = segment_mean(a, labels)
        np.testing.assert_allclose(got, expected, rtol=1e-12)
        np.testing.assert_allclose(got.reshape(3, -1).sum(1), a.reshape(3, -1).sum(1))
    channels_too = np.stack([a, a ** 2], -1)
    np.testing.assert_allclose(segment_mean(channels_too, own),
                               np.stack([segment_mean(a, own), segment_mean(a ** 2, own)], -1))
    np.testing.assert_allclose(segment_mean(channels_too, own[0])[..., 0], segment_mean(a, own[0]))


@pytest.mark.parametrize('interpolation', ['linear', 'nearest'])
@pytest.mark.parametrize('size, to', [((4, 4), (8, 8)), ((5, 3), (11, 7)), ((1, 7), (6, 7)),
                                      ((2, 3), (9, 4))])
def test_upsample_as_tensorflow_resizes(size, to, interpolation):
    a = RNG.normal(size=(2, *size, 3))
    method = 'bilinear' if interpolation == 'linear' else 'nearest'
    expected = tf.image.resize(a.astype('f'), to, method).numpy()
    got = upsample(a, to, interpolation)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    np.testing.assert_allclose(upsample(np.moveaxis(a, 3, 1), to, interpolation, axes=(2, 3)),
                               np.moveaxis(got, 3, 1))
    assert got.max() <= a.max() and got.min() >= a.min() and upsample(positive(a), to).min() >= 0


def test_upsample_in_one_and_three_dimensions():
    a = RNG.normal(size=(2, 3))
    for method in 'linear', 'nearest':
        line = upsample(a, 7, method)
        np.testing.assert_allclose(upsample(a[:, :, None], (7, 1), method)[..., 0], line)
        solid = a[:, :, None, None] * np.ones((1, 1, 2, 4))
        expected = line[:, :, None, None] * np.ones((5, 4))
        np.testing.assert_allclose(upsample(solid, (7, 5, 4), method), expected)
    np.testing.assert_array_equal(upsample(a, 3), a)
    np.testing.assert_allclose(upsample(a, 300).mean(1), a.mean(1), rtol=1e-9)


def test_explanations():
    x = [np.ones((2, 4, 4, 3), 'f'), np.ones((2, 2, 2, 1), 'f')]
    values = [RNG.normal(size=v.shape).astype('f') for v in x]
    given = Explanation(values, x, fx=np.ones(2), delta=np.zeros(2), std_error=values, input_names=['a', 'b'],
                        feature_names=[list(range(48)), None], method='m')
    mapped = channels(given, 'l2')
    assert isinstance(mapped, Explanation) and mapped.xs is given.xs and mapped.method == 'm'
    for got, v in zip(mapped.values, values):
        assert got.dtype == 'float32'
        np.testing.assert_allclose(got, np.sqrt((v ** 2).sum(-1)), rtol=1e-6)
    assert mapped.delta is mapped.std_error is None and mapped.feature_names == [None, None]
    scaled = normalize(given)
    assert scaled.feature_names == [list(range(48)), None] and scaled.fx is given.fx
    assert max(np.abs(v[0]).max() for v in scaled.values) == 1
    single = positive(Explanation(values[0], x[0]))
    np.testing.assert_array_equal(single.values, np.maximum(values[0], 0))
    assert single[1].values.shape == (1, 4, 4, 3)


def test_of_an_explainer():
    with tf.Graph().as_default(), v1.Session(), DeepExplain() as de:
        X = v1.placeholder(tf.float32, (None, 6, 5, 2))
        T = tf.reduce_sum(tf.tanh(X), [1, 2, 3])
        e = de.explanation('smoothgrad', T, X, RNG.normal(size=(3, 6, 5, 2)), samples=3)
        found = upsample(normalize(forgrad(channels(e), (1, 2), 2)), (12, 10))
        assert found.values.shape == (3, 12, 10) and found.values.max() <= 1 and len(found) == 3


def test_kinds_of_maps():
    a = [[1, -2], [3, 4]]
    np.testing.assert_array_equal(positive(a), [[1, 0], [3, 4]])
    assert positive(a).dtype == 'float64' and isinstance(positive([np.array(a)]), list)
    half = np.array([[1.5, -2.]], tf.bfloat16.as_numpy_dtype)
    assert positive(half).dtype == half.dtype and positive(half).tolist() == [[1.5, 0]]
    given = np.array([[1., -1.]])
    given.setflags(write=False)
    for call in positive, negative, normalize, lambda m: forgrad(m, 1), lambda m: segment_mean(m, [0, 0]), \
            lambda m: upsample(m, 2):
        assert call(given) is not given
    assert set(postprocess.__all__) == {'channels', 'positive', 'negative', 'normalize', 'forgrad',
                                        'segment_mean', 'upsample'}


M = np.ones((2, 4, 4))


@pytest.mark.parametrize('call, error, said', [
    (lambda: channels(M, 'median'), errors.ParameterError, "how must be one of 'max', 'mean', 'sum', 'l2'"),
    (lambda: channels(M[0]), errors.ShapeError, r'shape \(4, 4\) have no axis of channels'),
    (lambda: channels(M, axis=0), errors.ParameterError, 'axis is 0, and maps have the axes 1 to 2'),
    (lambda: channels(M, axis=-3), errors.ParameterError, 'axis is -3'),
    (lambda: channels(M, axis=3), errors.ParameterError, 'axis is 3'),
    (lambda: channels(M, axis=1.), errors.ParameterError, 'axis must be an integer'),
    (lambda: normalize(M, 'mean'), errors.ParameterError, 'by must be one of'),
    (lambda: positive(3.), errors.ShapeError, r'maps has shape \(\). Give one row per sample'),
    (lambda: positive([1., 2.]), errors.ShapeError, r'maps has shape \(2,\)'),
    (lambda: positive([[1.], [1., 2.]]), errors.ShapeError, 'uneven'),
    (lambda: positive([['a']]), errors.ParameterError, 'must hold real numbers'),
    (lambda: positive(M * 1j), errors.ParameterError, 'real numbers, and has dtype complex128'),
    (lambda: positive(None), errors.ParameterError, 'must hold real numbers'),
    (lambda: positive(M[:0]), errors.ShapeError, 'is empty'),
    (lambda: positive(M * np.inf), errors.ValueRangeError, 'maps holds infinity'),
    (lambda: positive([M, M[:1]]), errors.ShapeError, 'maps have 2, 1 rows'),
    (lambda: channels(np.full((1, 2, 9), 3e4, np.float16)), errors.ValueRangeError, 'range of float16'),
    (lambda: forgrad(M * np.nan, 1), errors.ValueRangeError, 'holds NaN. Replace it'),
    (lambda: forgrad(M, (1, 1)), errors.ParameterError, 'axes must be different'),
    (lambda: forgrad(M, ()), errors.ParameterError, 'at least one'),
    (lambda: forgrad(M, (0, 1)), errors.ParameterError, 'each of axes is 0'),
    (lambda: forgrad(M, 1, 0), errors.ParameterError, 'sigma must be a number > 0'),
    (lambda: segment_mean(M, np.ones((4, 4))), errors.ParameterError, 'segments must be integers'),
    (lambda: segment_mean(M, np.ones((4, 3), int)), errors.ShapeError, r'\(4, 3\) do not fit'),
    (lambda: segment_mean(M, 0), errors.ShapeError, r'segments of shape \(\) do not fit'),
    (lambda: segment_mean([M, M], np.ones((4, 4), int)), errors.ShapeError, '1 inputs'),
    (lambda: upsample(M, (2, 2)), errors.ParameterError, 'size 2 of axis 1 is less than the 4'),
    (lambda: upsample(M, (8, 8, 8)), errors.ParameterError, r'axes|axis'),
    (lambda: upsample(M, (8, 8), axes=1), errors.ParameterError, 'size has 2 numbers'),
    (lambda: upsample(M, 8.), errors.ParameterError, 'each of size must be an integer'),
    (lambda: upsample(M, ()), errors.ParameterError, 'at least one'),
    (lambda: upsample(M, 8, 'cubic'), errors.ParameterError, "one of 'linear', 'nearest', not 'cubic'"),
])
def test_what_is_refused(call, error, said):
    with pytest.raises(error, match=said):
        call()
