"""The slope of every function of one tensor, where bugs hide: both signs, exactly zero, equal and nearly
equal values, saturation, the edges of a domain."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.rules.deeplift import rescale
from tests.support.catalogue import DOMAIN, unary
from tests.support.functions import evaluate, points, raw
from tests.support.networks import ACTIVATIONS, v1
from tests.support.side_by_side import SideBySide

Z = np.array([-40., -7., -2., -.1, -1e-3, 0., 1e-3, .1, 3., 5.9, 6.1, 40.])


def secant(name, a, b):
    """The slope in long double, by the definition; the derivative where it is not defined."""
    _, f, derivative = ACTIVATIONS[name]
    a, b = np.longdouble(a), np.longdouble(b)
    return np.where(a == b, derivative(a), (f(a) - f(b)) / np.where(a == b, 1, a - b)).astype(float)


# Relative to the steepest slope of the function. float64: long double has 3 digits more than float64, of
# which a difference of 1e-3 costs 3. float32: the slope is computed to a few roundings, whatever the
# distance.
@pytest.mark.parametrize('dtype, tolerance', [('float64', 1e-13), ('float32', 1e-6), ('float16', 2e-3)])
def test_rescale(dtype, tolerance):
    a, b = (v.ravel().astype(dtype) for v in np.meshgrid(Z, Z))
    functions = {name: (f, a.size) for name, (f, _, _) in ACTIVATIONS.items()}
    with SideBySide(functions, dtype) as graphs:
        got = graphs.explain('deeplift', dict.fromkeys(functions, a[None]), dict.fromkeys(functions, b))
    for name in functions:
        np.testing.assert_allclose(got[name][0].astype(float), secant(name, a, b) * (a.astype(float) - b),
                                   rtol=10 * tolerance, atol=tolerance, err_msg=name)


def test_rescale_of_neighbours_in_float32():
    """Differences of 1e-6 and 1e-5: a plain difference quotient in float32 is off by up to 5 % there."""
    a = np.repeat(Z.astype('f'), 4)
    b = a + np.tile(np.array([1e-6, -1e-6, 1e-5, -1e-5],
                             'f') * np.maximum(1, np.abs(a).reshape(-1, 4)[:, 0].max()), Z.size)
    functions = {name: (f, a.size) for name, (f, _, _) in ACTIVATIONS.items()}
    with SideBySide(functions, 'float32') as graphs:
        got = graphs.explain('deeplift', dict.fromkeys(functions, a[None]), dict.fromkeys(functions, b))
    for name in functions:
        np.testing.assert_allclose(got[name][0] / (a - b).astype(float), secant(name, a, b), rtol=2e-6,
                                   atol=1e-6,
                                   err_msg=name)


@pytest.mark.parametrize('method', ['elrp', 'deeplift'])
def test_where_reference_and_actual_agree_or_input_is_zero(method):
    """No NaN at z = 0 and at x = baseline, and the multiplier of deeplift is the derivative there."""
    functions = {name: (lambda x, f=f: f(x * 0.) @ np.ones((3, 1)) + x[:, :1], 3)
                 for name, (f, _, _) in ACTIVATIONS.items()}
    with SideBySide(functions, tf.float64) as graphs:
        got = graphs.explain(method, dict.fromkeys(functions, np.array([[2., -1., 0.]])))
    for name in functions:
        np.testing.assert_allclose(got[name], [[2., 0., 0.]], atol=1e-15, err_msg=name)


JUMPS = {'Sign', 'FakeQuantWithMinMaxArgs'}


def test_secant_of_every_function():
    """Far: the quotient in float64. Near: the derivative between the two, whose third order at 1e-2 is 1e-5
    of it. Float32 keeps its digits."""
    pairs = {op: points(op) for op in sorted(set(rescale.SLOPES) - JUMPS)}
    functions, multipliers = {op: (raw(op), len(a)) for op, (a, _) in pairs.items()}, {}
    for dtype in tf.float64, tf.float32:
        with SideBySide(functions, dtype) as graphs:
            explained = graphs.explain('deeplift', {op: a[None] for op, (a, _) in pairs.items()},
                                       {op: b for op, (_, b) in pairs.items()})
        for op, (a, b) in pairs.items():
            d = a.astype(dtype.as_numpy_dtype) - b.astype(dtype.as_numpy_dtype)
            multipliers[op, dtype] = np.divide(explained[op][0], d, out=np.full(len(a), np.nan),
                                               where=d != 0).astype(float)
    for op, (a, b) in pairs.items():
        d, f = a - b, functions[op][0]
        values, derivatives = evaluate(lambda z, f=f: [f(z), tf.gradients(f(z), z)[0]],
                                       np.stack([a, b, (a + b) / 2]))
        derivative, quotient = derivatives[2], (values[0] - values[1]) / np.where(d == 0, 1, d)
        far, near = np.abs(d) > .02, (np.abs(d) > 0) & (np.abs(d) <= .02)
        scale = np.abs(derivative).max()
        exact, single = multipliers[op, tf.float64], multipliers[op, tf.float32]
        np.testing.assert_allclose(exact[far], quotient[far], rtol=1e-9, atol=1e-9 * scale, err_msg=op)
        np.testing.assert_allclose(exact[near], derivative[near], rtol=1e-2, atol=1e-3 * scale, err_msg=op)
        tiny = near & (np.abs(d) < 1e-4)
        np.testing.assert_allclose(exact[tiny], derivative[tiny], rtol=1e-6, atol=1e-7 * scale, err_msg=op)
        # where the two are not the same number in float32
        near &= np.isfinite(single)
        np.testing.assert_allclose(single[near], exact[near], rtol=1e-3, atol=1e-4 * scale, err_msg=op)


def test_secant_where_the_derivative_is_infinite(session):
    """At 0 = 0 there is nothing to share, and nothing is NaN below."""
    x = v1.placeholder(tf.float64, (None, 3))
    with DeepExplain() as de:
        for f in tf.sqrt, lambda z: tf.pow(z, .5):
            np.testing.assert_allclose(de.explain('deeplift', f(tf.nn.relu(x)), x, [[4., 0., -1.]]),
                                       [[2., 0., 0.]])


def test_rescale_of_absolute_values(session):
    """Where one of the two is 0 too."""
    a, b = (v.ravel() for v in np.meshgrid(Z, Z))
    x = v1.placeholder(tf.float64, (None, a.size))
    with DeepExplain() as de:
        np.testing.assert_allclose(de.explain('deeplift', tf.abs(x), x, a[None], baseline=b)[0],
                                   np.abs(a) - np.abs(b), rtol=1e-12)


# points beside where a function stops being smooth
EDGES = {edge: names.split() for edge, names in {
    (.999, .93): 'Acos Asin Atanh Erfinv Ndtri', (-.999, -.93): 'Acos Asin Atanh Erfinv',
                                                 (1.001, 1.08): 'Acosh', (1.57, 1.5): 'Tan',
    (.001, .08): 'Ndtri Digamma Lgamma BesselK0 BesselK0e BesselK1 BesselK1e BesselY0 BesselY1 Expint Spence '
                 'Log Sqrt Rsqrt'}.items()}


def test_secant_beside_an_edge():
    """The derivative at a few points between them is not its mean there."""
    cases = {(edge, op): (unary(op) if op not in DOMAIN else lambda v, op=op: getattr(tf.raw_ops, op)(x=v), 2)
             for edge, ops in EDGES.items() for op in ops}
    with SideBySide(cases, tf.float64) as graphs:
        got = graphs.explain('deeplift', {case: np.array([case[0]]) for case in cases},
                             {case: np.array(case[0][::-1]) for case in cases})
    for case, (f, _) in cases.items():
        a, b = np.array(case[0]), np.array(case[0][::-1])
        np.testing.assert_allclose(got[case][0], evaluate(f, a) - evaluate(f, b), rtol=1e-9,
                                   err_msg=str(case))
