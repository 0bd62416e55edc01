"""Segmentation beside its definition, and the zones that label maps give."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.targets import Segmentation, border_zone, class_zone, common_border_zone, component_zone
from tests.support.networks import v1

LABELS = np.array([[[1, 1, 0, 2], [1, 0, 0, 2], [0, 1, 1, 2]], [[1, 2, 2, 2], [1, 2, 0, 0], [1, 1, 0, 1]]])
RNG = np.random.default_rng(0)


def test_zone_of_a_class():
    for of_class in 1, [1, 2]:
        expected = np.zeros((2, 3, 4, 3))
        for k, c in enumerate(np.broadcast_to(of_class, 2)):
            expected[k, ..., c] = LABELS[k] == c
        found = class_zone(LABELS, of_class, 3)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.float32
    np.testing.assert_array_equal(class_zone(LABELS, 1, 1)[..., 0], LABELS == 1)


def test_zone_of_a_component():
    """Sides connect, corners do not; class 0 has components too."""
    assert component_zone(LABELS, (0, 1), 3)[0, ..., 1].tolist() == [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    found = component_zone(LABELS, [[2, 2], [1, 3]], 3)
    assert found[0, ..., 1].tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0]]
    assert found[1, ..., 0].tolist() == [[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 0]]
    assert found[0, ..., [0, 2]].sum() == found[1, ..., 1:].sum() == 0


def test_borders():
    """By a loop over places and their four neighbours."""
    def neighbours(i, j):
        near = (i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)
        return [(a, b) for a, b in near if 0 <= a < 3 and 0 <= b < 4]
    border, common = np.zeros((2, 3, 4, 3)), np.zeros((2, 3, 4, 3))
    for k, i, j in np.ndindex(LABELS.shape):
        at, beside = LABELS[k, i, j], [LABELS[k, a, b] for a, b in neighbours(i, j)]
        if at == 1 and any(c != 1 for c in beside):
            border[k, i, j, 1] = 1
        if at != 1 and 1 in beside:
            border[k, i, j, 1] = -1
        for one, other in (1, 2), (2, 1):
            if at == one and other in beside:
                common[k, i, j, [one, other]] = 1, -1
    one, other = (class_zone(LABELS, c, 3) for c in (1, 2))
    np.testing.assert_array_equal(border_zone(one), border)
    np.testing.assert_array_equal(common_border_zone(one, other), common)
    np.testing.assert_array_equal(common_border_zone(other, one), common)


def test_maps_of_one_and_three_axes():
    line = np.array([[0, 1, 1, 0]])
    np.testing.assert_array_equal(border_zone(class_zone(line, 1, 1))[0, :, 0], [-1, 1, 1, -1])
    volume = RNG.integers(2, size=(2, 3, 4, 5))
    assert component_zone(volume, (0, 0, 0), 2).shape == (2, 3, 4, 5, 2)


WHOLE = np.ones((1, 2, 2), int)
ZONE = {
    'missing': (lambda: class_zone(LABELS * (LABELS != 2) + 2 * (np.arange(2)[:, None, None] == 0), 2, 3),
                'ValueRangeError', 'row 1: there is no place of class 2'),
    'no class': (lambda: class_zone(LABELS, 3, 3), 'ValueRangeError', 'no class 3 among 3'),
    'scores': (lambda: class_zone(LABELS * 1., 1, 3), 'ShapeError', 'must be integers'),
    'classes': (lambda: class_zone(LABELS, [1, 1, 1], 3), 'ShapeError', 'one per map'),
    'outside': (lambda: component_zone(LABELS, [[0, 0], [3, 0]], 3), 'ValueRangeError', r'row 1: \(3, 0\)'),
    'place': (lambda: component_zone(LABELS, [0, 0, 0], 3), 'ShapeError', 'at must be integers'),
    'no border': (lambda: border_zone(class_zone(WHOLE, 1, 2)), 'ValueRangeError', 'row 0: the zone has no'),
    'no zone': (lambda: border_zone(LABELS[..., None]), 'ShapeError', 'must be 0 and 1'),
    'one class': (lambda: common_border_zone(*[class_zone(LABELS, 1, 3)] * 2), 'ValueRangeError',
                  'row 0: both are in one channel'),
    'apart': (lambda: common_border_zone(*(class_zone([[[1, 0, 2]]], c, 3) for c in (1, 2))),
              'ValueRangeError', 'row 0: zones and others do not touch'),
}


@pytest.mark.parametrize('case', ZONE)
def test_bad_zones(case):
    make, error, message = ZONE[case]
    with pytest.raises(getattr(errors, error), match=message):
        make()


def test_segmentation():
    """A mean over the zone, with contrasts; every method, and its sum."""
    w, xs = RNG.normal(size=(3, 3, 2, 3)), RNG.normal(size=(2, 3, 4, 2))
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 3, 4, 2))
        scores = tf.nn.tanh(tf.nn.conv2d(X, w, 1, 'SAME'))
        target, s = Segmentation(outputs=scores), session.run(scores, {X: xs})
        one, other = (class_zone(LABELS, c, 3) for c in (1, 2))
        for ys in one, border_zone(one), one > 0, component_zone(LABELS, (0, 0), 3), \
                common_border_zone(one, other):
            expected = np.array([(s[k] * ys[k]).sum() / np.count_nonzero(ys[k]) for k in range(2)])
            np.testing.assert_allclose(de.value(target, X, xs, ys), expected, rtol=1e-9)
        zero = de.value(target, X, xs * 0, ys)
        for method in 'intgrad', 'deeplift', 'shapley_sampling', 'elrp':
            found = de.explain(method, target, X, xs, ys, 1)
            np.testing.assert_allclose(found.sum((1, 2, 3)), expected - zero, atol=1e-3)     # elrp: epsilon
        gone = xs.copy()
        gone[:, 1, 2, 0] = 0
        np.testing.assert_allclose(de.explain('occlusion', target, X, xs, ys)[:, 1, 2, 0],
                                   expected - de.value(target, X, gone, ys), atol=1e-9)
        gradient, saliency = (de.explain(m, target, X, xs, ys) for m in ('grad*input', 'saliency'))
        np.testing.assert_allclose(np.abs(gradient), saliency * np.abs(xs), rtol=1e-9)
        for bad, error, message in ((one * [[[[1]]], [[[0]]]], 'ValueRangeError', 'row 1: the zone is empty'),
                                    (one[:1], 'ShapeError', '1 rows'),
                                    (one[..., :1], 'ShapeError', 'must be'),
                                    (None, 'FeedError', 'needs ys')):
            with pytest.raises(getattr(errors, error), match=message):
                de.explain('occlusion', target, X, xs, bad)


def test_open_shapes_are_not_broadcast():
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, None, None, 2))
        target, xs = Segmentation(outputs=X * 3), np.ones((2, 3, 4, 2))
        np.testing.assert_allclose(de.value(target, X, xs, np.ones_like(xs)), 3)
        np.testing.assert_allclose(de.explain('intgrad', target, X, xs, xs), xs / 8)
        for shape in (2, 4, 3, 2), (2, 1, 1, 2):
            with pytest.raises(errors.RunError, match='must have the same size and shape'):
                de.value(target, X, xs, np.ones(shape))
