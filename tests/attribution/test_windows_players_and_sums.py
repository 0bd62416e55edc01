"""Windows and players at their limits; permutations of neighbouring seeds; sums over many points."""

from functools import partial

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.networks import v1

close = partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12)


def test_int_window_is_cut_to_short_axes(session):
    x = v1.placeholder(tf.float64, (None, 5, 4, 1))
    xs = np.random.default_rng(0).normal(size=(2, 5, 4, 1))
    T = tf.reduce_sum(x ** 3, [1, 2, 3])
    with DeepExplain() as de:
        close(de.explain('occlusion', T, x, xs, window_shape=3), de.explain('occlusion', T, x, xs,
                                                                            window_shape=(3, 3, 1)))


def test_a_single_player(session):
    x = v1.placeholder(tf.float64, (None, 1))
    with DeepExplain() as de:
        a = de.explain('shapley_sampling', tf.exp(x), x, [[1.], [2.]], samples=5, baseline=.5)
    close(a, np.exp([[1.], [2.]]) - np.exp(.5))


def test_neighbouring_seeds_share_no_permutation():
    from deepexplain2.features.permutations import permutation
    assert len({tuple(permutation(s, k, 20, False).order) for s in range(5) for k in range(5)}) == 25


def test_sums_do_not_stagnate_in_float16(session):
    """The sum over runs is kept in float64: 2000 runs of one point each."""
    x = v1.placeholder(tf.float16, (None, 2))
    with DeepExplain() as de:
        a = de.get_explainer('intgrad', 3 * x, x, steps=2000, quadrature='riemann_middle').run([[1., .5]],
                                                                                               batch_size=1)
    np.testing.assert_allclose(a, [[3, 1.5]], rtol=1e-3)
