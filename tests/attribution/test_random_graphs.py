"""Random graphs of many ops: what every answer must fulfil, whatever the graph."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1


def examples(n):
    """The same n graphs in every run; under the profile `night` as many as it says, and others every time."""
    return settings(max_examples=n) if settings().derandomize else settings()


def bounded(h, at=3.):
    """Between -at and at, so that float32 says something about what follows."""
    return at * tf.tanh(h / at)


def positive(h):
    return tf.math.softplus(h) + .2


def constant(rng, like, *shape):
    return tf.constant(rng.normal(size=shape) / np.sqrt(shape[0]), like.dtype)


def dense(h, rng, width=None):
    width = width or h.shape[1]
    return h @ constant(rng, h, h.shape[1], width) + constant(rng, h, 1, width) / 2


def fit(h, like):
    """Columns of h, repeated or dropped, as many as `like` has."""
    return h if h.shape[1] == like.shape[1] else tf.gather(h, np.arange(like.shape[1]) % h.shape[1], axis=1)


def image(h):
    """(n, 4, 4, 1) out of (n, width)."""
    return tf.reshape(tf.gather(h, np.arange(16) * 5 % 7 % h.shape[1], axis=1), [-1, 4, 4, 1])


def matrices(h, size=3):
    """(n, size, size) out of (n, width)."""
    return tf.reshape(tf.gather(h, np.arange(size * size) * 5 % 7 % h.shape[1], axis=1), [-1, size, size])


def flat(h):
    return tf.reshape(h, [-1, int(np.prod(h.shape[1:]))])[:, :6]


def normalized(h):
    mean, variance = tf.nn.moments(h, [1], keepdims=True)
    return (h - mean) * tf.math.rsqrt(variance + .1)


def loop(h, g, rng):
    a, b = constant(rng, h, h.shape[1], h.shape[1]), g * .5

    def body(i, z):
        return i + 1, (lambda u: [tf.tanh(u) * z, tf.sigmoid(u) + z / 2, tf.nn.relu(u) - b,
                                  tf.where(u > b, z / 2, tf.sin(u)),
                                  tf.maximum(u, z / 2), tf.nn.softmax(u) * b][rng.integers(6)])(z @ a + b)
    return tf.while_loop(lambda i, z: i < 3, body, [0, h])[1]


def nested(h, g, rng):
    k = rng.integers(2)

    def inner(j, z):
        return j + 1, (tf.tanh if k else tf.nn.softplus)(z + g) * g / 2
    return tf.while_loop(lambda i, z: i < 2,
                         lambda i, z: (i + 1, tf.while_loop(lambda j, u: j < 2, inner, [0, z])[1] - z / 2),
                         [0, h])[1]


def loop_of_conds(h, g, rng):
    def body(i, z):
        return i + 1, tf.cond(i % 2 > 0, lambda: tf.tanh(z) * g, lambda: tf.where(z > g, z, g / 2))
    return tf.while_loop(lambda i, z: i < 4, body, [0, h])[1]


def cond(h, g, rng):
    return tf.cond(predicate(), lambda: tf.sigmoid(h) * g,
                   lambda: tf.reduce_max(h, 1, keepdims=True) - tf.square(bounded(g)))


def predicate():
    try:
        return tf.compat.v1.get_default_graph().get_tensor_by_name('predicate:0')
    except KeyError:
        return v1.placeholder(tf.bool, (), 'predicate')


def attention(h, g, rng):
    q, k, v = (tf.reshape(tf.gather(t, np.arange(6) % t.shape[1], axis=1), [-1, 3, 2]) for t in (h, g, h))
    mask = tf.constant(np.triu(np.ones((3, 3)), 1) * -1e9, h.dtype)
    return flat(tf.nn.softmax(tf.matmul(q, k, transpose_b=True) + mask) @ v)


SMOOTH = {                                                  # of one tensor: (h, rng)
    'gelu': lambda h, r: tf.nn.gelu(h), 'gelu_tanh': lambda h, r: tf.nn.gelu(h, True),
    'silu': lambda h, r: tf.nn.silu(h), 'softplus': lambda h, r: tf.math.softplus(h),
          'sigmoid': lambda h, r: tf.sigmoid(h),
    'tanh': lambda h, r: tf.tanh(h), 'exp': lambda h, r: tf.exp(bounded(h)),
          'expm1': lambda h, r: tf.math.expm1(bounded(h)),
    'log': lambda h, r: tf.math.log(positive(h)), 'log1p': lambda h, r: tf.math.log1p(positive(h)),
          'sqrt': lambda h, r: tf.sqrt(positive(h)),
    'rsqrt': lambda h, r: tf.math.rsqrt(positive(h)), 'square': lambda h, r: tf.square(bounded(h)),
          'pow': lambda h, r: positive(bounded(h)) ** 1.7,
    'cube': lambda h, r: bounded(h) ** 3 / 9, 'sin': lambda h, r: tf.sin(h), 'cos': lambda h, r: tf.cos(h),
          'erf': lambda h, r: tf.math.erf(h),
    'reciprocal': lambda h, r: tf.math.reciprocal(positive(h)), 'atan': lambda h, r: tf.atan(h),
          'asinh': lambda h, r: tf.asinh(h),
    'lgamma': lambda h, r: tf.math.lgamma(positive(h)), 'sinh': lambda h, r: tf.sinh(bounded(h)),
}
KINKED = {
    'relu': lambda h, r: tf.nn.relu(h), 'elu': lambda h, r: tf.nn.elu(h),
          'leaky_relu': lambda h, r: tf.nn.leaky_relu(h, .3),
    'relu6': lambda h, r: tf.nn.relu6(h),
    'selu': lambda h, r: tf.nn.selu(h), 'softsign': lambda h, r: tf.nn.softsign(h),
          'abs': lambda h, r: tf.abs(h),
    'clip': lambda h, r: tf.clip_by_value(h, -.5, .7), 'hard_sigmoid': lambda h, r: tf.nn.relu6(h + 3) / 6,
}
JOINED_SMOOTH = {                                           # of two tensors of one shape: (h, g, rng)
    'mul': lambda h, g, r: bounded(h) * bounded(g), 'div': lambda h, g, r: h / positive(g),
                 'add': lambda h, g, r: h - g,
    'squared_difference': lambda h, g, r: tf.math.squared_difference(bounded(h), bounded(g)),
    'gate': lambda h, g, r: tf.sigmoid(h) * g,
                 'pow_xy': lambda h, g, r: positive(bounded(h)) ** bounded(g, 2.),
    'einsum': lambda h, g, r: flat(tf.einsum('ni,nj->nij', bounded(h), bounded(g))),
    'matmul': lambda h, g, r: flat(matrices(bounded(h)) @ tf.transpose(matrices(g), [0, 2, 1]) / 3),
    'xlogy': lambda h, g, r: tf.math.xlogy(h, positive(g)), 'atan2': lambda h, g, r: tf.atan2(h, positive(g)),
    'row_times': lambda h, g, r: bounded(h) * tf.reduce_mean(bounded(g), 1, keepdims=True),
                 'attention': attention,
    'bilinear': lambda h, g, r: tf.einsum('ni,nj,ijk->nk', bounded(h), bounded(g),
                                          constant(r, h, h.shape[1], h.shape[1], h.shape[1])),
    'inverse': lambda h, g, r: flat(tf.linalg.inv(matrices(tf.tanh(h)) + 4 * tf.eye(3, dtype=h.dtype))),
    'solve': lambda h, g, r: flat(tf.linalg.solve(matrices(tf.tanh(h)) + 4 * tf.eye(3, dtype=h.dtype),
                                                  matrices(g))),
    'cross_entropy': lambda h, g, r: h + tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(g),
                                                                                 h)[:, None],
    'concat': lambda h, g, r: tf.concat([h[:, 1:], g[:, :2]], 1),
                 'div_no_nan': lambda h, g, r: tf.math.divide_no_nan(h, positive(g)),
}
WHOLE_SMOOTH = {                                            # of whole rows
    'dense': lambda h, r: dense(h, r), 'wider': lambda h, r: dense(h, r, 6),
                'narrower': lambda h, r: dense(h, r, 3),
    'softmax': lambda h, r: tf.nn.softmax(h) * 2, 'log_softmax': lambda h, r: tf.nn.log_softmax(h),
    'logsumexp': lambda h, r: h - tf.reduce_logsumexp(h, 1, keepdims=True),
                'layer_norm': lambda h, r: normalized(h),
    'prod': lambda h, r: h + tf.reduce_prod(tf.tanh(h) + 1, 1, keepdims=True) / 4,
                'cumprod': lambda h, r: tf.math.cumprod(tf.tanh(h) + 1, 1) / 4,
    'norm': lambda h, r: h / (1 + tf.norm(h, axis=1, keepdims=True)),
                'reverse': lambda h, r: tf.reverse(h, [1]),
    'transpose': lambda h, r: flat(tf.transpose(matrices(h), [0, 2, 1])),
    'split': lambda h, r: tf.concat(tf.split(h, [1, h.shape[1] - 1], 1)[::-1], 1),
    'sum': lambda h, r: h - tf.reduce_mean(h, 1, keepdims=True), 'cumsum': lambda h, r: tf.cumsum(h, 1) / 2,
    'gather': lambda h, r: tf.gather(h, r.integers(0, h.shape[1], 4), axis=1), 'first': lambda h, r: h[:, :1]
                + h,
    'l2_normalize': lambda h, r: tf.nn.l2_normalize(h + 2, 1),
                'pooled': lambda h, r: flat(tf.nn.avg_pool2d(image(h), 2, 2, 'SAME')),
    'conv': lambda h, r: flat(tf.nn.conv2d(image(h), constant(r, h, 2, 2, 1, 2), 1, 'VALID')),
    'lrn': lambda h, r: flat(tf.nn.lrn(tf.cast(tf.reshape(h, [-1, 1, 1, h.shape[1]]), tf.float32)))
                if h.dtype == tf.float32 else h,
}
WHOLE_KINKED = {
    'reduce_max': lambda h, r: h - tf.reduce_max(h, 1, keepdims=True), 'reduce_min': lambda h, r: h * .5
                + tf.reduce_min(h, 1, keepdims=True),
    'max_pool': lambda h, r: flat(tf.nn.max_pool2d(image(h), 3, 2, 'SAME')),
    'max_pool1': lambda h, r: flat(tf.nn.max_pool2d(image(h), 2, 1, 'VALID')),
}
JOINED_KINKED = {
    'maximum': lambda h, g, r: tf.maximum(h, g), 'minimum': lambda h, g, r: tf.minimum(h, g + .2),
                 'loop': loop, 'nested': nested,
    'loop_of_conds': loop_of_conds, 'cond': cond,
}
DECISIONS = {
    'where': lambda h, g, r: tf.where(h > .1, g, h / 2),
             'where_and': lambda h, g, r: tf.where((h > g) & ~(g < -.3), h, 1 - g),
    'where_or': lambda h, g, r: tf.where((h >= .3) | (g <= h), h * .5, g), 'step': lambda h, g, r: h
             + .5 * tf.cast(g > h, h.dtype),
    'select': lambda h, g, r: v1.where(h[:, 0] > g[:, 1], h, g),
             'any': lambda h, g, r: tf.where(tf.reduce_any(h > g, 1, keepdims=True), h, g),
    'masked': lambda h, g, r: tf.nn.softmax(tf.where(h > g, h, tf.constant(-1e9, h.dtype))),
             'sign': lambda h, g, r: g + tf.sign(h) / 2,
}
ONE = SMOOTH | KINKED | WHOLE_SMOOTH | WHOLE_KINKED
TWO = JOINED_SMOOTH | JOINED_KINKED | DECISIONS
ALL = sorted(ONE | TWO)
STABLE = sorted(set(ALL) - set(DECISIONS) - {'loop', 'loop_of_conds'})
ONE_OP = 'softplus sigmoid tanh sin cos erf atan asinh'.split()           # the others are made of several ops
ONLY_SMOOTH = sorted(SMOOTH | WHOLE_SMOOTH | JOINED_SMOOTH)


def build(x, program):
    """The graph of a program: steps (op, how far back its first tensor is, the second, seed of its
    constants)."""
    made = [x]
    for name, i, j, seed in program:
        rng, h = np.random.default_rng(seed), made[-1 - i % len(made)]
        made.append(ONE[name](h, rng) if name in ONE else TWO[name](h, fit(made[-1 - j % len(made)], h), rng))
    return made[-1]


def programs(names=ALL, size=30):
    step = st.tuples(st.sampled_from(names), st.sampled_from([0, 0, 0, 1, 2, 5]),
                     st.sampled_from([0, 1, 1, 2, 3, 7]), st.integers(0, 5))
    return st.lists(step, min_size=3, max_size=size)


def data(d, seed, scale):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, d)) * scale, rng.normal(size=(3, d)) * scale


class Case:
    """The graph of a program in a session."""

    def __init__(self, program, dtype, d):
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.session = v1.Session(graph=self.graph)
            self.X = v1.placeholder(dtype, (None, d), 'x')
            self.T = build(self.X, program)
            self.fed = {predicate(): True} if 'cond' in {p[0] for p in program} else None
        self.tolerance = 1e-4 if dtype == tf.float32 else 1e-9

    def __enter__(self):
        self.de = DeepExplain(self.session)
        self.de.__enter__()
        return self

    def __exit__(self, *exception):
        self.de.__exit__(*exception)
        self.session.close()

    def f(self, xs):
        return self.session.run(self.T, {self.X: xs} | (self.fed
                                                        or {})).astype(np.float64).reshape(len(xs), -1).sum(1)

    def explain(self, method, xs, **parameters):
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            warnings.simplefilter('ignore', errors.TargetWarning)
            # logits of -1e9 behind a mask cancel
            warnings.simplefilter('ignore', errors.MagnitudeWarning)
            return self.de.explain(method, self.T, self.X, xs, feed_dict=self.fed, **parameters)

    def close(self, a, b, scale=1., tolerance=None):
        """a == b within the promise; scale: what they are sums of."""
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        excess = np.abs(a - b) / np.maximum(1, np.maximum(np.abs(b), scale))
        assert excess.max() <= (tolerance or self.tolerance), \
            f'off by {excess.max():.2g} at scale {np.max(scale):.2g}: {a} {b}'

    def complete(self, a, xs, baseline, tolerance=None):
        a = np.asarray(a, np.float64).reshape(len(xs), -1)
        self.close(a.sum(1), self.f(xs) - self.f(np.broadcast_to(baseline, xs.shape)), np.abs(a).sum(1),
                   tolerance)


@examples(5)
@given(programs(size=14), st.integers(3, 6), st.integers(0, 99), st.sampled_from([.3, 1., 10.]),
       st.sampled_from(['any', 'zero', 'some', 'grid']))
def test_deeplift_of_any_graph(program, d, seed, scale, kind):
    """Complete in both precisions, whatever the batch size and the way of giving the baseline; no row sees
    another."""
    xs, baseline = data(d, seed, scale)
    baseline = {'any': baseline, 'zero': 0 * baseline, 'some': np.where(baseline > 0, baseline, xs),
                'grid': np.round(baseline)}[kind]
    if kind == 'grid':                                      # on the corners, with ties
        xs = np.round(xs)
    for dtype in tf.float64, tf.float32:
        with Case(program, dtype, d) as case:
            a = case.explain('deeplift', xs, baseline=baseline, average=False)
            case.complete(a, xs, baseline)
            if dtype == tf.float64:
                size = np.abs(a).sum(1, keepdims=True)
                case.close(a[::-1], case.explain('deeplift', xs[::-1], baseline=baseline[::-1], average=False,
                                                 batch_size=2), size[::-1])
                one = case.explain('deeplift', xs, baseline=baseline[:1], average=False)
                repeated = case.explain('deeplift', xs, baseline=np.repeat(baseline[:1], 3, 0), average=False)
                case.close(one, repeated, np.abs(one).sum(1, keepdims=True))
                case.complete(one, xs, baseline[:1])


@examples(2)
@given(programs(STABLE, size=24), st.integers(3, 6), st.integers(0, 99))
def test_deeplift_of_long_graphs(program, d, seed):
    xs, baseline = data(d, seed, 1)
    for dtype in tf.float64, tf.float32:
        with Case(program, dtype, d) as case:
            case.complete(case.explain('deeplift', xs, baseline=baseline, average=False), xs, baseline)


@examples(4)
@given(programs(size=8), programs(ONLY_SMOOTH, size=4), st.integers(0, 99))
def test_other_methods_are_complete(program, smooth, seed):
    xs, baseline = data(4, seed, 1)
    for dtype in tf.float64, tf.float32:
        with Case(program, dtype, 4) as case:
            case.complete(case.explain('shapley_sampling', xs, baseline=baseline[:1], samples=2), xs,
                          baseline[:1])
    # nearby poles of the complex plane slow the quadrature down
    with Case(smooth, tf.float64, 4) as case:
        case.complete(case.explain('intgrad', xs, baseline=baseline[:1], average=False, steps=400), xs,
                      baseline[:1], 1e-6)


@examples(4)
@given(st.lists(st.sampled_from(ONE_OP), min_size=1, max_size=9), st.integers(0, 99))
def test_deeplift_is_intgrad_on_one_layer(names, seed):
    """One layer of functions of one variable between linear ones: the mean of the derivative is the slope of
    the secant."""
    xs, baseline = data(4, seed, 1)
    baseline[:, 0] = xs[:, 0]

    def elementwise(h):
        return tf.concat([SMOOTH[n](h, None) for n in names] + [tf.exp(h / 3)], 1)
    with Case([], tf.float64, 4) as case:
        rng = np.random.default_rng(seed)
        case.T = dense(elementwise(dense(case.X, rng, 5) / 2), rng, 3)
        a, b = (case.explain(method, xs, baseline=baseline, average=False, **p) for method,
                p in [('deeplift', {}), ('intgrad', {'steps': 200})])
        case.close(a, b, np.abs(b).sum(1, keepdims=True))


@examples(3)
@given(st.integers(0, 99))
def test_products_in_closed_form(seed):
    """u v: half of the change of one factor at the mean of the other; quotient, matrix product and
    convolution likewise."""
    xs, baseline = data(4, seed, 1)
    rng = np.random.default_rng(seed)
    A, B = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    u, v, u0, v0 = xs @ A, xs @ B, baseline @ A, baseline @ B
    d = xs - baseline
    with Case([], tf.float64, 4) as case:
        U, V = case.X @ A, case.X @ B
        mean = d * (((v + v0) / 2) @ A.T + ((u + u0) / 2) @ B.T)
        for target in U * V, tf.einsum('ni,ni->n', U, V), tf.reshape(U[:, None] @ V[:, :, None],
                                                                     [-1]), U * U - (U - V) * U:
            case.T = target
            case.close(case.explain('deeplift', xs, baseline=baseline, average=False), mean,
                       np.abs(mean).sum(1, keepdims=True))
        case.T = U / (V * V + 1)
        w, w0 = v * v + 1, v0 * v0 + 1
        expected = d * ((1 / w + 1 / w0) / 2 @ A.T - ((u + u0) / 2 / w / w0 * (v + v0)) @ B.T)
        case.close(case.explain('deeplift', xs, baseline=baseline, average=False), expected,
                   np.abs(expected).sum(1, keepdims=True))


@examples(3)
@given(programs(STABLE, size=5), st.integers(0, 99))
def test_dummy_and_symmetry(program, seed):
    """Nothing for a feature that T does not depend on; the same for two that enter alike, with equal values
    and baselines."""
    xs, baseline = data(5, seed, 1)
    xs[:, 1], baseline[:, 1] = xs[:, 0], baseline[:, 0]
    with Case([], tf.float64, 5) as case:
        x = case.X
        pair = tf.stack([x[:, 0] + x[:, 1], x[:, 0] * x[:, 1], tf.tanh(x[:, 0]) + tf.tanh(x[:, 1]), x[:, 2],
                         x[:, 3]], 1)
        case.T = build(pair, program)                       # of x[:, 4] nothing
        if 'cond' in {p[0] for p in program}:
            case.fed = {predicate(): False}
        for method in 'deeplift', 'intgrad', 'shapley_sampling':
            a = case.explain(method, xs, baseline=baseline[:1], **({} if method == 'shapley_sampling'
                                                                   else {'average': False}))
            np.testing.assert_array_equal(a[:, 4], 0)
            if method != 'shapley_sampling':
                same = case.explain(method, xs, baseline=baseline, average=False)
                case.close(same[:, 0], same[:, 1], np.abs(same).sum(1), 1e-9)
        # pairs: exact with a permutation and its reverse
        case.T = tf.reduce_sum(pair, 1) + x[:, 0] * x[:, 2] + x[:, 1] * x[:, 2]
        a = case.explain('shapley_sampling', xs, baseline=baseline[0, 0], samples=2)
        case.close(a[:, 0], a[:, 1])


V, W = np.random.default_rng(0).normal(size=(2, 4, 3))
TIES = np.array([[1., 1, 0], [2, 0, 2], [-1, -1, -1], [0, 3, 3]])


def pooled(t):
    return tf.nn.max_pool2d(tf.reshape(tf.concat([t] * 3, 1), [-1, 3, 3, 1]), 2, 1,
                            'SAME') * tf.constant(np.arange(9.).reshape(3, 3, 1), t.dtype)


def pairs(t):
    return tf.complex(t[:, :2], t[:, 1:])


def clipped(t):
    return tf.raw_ops.ClipByValue(t=t, clip_value_min=-tf.abs(t[:, ::-1]), clip_value_max=tf.abs(tf.sin(t)))


ADVERSARIAL = {                                             # name -> (T of x, xs, baseline)
    'sine far out': (lambda t: tf.sin(t) - tf.cos(t), V * 1e4, W * 1e4),
    'sine far out, near each other': (lambda t: tf.sin(t) - tf.cos(t), V * 1e4, V * 1e4 + W / 100),
    'softmax far from its reference': (lambda t: tf.nn.softmax(t) * t[:, :1] / 1e4, V * 1e4, W),
    'cross-entropy far from its reference': (lambda t: tf.nn.softmax_cross_entropy_with_logits(
        [1., 0, 0] if t.dtype == tf.float32 else tf.constant([1., 0, 0], t.dtype), t), V * 1e4, W),
    'saturation': (lambda t: sum(f(t) for f in (tf.tanh, tf.sigmoid, tf.nn.elu, tf.nn.softplus, tf.nn.gelu,
                                                tf.nn.silu)), V * 1e4, W * 1e4),
    'poles of digamma': (tf.math.digamma, np.array([[-5.9, -1.2]]), np.array([[-6.05, -.95]])),
    'an infinite bound': (lambda t: tf.where(t < np.inf, t * t, t), V, W),
    'a branch that is NaN where it is not taken': (lambda t: tf.where(t > 0, tf.math.log(t), tf.sqrt(-t)), V,
                                                   W),
    'both branches NaN where they are not taken': (lambda t: tf.where(t > 0, tf.math.log(t), tf.math.log(-t)),
                                                   V, W),
    'a quotient guarded at zero': (lambda t: tf.where(tf.equal(t, 0), tf.ones_like(t), tf.sin(t) / t), TIES,
                                   V),
    'entropy at zero': (lambda t: tf.math.xlogy(t, t) + tf.math.xdivy(t * t, t), np.abs(TIES), np.abs(V)),
    'clip in one op': (clipped, V, W),
               'norm in one op': (lambda t: tf.raw_ops.EuclideanNorm(input=t, axis=[1]), V, -V / 2),
    'modulus': (lambda t: tf.abs(pairs(t)), V, -V / 2), 'spectrum': (lambda t: tf.abs(tf.signal.rfft(t)), V,
                                                                     W),
    'complex product': (lambda t: tf.math.imag(pairs(t) * tf.math.conj(pairs(tf.tanh(t)))), V, W),
    'complex exponential': (lambda t: tf.math.real(tf.exp(pairs(t)) / (pairs(t) ** 2 + 20)), V, W),
    'ties in a maximum': (lambda t: tf.reduce_max(t, 1) * tf.reduce_min(t, 1), TIES, np.round(V)),
    'ties in overlapping windows': (pooled, TIES, 0 * TIES),
    'x is the baseline': (lambda t: tf.nn.softmax(t) * tf.where(t > 0, t, 1.)
                          + tf.reduce_max(t, 1, keepdims=True), TIES, TIES),
    'stacked conditions': (lambda t: tf.where(tf.stack([t[:, 0] > 0, t[:, 1] > .3, t[:, 2] < 0], 1), t,
                                              t * t), V, W),
    'joined conditions': (lambda t: tf.where(tf.concat([t[:, :1] > 0, t[:, 1:] > .5], 1), t, t * t), V, W),
    'chosen conditions': (lambda t: tf.where(tf.where(t > .5, t < 1, t > -.5), t, t * t), V, W),
    'equal conditions': (lambda t: tf.where(tf.equal(t > 0, t[:, ::-1] > 0), t, t * t)
                         + tf.cast(tf.not_equal(t > 1, t[:, ::-1] > 0), t.dtype), V, W),
    'numbers as conditions': (lambda t: tf.where(tf.cast(tf.nn.relu(t), tf.bool), t + 1, t * t), TIES,
                              np.round(W)),
    'conditions as integers': (lambda t: t * tf.cast(tf.cast(t > .2, tf.int32), t.dtype), V, W),
    'batch behind': (lambda t: tf.transpose(tf.nn.softmax(tf.transpose(t),
                                                          0) * tf.reduce_max(tf.transpose(t), 0)), V, W[:1]),
    'a condition of rows': (lambda t: v1.where(t[:, 0] > 0, tf.einsum('ni,nj->nij', t, t),
                                               tf.einsum('ni,nj->nij', tf.tanh(t), t)), V, W[:1]),
    'masked by X': (lambda t: tf.nn.softmax(tf.where(t > 0, t, -1e9)) * t, V, W),
    'all masked': (lambda t: tf.nn.softmax(tf.where(t > 9, t, -1e9)) * t, V, W),
    'minus infinity': (lambda t: tf.nn.softmax(tf.where([True, False, True], t, -np.inf)) * t + tf.reduce_max(
        tf.where([True, False, True], t, -np.inf), 1, keepdims=True), V, W),
}


@pytest.mark.parametrize('name', ADVERSARIAL)
def test_adversarial(name):
    make, xs, baseline = ADVERSARIAL[name]
    for dtype in tf.float64, tf.float32:
        with Case([], dtype, xs.shape[1]) as case:
            case.T = make(case.X)
            given, start = (np.asarray(v, dtype.as_numpy_dtype) for v in (xs, baseline))
            case.complete(case.explain('deeplift', given, baseline=start, average=False), given, start)


def test_float16_under_the_general_rule():
    """In float32: the mean of a derivative in float16 was 3 % off."""
    with Case([], tf.float16, 3) as case:
        case.T = tf.math.cumprod(case.X, 1)
        xs, baseline = V.astype(np.float16), W.astype(np.float16)
        case.complete(case.explain('deeplift', xs, baseline=baseline, average=False), xs, baseline, 5e-3)


def test_infinite_differences_are_not_hidden():
    """Where x or the baseline is infinite on the way, a slope of 0 would lose a difference: an error instead
    of a wrong sum."""
    with Case([], tf.float64, 3) as case:
        for target in tf.nn.softmax(tf.math.log(case.X)), 1 / (1 + 1 / case.X):
            case.T = target
            with pytest.raises(errors.ValueRangeError, match='NaN or infinite'):
                case.explain('deeplift', np.abs(V), baseline=np.array([[0., 1, 2]]), average=False)
        case.T = tf.sigmoid(tf.math.log(case.X))                # bounds it at once
        xs, baseline = np.abs(V), np.array([[0., 1, 2]])
        case.complete(case.explain('deeplift', xs, baseline=baseline, average=False), xs, baseline)


def test_what_loses_values_says_so():
    """Indices that X decides on, and inputs that TensorFlow has no gradient by."""
    with Case([], tf.float64, 3) as case:
        best = tf.argmax(case.X, 1)
        table = tf.constant([1., 2, 5], tf.float64)
        for target in tf.one_hot(
            best, 3, dtype=tf.float64) * case.X, tf.gather(table, best)[:, None] * case.X:
            case.T = target
            with pytest.raises(errors.PathWarning, match=r'\((OneHot|GatherV2)\)'):
                case.explain('deeplift', V, baseline=0)
        s = tf.sigmoid(case.X)
        for target in tf.math.zeta(2 + s, 1 + s), tf.math.polygamma(1 + s, 1
                                                                    + s), tf.math.betainc(1 + s, 1 + s,
                                                                                          s / 2):
            case.T = target
            with pytest.raises(errors.RuleError, match='TensorFlow has no gradient by one of its inputs'):
                case.explain('deeplift', V, baseline=0)
