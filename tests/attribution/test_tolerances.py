"""Steps and samples until a tolerance is kept; standard errors."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import mlp, opened, samples, v1

NET = mlp('tanh', 'relu', seed=3)
XS, YS = samples(NET, 5)


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
