"""meaningful_perturbation: beside gradient descent on the same objective by automatic differentiation."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter
from tensorflow.python.eager.context import eager_mode

from deepexplain2 import DeepExplain, errors
from deepexplain2.features import Blur, UniformNoise
from deepexplain2.features.resize import resized
from tests.support.networks import cnn, mlp, opened, samples, v1


def by_hand(f, x, b, cells, steps, rate=.1, sparsity=.01, smoothness=.2, roughness=3.):
    """1 - the mask of one row, by TensorFlow's gradient of the objective; f: of rows."""
    row = x.shape
    weights = [resized(np.eye(c)[:, :], (s,), 'linear') for c, s in zip(cells, row)]      # (cells, entries)
    at_x, at_b = (float(f(tf.constant(v[None]))[0]) for v in (x, b))
    m, first, second = np.ones(cells), np.zeros(cells), np.zeros(cells)
    for step in range(1, steps + 1):
        with tf.GradientTape() as tape:
            mask = tf.constant(m)
            tape.watch(mask)
            wide = mask
            for w in weights:                           # each axis in turn goes to the end
                wide = tf.tensordot(wide, tf.constant(w), [[0], [0]])
            cost = (f((b + wide * (x - b))[None])[0] - at_b) / abs(at_x - at_b)
            cost += sparsity * tf.reduce_sum(1 - mask)
            for axis in range(len(cells)) if len(cells) > 1 else ():
                low = tf.gather(mask, range(cells[axis] - 1), axis=axis)
                high = tf.gather(mask, range(1, cells[axis]), axis=axis)
                cost += smoothness * tf.reduce_sum(tf.abs(high - low) ** roughness)
        g = tape.gradient(cost, mask).numpy()
        first = .9 * first + .1 * g
        second = .999 * second + .001 * g ** 2
        m = m - rate * (first / (1 - .9 ** step)) / (np.sqrt(second / (1 - .999 ** step)) + 1e-8)
        m = np.clip(m, 0, 1)
    wide = m
    for w in weights:
        wide = np.tensordot(wide, w, [[0], [0]])
    return 1 - wide


@pytest.mark.parametrize('grid', [None, (3, 3, 1), (6, 2, 2)])
def test_images_by_hand(grid):
    net = cnn('tanh')
    xs, ys = samples(net, 2)
    with opened(net) as (de, X, T, _):
        explainer = de.get_explainer('meaningful_perturbation', T, X, steps=12, grid=grid, baseline=.1)
        found = explainer.run(xs, ys)
        for batch_size in 1, 2:
            np.testing.assert_allclose(explainer.run(xs, ys, batch_size), found, rtol=1e-7, atol=1e-9)
        assert explainer.plan(2).evaluations == 2 * 13
    with eager_mode():
        for k in range(2):
            want = by_hand(lambda x, k=k: tf.reduce_sum(net.tensorflow(x) * ys[k], 1), xs[k],
                           np.full(xs[k].shape, .1), grid or (6, 6, 1), 12)
            np.testing.assert_allclose(found[k], want, rtol=1e-6, atol=1e-8)
            assert 0 < found[k].max() <= 1 and found[k].min() >= 0


def test_tables_by_hand():
    """Every entry by itself, without neighbours; what T does not take keeps its mask."""
    net = mlp('tanh', sizes=(5, 6, 3))
    xs, ys = samples(net, 3)
    xs[1] = 0                                           # T is that at the baseline
    with opened(net) as (de, X, T, _):
        found = de.explain('meaningful_perturbation', T, X, xs, ys, steps=30, rate=.05, sparsity=.05)
        assert not found[1].any()
    with eager_mode():
        for k in 0, 2:
            want = by_hand(lambda x, k=k: tf.reduce_sum(net.tensorflow(x) * ys[k], 1), xs[k], np.zeros(5),
                           (5,), 30, .05, .05)
            np.testing.assert_allclose(found[k], want, rtol=1e-6, atol=1e-8)


def test_finds_the_place(session):
    """Of an image of which T takes a square, that square, against a blurred image."""
    x = v1.placeholder(tf.float32, (None, 24, 24, 1))
    t = tf.reduce_sum(tf.nn.relu(x[:, 4:10, 5:12] - .5), [1, 2, 3])
    images = np.random.default_rng(0).uniform(0, .2, (2, 24, 24, 1))
    images[:, 4:10, 5:12] += .7
    images[:, 14:20, 14:20] += .8
    with DeepExplain(session) as de:
        found = de.explain('meaningful_perturbation', t, x, images, baseline=Blur(4), steps=60, grid=12)
        for image in found[..., 0]:
            assert image[5:9, 6:11].min() > .5 > .1 > image[16:].max()


def test_fills():
    rows = np.random.default_rng(0).normal(size=(2, 9, 8, 3))
    np.testing.assert_allclose(Blur(2)(rows), gaussian_filter(rows, (0, 2, 2, 0), mode='nearest'))
    series = rows[..., 0]
    np.testing.assert_allclose(Blur([3, 0])(series), gaussian_filter(series, (0, 3, 0), mode='nearest'))
    assert isinstance(Blur(1)([rows, rows]), list) and set(Blur(1)({'a': rows})) == {'a'}
    noise = UniformNoise(3)(rows)
    assert noise.shape == rows.shape and (UniformNoise(3)(rows[1:]) == noise[1:]).all()
    flat, of_noise = (a.reshape(2, -1) for a in (rows, noise))
    assert (of_noise >= flat.min(1, keepdims=True)).all() and (of_noise <= flat.max(1, keepdims=True)).all()
    assert Blur(2) == Blur(2.) != Blur(3)
    for make, error, message in [(lambda: Blur(-1), errors.ParameterError, 'sigma must be a number >= 0'),
                                 (lambda: Blur([1, 2])(rows), errors.ShapeError, 'sigma has 2 entries'),
                                 (lambda: UniformNoise()(np.ones((2, 3), int)), errors.ParameterError,
                                  'noise is added')]:
        with pytest.raises(error, match=message):
            make()
    net = cnn('tanh')
    xs, ys = samples(net, 2)
    with opened(net) as (de, X, T, _):
        for fill in Blur(2), UniformNoise(1):
            np.testing.assert_allclose(de.explain('deeplift', T, X, xs, ys, baseline=fill),
                                       de.explain('deeplift', T, X, xs, ys, baseline=fill(xs)), rtol=1e-12)


def test_a_grid_that_does_not_fit():
    net = mlp('tanh', sizes=(5, 6, 3))
    xs, ys = samples(net, 2)
    with opened(net) as (de, X, T, _), pytest.raises(errors.ParameterError, match='does not fit a row'):
        de.explain('meaningful_perturbation', T, X, xs, ys, grid=(2, 2))
