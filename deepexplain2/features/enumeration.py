"""All coalitions of a few features, and the Shapley values that they give."""

from __future__ import annotations

from functools import lru_cache
from math import comb

import numpy as np


@lru_cache(maxsize=4)
def all_masks(m: int) -> np.ndarray:
    """(2 ** m, m): which features are present in every coalition; feature k is bit k of its number."""
    masks = (np.arange(1 << m)[:, None] >> np.arange(m) & 1).astype(bool)
    masks.setflags(write=False)
    return masks


@lru_cache(maxsize=64)
def shapley_weights(m: int) -> np.ndarray:
    """(m,): the share of the orders of m features in which exactly k given ones come before one."""
    return np.array([1 / (m * comb(m - 1, k)) for k in range(m)])


def shapley_values(values: np.ndarray) -> np.ndarray:
    """(n, m): Shapley values of m features from the values of all their coalitions, (n, 2 ** m). What changes
    nothing in any coalition gets exactly 0."""
    n, count = values.shape
    m = count.bit_length() - 1
    sizes = all_masks(m).sum(1)
    found = np.empty((n, m))
    share = shapley_weights(m)
    for k in range(m):
        without = (slice(None), slice(None), 0)         # bit k off: of (2 ** (m - k - 1), 2, 2 ** k)
        halves = values.reshape(n, -1, 2, 1 << k)
        weights = share[sizes.reshape(-1, 2, 1 << k)[:, 0]]
        found[:, k] = ((halves[:, :, 1] - halves[without]) * weights).sum((1, 2))
    return found


def masks_of_some(chosen: np.ndarray) -> np.ndarray:
    """(2 ** k, features): all coalitions of the k features that are chosen, (features,) of booleans."""
    some = np.flatnonzero(chosen)
    found = np.zeros((1 << len(some), len(chosen)), bool)
    found[:, some] = all_masks(len(some))
    return found
