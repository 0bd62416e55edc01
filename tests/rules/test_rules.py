"""Each rule against its formula, where bugs hide: both signs, exactly zero, equal and nearly equal values,
saturation."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.rules.deeplift import rescale, two_factors
from deepexplain2.rules.lrp import epsilon
from tests.support.catalogue import DOMAIN, OPS, SINGLE, unary
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
        np.testing.assert_allclose(got[name][0], expected, rtol=1e-12, atol=1e-300 if offset == 'pass' else 1e-15,
                                   err_msg=name)


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
        np.testing.assert_allclose(got[name][0] / (a - b).astype(float), secant(name, a, b), rtol=2e-6, atol=1e-6,
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


def test_product(session):
    """Both factors depend on x, along repeated axes too; a factor that does not is the gradient."""
    rng = np.random.default_rng(0)
    w, v, c = rng.normal(size=(3, 4)), rng.normal(size=(3, 1)), rng.normal(size=4)
    x, b = rng.normal(size=(5, 3)), rng.normal(size=3)
    X = v1.placeholder(tf.float64, (None, 3))
    with DeepExplain() as de:
        for baseline in b, rng.normal(size=(5, 3)):
            got = de.explain('deeplift', (X @ w) * (X @ v) * c, X, x, baseline=baseline)
            p, q, p0, q0 = x @ w, x @ v, np.broadcast_to(baseline @ w,
                                                         (5, 4)), np.broadcast_to(baseline @ v, (5, 1))
            multiplier = (c * (q + q0) / 2) @ w.T + ((p + p0) / 2) @ c[:, None] @ v.T
            np.testing.assert_allclose(got, multiplier * (x - baseline), rtol=1e-12)
            np.testing.assert_allclose(got.sum(1), ((p * q - p0 * q0) * c).sum(1), rtol=1e-10)


def test_rescale_and_product_are_complete_on_gates(session):
    """An LSTM's step by hand, in a loop and in a row."""
    rng = np.random.default_rng(1)
    W = rng.normal(size=(4, 4, 8))
    X = v1.placeholder(tf.float64, (None, 4))

    def step(i, h, c):
        f, u, o, g = (h @ W[k, :, :4] + X @ W[k, :, 4:] for k in range(4))
        c = tf.sigmoid(f) * c + tf.sigmoid(u) * tf.tanh(g)
        return i + 1, tf.sigmoid(o) * tf.tanh(c), c
    loop = tf.while_loop(lambda i, *_: i < 4, step, [0, tf.zeros_like(X), tf.zeros_like(X)])[1]
    row = 0, tf.zeros_like(X), tf.zeros_like(X)
    for _ in range(4):
        row = step(*row)
    x, b = rng.normal(size=(3, 4)), rng.normal(size=4)
    with DeepExplain() as de:
        for T in loop, row[1]:
            f = de.session.run(T, {X: np.r_[x, b[None]]}).sum(1)
            np.testing.assert_allclose(de.explain('deeplift', T, X, x, baseline=b).sum(1), f[:3] - f[3],
                                       rtol=1e-9)


JUMPS = {'Sign', 'FakeQuantWithMinMaxArgs'}


def evaluate(function, *arrays):
    """f(arrays) in float64, by TensorFlow."""
    with tf.Graph().as_default(), v1.Session() as session:
        return session.run(function(*map(tf.constant, arrays)))


def raw(op):
    """The function of an op."""
    function = getattr(tf.raw_ops, op)
    argument = ('features' if 'features' in function.__wrapped__.__code__.co_varnames else 'input'
                if op in SINGLE else 'x')
    return lambda z: function(**{argument: z})


def points(op, n=40):
    """Pairs in the domain of an op: far, near (1e-2 to 1e-8), and equal."""
    rng = np.random.default_rng(0)
    low, high = DOMAIN.get(op, (-3., 3.))
    a = rng.uniform(low + .05 * (high - low), high - .05 * (high - low), n)
    d = np.concatenate([rng.uniform(low, high, n // 4) - a[:n // 4],
                        10. ** -rng.integers(2, 9, n - n // 4) * rng.choice([-1, 1, 0], n - n // 4)])
    return a, a + d


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
        scale, exact, single = np.abs(derivative).max(), multipliers[op, tf.float64], multipliers[op, tf.float32]
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


@pytest.mark.parametrize('op', sorted(set(two_factors.RULES) - {
    'ClipByValue', 'Conv3D', 'Conv3DBackpropInputV2', 'Conv3DBackpropFilterV2'}))
def test_two_factors(session, op):
    """The Shapley value of two players, the definition: T at the four combinations of factors from x and from
    the reference."""
    rng = np.random.default_rng(1)
    dtype = np.float32 if op in SINGLE else np.float64
    pairs = {'MatMul': ((3, 3), (3, 4)), 'SparseMatMul': ((3, 3), (3, 4)), 'Einsum': ((2, 3), (2, 4)),
             'Cross': ((2, 3), (2, 3)),
             'TridiagonalMatMul': None}
    if op in SLOPES_OF_PAIRS:
        function, shapes = SLOPES_OF_PAIRS[op], ((2, 3), (2, 3))
    elif pairs.get(op):
        function, shapes = {'Einsum': lambda a, b: tf.einsum('bi,bj->bij', a, b), 'Cross': tf.linalg.cross,
                            'MatMul': tf.matmul,
                            'SparseMatMul': lambda a, b: tf.raw_ops.SparseMatMul(a=a, b=b)}[op], pairs[op]
    else:
        pytest.skip('bilinear as the ones before; its completeness is in the catalogue')
    a, a_ref, b, b_ref = (rng.normal(size=s).astype(dtype) for s in (shapes[0], shapes[0], shapes[1],
                                                                     shapes[1]))
    A, B = v1.placeholder(dtype, shapes[0]), v1.placeholder(dtype, shapes[1])
    T = function(A, B) + 0.
    w = rng.normal(size=T.shape).astype(dtype)

    def f(u, v):
        return (session.run(T, {A: u, B: v}) * w).sum()
    with DeepExplain() as de:
        got_a, got_b = de.explain('deeplift', tf.reduce_sum(T * w)[None], [A, B], [a, b],
                                  baseline=[a_ref, b_ref], feed_dict={})
    tolerance = 1e-4 if dtype is np.float32 else 1e-9
    np.testing.assert_allclose(got_a.sum(), (f(a, b) - f(a_ref, b) + f(a, b_ref) - f(a_ref, b_ref)) / 2,
                               rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(got_b.sum(), (f(a, b) - f(a, b_ref) + f(a_ref, b) - f(a_ref, b_ref)) / 2,
                               rtol=tolerance, atol=tolerance)


SLOPES_OF_PAIRS = {
    'Mul': tf.multiply, 'MulNoNan': lambda a, b: tf.raw_ops.MulNoNan(x=a, y=b), 'Maximum': tf.maximum,
                   'Minimum': tf.minimum,
    'SquaredDifference': tf.math.squared_difference, 'RealDiv': lambda a, b: a / (b + 5),
                   'Div': lambda a, b: tf.raw_ops.Div(x=a, y=b + 5),
    'Xdivy': lambda a, b: tf.math.xdivy(a, b + 5), 'DivNoNan': lambda a, b: tf.math.divide_no_nan(a, b + 5),
                   'Pow': lambda a, b: tf.pow(a + 5, b),
    'Xlogy': lambda a, b: tf.math.xlogy(a, b + 5), 'Xlog1py': lambda a, b: tf.math.xlog1py(a, b + 5),
                   'Atan2': lambda a, b: tf.atan2(a, b + 5),
    'FloorMod': lambda a, b: tf.math.floormod(a * 7, b + 5)}


def test_decisions_of_one_tensor_are_its_secant(session):
    """However a function of one feature is put together from comparisons, its share is f(x) - f(b)."""
    x = v1.placeholder(tf.float64, (None, 12))
    xs, b = np.random.default_rng(0).normal(size=(5, 12)), np.random.default_rng(1).normal(size=12)
    functions = {
        'select': lambda z: tf.where(z > .3, z * z, tf.sin(z)),
                 'and': lambda z: tf.where((z > -.5) & (z < .5), z, 0. * z),
        'or': lambda z: tf.where((z < -.5) | (z > .5), z + 1, tf.exp(z)),
                 'not': lambda z: tf.where(~(z <= .2), 3 * z, z),
        'cast': lambda z: z * tf.cast(z >= .1, z.dtype),
                 'nested': lambda z: tf.where(z > 0, tf.where(z > 1, 2 - z, z), -z ** 3),
        'shaped': lambda z: tf.where(tf.reshape(tf.reshape(z, [-1, 3, 4]) > 0, [-1, 12]), z, z / 2),
        'other dtype': lambda z: tf.where(tf.cast(z, tf.float32) > .25, z, z / 2),
                 'scalar': lambda z: tf.where(z > 0, tf.constant(2., z.dtype), z)}
    with DeepExplain() as de:
        for name, f in functions.items():
            got = de.explain('deeplift', f(x) + 0., x, xs, baseline=b)
            # the multiplier of a comparison in float32 is in float32
            tolerance = 1e-6 if name == 'other dtype' else 1e-9
            np.testing.assert_allclose(got, evaluate(f, xs) - evaluate(f, b), rtol=tolerance, atol=tolerance,
                                       err_msg=name)
        # v1 Select with one condition per row, a condition of several tensors, and any/all over an axis:
        # complete
        rows = tf.raw_ops.Select(condition=x[:, 0] > x[:, 1], x=tf.sin(x), y=x * x)
        anywhere = tf.where(tf.reduce_any(x > 1.2, 1, keepdims=True) & tf.reduce_all(x < 2, 1, keepdims=True),
                            x, tf.tanh(x))
        loop = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.where(h > .1, h * h, h - 1.)),
                             [0, x])[1]
        for T in rows, anywhere, loop:
            _, delta = de.explain('deeplift', T, x, xs, baseline=b, return_delta=True)
            np.testing.assert_allclose(delta, 0, atol=1e-9)
            assert np.abs(session.run(T, {x: xs}) - session.run(T, {x: np.tile(b, (5, 1))})).max() > .1


@pytest.mark.parametrize('spread', [1., 30., 1000.])
def test_softmax(session, spread):
    """log-sum-exp by its definition: Rescale on exp and log, in long double; no overflow in float32."""
    rng = np.random.default_rng(0)
    z, b, w = (np.longdouble(v) for v in (rng.normal(size=(4, 5)) * spread, rng.normal(size=5) * spread,
                                          rng.normal(size=5)))
    z[0, 0] = b[0]
    shift = max(z.max(), b.max())
    total, total_ref = (np.exp(v - shift).sum(-1, keepdims=True) for v in (z, np.broadcast_to(b, z.shape)))
    log_slope = (np.log(total) - np.log(total_ref)) / (total - total_ref)
    S = log_slope * np.where(z == b, np.exp(b - shift),
                             (np.exp(z - shift) - np.exp(b - shift)) / np.where(z == b, 1, z - b))
    log_y, log_y_ref = z - shift - np.log(total), b - shift - np.log(total_ref)
    same = log_y == log_y_ref
    E = np.where(same, np.exp(log_y),
                 (np.exp(log_y) - np.exp(log_y_ref)) / np.where(same, 1, log_y - log_y_ref))
    expected = {'LogSoftmax': (w - S * w.sum()) * (z - b),
                'Softmax': (w * E - S * (w * E).sum(1, keepdims=True)) * (z - b)}
    for dtype, tolerance in (tf.float64, 1e-9), (tf.float32, 1e-4):
        x = v1.placeholder(dtype, (None, 5))
        with DeepExplain() as de:
            for name, f in ('LogSoftmax', tf.nn.log_softmax), ('Softmax', tf.nn.softmax):
                got = de.explain('deeplift', f(x) + 0., x, z.astype(float), ys=w[None].astype(float),
                                 baseline=b.astype(float))
                exact = expected[name].astype(float)
                np.testing.assert_allclose(got, exact, rtol=tolerance, atol=tolerance * np.abs(exact).max())


def test_cross_entropies(session):
    """Those of one op are those of LogSoftmax and a product."""
    rng = np.random.default_rng(0)
    x = v1.placeholder(tf.float64, (3, 4))
    xs, b, W = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(4, 4))
    labels = tf.nn.softplus(x @ W)
    pairs = {'both vary': (tf.nn.softmax_cross_entropy_with_logits(labels, 3 * x),
                           -tf.reduce_sum(labels * tf.nn.log_softmax(3 * x), 1)),
             'classes': (tf.nn.sparse_softmax_cross_entropy_with_logits(tf.constant([2, 0, 1]), 3 * x),
                         -tf.reduce_sum(tf.one_hot([2, 0, 1], 4, dtype=tf.float64) * tf.nn.log_softmax(3 * x),
                                        1))}
    with DeepExplain() as de:
        for one, parts in pairs.values():
            np.testing.assert_allclose(*(de.explain('deeplift', T, x, xs, baseline=b) for T in (one, parts)),
                                       rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('method', ['deeplift', 'elrp', 'elrp uniform'])
@pytest.mark.parametrize('data_format', ['NHWC', 'NCHW'])
def test_normalization_of_one_op(session, method, data_format):
    """The fused op, as tf_keras has it in LayerNormalization, is what its primitive ops give."""
    x = v1.placeholder(tf.float32, (None, 6))
    if data_format == 'NCHW':                       # rows as channels
        fused = v1.nn.fused_batch_norm(tf.reshape(x, [1, -1, 6, 1]), tf.ones_like(x[:, 0]),
                                       tf.zeros_like(x[:, 0]), epsilon=.1,
                                       data_format=data_format, is_training=True)[0]
        fused, axis, scale, xs = (tf.reshape(fused, [-1, 6]), 1, 1.,
                                  np.random.default_rng(0).normal(size=(4, 6)))
    else:
        x = v1.placeholder(tf.float32, (6, 3))
        fused = v1.nn.fused_batch_norm(tf.reshape(x, [1, 6, 1, 3]), np.full(3, 2., 'f'), np.zeros(3, 'f'),
                                       epsilon=.1, is_training=True)[0]
        fused, axis, scale, xs = (tf.reshape(fused, [6, 3]), 0, 2.,
                                  np.random.default_rng(0).normal(size=(6, 3)))
    mean, variance = tf.nn.moments(x, [axis], keepdims=True)
    parts = (x - mean) * tf.math.rsqrt(variance + .1) * scale
    options = {'deeplift': {'baseline': .3 * np.arange(xs.shape[1])}, 'elrp': {},
               'elrp uniform': {'normalization': 'uniform', 'epsilon': 1e-12}}[method]
    w = np.random.default_rng(1).normal(size=xs.shape).astype('f')
    with DeepExplain() as de:
        a, b = (de.explain(method.split()[0], tf.reduce_sum(T * w, 1) if data_format == 'NCHW'
                           else tf.reduce_sum(T * w), x, xs, **options)
                for T in (fused, parts))
    np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max())


@pytest.mark.parametrize('op', ['MatrixInverse', 'Cholesky', 'Prod', 'CumulativeLogsumexp', 'L2Loss',
                                'TanhGrad'])
def test_mean_jacobian(session, op):
    """The general rule on an op alone is integrated gradients."""
    x = v1.placeholder(tf.float64, (None, 6))
    xs, b = np.random.default_rng(0).normal(size=(3, 6)), np.random.default_rng(1).normal(size=6)
    with DeepExplain() as de:
        ways = [de.explain(method, OPS[op](x), x, xs, baseline=b, **options) for method,
                options in (('deeplift', {}), ('intgrad', {'steps': 200}))]
    # other rules stand before it: only the sum is the same
    if op in ('MatrixInverse', 'Cholesky', 'TanhGrad'):
        ways = [w.sum(1) for w in ways]
    np.testing.assert_allclose(*ways, rtol=1e-8, atol=1e-10)


def test_epsilon_of_every_function():
    """r (f(z) - f(0))/(z + eps sign z) times z where f(0) is finite, with all digits; else, and under
    offset='pass', with f(z) itself."""
    ops, eps = sorted(set(epsilon.FUNCTIONS)), .01
    functions = {op: (unary(op) if op not in DOMAIN else lambda v, op=op: getattr(tf.raw_ops, op)(x=v), 40)
                 for op in ops}
    zs = {op: points(op)[0][None] for op in ops}
    with SideBySide(functions, tf.float64) as graphs:
        got, passed = (graphs.explain('elrp', zs, epsilon=eps, offset=offset) for offset in ('absorb', 'pass'))
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


@pytest.mark.parametrize('k', [1, 3, 6])
def test_sorting(session, k):
    """The definition, by 20000 points on the line; ties at the start, at the end, all along, and an entry
    that is the same in both."""
    rng = np.random.default_rng(0)
    z, z_ref, r = rng.normal(size=(4, 6)), rng.normal(size=(4, 6)), rng.normal(size=(4, k))
    z[0, :2], z_ref[1, 3:], z[2, 4:], z_ref[2, 4:], z[3, 0] = .5, -.2, 1., 0., z_ref[3, 0]
    x = v1.placeholder(tf.float64, (None, 6))
    with DeepExplain() as de:
        got, delta = de.explain('deeplift', tf.math.top_k(x, k).values, x, z, ys=r, baseline=z_ref,
                                return_delta=True)
    np.testing.assert_allclose(delta, 0, atol=1e-14)
    points = 20_000
    m = np.zeros((4, 6))
    for alpha in (np.arange(points) + .5) / points:
        first = np.argsort(-(z_ref + alpha * (z - z_ref)), 1, kind='stable')[:, :k]
        for row in range(4):
            m[row, first[row]] += r[row] / points
    np.testing.assert_allclose(got, m * (z - z_ref), atol=1e-3)


def test_sorting_of_many_axes(session):
    """Fixed and open batches, one baseline for all, ascending, along another axis: complete."""
    rng = np.random.default_rng(1)
    xs = rng.normal(size=(3, 5, 4))
    for batch in 3, None:
        x = v1.placeholder(tf.float64, (batch, 5, 4))
        for direction, axis in ('ASCENDING', 1), ('DESCENDING', 2):
            h = tf.tanh(tf.sort(tf.square(x), axis, direction)) * np.arange(20.).reshape(5, 4)
            with DeepExplain() as de:
                delta = de.explain('deeplift', h, x, xs, baseline=rng.normal(size=(5, 4)),
                                   return_delta=True)[1]
            np.testing.assert_allclose(delta, 0, atol=1e-12)


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
        np.testing.assert_allclose(got[case][0], evaluate(f, a) - evaluate(f, b), rtol=1e-9, err_msg=str(case))


PAIRS_AT_EDGES = [
    (tf.math.xlogy, (1., .08), (2., .001)), (tf.math.xlog1py, (1., -.92), (2., -.999)),
                                     (tf.atan2, (.05, .01), (-.02, .015)),
    (tf.atan2, (.01, .05), (.015, -.04)), (tf.math.floormod, (1.01, 1.), (.99, 1.02)),
                                     (tf.pow, (.08, .3), (.001, .4)),
    (tf.math.xlog1py, (0., -1.), (2., 1.)), (tf.math.xlogy, (0., 0.), (2., 1.)),
                                     (tf.math.xdivy, (0., 0.), (2., 1.)),
    (tf.math.divide_no_nan, (2., 0.), (3., 4.)), (tf.math.divide_no_nan, (2., .01), (3., -.02))]


def test_two_factors_beside_an_edge():
    """Complete, both ways."""
    cases = {f'{k} {f.__name__}': (lambda x, f=f: f(x[:, 0], x[:, 1]), 2) for k, (f, _, _) in enumerate(PAIRS_AT_EDGES)}
    ends = dict(zip(cases, (np.array([x, b]) for _, x, b in PAIRS_AT_EDGES)))
    starts = {case: end[::-1] for case, end in ends.items()}
    with SideBySide(cases, tf.float64) as graphs:
        got, f = graphs.explain('deeplift', ends, starts, average=False), graphs.f(ends)
    for case in cases:
        np.testing.assert_allclose(got[case].sum(1), f[case] - f[case][::-1], rtol=1e-9, err_msg=case)


def test_clip_in_one_op_is_a_maximum_of_a_minimum(session):
    x = v1.placeholder(tf.float64, (None, 4))
    xs, b = np.random.default_rng(0).normal(size=(9, 4)), np.random.default_rng(1).normal(size=4)
    t, lo, hi = 2 * x, tf.tanh(x[:, ::-1]) - 1, tf.sigmoid(x[:, ::-1] * x)
    with DeepExplain() as de:
        one, two = (de.explain('deeplift', T, x, xs, baseline=b) for T in (
            tf.raw_ops.ClipByValue(t=t, clip_value_min=lo, clip_value_max=hi), tf.maximum(tf.minimum(t, hi),
                                                                                          lo)))
    np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-12)


def test_a_changed_decision_is_a_product(session):
    """c a + (1 - c) b: half of the change of each branch, and the jump at the mean of the two for the
    condition."""
    x = v1.placeholder(tf.float64, (None, 3))
    with DeepExplain() as de:
        got = de.explain('deeplift', tf.where(x[:, 0] > 0, x[:, 1], x[:, 2]), x,
                         [[1., 5., 2.], [-2., 5., 2.]], baseline=np.array([-1., 1., -1.]))
        np.testing.assert_allclose(got, [[2.5, 2., 1.5], [0., 0., 3.]], rtol=1e-9)


def test_winners_of_changes(session):
    """Each change to one winner, of x or of the reference, by a multiplier between 0 and 1; what is the same
    in both has the gradient."""
    x = v1.placeholder(tf.float64, (None, 3))
    h = tf.stack([x[:, 0] - x[:, 1], x[:, 2]], 1)
    with DeepExplain() as de:
        for T, sign in (tf.reduce_max(h, 1), 1.), (tf.reduce_min(-h, 1), -1.):
            for a, b, expected in [([3., 1, 0], [2., 0, 5], [0, 0, -3]), ([3., 1, 0], [2., 0, 1], [1, -1, 0]),
                                   ([5., 0, 1], [0., 0, 2], [3, 0, 0])]:
                np.testing.assert_allclose(de.explain('deeplift', T, x, [a], baseline=np.array(b)),
                                           [sign * np.array(expected)], atol=1e-12)


def test_norms_of_zeros(session):
    """Where x and the baseline are 0 there is nothing to share."""
    x, xs = v1.placeholder(tf.float64, (None, 2)), [[0., 0.], [3., 4.]]
    with DeepExplain() as de:
        for T in tf.raw_ops.EuclideanNorm(input=x, axis=[1]), tf.abs(tf.complex(x[:, 0], x[:, 1])):
            np.testing.assert_allclose(de.explain('deeplift', T, x, xs), [[0., 0.], [1.8, 3.2]])


def test_normalization_by_given_statistics(session):
    """Scale and input depend on X, the statistics do not: a product. deeplift is complete, elrp passes the
    gradient."""
    x = v1.placeholder(tf.float32, (1, 6))
    y = tf.raw_ops.FusedBatchNormV3(x=tf.reshape(x, [1, 2, 1, 3]), scale=x[0, 3:], offset=[1., 2., 3.],
                                    mean=[.1, .2, .3], variance=[1., 2., 3.],
                                    epsilon=.1, is_training=False).y
    xs = np.random.default_rng(0).normal(size=(1, 6)).astype('f')
    with DeepExplain() as de:
        np.testing.assert_allclose(de.explain('deeplift', y, x, xs, baseline=.5, return_delta=True)[1], 0,
                                   atol=1e-5)
        np.testing.assert_allclose(de.explain('elrp', y, x, xs), de.explain('grad*input', y, x, xs),
                                   rtol=1e-5, atol=1e-6)


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


def test_conditions_of_any_shape(session):
    """A condition is followed through what changes its shape."""
    x = v1.placeholder(tf.float64, (None, 4))
    xs, b = np.random.default_rng(0).normal(size=(5, 4)), np.random.default_rng(1).normal(size=4)
    ways = {
        'Identity': tf.identity, 'ExpandDims': lambda c: tf.expand_dims(c, 1)[:, 0],
            'Squeeze': lambda c: tf.squeeze(tf.expand_dims(c, 1), 1),
        'Transpose': lambda c: tf.transpose(tf.transpose(c)), 'StridedSlice': lambda c: c[:, ::-1],
            'Slice': lambda c: tf.slice(c, [0, 1], [-1, 1]),
        'BroadcastTo': lambda c: tf.broadcast_to(c[:, :1], tf.shape(c)),
            'Tile': lambda c: tf.tile(c[:, :2], [1, 2]),
        'GatherV2': lambda c: tf.gather(c, [3, 1, 2, 0], axis=1),
            'NotEqual': lambda c: tf.not_equal(tf.nn.relu(x), 0.)}
    with DeepExplain() as de:
        for name, way in ways.items():
            delta = de.explain('deeplift', tf.where(way(x > .1), x * x, tf.sin(x)), x, xs, baseline=b,
                               return_delta=True)[1]
            np.testing.assert_allclose(delta, 0, atol=1e-9, err_msg=name)


def test_mean_jacobian_of_a_sharp_turn(session):
    """The panels are doubled until the mean stands."""
    x = v1.placeholder(tf.float64, (None, 3))
    with DeepExplain() as de:
        T, baseline = tf.math.cumulative_logsumexp(x, 1), np.array([-60., 60., 0])
        a, delta = de.explain('deeplift', T, x, [[60., -50., 30.]], baseline=baseline, return_delta=True)
    np.testing.assert_allclose(delta, 0, atol=1e-9)


def test_a_branch_that_is_nan_where_it_is_not_taken(session):
    """The other one changes first, and the decision takes the rest: both ways."""
    x = v1.placeholder(tf.float64, (None, 2))
    with DeepExplain() as de:
        for T in tf.where(x[:, 0] > 0, tf.math.log(x[:, 0]), x[:, 1]), tf.where(x[:, 0] <= 0, x[:, 1],
                                                                                tf.math.log(x[:, 0])):
            np.testing.assert_allclose(de.explain('deeplift', T, x, [[2., 3.]], baseline=np.array([-1., 1.])),
                                       [[np.log(2) - 3, 2.]], rtol=1e-9)
