"""The gap in every answer: baselines of every kind, deltas, tolerances, standard errors, and where NaN
begins."""

import re
import warnings

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, methods
from tests.support.networks import mlp, opened, samples, v1

NET = mlp('tanh', 'relu', seed=3)
XS, YS = samples(NET, 5)
REFERENCES = np.random.default_rng(8).normal(size=(7, 5))
SUMS = {'intgrad': {}, 'deeplift': {}, 'shapley_sampling': {'samples': 2}, 'elrp': {}}


@pytest.mark.parametrize('method', methods())
def test_delta(method):
    """What is missing of the sum, weights of T included; methods without a sum say so."""
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer(method, T, X)
        if method not in SUMS:
            with pytest.raises(errors.ParameterError, match=rf'return_delta: the attributions of '
                                                            rf'"{re.escape(method)}" do not promise any sum'):
                explainer.run(XS, YS, return_delta=True)
            return
        a, delta = explainer.run(XS, YS, return_delta=True)
        np.testing.assert_array_equal(a, explainer.run(XS, YS))
        promised = NET.f(XS, YS) - (0 if method == 'elrp' else NET.f(0 * XS, YS))
        np.testing.assert_allclose(delta, promised - a.sum(1), atol=1e-12)
        assert delta.shape == (5,) and delta.dtype == np.float64
        if method == 'elrp':
            assert np.abs(delta).max() > .1                 # what the biases absorbed
        a, delta = explainer.run(XS, YS, return_delta=True, batch_size=2)
        np.testing.assert_allclose(delta, promised - a.sum(1), atol=1e-12)


def test_elrp_conserves_where_nothing_absorbs():
    """Without biases, as epsilon goes to 0, under every option: sums to f(x)."""
    rng = np.random.default_rng(0)
    A, B, C = (rng.normal(size=(5, 5)) for _ in range(3))
    with opened(NET) as (de, X, _, _):
        h = tf.tanh(X @ A)
        gated = tf.sigmoid(X @ B) * h + tf.nn.relu(X @ C) / (1.5 + tf.abs(tf.sin(X @ A)))
        normed = h * tf.math.rsqrt(tf.reduce_sum(tf.square(h), 1, keepdims=True))
        attended = (tf.nn.softmax(X @ A) * (X @ C) + (X @ A) ** 3 + tf.maximum(X @ A, X @ B)
                    + tf.where(X > 0, X @ A, h * h))
        for options in ({}, {'products': 'uniform'}, {'normalization': 'uniform'},
                        {'products': 'uniform', 'normalization': 'uniform'}):
            for T in gated, attended, normed:
                a, delta = de.explain('elrp', T, X, XS, epsilon=1e-12, offset='pass', return_delta=True,
                                      **options)
                if T is gated and 'products' in options:
                    # the constant 1.5 takes its part of the denominator
                    assert np.abs(delta).max() > .01
                else:
                    np.testing.assert_allclose(delta, 0, atol=1e-7)


@pytest.mark.parametrize('options, expected', [
    ({'products': 'uniform', 'offset': 'pass'}, lambda s, v, gs, gv: (gs / 2, gv / 2)),
                                               ({}, lambda s, v, gs, gv: (0, gv))])
def test_elrp_of_products(options, expected):
    """y = sigmoid(a) v: all of the relevance to v, or half to each factor; sigmoid by the epsilon rule."""
    eps = 1e-4
    with opened(NET) as (de, X, _, _):
        a, v = X[:, :2], X[:, 2:4]
        s = 1 / (1 + np.exp(-XS[:, :2]))
        half = .5 if options else 0
        got = de.explain('elrp', tf.sigmoid(a) * v, X, XS, **options)
        z = XS[:, :2]
        np.testing.assert_allclose(got[:, 2:4], (1 - half) * s * XS[:, 2:4], rtol=1e-9)
        np.testing.assert_allclose(got[:, :2],
                                   half * XS[:, 2:4] * s / (z + eps * np.where(z >= 0, 1, -1)) * z, rtol=1e-9)
        np.testing.assert_array_equal(got[:, 4], 0)


def test_elrp_of_softmax_and_normalization():
    """Attention weights and the scale of a layer normalization take nothing, or their share."""
    with opened(NET) as (de, X, _, _):
        weights, values = tf.nn.softmax(X[:, :2]), X[:, 2:4]
        p = np.exp(XS[:, :2]) / np.exp(XS[:, :2]).sum(1, keepdims=True)
        got = de.explain('elrp', weights * values, X, XS)
        np.testing.assert_allclose(got, np.c_[0 * p, p * XS[:, 2:4], 0 * p[:, :1]], rtol=1e-9)
        got = de.explain('elrp', weights * values, X, XS, softmax='gradient')
        np.testing.assert_allclose(got[:, 2:4], p * XS[:, 2:4] / 2, rtol=1e-9)
        # relevance r p of the weights; through softmax by its derivative
        r = XS[:, 2:4] / 2
        np.testing.assert_allclose(got[:, :2], XS[:, :2] * p * (r - (r * p).sum(1, keepdims=True)), rtol=1e-9)
        u = X - tf.reduce_mean(X, 1, keepdims=True)
        v = tf.reduce_mean(u * u, 1, keepdims=True)
        scale = 1 / np.sqrt(((XS - XS.mean(1, keepdims=True)) ** 2).mean(1, keepdims=True))
        got = de.explain('elrp', u * tf.math.rsqrt(v), X, XS, ys=YS[:, [0, 1, 2, 0, 1]])
        w = YS[:, [0, 1, 2, 0, 1]]
        np.testing.assert_allclose(got, XS * (w - w.mean(1, keepdims=True)) * scale, rtol=1e-9)
        np.testing.assert_allclose(de.explain('elrp', u / tf.sqrt(v), X, XS, ys=w), got, rtol=1e-9)


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


@pytest.mark.parametrize('quadrature', ['gausslegendre', 'riemann_middle', 'trapezoid', 'riemann_right'])
def test_tolerance_of_intgrad(quadrature):
    """Every row arrives; rows that are there take no more steps; nested sums are those of that many steps."""
    total = NET.f(XS, YS) - NET.f(0 * XS, YS)
    with opened(NET) as (de, X, T, _):
        a, delta = de.explain('intgrad', T, X, XS, YS, quadrature=quadrature, tolerance=.01, max_steps=8192,
                              return_delta=True)
        assert (np.abs(delta) <= .01 * np.abs(total)).all()
        steps = 8
        found = np.zeros(5, bool)
        while not found.all():
            plain, gap = de.explain('intgrad', T, X, XS, YS, quadrature=quadrature, steps=steps,
                                    return_delta=True)
            arrived = ~found & (np.abs(gap) <= .01 * np.abs(total))
            np.testing.assert_allclose(a[arrived], plain[arrived], atol=1e-10)
            found |= arrived
            steps = 2 * steps - (quadrature == 'trapezoid')
        with pytest.warns(errors.ToleranceWarning, match=r'after 8 steps \d of 5 rows are not within '
                                                         r'tolerance=1e-09: the largest relative gap is'):
            de.explain('intgrad', T, X, XS, YS, quadrature='riemann_right', tolerance=1e-9, max_steps=8)
        with pytest.raises(errors.ParameterError, match=r'max_steps is 4, less than the 8 steps'):
            de.get_explainer('intgrad', T, X, tolerance=.1, max_steps=4)


def test_tolerance_with_a_fixed_batch():
    with opened(NET, batch=3) as (de, X, T, _):
        a, delta = de.explain('intgrad', T, X, XS, YS, tolerance=1e-3, return_delta=True)
        assert (np.abs(delta) <= 1e-3 * np.abs(NET.f(XS, YS) - NET.f(0 * XS, YS))).all()


@pytest.mark.parametrize('antithetic', [False, True])
def test_standard_errors(antithetic):
    """They are the spread of the estimate over seeds."""
    with opened(NET) as (de, X, T, _):
        explained = [de.explain('shapley_sampling', T, X, XS, YS, samples=20, antithetic=antithetic, seed=s,
                                return_std_error=True)
                     for s in range(60)]
        estimates, errors_ = (np.stack(v) for v in zip(*explained))
        assert errors_.shape == estimates.shape
        spread, mean = estimates.std(0, ddof=1), np.sqrt((errors_ ** 2).mean(0))
        # 60 seeds: the spread itself is known to 1/sqrt(118) = 9 %, five of those
        np.testing.assert_allclose(mean, spread, rtol=.46, atol=1e-12)
        assert abs(np.log(mean.mean() / spread.mean())) < .1
        with pytest.raises(errors.ParameterError,
                           match='standard errors need at least two independent draws'):
            de.explain('shapley_sampling', T, X, XS, samples=3 if antithetic else 1, antithetic=antithetic,
                       return_std_error=True)
        with pytest.raises(errors.ParameterError, match='"occlusion" draws no samples'):
            de.explain('occlusion', T, X, XS, return_std_error=True)


def test_antithetic_permutations_are_exact_for_pairs():
    """One permutation and its reverse give the Shapley values of a sum of products of two features."""
    with opened(NET) as (de, X, _, _):
        T = X[:, 0] * X[:, 2] + X[:, 1] + X[:, 2] + X[:, 2] * X[:, 3]
        got = de.explain('shapley_sampling', T, X, XS, samples=2)
        a, b, c, d, _ = XS.T
        np.testing.assert_allclose(got, np.stack([a * c / 2, b, a * c / 2 + c + c * d / 2, c * d / 2, 0 * a],
                                                 1), atol=1e-12)


def test_tolerance_of_shapley_sampling():
    with opened(NET) as (de, X, T, _):
        a, error = de.explain('shapley_sampling', T, X, XS, YS, samples=4, tolerance=.02,
                              return_std_error=True)
        assert (error.max(1) <= .02 * np.abs(a).max(1)).all()
        with pytest.warns(errors.ToleranceWarning, match='after 8 permutations the largest standard error is '
                                                         '.* Raise max_samples'):
            de.explain('shapley_sampling', T, X, XS, YS, samples=4, tolerance=1e-6, max_samples=8)


def test_interrupted_sampling_gives_what_it_has():
    """Ctrl-C after some permutations: their mean, with a warning. Before the first: the interrupt."""
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer('shapley_sampling', T, X, samples=40)
        query, runs = explainer.compile(), []
        evaluate = query.evaluate

        def until(limit):
            def interrupted(*arguments):
                runs.append(1)
                if len(runs) == limit:
                    raise KeyboardInterrupt
                return evaluate(*arguments)
            runs.clear()
            query.evaluate = interrupted
        until(1)
        with pytest.raises(KeyboardInterrupt):
            explainer.run(XS, YS, batch_size=8)
        until(15)
        with pytest.warns(errors.ToleranceWarning, match=r'interrupted after (\d+) of 40 permutations: the '
                                                         r'result is their mean') as caught:
            a = explainer.run(XS, YS, batch_size=8)
        query.evaluate = evaluate
        drawn = int(str(caught[0].message).split('after ')[1].split(' ')[0])
        assert 0 < drawn < 40
        np.testing.assert_allclose(a, de.explain('shapley_sampling', T, X, XS, YS, samples=drawn), atol=1e-12)
        np.testing.assert_allclose(explainer.run(XS, YS).sum(1), NET.f(XS, YS) - NET.f(0 * XS, YS),
                                   atol=1e-10)


def test_where_nan_begins(session):
    x = v1.placeholder(tf.float64, (None, 3), 'x')
    weights = v1.placeholder_with_default(np.array([1., np.nan, 2.]), (3,), 'w')
    small = np.array([[1., -1., 2.]])
    with DeepExplain() as de:
        for target, parameters, message in [
                (tf.exp(tf.math.log(x, 'first') + 1., 'second'), {}, r'At x it begins at op "first" \(Log\): '
                                                                     r'look for overflow, the log'),
                (tf.tanh(x + weights) * 2., {}, 'It begins in a weight or constant: "w:0" holds NaN'),
                (tf.math.log(x + 2., 'late'), {'baseline': -2.}, r'At the baseline it begins at op "late" '
                                                                 r'\(Log\)')]:
            with pytest.raises(errors.ValueRangeError, match=message):
                de.explain('deeplift', target, x, small, **parameters)
        with pytest.raises(errors.ValueRangeError, match='All values on the way to T are finite: it is the '
                                                         'derivative'):
            de.explain('saliency', tf.sqrt(tf.nn.relu(x)), x, small)
        with pytest.raises(errors.ValueRangeError, match='the array that T is multiplied by holds 1 values '
                                                         'that are NaN'):
            de.explain('saliency', tf.tanh(x) * np.array([1., np.nan, 1.]), x, small)


def test_tokens_with_a_delta(session):
    table, W = np.random.default_rng(0).normal(size=(9, 4)), np.random.default_rng(1).normal(size=(4, 2))
    ids = v1.placeholder(tf.int32, (None, 3), 'ids')
    T = tf.tanh(tf.reduce_sum(tf.gather(tf.constant(table), ids), 1) @ W)
    with DeepExplain() as de:
        a, delta = de.explain('deeplift', T, ids, [[1, 2, 3], [4, 5, 6]], sum_embedding=True, baseline=0,
                              return_delta=True)
        assert a.shape == (2, 3)
        np.testing.assert_allclose(delta, 0, atol=1e-12)
        audit = de.audit('deeplift', T, ids)
        assert audit.fits and [r.type for r in audit.groups['rule']] == ['Tanh']


def test_tolerance_of_intgrad_in_small(session):
    """max_steps is reached; a row where nothing changes has arrived."""
    x = v1.placeholder(tf.float64, (None, 1))
    with DeepExplain() as de, warnings.catch_warnings():
        warnings.simplefilter('error')
        a = de.explain('intgrad', tf.square(tf.tanh(x)), x, [[1.], [-1.], [.5]], baseline=-1., tolerance=.01)
        np.testing.assert_allclose(a[:, 0], [0, 0, np.tanh(.5) ** 2 - np.tanh(1) ** 2], rtol=.01, atol=1e-12)
        with pytest.warns(errors.ToleranceWarning, match='after 16 steps'):
            de.explain('intgrad', tf.exp(x), x, [[5.]], quadrature='riemann_right', tolerance=1e-9,
                       max_steps=16)


def test_shapley_sampling_in_small(session):
    """An odd number of antithetic permutations, all with the same weight; max_samples is reached, not passed;
    every row by its own scale."""
    x = v1.placeholder(tf.float64, (None, 2))
    with DeepExplain() as de:
        got = de.explain('shapley_sampling', x[:, 0] * x[:, 1], x, [[1., 1.]], samples=3)
        np.testing.assert_allclose(np.sort(got[0]), [1 / 3, 2 / 3], rtol=1e-12)
        mean, error = de.explain('shapley_sampling', x[:, 0] * x[:, 1], x, [[1., 1.]], samples=20,
                                 antithetic=False, return_std_error=True)
        assert 0 < mean.min() < 1                               # of twenty zeros and ones
        np.testing.assert_allclose(error, np.sqrt(mean * (1 - mean) / 19), rtol=1e-12)
        with pytest.warns(errors.ToleranceWarning, match='after 1 permutations the largest standard error is '
                                                         'inf'):
            de.explain('shapley_sampling', x[:, 0] * x[:, 1], x, [[1., 1.]], samples=1, antithetic=False,
                       tolerance=.1, max_samples=1)
        with pytest.raises(errors.ParameterError, match='at least two independent draws'):
            de.explain('shapley_sampling', x[:, 0] * x[:, 1], x, [[1., 1.]], samples=2, return_std_error=True)
    with opened(NET) as (de, X, T, _):
        for scale in 1., np.array([[1e6], [1], [1], [1], [1]]):
            with pytest.warns(errors.ToleranceWarning, match='after 6 permutations'):
                de.explain('shapley_sampling', T * scale, X, XS, samples=4, tolerance=1e-6, max_samples=6)


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
