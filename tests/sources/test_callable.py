"""from_callable: functions of NumPy arrays as black boxes, right or refused."""

import collections
import gc
import threading
import warnings
import weakref
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, Target, errors
from deepexplain2.evaluation import Metric
from tests.support.black_boxes import PERTURBATION, SPEC, XS, ZS, S, V, W, close, explained, f, opened
from tests.support.networks import v1


@pytest.fixture(scope='module')
def graph():
    """The same function as TensorFlow's own ops."""
    return DeepExplain.from_function(lambda x: tf.tanh(x @ W), SPEC, check=False)


class TestExplained:
    @pytest.mark.parametrize('method', PERTURBATION)
    @pytest.mark.parametrize('batch_size', [None, 1, 3])
    def test_as_the_graph_of_the_same_function(self, graph, method, batch_size):
        rows = []
        de = opened(lambda x: rows.append(len(x)) or f(x))
        assert rows == [1]                                      # the probe
        ys = np.arange(5) % 3
        want = graph.explain(method, graph.outputs[0], graph.inputs[0], XS, ys)
        for _ in range(2):
            rows.clear()
            got = de.explain(method, de.outputs[0], de.inputs[0], XS, ys, batch_size=batch_size)
            close(got, want, rtol=1e-12)
            assert max(rows) <= (batch_size or 5 * 4000)            # the masks of rise
        close(de.value(de.outputs[0], de.inputs[0], XS, batch_size=batch_size), f(XS))
        close(de.value(de.outputs[0], de.inputs[0], XS, ys), f(XS)[np.arange(5), ys])

    def test_metrics_and_targets(self):
        @dataclass(frozen=True)
        class Margin(Target):
            def build(self, outputs, ys):
                return outputs[:, 0] - outputs[:, 1]

        @dataclass(frozen=True)
        class Drop(Metric):
            baseline: float = 0.
            better = 'higher'

            def score(self, trial):
                return trial.at_x
        de = opened(lambda x: x @ W)
        a = de.explain('occlusion', Margin(), de.inputs[0], XS)
        close(a, XS * (W[:, 0] - W[:, 1]))
        scores = de.evaluate(Drop(), Margin(), de.inputs[0], XS, a)
        close(np.asarray(scores), XS @ (W[:, 0] - W[:, 1]))

    def test_several_inputs_and_nested_outputs(self):
        Pair = collections.namedtuple('Pair', 'low high')

        def both(x, z):
            h = x @ W + z @ V
            return {'h': h, 'rest': (h.sum(1).astype('f'), Pair(h.min(1), h.max(1)))}
        de = opened(both, [*SPEC, S((None, 2), tf.int64)])
        X, Z = de.inputs['x'], de.inputs['z']
        a, b = de.explain('occlusion', de.outputs['h'], [X, Z], [XS, ZS], ys=[0] * 5)
        close(a, XS * W[:, 0])
        close(b, ZS * V[:, 0])
        a = de.explain('shapley_sampling', de.outputs['rest/0'], X, XS, feed_dict={Z: ZS}, batch_size=3)
        close(a, XS * W.sum(1), atol=1e-5)
        close(de.value(de.outputs['rest/1/high'], [X, Z], [XS, ZS]), (XS @ W + ZS @ V).max(1))

    def test_nested_arguments_and_names(self):
        de = opened(lambda d, k: d['b'] * 2 + d['a'] + k[0], [
            {'b': S((None, 2), tf.float32), 'a': S((None, 2), tf.float32)},
            (S((None, 1), tf.float32, name='last'),)])
        found = de.explain('occlusion', de.outputs[0], [de.inputs[n] for n in ('d/a', 'd/b', 'last')],
                           [np.ones((3, 2)), np.ones((3, 2)), np.ones((3, 1))])
        for a, value in zip(found, (1, 2, 2)):
            np.testing.assert_array_equal(a, value)

    def test_a_batch_that_is_fixed(self, graph):
        rows = []
        de = opened(lambda x: rows.append(len(x)) or f(x), [S((4, 4), tf.float64)])
        close(de.explain('occlusion', de.outputs[0], de.inputs[0], XS, ys=[1] * 5),
              graph.explain('occlusion', graph.outputs[0], graph.inputs[0], XS, ys=[1] * 5))
        assert set(rows) == {4}

    def test_it_may_write_into_its_arrays_and_answer_in_one_buffer(self):
        buffer = np.zeros((64, 4))

        def careless(x):
            x *= 2
            buffer[:len(x)] = x
            return buffer[:len(x)]
        de, xs = opened(careless), XS[:1].copy()
        for rows in XS, xs:
            kept = rows.copy()
            close(de.value(de.outputs[0], de.inputs[0], rows, batch_size=1), 2 * kept)
            np.testing.assert_array_equal(rows, kept)

    @pytest.mark.parametrize('answer', [
        lambda x: f(x).tolist(), lambda x: pd.DataFrame(f(x)), lambda x: tf.constant(f(x)),
        lambda x: np.asfortranarray(f(x)), lambda x: f(x).astype(np.longdouble),
        lambda x: [[float(v) if x.any() else int(v) for v in row] for row in f(x)]])
    def test_what_numpy_makes_numbers_of(self, answer):
        close(explained(answer), explained(f))

    def test_one_dimension_and_an_output_signature(self):
        calls = []
        de = opened(lambda x: calls.append(x) or x.sum(1), output=S((None,), tf.float32))
        assert not calls and de.outputs[0].dtype == tf.float32
        close(de.explain('occlusion', de.outputs[0], de.inputs[0], XS), XS, atol=1e-6)

    def test_the_present_model_is_explained(self):
        factor = [1.]
        de = opened(lambda x: x * factor[0])
        close(de.explain('occlusion', de.outputs[0], de.inputs[0], XS), XS)
        factor[0] = 3.
        close(de.explain('occlusion', de.outputs[0], de.inputs[0], XS), 3 * XS)


class TestRows:
    @pytest.mark.parametrize('n', [1, 5])
    @pytest.mark.parametrize('fn', [lambda x: 2 * x - x.mean(0), lambda x: np.sort(x, 0)])
    def test_that_mix(self, fn, n):
        with pytest.raises(errors.TensorError, match=r'changes with the other rows.*PyFunc'):
            explained(fn, n=n)
        alone = np.stack([explained(fn, n=n, batch_size=1)])
        np.testing.assert_allclose(alone[0], XS[:n])

    @pytest.mark.parametrize('n', [1, 5])
    def test_that_are_random(self, n):
        rng = np.random.default_rng(1)
        with pytest.warns(errors.RandomWarning, match=r'PyFunc.*called again'):
            explained(lambda x: x + rng.normal(size=x.shape), n=n)

    def test_that_are_computed_in_float32(self):
        """Sums of other lengths are rounded in other ways, and a row is the same up to that."""
        big = np.random.default_rng(2).normal(size=(4, 512)).astype('f')
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            explained(lambda x: np.tanh(x.astype('f') @ big).sum(1).astype(float))

    def test_of_probabilities_give_no_warning(self):
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            explained(lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True), ys=[0] * 5)


def test_released_with_the_context():
    class Model:
        def __call__(self, x):
            if x.any():
                raise ValueError
            return x
    model = Model()
    de, kept = opened(model), weakref.ref(model)
    with pytest.raises(errors.RunError):
        de.explain('occlusion', de.outputs[0], de.inputs[0], XS)
    with pytest.raises(tf.errors.OpError):
        de.session.run(de.outputs[0], {de.inputs[0]: XS})
    del model, de
    gc.collect()
    assert kept() is None


def test_two_contexts_and_two_threads():
    de, other, names = opened(f), opened(f), set()
    want = de.explain('occlusion', de.outputs[0], de.inputs[0], XS)
    close(other.explain('occlusion', other.outputs[0], other.inputs[0], XS), want)
    de.close()
    with pytest.raises(errors.ContextError):
        de.value(de.outputs[0], de.inputs[0], XS)
    third = opened(lambda x: names.add(threading.current_thread().name) or f(x))
    found = []
    threads = [threading.Thread(name=f't{k}', target=lambda: found.append(
        third.explain('occlusion', third.outputs[0], third.inputs[0], XS, batch_size=2))) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {'t0', 't1'} <= names and len(found) == 2
    for a in found:
        close(a, want)


def test_functions_in_the_graph_of_a_session_are_looked_at_as_well(session):
    x = v1.placeholder(tf.float64, (None, 4))
    rng = np.random.default_rng(3)
    T = tf.ensure_shape(tf.numpy_function(lambda v: v + rng.normal(size=v.shape), [x], tf.float64), (None, 4))
    with DeepExplain() as de:
        with pytest.warns(errors.RandomWarning, match='PyFunc'):
            de.explain('occlusion', T, x, XS)
        with pytest.raises(errors.PathError, match='"saliency" needs gradients'):
            de.explain('saliency', T, x, XS)
        # beside ops with a gradient
        with pytest.warns(errors.PathWarning, match='pass no gradient'):
            de.explain('saliency', T + x, x, XS)
