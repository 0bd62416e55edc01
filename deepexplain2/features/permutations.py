"""Random orders in which features are switched on."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np


class Permutation(NamedTuple):
    """rank[i]: the position of feature i. order[p]: the feature at position p."""

    rank: np.ndarray
    order: np.ndarray


def permutation(seed: int, k: int, count: int, antithetic: bool) -> Permutation:
    """The k-th permutation of `count` features, the same whatever else is drawn.

    antithetic: whether every odd one is the one before it, reversed.
    """
    order = _order(seed, k // 2 if antithetic else k, count)
    if antithetic and k % 2:
        order = order[::-1]
    rank = np.empty_like(order)
    rank[order] = np.arange(count)
    return Permutation(rank, order)


@lru_cache(maxsize=2)       # a permutation, then its reverse
def _order(seed: int, k: int, count: int) -> np.ndarray:
    order = np.random.default_rng([seed, k]).permutation(count)
    order.setflags(write=False)
    return order
