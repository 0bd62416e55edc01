"""Ops of two tensors that both depend on X, beside the Shapley value of two players."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.rules.deeplift import two_factors
from tests.support.catalogue import SINGLE
from tests.support.networks import v1
from tests.support.side_by_side import SideBySide


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
    cases = {f'{k} {f.__name__}': (lambda x, f=f: f(x[:, 0], x[:, 1]), 2) for k,
             (f, _, _) in enumerate(PAIRS_AT_EDGES)}
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
