"""Gradients at noisy inputs, one point at a time, and networks that they are of."""

import numpy as np

from tests.support.networks import mlp, samples

NET = mlp('elu', 'tanh', sizes=(5, 6, 3))
XS, YS = samples(NET, 4)


def noisy_gradients(net, x, ys, count, noise, seed=0, absolute=False):
    """(draws, n, ...): the gradients at x + noise, one point at a time."""
    axes = tuple(range(1, x.ndim))
    span = 1. if absolute else x.max(axes, keepdims=True) - x.min(axes, keepdims=True)
    return np.stack([net.gradient(x + noise * span * np.random.default_rng([seed, k]).standard_normal(
        x.shape[1:]), ys) for k in range(count)])


def same(a, b, rtol=1e-9):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12)
