"""xrai: regions in the order of their mean attributions."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.attribution import XRAI, IntegratedGradients
from deepexplain2.attribution.gradient.xrai import by_regions
from tests.support.networks import cnn, opened, samples, v1

RNG = np.random.default_rng(0)


@pytest.mark.parametrize('smallest', [1, 4])
def test_regions_by_hand(smallest):
    """The region with the largest mean of what is left, until none is."""
    regions, a = RNG.random((9, 40)) < .3, RNG.normal(size=40)
    regions[:, -3:] = False                             # in none
    found, left = np.full(40, np.nan), set(range(40))
    while True:
        some = [[p for p in np.flatnonzero(r) if p in left] for r in regions]
        means = {k: a[s].mean() for k, s in enumerate(some) if len(s) >= smallest}
        if not means:
            break
        best = max(means, key=means.get)
        found[some[best]] = means[best]
        left -= set(some[best])
    found[list(left)] = a[list(left)].mean()
    np.testing.assert_allclose(by_regions(a, regions, smallest), found, rtol=1e-12)


def blobs(n, channels):
    """Images with a bright square, whose sum T is, and a brighter one that T does not take."""
    images = RNG.uniform(0, .05, (n, 24, 24, channels))
    images[:, 4:10, 5:12] += .6
    images[:, 14:20, 14:20] += 1
    return images


@pytest.mark.parametrize('channels', [1, 3])
def test_finds_what_t_takes(channels, session):
    x = v1.placeholder(tf.float64, (None, 24, 24, channels))
    t = tf.reduce_sum(tf.tanh(x[:, 4:10, 5:12]), [1, 2, 3])
    with DeepExplain(session) as de:
        images = blobs(2, channels)
        found = de.explain('xrai', t, x, images)
        assert found.shape == images.shape and (found == found[..., :1]).all()
        for image in found[..., 0]:
            best = image == image.max()
            assert best[5:9, 6:11].all() and not best[13:].any()
        np.testing.assert_array_equal(de.explain('xrai', t, x, images[1:]), found[1:])
        method = XRAI(IntegratedGradients(steps=5, references=np.stack([np.zeros((24, 24, channels)),
                                                                        np.ones((24, 24, channels))])))
        assert de.explain(method, t, x, images).shape == images.shape
        assert len(np.unique(de.explain('xrai', t, x, images, scales=[2000], smallest=40)[0])) < \
            len(np.unique(found[0]))
        gray = v1.placeholder(tf.float64, (None, 24, 24))
        assert de.explain('xrai', tf.reduce_sum(gray[:, 4:10] ** 2, [1, 2]), gray,
                          images[..., 0]).shape == (2, 24, 24)


def test_other_methods_inside():
    net = cnn('tanh')
    xs, ys = samples(net, 2)
    with opened(net) as (de, X, T, _):
        for of in 'gradient', 'occlusion', 'deeplift':
            assert de.explain('xrai', T, X, xs, ys, of=of).shape == xs.shape


def test_what_is_refused(session):
    x = v1.placeholder(tf.float64, (None, 5))
    image = v1.placeholder(tf.float64, (None, 6, 6, 9))
    with DeepExplain(session) as de:
        with pytest.raises(errors.ShapeError, match='takes one X of images'):
            de.explain('xrai', tf.reduce_sum(x, 1), x, np.ones((2, 5)))
        with pytest.raises(errors.ShapeError, match='at most 5 channels'):
            de.explain('xrai', tf.reduce_sum(image, [1, 2, 3]), image, np.ones((2, 6, 6, 9)))
    for parameters, message in [({'scales': []}, 'scales must be a list'), ({'scales': [0]}, 'each entry of'),
                                ({'scales': 3}, 'scales must be a list'), ({'smallest': 0}, 'smallest must')]:
        with pytest.raises(errors.ParameterError, match=message):
            XRAI(**parameters)
