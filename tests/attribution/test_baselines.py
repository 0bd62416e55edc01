"""Baselines of every kind: one, one per row, a set, for several inputs."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import errors
from tests.support.networks import mlp, opened, samples, v1

NET = mlp('tanh', 'relu', seed=3)
XS, YS = samples(NET, 5)
REFERENCES = np.random.default_rng(8).normal(size=(7, 5))


@pytest.mark.parametrize('method', ['deeplift', 'intgrad'])
def test_several_baselines(method):
    """The mean over the references, whatever way they are given and packed."""
    with opened(NET) as (de, X, T, _):
        options = {'steps': 20} if method == 'intgrad' else {}
        single = np.mean([de.explain(method, T, X, XS, YS, baseline=b, **options) for b in REFERENCES], 0)
        total = NET.f(XS, YS) - np.mean([NET.f(np.broadcast_to(b, XS.shape), YS) for b in REFERENCES], 0)
        for given in REFERENCES, lambda xs: REFERENCES, lambda xs: REFERENCES.tolist():
            for batch_size in None, 1, 3:
                a, delta = de.explain(method, T, X, XS, YS, batch_size, baseline=given, return_delta=True,
                                      **options)
                np.testing.assert_allclose(a, single, atol=1e-10)
                np.testing.assert_allclose(a.sum(1) + delta, total, atol=1e-10)
                # 20 steps across the corners of relu
                np.testing.assert_allclose(delta, 0, atol=.1 if method == 'intgrad' else 1e-10)
        one = de.explain(method, T, X, XS[:1], YS[:1], baseline=REFERENCES, **options)
        np.testing.assert_allclose(one, single[:1], atol=1e-10)
        per_row = de.explain(method, T, X, XS, YS, baseline=lambda xs: xs[::-1] / 2)
        np.testing.assert_allclose(per_row, de.explain(method, T, X, XS, YS, baseline=XS[::-1] / 2),
                                   atol=1e-12)
        both = de.explain(method, T, X, XS, YS, baseline=XS / 2, average=True)
        np.testing.assert_allclose(both, np.mean([de.explain(method, T, X, XS, YS, baseline=b)
                                                  for b in XS / 2], 0), atol=1e-10)


def test_rows_of_a_baseline_keep_their_meaning():
    """A set of references of which a later batch happens to have as many rows is not taken for one per
    row."""
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer('deeplift', T, X, baseline=REFERENCES[:4])
        explainer.run(XS)
        with pytest.raises(errors.ParameterError, match=r'baseline has 4 rows and xs 4: they would be one '
                                                        r'per row, but were averaged over in an '
                                                        r'earlier run. Say which: average=True'):
            explainer.run(XS[:4])
        certain = de.get_explainer('deeplift', T, X, baseline=REFERENCES[:4], average=True)
        np.testing.assert_allclose(certain.run(XS[:4]), explainer.run(XS)[:4], atol=1e-12)


def test_several_baselines_of_several_inputs():
    with opened(NET) as (de, X, T, session):
        Y = v1.placeholder(tf.float64, (None, 2))
        U = tf.tanh(T[:, :2] * Y)
        ys, references = XS[:, :2] * 2, [REFERENCES, REFERENCES[:, :2]]
        got, delta = de.explain('deeplift', U, [X, Y], [XS, ys], baseline=references, return_delta=True)
        expected = [np.mean(r, 0) for r in zip(*(de.explain('deeplift', U, [X, Y], [XS, ys], baseline=[a, b])
                                                 for a, b in zip(*references)))]
        for a, b in zip(got, expected):
            np.testing.assert_allclose(a, b, atol=1e-12)
        np.testing.assert_allclose(delta, 0, atol=1e-10)
        with pytest.raises(errors.ShapeError, match=r'the inputs have different numbers of baselines: 7 for '
                                                    r'.*, 3 for'):
            de.explain('deeplift', U, [X, Y], [XS, ys], baseline=[REFERENCES, REFERENCES[:3, :2]])


def test_one_per_row_is_not_averaged_later():
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer('deeplift', T, X, baseline=REFERENCES[:4])
        explainer.run(XS[:4])
        with pytest.raises(errors.ParameterError, match=r'baseline has 4 rows and xs 5: they would be '
                                                        r'averaged over, but were one per row in an '
                                                        r'earlier run. Say which: average=False'):
            explainer.run(XS)
        free = de.get_explainer('deeplift', T, X, baseline=REFERENCES[:4], average=True)
        np.testing.assert_allclose(free.run(XS)[:4], free.run(XS[:4]), atol=1e-12)


def test_one_baseline_beside_several():
    """One input with a set of references, the other with one row for all; what a function does to its
    argument stays there."""
    with opened(NET) as (de, X, T, _):
        Y = v1.placeholder(tf.float64, (None, 2))
        U, xs = tf.tanh(T[:, :2] * Y), [XS, XS[:, :2] * 2]
        ones = np.ones((7, 2))
        a, b = (de.explain('deeplift', U, [X, Y], xs, baseline=[REFERENCES, second])
                for second in (ones[0], ones))
        for one, repeated in zip(a, b):
            np.testing.assert_allclose(one, repeated, atol=1e-12)

        def emptied(given):
            for g in given if isinstance(given, list) else [given]:
                g[:] = 0
            return given
        before = XS.copy()
        np.testing.assert_allclose(de.explain('deeplift', T, X, XS, baseline=emptied),
                                   de.explain('deeplift', T, X, before), atol=1e-12)
        for one, zero in zip(de.explain('deeplift', U, [X, Y], xs, baseline=emptied),
                             de.explain('deeplift', U, [X, Y], xs)):
            np.testing.assert_allclose(one, zero, atol=1e-12)
        np.testing.assert_array_equal(XS, before)
