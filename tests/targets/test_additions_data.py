"""Targets with data of several arrays and dtypes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.errors import (
    FeedError,
)
from deepexplain2.targets import Target
from tests.support.few import few
from tests.support.masked import MASKS, RNG, XS, Chosen, H, Masked, N, Said, W, maps, runs
from tests.support.networks import v1


@pytest.fixture
def context():
    with maps() as de:
        yield de


@pytest.mark.parametrize('method', ['saliency', 'grad*input', 'intgrad', 'occlusion', 'deeplift', 'elrp'])
def test_masks(context, method):
    expected = {'saliency': np.abs(2 * XS) * MASKS, 'grad*input': 2 * XS ** 2 * MASKS}
    for batch_size in None, 1, 3, 64:
        np.testing.assert_allclose(runs(context, Masked(), MASKS, few(method), batch_size=batch_size),
                                   expected.get(method, XS ** 2 * MASKS),
                                   rtol=1e-2 if method == 'elrp' else 1e-9)         # its stabilizer


@pytest.mark.parametrize('method', ['intgrad', 'occlusion'])
def test_several_arrays(context, method):
    place, weight = np.array([[0, 0], [2, 1], [1, 0], [2, 0]]), np.array([1., -2., .5, 3.])
    expected = np.zeros_like(XS)
    for k, (i, j) in enumerate(place):
        expected[k, i, j] = weight[k] * XS[k, i, j] ** 2
    for ys in (place, weight), [place.tolist(), weight.astype('f')]:
        for batch_size in None, 1, 3:
            np.testing.assert_allclose(runs(context, Chosen(), ys, few(method), batch_size=batch_size),
                                       expected,
                                       rtol=1e-9)
    parts = context.get_explainer(few(method), Chosen(), context.inputs[0]).stream([(XS, (place, weight))])
    np.testing.assert_allclose(next(parts), expected, rtol=1e-9)


def test_without_data_ys_choose_units(context):
    """The score is a T like any other."""
    target = Said(lambda y: tf.reduce_sum(y ** 2, 1))
    for ys in np.array([0, 1, 1, 0]), np.eye(2)[[0, 1, 1, 0]]:
        np.testing.assert_allclose(runs(context, target, ys),
                                   2 * XS ** 2 * np.eye(2)[[0, 1, 1, 0]][:, None], rtol=1e-9)


def test_a_function_with_a_gradient_of_its_own(context):
    @tf.custom_gradient
    def tripled(y):
        return y * 1., lambda g: 3. * g
    target = Said(lambda y, w: tf.reduce_sum(tripled(y) * w, [1, 2]), tf.TensorSpec((None, 1, 1), tf.float64))
    weights = RNG.normal(size=(N, 1, 1))
    for batch_size in None, 1, 3:
        np.testing.assert_allclose(runs(context, target, weights, 'intgrad', batch_size=batch_size, steps=3),
                                   3 * XS * weights, rtol=1e-9)


def test_loops(context):
    """A loop over the entries of the data."""
    target = Said(lambda y, n: tf.while_loop(
        lambda k, s: k < 3, lambda k, s: (k + 1, s + tf.where(k < n, y[:, 0, 0] ** 2, 0.)),
        (0, tf.zeros_like(y[:, 0, 0])))[1], tf.TensorSpec((None,), tf.int32))
    found = runs(context, target, np.array([0, 1, 2, 3]), few('intgrad'))
    np.testing.assert_allclose(found[:, 0, 0], XS[:, 0, 0] ** 2 * [0, 1, 2, 3], rtol=1e-9)


def test_arrays_and_dicts_as_parameters(context):
    """Equal arrays are equal parameters; outputs by name."""
    @dataclass(frozen=True)
    class Weighted(Target):
        weights: Any = None

        def build(self, outputs, ys):
            return tf.reduce_sum(outputs['y'] * self.weights + outputs['x'], [1, 2])
    sizes = []
    for weights in np.ones((H, W)), np.ones((H, W)), np.zeros((H, W)):
        found = runs(context, Weighted(weights, outputs={'x': 'x', 'y': context.tensor('y')}), None)
        np.testing.assert_allclose(found, XS * (weights + 1))
        sizes.append(len(context.graph.get_operations()))
    assert sizes[0] == sizes[1] < sizes[2]


def test_token_ids():
    """X are ids that are looked up; the data of the target go with their rows."""
    table, ids = RNG.normal(size=(7, 2)), RNG.integers(7, size=(N, H))
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.int32, (None, H))
        y = tf.gather(tf.constant(table), X)
        for batch_size in None, 1, 3:
            found = de.explain(few('intgrad'), Masked(outputs=y), X, ids, MASKS, batch_size)
            np.testing.assert_allclose(found, table[ids] ** 2 * MASKS, rtol=1e-9)
        with pytest.raises(FeedError, match='needs ys'):
            de.explain('intgrad', Masked(outputs=y), X, ids)
