"""Players of a coalition game and the orders in which they enter."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from ..errors import ParameterError


class Permutation(NamedTuple):
    """rank[i]: the position of player i. order[p]: the player at position p."""
    rank: np.ndarray
    order: np.ndarray


def permutation(seed: int, k: int, players: int, antithetic: bool) -> Permutation:
    """The k-th permutation of a seed, the same whatever else is drawn; antithetic: every odd one is the one
    before reversed."""
    order = _order(seed, k // 2 if antithetic else k, players)
    if antithetic and k % 2:
        order = order[::-1]
    rank = np.empty_like(order)
    rank[order] = np.arange(players)
    return Permutation(rank, order)


@lru_cache(maxsize=2)       # a permutation and its reverse are asked for in turn
def _order(seed: int, k: int, players: int) -> np.ndarray:
    order = np.random.default_rng([seed, k]).permutation(players)
    order.setflags(write=False)
    return order


class Players:
    """Positions along the chosen axes of X as players; what lies along the other axes belongs to them
    together.

    shape: of the chosen axes; count: how many players.
    """

    def __init__(self, x_shape: tuple[int, ...], dims: Sequence[int] | None):
        if len(x_shape) < 2:
            raise ParameterError('X has no feature axis: it has one value per row, and nothing to sample')
        axes = list(range(1, len(x_shape)) if dims is None else dims)
        if max(axes) >= len(x_shape):
            raise ParameterError(f'sampling_dims {axes} names an axis that X does not have: xs has shape '
                                 f'{x_shape}, axes 1 to '
                                 f'{len(x_shape) - 1} hold features')
        self.shape = tuple(x_shape[a] for a in axes)
        self.count = prod(self.shape)
        self._mask_shape = tuple(s if a in axes else 1 for a, s in enumerate(x_shape))[1:]
        self._together = tuple(a for a in range(1, len(x_shape)) if a not in axes)

    def any(self, features: np.ndarray) -> np.ndarray:
        """(m, players): whether a condition (m, features) holds in any feature of a player."""
        return features.any(self._together).reshape(len(features), -1)

    def mix(self, x: np.ndarray, baseline: np.ndarray, rows: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Row rows[i] of x where the player is present (m, players), the baseline (one row for all, or one
        for each of x) elsewhere."""
        some = slice(rows[0], rows[0] + 1) if rows[0] == rows[-1] else rows         # rows ascend
        return np.where(present.reshape((len(rows),) + self._mask_shape), x[some], baseline
                        if len(baseline) == 1 else baseline[some])
