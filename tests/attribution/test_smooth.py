"""Attributions under noise, beside their definition in float64: mean, mean of squares, variance, standard
errors."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, methods
from deepexplain2.attribution import Gradient, Saliency, Smooth, SquareGrad, VarGrad
from deepexplain2.attribution.moments import Moments
from tests.support.networks import cnn, opened, samples, v1
from tests.support.noise import NET, XS, YS, noisy_gradients, same

CNN = cnn('softplus')


@pytest.mark.parametrize('net', [NET, CNN], ids=['mlp', 'cnn'])
@pytest.mark.parametrize('absolute', [False, True])
def test_definitions(net, absolute):
    x, ys = samples(net, 3)
    found = noisy_gradients(net, x, ys, 9, .2, 3, absolute)
    centered = found - found.mean(0)
    s2, m4 = found.var(0, ddof=1), (centered ** 4).mean(0)
    expected = {'smoothgrad': (found.mean(0), np.sqrt(s2 / 9)),
                'squaregrad': ((found ** 2).mean(0), np.sqrt((found ** 2).var(0, ddof=1) / 9)),
                'vargrad': (s2, np.sqrt((m4 - 6 / 8 * s2 ** 2) / 9))}
    with opened(net) as (de, X, T, session):
        for name, (value, error) in expected.items():
            explainer = de.get_explainer(name, T, X, samples=9, noise=.2, seed=3, absolute=absolute)
            before = len(session.graph.get_operations()) if name != 'smoothgrad' else None
            for batch_size in None, 1, 4, 64:
                same(explainer.run(x, ys, batch_size), value)
                got, std = explainer.run(x, ys, batch_size, return_std_error=True)
                same(got, value)
                same(std, error, 1e-8)
            assert before in (None, len(session.graph.get_operations()))


@pytest.mark.parametrize('of', ['gradient', 'deeplift', 'elrp', 'occlusion', 'intgrad'])
@pytest.mark.parametrize('reduce', ['mean', 'variance'])
def test_any_method_inside(of, reduce):
    inner = methods[of](steps=5, baseline=.1) if of == 'intgrad' else methods[of]()
    span = XS.max(1, keepdims=True) - XS.min(1, keepdims=True)
    with opened(NET) as (de, X, T, _):
        noise = [.15 * span * np.random.default_rng([0, k]).standard_normal(5) for k in range(5)]
        each = [de.explain(inner, T, X, XS + e, ys=YS) for e in noise]
        expected = np.mean(each, 0) if reduce == 'mean' else np.var(each, 0, ddof=1)
        for batch_size in None, 3:
            same(de.explain(Smooth(inner, samples=5, reduce=reduce), T, X, XS, YS, batch_size), expected)


def test_the_names_are_smooth():
    assert methods['smoothgrad'] is Smooth and methods['vargrad'] is VarGrad
    assert methods['squaregrad'] is SquareGrad and Smooth().of == Gradient()
    assert (Smooth().samples, Smooth().noise, Smooth().reduce) == (50, .15, 'mean')
    assert (SquareGrad().reduce, VarGrad().reduce) == ('square', 'variance')
    assert Smooth('saliency', 7) == Smooth(Saliency(), samples=7) != Smooth('gradient', 7)
    with opened(NET) as (de, X, T, _):
        for name, reduce in ('squaregrad', 'square'), ('vargrad', 'variance'):
            np.testing.assert_array_equal(de.explain(name, T, X, XS, 'sum', samples=4, of='grad*input'),
                                          de.explain(Smooth('grad*input', samples=4, reduce=reduce), T, X, XS,
                                                     'sum'))


def test_gradient_keeps_its_sign():
    for net in NET, CNN:
        x, ys = samples(net, 3)
        with opened(net) as (de, X, T, _):
            got = de.explain('gradient', T, X, x, ys)
            same(got, net.gradient(x, ys))
            np.testing.assert_array_equal(np.abs(got), de.explain('saliency', T, X, x, ys))


@pytest.mark.parametrize('dtype', ['float32', 'float64'])
def test_variance_of_a_constant_gradient_is_exactly_zero(dtype):
    with tf.Graph().as_default(), v1.Session(), DeepExplain() as de:
        X = v1.placeholder(dtype, (None, 3))
        T = X @ tf.constant([[12345.678], [-1e-3], [1 / 3]], dtype)
        for n in 1, 5:
            xs = np.random.default_rng(n).normal(size=(n, 3)).astype(dtype)
            for batch_size in None, 1, 7:
                with warnings.catch_warnings():
                    warnings.simplefilter('error')
                    var, std = de.explain('vargrad', T, X, xs, batch_size=batch_size, return_std_error=True)
                assert not var.any() and not std.any()
                mean, std = de.explain('smoothgrad', T, X, xs, batch_size=batch_size, return_std_error=True)
                np.testing.assert_array_equal(mean, de.explain('gradient', T, X, xs))
                assert not std.any()            # counted from the first draw: no rounding of a sum


def test_moments_lose_nothing_beside_a_large_mean():
    rng = np.random.default_rng(0)
    draws = 1e8 + rng.normal(size=(2, 60, 3)) ** 3
    whole = Moments('variance', True)
    whole.add([draws])
    for parts in ([1] * 60, [7, 20, 1, 32], [59, 1]):
        found, start = Moments('variance', True), 0
        for count in parts:
            found.add([draws[:, start:start + count]])
            start += count
        d = (draws - 1e8) - (draws - 1e8).mean(1, keepdims=True)
        s2 = (d ** 2).sum(1) / 59
        np.testing.assert_allclose(found.value()[0], s2, rtol=1e-6)
        np.testing.assert_allclose(found.error()[0], np.sqrt(((d ** 4).mean(1) - 57 / 59 * s2 ** 2) / 60),
                                   rtol=1e-6)
        np.testing.assert_allclose(found.error()[0], whole.error()[0], rtol=1e-6)


def test_a_round_that_is_interrupted_leaves_no_result():
    class Interrupting:
        shape, ndim = (2, 3, 4), 3

        def __len__(self):
            return 2

        def __getitem__(self, at):
            raise KeyboardInterrupt
    found = Moments('mean', False)
    found.add([np.ones((2, 3, 4)), np.ones((2, 3, 4))])
    assert found.drawn == 3
    with pytest.raises(KeyboardInterrupt):
        found.add([np.ones((2, 3, 4)), Interrupting()])        # the first is added, the second is not
    assert found.drawn == 0


def test_standard_errors_are_the_spread_over_seeds():
    with opened(NET) as (de, X, T, _):
        for reduce in 'mean', 'square', 'variance':
            found = [de.explain(Smooth(samples=200, noise=.02, reduce=reduce, seed=s), T, X, XS[:1], YS[:1],
                                return_std_error=True) for s in range(120)]
            spread, said = np.std([a for a, _ in found], 0, ddof=1), np.mean([e for _, e in found], 0)
            np.testing.assert_allclose(said, spread, rtol=.3)      # of 120: +-7 %, and tails


def two_inputs():
    A, B = v1.placeholder(tf.float64, (None, 3), 'a'), v1.placeholder(tf.float64, (None, 2), 'b')
    return A, B, NET.tensorflow(tf.concat([A, B * .1], 1))


def test_several_inputs_have_noise_of_their_own():
    a, b = XS[:, :3], 10 * XS[:, 3:]
    spans = [v.max(1, keepdims=True) - v.min(1, keepdims=True) for v in (a, b)]

    def expected(noise):
        each = []
        for k in range(6):
            rng = np.random.default_rng([0, k])
            e = [rng.standard_normal(v.shape[1:]) * s * span if s else 0
                 for v, s, span in zip((a, b), noise, spans)]
            each.append(NET.gradient(np.c_[a + e[0], (b + e[1]) * .1], YS))
        mean = np.mean(each, 0)
        return mean[:, :3], mean[:, 3:] * .1
    with tf.Graph().as_default(), v1.Session(), DeepExplain() as de:
        A, B, T = two_inputs()
        for noise, of_each in ((.2, (.2, .2)), ([.3, 0], (.3, 0)), ([0, .1], (0, .1))):
            for batch_size in None, 1, 5:
                for rows in slice(None), slice(1, 2):
                    got = de.explain('smoothgrad', T, [A, B], [a[rows], b[rows]], YS[rows], batch_size,
                                     samples=6, noise=noise)
                    for g, e in zip(got, expected(of_each)):
                        same(g, e[rows])
        with pytest.raises(errors.ParameterError, match='noise is a list of 3, but X has 2 tensors'):
            de.explain('smoothgrad', T, [A, B], [a, b], noise=[.1, .1, .1])


def test_tolerance_doubles_the_draws():
    with opened(NET) as (de, X, T, _):
        for reduce, tolerance in ('mean', .01), ('variance', .1):
            method = Smooth(samples=10, reduce=reduce, tolerance=tolerance)
            for batch_size in None, 3:
                a, std = de.explain(method, T, X, XS, YS, batch_size, return_std_error=True)
                assert (std.max(1) <= tolerance * np.abs(a).max(1)).all()
                drawn = [n for n in 10 * 2 ** np.arange(8) if np.allclose(a, de.explain(
                    Smooth(samples=int(n), reduce=reduce), T, X, XS, YS), rtol=1e-9)]
                assert len(drawn) == 1 and drawn[0] > 10
        with pytest.warns(errors.ToleranceWarning, match='smoothgrad: after 12 samples the largest standard'):
            got = de.explain('smoothgrad', T, X, XS, YS, samples=10, tolerance=1e-6, max_samples=12)
        same(got, de.explain('smoothgrad', T, X, XS, YS, samples=12))


def test_interrupted():
    with opened(NET) as (de, X, T, _):
        for name, least in ('smoothgrad', 1), ('vargrad', 2):
            explainer = de.get_explainer(name, T, X, samples=30)
            for after in 0, 1, 4, 21:
                def interrupt(p, limit=4 * after):        # of 4 rows
                    if p.done >= limit:
                        raise KeyboardInterrupt
                if after <= least:
                    with pytest.raises(KeyboardInterrupt):
                        explainer.run(XS, YS, 4, progress=interrupt)
                    continue
                said = 'mean' if least == 1 else 'variance'
                with pytest.warns(errors.ToleranceWarning, match=f'the result is their {said}') as caught:
                    a = explainer.run(XS, YS, 4, progress=interrupt)
                drawn = int(str(caught[0].message).split('after ')[1].split(' ')[0])
                assert least <= drawn < 30
                same(a, de.explain(name, T, X, XS, YS, samples=drawn))
