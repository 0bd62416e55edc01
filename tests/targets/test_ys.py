"""ys: class indices, index tuples, words, weights, and the warning where there are none."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.errors import ParameterError, ShapeError, TargetWarning, ValueRangeError
from tests.support.networks import mlp, opened, samples, v1

NET = mlp('tanh', 'sigmoid')
XS, _ = samples(NET, 5)
VALUES = NET.forward(XS)[-1]
PREDICTED = VALUES.argmax(1)
BATCHED = tf.data.Dataset.from_tensor_slices(XS).batch(2)
METHODS = ['saliency', 'grad*input', 'intgrad', 'elrp', 'deeplift', 'occlusion', 'shapley_sampling']


def told(call):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter('always')
        call()
    return [str(w.message) for w in found if w.category is TargetWarning]


@pytest.mark.parametrize('method', METHODS)
def test_words_and_one_class(method):
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer(method, T, X)
        for ys, same in ('predicted', PREDICTED), (2, np.full(5, 2)), (np.int8(1), np.ones(5, int)), \
                ('sum', np.ones((1, 3))), (np.asarray(0), np.zeros(5, int)):
            expected = explainer.run(XS, same)
            for batch_size in None, 1, 3:
                np.testing.assert_allclose(explainer.run(XS, ys, batch_size), expected, rtol=1e-9, atol=1e-12)
        assert not told(lambda: explainer.run(XS, 'sum')) and len(told(lambda: explainer.run(XS))) == 1
        assert not told(lambda: explainer.run(XS))


def test_predicted_against_the_definition():
    with opened(NET) as (de, X, T, _):
        found = de.explanation('saliency', T, X, XS, 'predicted', batch_size=2)
        np.testing.assert_allclose(found.values, np.abs(NET.gradient(XS, np.eye(3)[PREDICTED])), rtol=1e-9)
        np.testing.assert_array_equal(found.ys, PREDICTED)
        np.testing.assert_allclose(found.fx, VALUES.max(1))
        np.testing.assert_allclose(de.value(T, X, XS, 'predicted'), VALUES.max(1))
        explainer = de.get_explainer('saliency', T, X)
        np.testing.assert_allclose(explainer.run(BATCHED, 'predicted'), found.values, rtol=1e-9)
        parts = list(explainer.stream(XS, 2, ys='predicted'))
        np.testing.assert_allclose(np.concatenate(parts), found.values, rtol=1e-9)
        out = np.empty_like(XS)
        explainer.run(XS, 'predicted', 1, out=out)
        np.testing.assert_allclose(out, found.values, rtol=1e-9)
        with pytest.raises(ParameterError, match='ys of its own'):
            next(explainer.stream([(XS, PREDICTED)], ys='predicted'))
        with pytest.raises(ParameterError, match='come with it'):
            explainer.stream([XS], ys=PREDICTED)


def test_frames():
    pandas = pytest.importorskip('pandas')
    with opened(NET) as (de, X, T, _):
        frame = pandas.DataFrame(XS, columns=list('abcde'))
        np.testing.assert_allclose(de.explain('saliency', T, X, frame, 'predicted'),
                                   de.explain('saliency', T, X, XS, PREDICTED), rtol=1e-9)


@pytest.mark.parametrize('is_open', [False, True])
def test_index_tuples(is_open):
    """T (batch, 5, 3): x[:, i] * w[j]."""
    weights, rng = np.array([1., -2., 3.]), np.random.default_rng(0)
    places = np.stack([rng.integers(5, size=4), rng.integers(3, size=4)], 1)
    xs = rng.normal(size=(4, 5))
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, None if is_open else 5))
        T = X[:, :, None] * weights
        expected = np.zeros((4, 5))
        expected[np.arange(4), places[:, 0]] = weights[places[:, 1]] * xs[np.arange(4), places[:, 0]]
        for method in 'grad*input', 'occlusion':
            for batch_size in None, 1, 3:
                np.testing.assert_allclose(de.explain(method, T, X, xs, places, batch_size), expected)
        np.testing.assert_array_equal(de.explanation('occlusion', T, X, xs, places.tolist()).ys, places)
        for row, wrong in (2, [5, 0]), (0, [0, 3]), (1, [-1, 0]):
            bad = places.copy()
            bad[row] = wrong
            with pytest.raises(ValueRangeError, match=rf'in row {row}.*shape \(5, 3\)'):
                de.explain('occlusion', T, X, xs, bad)
        for ys, message in (np.zeros(4, int), r'tuples, integers of shape \(4, 2\)'), ('predicted', 'batch'):
            with pytest.raises(ShapeError, match=message):
                de.explain('occlusion', T, X, xs, ys)
        assert told(lambda: de.explain('occlusion', T, X, xs))


def test_open_classes():
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, None))
        xs = np.random.default_rng(1).normal(size=(4, 3))
        for ys in 'predicted', xs.argmax(1):
            np.testing.assert_allclose(de.explain('grad*input', X + 0., X, xs, ys),
                                       xs * np.eye(3)[xs.argmax(1)])
        with pytest.raises(ValueRangeError, match='class 3 in row 1'):
            de.explain('grad*input', X + 0., X, xs, [0, 3, 0, 0])
        assert told(lambda: de.explain('grad*input', X + 0., X, xs))
        one = tf.reshape(tf.reduce_sum(X, 1), tf.stack([-1, tf.minimum(tf.shape(X)[1], 1)]))
        assert not told(lambda: de.explain('grad*input', one, X, xs))


def test_refused():
    with opened(NET) as (de, X, T, _):
        for target in T[:, 0], T[:, :1]:
            with pytest.raises(ShapeError, match=r'"predicted".*leave ys out'):
                de.explain('saliency', target, X, XS, 'predicted')
            assert not told(lambda target=target: de.explain('saliency', target, X, XS))
        with pytest.raises(ShapeError, match='no classes to choose from'):
            de.explain('saliency', T[:, 0], X, XS, 1)
        with pytest.raises(ShapeError, match=r"got str 'all'.*\"predicted\""):
            de.explain('saliency', T, X, XS, 'all')
        with pytest.raises(ShapeError, match='multiplied by an array'):
            de.explain('saliency', T * np.eye(3)[:1], X, XS, 'predicted')
        assert not told(lambda: de.explain('saliency', T * np.eye(3)[:1], X, XS))
        with np.errstate(invalid='ignore'), pytest.raises(ValueRangeError, match='NaN in row 0'):
            de.explain('occlusion', tf.sqrt(-tf.abs(T) - 1), X, XS, 'predicted')


def test_no_needless_warning():
    """An audit, values and metrics do not warn of a sum, and one warning serves all methods."""
    with opened(NET) as (de, X, T, _):
        assert not told(lambda: (de.audit('saliency', T, X), de.value(T, X, XS), de.activations(T, X, XS),
                                 de.get_explainer('saliency', T, X)))
        assert len(told(lambda: [de.explain(m, T, X, XS) for m in METHODS[:3]])) == 1
