"""classes=: one map for each of several classes, in one call."""

from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.attribution import Occlusion
from deepexplain2.errors import ParameterError, ShapeError, ValueRangeError
from deepexplain2.targets import Target
from tests.support.networks import mlp, opened, samples, v1

NET = mlp('tanh', 'sigmoid')
XS, _ = samples(NET, 5)
BATCHED = tf.data.Dataset.from_tensor_slices(XS).batch(2)
@dataclass(frozen=True)
class Closeness(Target):
    """Minus the squared distance to a point, one point per row."""

    def data(self, outputs):
        return tf.TensorSpec(outputs.shape, outputs.dtype)

    def build(self, outputs, ys):
        return -tf.reduce_sum((outputs - ys) ** 2, 1)


METHODS = {'saliency': {}, 'grad*input': {}, 'intgrad': {'steps': 5}, 'elrp': {}, 'deeplift': {},
           'occlusion': {'window_shape': 2}, 'shapley_sampling': {'samples': 4}}


@pytest.mark.parametrize('method', METHODS)
def test_as_one_after_the_other(method):
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer(method, T, X, **METHODS[method])
        expected = np.stack([explainer.run(XS, c) for c in range(3)])
        for batch_size in None, 1, 3:
            found = explainer.run(XS, None, batch_size, classes='all')
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(explainer.run(XS, classes=[2, 0]), expected[[2, 0]], rtol=1e-9, atol=1e-12)
        out = np.empty((3, *XS.shape))
        assert explainer.run(XS, None, 1, classes='all', out=out) is out
        np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-12)
        parts = list(explainer.stream([XS[:2], XS[2:]], classes='all'))
        np.testing.assert_allclose(np.concatenate(parts, 1), expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(explainer.run(BATCHED, classes='all'), expected, rtol=1e-9, atol=1e-12)
        listed = de.explain(method, T, [X], [XS], classes='all', **METHODS[method])
        np.testing.assert_allclose(listed[0], expected, rtol=1e-9, atol=1e-12)
        for c, found in enumerate(explainer.explanation(XS, classes='all')):
            np.testing.assert_allclose(found.values, expected[c], rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(found.fx, NET.forward(XS)[-1][:, c], rtol=1e-9)
            np.testing.assert_array_equal(found.ys, np.full(5, c))


def test_against_the_definition():
    with opened(NET) as (de, X, T, _):
        found = de.explain('saliency', T, X, XS, classes='all')
        np.testing.assert_allclose(found, [np.abs(NET.gradient(XS, np.eye(3)[[c]])) for c in range(3)],
                                   rtol=1e-9)
        values, error, delta = de.explain('shapley_sampling', T, X, XS, classes=[1, 2], samples=4,
                                          return_std_error=True, return_delta=True)
        assert values.shape == error.shape == (2, 5, 5) and delta.shape == (2, 5)
        at = NET.forward(XS)[-1] - NET.forward(np.zeros((1, 5)))[-1]
        np.testing.assert_allclose(values.sum(2) + delta, at.T[1:], rtol=1e-9)


@pytest.mark.parametrize('method', ['occlusion', 'shapley_sampling'])
def test_every_input_is_evaluated_once(method):
    """However often there are classes; and progress ends at its total."""
    with opened(NET) as (de, X, T, _):
        explainer, told = de.get_explainer(method, T, X, **METHODS[method]), {}
        for classes in [0], 'all':
            seen = told[str(classes)] = []
            explainer.run(XS, classes=classes, progress=lambda p: seen.append(p), batch_size=4)   # noqa: B023
            assert seen[-1].done == seen[-1].total
        assert told['all'][-1].done == told['[0]'][-1].done > 20
        seen = []
        de.explain('saliency', T, X, XS, classes='all', progress=seen.append, return_delta=False)
        assert seen[-1].done == seen[-1].total == 15


def test_a_tolerance_and_one_baseline_for_all_classes():
    with opened(NET) as (de, X, T, _):
        calls = []

        def baseline(xs):
            calls.append(len(xs))
            return np.zeros_like(xs) + len(calls)
        found = de.explain('occlusion', T, X, XS, classes='all', baseline=baseline)
        assert calls == [5]
        np.testing.assert_allclose(found, [de.explain(Occlusion(baseline=1.), T, X, XS, c) for c in range(3)])
        given = {'samples': 4, 'tolerance': .1, 'max_samples': 200}
        found = de.explain('shapley_sampling', T, X, XS, classes='all', **given)
        expected = [de.explain('shapley_sampling', T, X, XS, c, **given) for c in range(3)]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_token_ids():
    table, rng = np.random.default_rng(0).normal(size=(7, 4)), np.random.default_rng(1)
    ids = rng.integers(7, size=(3, 5))
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.int32, (None, 5))
        T = tf.tanh(tf.reduce_sum(tf.nn.embedding_lookup(tf.constant(table), X), 1)) @ tf.constant(
            rng.normal(size=(4, 2)))
        for method in 'grad*input', 'occlusion':
            for given in {}, {'sum_embedding': True}:
                expected = [de.explain(method, T, X, ids, c, **given) for c in range(2)]
                for batch_size in None, 2:
                    found = de.explain(method, T, X, ids, batch_size=batch_size, classes='all', **given)
                    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_refused():
    with opened(NET) as (de, X, T, _):
        for target, given, error, message in [
                (T, {'ys': 1, 'classes': 'all'}, ParameterError, 'classes and ys'),
                (T, {'ys': 'sum', 'classes': [1]}, ParameterError, 'classes and ys'),
                (T, {'classes': [3]}, ValueRangeError, 'classes holds 3'),
                (T, {'classes': [-1]}, ParameterError, 'integer >= 0'),
                (T, {'classes': []}, ParameterError, 'list'), (T, {'classes': 1}, ParameterError, "or 'all'"),
                (T, {'classes': 'most'}, ParameterError, "or 'all'"),
                (T[:, 0], {'classes': 'all'}, ShapeError, 'known number of classes'),
                (T[:, :, None], {'classes': 'all'}, ShapeError, 'known number of classes'),
                (T * np.eye(3)[:1], {'classes': 'all'}, ParameterError, 'multiplied by an array'),
                (lambda out, ys: out, {'classes': 'all', 'ys': np.ones(5)}, ParameterError, 'takes data'),
                (Closeness(outputs=T), {'classes': 'all'}, ParameterError, 'data of target Closeness'),
                (T, {'classes': 'all', 'out': np.empty((2, 5, 5))}, ShapeError, 'the 3 classes'),
                (T, {'classes': 'all', 'out': np.empty((3, 4, 5))}, ShapeError, 'out has shape')]:
            with pytest.raises(error, match=message):
                de.explain('occlusion', target, X, XS, **given)
