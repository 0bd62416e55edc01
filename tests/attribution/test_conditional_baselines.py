"""Baselines made of each row, and of what is there of it: 'mean', Inpaint, functions (x, mask)."""

import numpy as np
import pytest
import tensorflow as tf
from skimage.restoration import inpaint_biharmonic

from deepexplain2 import DeepExplain, errors
from deepexplain2.features import Axes, Grid, Inpaint, Mean, Segments, Windows, Words
from tests.support.coalitions import shapley
from tests.support.networks import cnn, mlp, opened, samples, v1

NET = cnn('tanh', 'relu')
XS, YS = samples(NET, 3)
QUARTERS = np.arange(36).reshape(6, 6) // 3 % 2 + np.arange(36).reshape(6, 6) // 18 * 2


def kept_mean(x, mask):
    """Absent entries get the mean of those that are there."""
    return np.full_like(x, x[mask].mean() if mask.any() else .5)


def by_hand(k, fill):
    """Shapley values of the quarters of row k, absent ones by a function (x, mask)."""
    def f(here):
        mask = np.repeat(here[QUARTERS][..., None], 2, -1)
        z = np.where(mask, XS[k], fill(XS[k], mask))
        return float(NET.f(z[None], YS[k:k + 1])[0])
    return shapley(f, np.ones(4, bool), np.zeros(4, bool), np.eye(4, dtype=bool))


@pytest.mark.parametrize('fill', [kept_mean, Inpaint()])
@pytest.mark.parametrize('method', ['shapley', 'kernel_shap', 'owen'])
def test_what_is_there_says_what_is_absent(method, fill):
    parameters = {'hierarchy': [0, 1, 2, 3]} if method == 'owen' else {}
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer(method, T, X, features=Segments(QUARTERS), baseline=fill, **parameters)
        found = explainer.explanation(XS, YS)
        np.testing.assert_allclose(found.by_feature, [by_hand(k, fill) for k in range(3)], rtol=1e-8,
                                   atol=1e-12)
        np.testing.assert_allclose(found.delta, 0, atol=1e-12)
        for batch_size in 1, 50:
            np.testing.assert_allclose(explainer.run(XS, YS, batch_size), found.values, rtol=1e-9,
                                       atol=1e-13)


def test_windows_that_overlap():
    """An entry is there where none of its windows is absent."""
    with opened(NET) as (de, X, T, _):
        found = de.explanation('occlusion', T, X, XS, YS, features=Windows((4, 4, 2), (2, 2, 2)),
                               baseline=kept_mean).by_feature
        for w, (i, j) in enumerate([(0, 0), (0, 2), (2, 0), (2, 2)]):
            mask = np.ones(XS.shape[1:], bool)
            mask[i:i + 4, j:j + 4] = False
            z = np.stack([np.where(mask, x, kept_mean(x, mask)) for x in XS])
            np.testing.assert_allclose(found[:, w], NET.f(XS, YS) - NET.f(z, YS), rtol=1e-9, atol=1e-13)


def test_inpainting():
    x = np.random.default_rng(0).normal(size=(7, 6, 2))
    mask = np.ones((7, 6, 2), bool)
    mask[2:4, 1:3] = False
    want = np.where(mask, x, inpaint_biharmonic(x, ~mask[..., 0], channel_axis=-1))
    np.testing.assert_allclose(Inpaint()(x, mask), want, rtol=1e-12)
    np.testing.assert_allclose(Inpaint()(x[..., 0], mask[..., 0]), want[..., 0], rtol=1e-12)
    np.testing.assert_allclose(Inpaint()(x, mask & False), np.broadcast_to(x.mean((0, 1)), x.shape))
    with pytest.raises(errors.ShapeError, match='no image'):
        Inpaint()(np.ones(3), np.ones(3, bool))


def test_several_inputs(session):
    a, b = v1.placeholder(tf.float64, (None, 3)), v1.placeholder(tf.float64, (None, 2))
    t = tf.reduce_sum(tf.tanh(a), 1) * tf.reduce_prod(b, 1)
    xs = [np.random.default_rng(0).normal(size=(2, 3)), np.random.default_rng(1).normal(size=(2, 2))]

    def other(rows, masks):
        """What is absent of one input takes the mean of the other one."""
        return [np.full(3, rows[1][masks[1]].sum()), np.full(2, rows[0][masks[0]].sum())]
    with DeepExplain(session) as de:
        found = de.explanation('occlusion', t, [a, b], xs, features=Axes(), baseline=other).by_feature
    x, y = xs
    z = x.copy()
    z[:, 1] = y.sum(1)
    f = np.tanh(x).sum(1) * y.prod(1)
    np.testing.assert_allclose(found[:, 1], f - np.tanh(z).sum(1) * y.prod(1), rtol=1e-9)
    w = y.copy()
    w[:, 0] = x.sum(1)
    np.testing.assert_allclose(found[:, 3], f - np.tanh(x).sum(1) * w.prod(1), rtol=1e-9)


@pytest.mark.parametrize('method', ['intgrad', 'deeplift', 'occlusion', 'meaningful_perturbation'])
def test_means(method):
    means = np.broadcast_to(XS.mean((1, 2), keepdims=True), XS.shape)
    steps = {'steps': 5} if method not in ('deeplift', 'occlusion') else {}
    with opened(NET) as (de, X, T, _):
        want = de.explain(method, T, X, XS, YS, baseline=means, **({'average': False} if method in (
            'intgrad', 'deeplift') else {}), **steps)
        for baseline in 'mean', Mean():
            np.testing.assert_allclose(de.explain(method, T, X, XS, YS, baseline=baseline, **steps), want,
                                       rtol=1e-9, atol=1e-13)
    np.testing.assert_array_equal(Mean([1])(XS)[:, 3], XS.mean(1))
    np.testing.assert_allclose(Mean()(XS[..., 0])[:, 0, 0], XS[..., 0].mean((1, 2)))


def test_words():
    net = mlp('tanh', sizes=(6, 4, 3))
    xs, ys = samples(net, 2)
    x = v1.placeholder
    with opened(net) as (de, X, _, session), session.graph.as_default():
        words = x(tf.float64, (None, 3, 2))
        t = net.tensorflow(tf.reshape(words, (-1, 6)))
        found = de.explanation('shapley', t, words, xs.reshape(2, 3, 2), ys, features=Words())
        want = de.explain('shapley', t, words, xs.reshape(2, 3, 2), ys, features=Axes([1]))
        np.testing.assert_array_equal(found.values, want)
        assert found.by_feature.shape == (2, 3)


def test_what_is_refused():
    with opened(NET) as (de, X, T, _):
        def refused(message, method='shapley', error=errors.ParameterError, **parameters):
            with pytest.raises(error, match=message):
                de.explain(method, T, X, XS, YS, **({'features': Grid(2)} | parameters))
        for method in 'occlusion', 'rise', 'shapley_sampling':
            refused(r'function of two arguments, \(x, mask\), .*Give features=', method, baseline=kept_mean,
                    features=None)
        with pytest.raises(errors.ParameterError, match='Give a value, an array or a function of xs'):
            de.explain('deeplift', T, X, XS, YS, baseline=Inpaint())
        refused('"sobol" fades features', 'sobol', baseline=kept_mean)
        refused('returns other values for the same x and mask',
                baseline=lambda x, mask: np.random.default_rng().normal(size=x.shape))
        refused(r'an array of shape \(6, 2\)', error=(errors.ParameterError, errors.ShapeError),
                baseline=lambda x, mask: x[0])
        refused('NaN or infinity', baseline=lambda x, mask: np.where(mask, x, np.nan))
        refused('raised ZeroDivisionError', baseline=lambda x, mask: x / 0 if 1 // 0 else x)
        refused('is not an array of float64: got str', error=errors.DeepExplainError, baseline='means')
        refused('cannot take xs', references=kept_mean)
        with pytest.raises(errors.ParameterError, match='mixes what has other units'):
            Mean()(np.ones((3, 4)))
        with pytest.raises(errors.ShapeError, match='X has axes 1 to 3'):
            Mean([4])(XS)


def test_integers(session):
    x = v1.placeholder(tf.int32, (None, 4, 4))
    t = tf.reduce_sum(tf.cast(x, tf.float64) ** 2, [1, 2])
    xs = np.arange(32).reshape(2, 4, 4)
    with DeepExplain(session) as de:
        for baseline, message in ((Inpaint(), 'X of dtype int32 cannot be inpainted'),
                                  (lambda x, mask: x / 2, 'returned fractions, and X has dtype int32')):
            with pytest.raises(errors.ParameterError, match=message):
                de.explain('shapley', t, x, xs, features=Grid(2), baseline=baseline)
        found = de.explanation('occlusion', t, x, xs, features=Axes([1]), baseline=lambda x, mask: x // 2)
        want = (xs ** 2 - (xs // 2) ** 2).sum(2)
        np.testing.assert_allclose(found.by_feature, want)
