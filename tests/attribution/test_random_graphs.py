"""Random graphs of many ops: what every answer must fulfil, whatever the graph."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tests.support.random_graphs import Case, build, data, examples, programs
from tests.support.random_ops import ONE_OP, ONLY_SMOOTH, SMOOTH, STABLE, dense, predicate


@examples(3)
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


@examples(1)
@given(programs(STABLE, size=24), st.integers(3, 6), st.integers(0, 99))
def test_deeplift_of_long_graphs(program, d, seed):
    xs, baseline = data(d, seed, 1)
    for dtype in tf.float64, tf.float32:
        with Case(program, dtype, d) as case:
            case.complete(case.explain('deeplift', xs, baseline=baseline, average=False), xs, baseline)


@examples(3)
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


@examples(2)
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
                p in [('deeplift', {}), ('intgrad', {'steps': 100})])
        case.close(a, b, np.abs(b).sum(1, keepdims=True))


@examples(2)
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
