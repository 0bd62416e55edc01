"""T with one value for all rows of a batch that the graph fixes: one promise, one gap."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

RNG = np.random.default_rng(0)
XS, B, W = RNG.normal(size=(8, 3)), RNG.normal(size=(4, 3)), RNG.normal(size=(3, 5))
TARGETS = {'mean': lambda x: tf.reduce_mean(tf.square(x)),
           'of classes': lambda x: tf.reduce_mean(tf.nn.softplus(x @ W), 0),
           'one axis': lambda x: tf.reduce_sum(tf.sin(x) ** 3)[None]}


def in_batches(f, xs, size=4):
    """f(batch) of every batch, one after the other."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float64, (size, 3))
        return np.array([session.run(tf.reduce_sum(f(x)), {x: xs[k:k + size]})
                         for k in range(0, len(xs), size)])


@pytest.mark.parametrize('target', TARGETS)
@pytest.mark.parametrize('fixed', ['X', 'written'])
@pytest.mark.parametrize('method, options', [('deeplift', {}), ('intgrad', {'steps': 20}),
                                             ('intgrad', {'tolerance': 1e-6}),
                                             ('elrp', {'epsilon': 1e-9})])
def test_one_gap_per_value(session, target, fixed, method, options):
    n, f = (8 if fixed == 'X' else 4), TARGETS[target]
    x = v1.placeholder(tf.float64, (4 if fixed == 'X' else None, 3))
    T = f(x if fixed == 'X' else x * np.ones((4, 1)))
    with DeepExplain() as de:
        for baseline in ({},) if method == 'elrp' else ({}, {'baseline': B[0]},
                                                        {'baseline': np.tile(B, (n // 4, 1)),
                                                         'average': False}):
            a, delta = de.explain(method, T, x, XS[:n], return_delta=True, **options, **baseline)
            start = 0 if method == 'elrp' else in_batches(f, np.broadcast_to(baseline.get('baseline', 0),
                                                                             (n, 3)))
            missing = in_batches(f, XS[:n]) - start - a.reshape(n // 4, -1).sum(1)
            assert delta.shape == (n // 4,) and a.shape == (n, 3)
            np.testing.assert_allclose(delta, missing, atol=1e-12)
            if method != 'elrp':
                np.testing.assert_allclose(delta, 0, atol=1e-5)
                assert np.abs(a).max() > .01


def test_references_and_streams(session):
    """Averaged over references; piece by piece; one row for a batch."""
    x = v1.placeholder(tf.float64, (4, 3))
    T = tf.reduce_mean(tf.square(x) * tf.sin(x))
    with DeepExplain() as de:
        _, delta = de.explain('deeplift', T, x, XS, baseline=B[:3], average=True, return_delta=True)
        np.testing.assert_allclose(delta, [0, 0], atol=1e-12)
        explainer = de.get_explainer('deeplift', T, x)
        assert [d.shape for _, d in explainer.stream([XS, XS[:4]], return_delta=True)] == [(2,), (1,)]
        one = v1.placeholder(tf.float64, (1, 3))
        _, delta = de.explain('deeplift', tf.reduce_mean(tf.square(one)), one, XS, return_delta=True)
        np.testing.assert_allclose(delta, np.zeros(8), atol=1e-12)


def test_rows_that_fill_no_batch(session):
    """T of a batch that is filled up by repeating a row would be another T."""
    x = v1.placeholder(tf.float64, (4, 3), 'x')
    with DeepExplain() as de:
        for method in 'saliency', 'deeplift':
            with pytest.raises(errors.ShapeError, match=r'xs has 6 rows, but T .* is one value for 4 rows of '
                                                        r'X, .* give a multiple of 4 rows'):
                de.explain(method, tf.reduce_mean(tf.square(x)), x, XS[:6])
        assert de.explain('saliency', tf.reduce_mean(tf.square(x), 1), x, XS[:6]).shape == (6, 3)


def test_a_tolerance_is_that_of_the_value(session):
    """Rows that cancel in T do not: their sum is compared with its change."""
    x = v1.placeholder(tf.float64, (4, 3))
    T = tf.reduce_sum(tf.exp(2 * x))
    with DeepExplain() as de:
        a, delta = de.explain('intgrad', T, x, XS, tolerance=1e-4, quadrature='riemann_middle',
                              return_delta=True)
        change = in_batches(lambda v: tf.exp(2 * v), XS) - 12
        assert np.all(np.abs(delta) <= 1e-4 * np.abs(change)) and np.abs(delta).max() > 1e-12
        with pytest.warns(errors.ToleranceWarning, match='2 of 2 values of T are not within'):
            de.explain('intgrad', T, x, XS, tolerance=1e-14, quadrature='riemann_middle', max_steps=16)
