"""elrp under the epsilon rule: every function, powers, products and gates."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.rules.lrp import epsilon
from tests.support.catalogue import DOMAIN, unary
from tests.support.functions import evaluate, points
from tests.support.networks import ACTIVATIONS, v1
from tests.support.side_by_side import SideBySide

Z = np.array([-40., -7., -2., -.1, -1e-3, 0., 1e-3, .1, 3., 5.9, 6.1, 40.])


@pytest.mark.parametrize('eps', [1e-4, .5])
@pytest.mark.parametrize('offset', ['absorb', 'pass'])
def test_epsilon(eps, offset):
    r = np.linspace(-2, 3, Z.size)
    functions = {name: (lambda x, f=f: f(2 * x) * r, Z.size) for name, (f, _, _) in ACTIVATIONS.items()}
    with SideBySide(functions, tf.float64) as graphs:
        got = graphs.explain('elrp', dict.fromkeys(functions, Z[None] / 2), epsilon=eps, offset=offset)
    for name, (_, f, _) in ACTIVATIONS.items():
        at_zero = f(np.zeros(1)) if offset == 'absorb' else 0
        expected = r * (f(Z) - at_zero) / (Z + eps * np.where(Z >= 0, 1, -1)) * Z           # d(2x)/dx * x = z
        # f(z) - f(0) is rounded
        np.testing.assert_allclose(got[name][0], expected, rtol=1e-12, atol=1e-300 if offset == 'pass'
                                   else 1e-15,
                                   err_msg=name)


def test_epsilon_of_every_function():
    """r (f(z) - f(0))/(z + eps sign z) times z where f(0) is finite, with all digits; else, and under
    offset='pass', with f(z) itself."""
    ops, eps = sorted(set(epsilon.FUNCTIONS)), .01
    functions = {op: (unary(op) if op not in DOMAIN else lambda v, op=op: getattr(tf.raw_ops, op)(x=v), 40)
                 for op in ops}
    zs = {op: points(op)[0][None] for op in ops}
    with SideBySide(functions, tf.float64) as graphs:
        got, passed = (graphs.explain('elrp', zs, epsilon=eps, offset=offset)
                       for offset in ('absorb', 'pass'))
    for op, z in zs.items():
        values = evaluate(functions[op][0], np.c_[z, [[0.]]])
        stabilized = z + eps * np.where(z >= 0, 1, -1)
        expected, at_zero = values[:, :-1] / stabilized * z, float(values[0, -1])
        np.testing.assert_allclose(passed[op], expected, rtol=1e-12, err_msg=op)
        assert (op in epsilon.EXCESS) == (np.isfinite(at_zero) and at_zero != 0), op
        if op in epsilon.EXCESS:
            expected -= at_zero / stabilized * z
        np.testing.assert_allclose(got[op], expected, rtol=1e-12, atol=1e-14, err_msg=op)


def test_epsilon_of_powers_and_squared_differences(session):
    x = v1.placeholder(tf.float64, (None, 3))
    xs = np.random.default_rng(0).normal(size=(4, 3))
    s = 1e-4 * np.where(xs >= 0, 1, -1)
    with DeepExplain() as de:
        np.testing.assert_allclose(de.explain('elrp', tf.pow(x, 3.), x, xs), xs ** 3 / (xs + s) * xs,
                                   rtol=1e-9)
        for offset, at_zero in ('pass', 0), ('absorb', 1):
            got = de.explain('elrp', tf.pow(tf.constant(2., tf.float64), x), x, xs, offset=offset)
            np.testing.assert_allclose(got, (2 ** xs - at_zero) / (xs + s) * xs, rtol=1e-9)
        np.testing.assert_allclose(de.explain('elrp', tf.math.squared_difference(x, 2 * x[:, ::-1]), x,
                                              xs).sum(1),
                                   ((xs - 2 * xs[:, ::-1]) ** 2).sum(1), rtol=1e-9)
        both = de.explain('elrp', tf.pow(x * x + 1., x), x, xs)
        assert np.isfinite(both).all()


def test_epsilon_of_two_factors_is_complete(session):
    """Half to each: base and exponent, numerator and denominator."""
    x = v1.placeholder(tf.float64, (None, 3))
    xs = np.random.default_rng(0).normal(size=(4, 3))
    s = 1 / (1 + np.exp(-xs[:, 1]))
    with DeepExplain() as de:
        np.testing.assert_allclose(de.explain('elrp', tf.pow(tf.exp(x), x), x, xs, epsilon=1e-12,
                                              offset='pass'), np.exp(xs) ** xs, rtol=1e-9)
        y = np.exp(xs[:, 0]) / s
        got = de.explain('elrp', tf.exp(x[:, 0]) / tf.sigmoid(x[:, 1]), x, xs, epsilon=1e-12,
                         products='uniform', offset='pass')
        np.testing.assert_allclose(got, np.stack([y / 2, y / 2, 0 * y], 1), rtol=1e-9)
        got = de.explain('elrp', tf.exp(x[:, 0]) / tf.sigmoid(x[:, 1]), x, xs, epsilon=1e-12, offset='pass')
        np.testing.assert_allclose(got, np.stack([y, 0 * y, 0 * y], 1), rtol=1e-9)


def test_gates_are_known_behind_shapes_and_scales(session):
    """products='signal': a gate takes nothing, whatever was done to its shape, its scale and its sign."""
    x = v1.placeholder(tf.float64, (None, 4))
    xs = np.random.default_rng(0).normal(size=(3, 4))
    scale = tf.Variable(2., dtype=tf.float64)
    session.run(scale.initializer)
    ways = {
        'identity': lambda s: s, 'transpose': lambda s: tf.transpose(tf.transpose(s)),
            'reshape': lambda s: tf.reshape(s, [-1, 2]),
        'squeeze': lambda s: tf.squeeze(s[:, None], 1), 'split': lambda s: tf.split(s, 2, 1)[0],
        'unstack': lambda s: tf.unstack(s, axis=1)[1][:, None],
        'sizes': lambda s: tf.split(s, [1, 1], 1)[1], 'tile': lambda s: tf.tile(s[:, :1], [1, 2]),
            'slice': lambda s: tf.slice(s, [0, 1], [-1, 1]),
        'broadcast': lambda s: tf.broadcast_to(s[:, :1], tf.shape(s)),
            'cast': lambda s: tf.cast(tf.cast(s, tf.float32), tf.float64),
        'bias': lambda s: tf.nn.bias_add(s, tf.constant([1., 2], tf.float64)), 'rest': lambda s: 1 - s,
            'negative': lambda s: -s,
        'scaled': lambda s: s / 3 + 1, 'variable': lambda s: s * scale}
    with DeepExplain() as de:
        for name, way in ways.items():
            got = de.explain('elrp', way(tf.sigmoid(x[:, :2])) * tf.sin(x[:, 2:]), x, xs)
            np.testing.assert_array_equal(got[:, :2], 0, err_msg=name)
            assert np.abs(got[:, 2:]).min() > 0
        for name, gate, signal in [('sigmoid', tf.sigmoid, tf.tanh),
                                   ('hard sigmoid', lambda z: tf.nn.relu6(z + 3) / 6, tf.identity),
                                   ('hard sigmoid', lambda z: tf.minimum(tf.maximum(z + 3, 0), 6) / 6,
                                    tf.identity),
                                   ('gelu', lambda z: 1 + tf.math.erf(z), tf.identity)]:
            got = de.explain('elrp', signal(x[:, 2:]) * gate(x[:, :2]), x, xs)
            np.testing.assert_array_equal(got[:, :2], 0, err_msg=name)
        both = de.explain('elrp', tf.sigmoid(x[:, :2]) * tf.nn.softmax(x[:, 2:]), x, xs, softmax='gradient')
        assert np.abs(both).min() > 0                       # half each
