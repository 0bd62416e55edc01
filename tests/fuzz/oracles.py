"""What the attributions are, by definition: slow, without the library, one row at a time. Their text goes into the scripts that failures print."""

from __future__ import annotations

import itertools
from math import factorial

import numpy as np


class Alone:
    """f and its gradient for single rows. value(x), gradient(x): x without batch axis, float64 and an array like x."""

    def __init__(self, value, gradient):
        self.value, self.gradient = value, gradient


def saliency(f, x, b):
    return np.abs(f.gradient(x))


def gradient_input(f, x, b):
    return f.gradient(x) * x


def midpoint_sum(f, x, b, steps):
    return (x - b) * sum(f.gradient(b + (k + .5) / steps * (x - b)) for k in range(steps)) / steps


def occlusion(f, x, b):
    """One entry at a time."""
    found = np.zeros(x.shape)
    for k in np.ndindex(*x.shape):
        changed = x.copy()
        changed[k] = b[k]
        found[k] = f.value(x) - f.value(changed)
    return found


def shapley(f, x, b, axis=0):
    """All coalitions of the positions along an axis."""
    d, shape = x.shape[axis], [-1 if a == axis else 1 for a in range(x.ndim)]
    worth = {present: f.value(np.where(np.isin(np.arange(d), present).reshape(shape), x, b)) for k in range(d + 1)
             for present in itertools.combinations(range(d), k)}
    found = np.zeros(d)
    for present, value in worth.items():
        for i in set(range(d)) - set(present):
            share = factorial(len(present)) * factorial(d - len(present) - 1) / factorial(d)
            found[i] += share * (worth[tuple(sorted((*present, i)))] - value)
    return found


def sampled_shapley(f, x, b, samples, axis=0):
    """The mean change over permutations k = 0, 1, ... drawn from default_rng([0, k])."""
    d, shape = x.shape[axis], [-1 if a == axis else 1 for a in range(x.ndim)]
    found = np.zeros(d)
    for k in range(samples):
        present, before = np.zeros(d, bool), f.value(b)
        for i in np.random.default_rng([0, k]).permutation(d):
            present[i] = True
            after = f.value(np.where(present.reshape(shape), x, b))
            found[i] += (after - before) / samples
            before = after
    return found


def dense(matrices, biases, slopes, x, w):
    """The gradient of a dense net under a rule, times x: slopes(z) at every hidden layer; w: weights of the outputs."""
    values = [x]
    for k, (m, v) in enumerate(zip(matrices, biases)):
        values.append((np.maximum(values[-1], 0) if k else values[-1]) @ m + v)
    r = w
    for k in reversed(range(len(matrices))):
        r = matrices[k] @ r
        if k:
            r = r * slopes(values[k])
    return r
