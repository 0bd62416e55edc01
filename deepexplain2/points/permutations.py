"""Players of a coalition game and the orders in which they enter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import ParameterError


class Permutation(NamedTuple):
    """rank[i]: the position of player i. order[p]: the player at position p."""
    rank: np.ndarray
    order: np.ndarray


def permutation(seed: int, k: int, players: int, antithetic: bool) -> Permutation:
    """The k-th permutation of a seed, the same whatever else is drawn; antithetic: every odd one is the one before reversed."""
    order = np.random.default_rng([seed, k // 2 if antithetic else k]).permutation(players)
    if antithetic and k % 2:
        order = order[::-1]
    return Permutation(np.argsort(order), order)


class Players:
    """Positions along the chosen axes of X as players; what lies along the other axes belongs to them together.

    shape: of the chosen axes; count: how many players.
    """

    def __init__(self, x_shape: tuple[int, ...], dims: list[int] | None):
        if len(x_shape) < 2:
            raise ParameterError('X has no feature axis: it has one value per row, and nothing to sample')
        axes = list(range(1, len(x_shape))) if dims is None else dims
        if max(axes) >= len(x_shape):
            raise ParameterError(f'sampling_dims {axes} names an axis that X does not have: xs has shape {x_shape}, axes 1 to '
                                 f'{len(x_shape) - 1} hold features')
        self.shape = tuple(x_shape[a] for a in axes)
        self.count = int(np.prod(self.shape))
        self._mask_shape = tuple(s if a in axes else 1 for a, s in enumerate(x_shape))[1:]

    def mix(self, x: np.ndarray, baseline: np.ndarray, present: np.ndarray) -> np.ndarray:
        """x where the player is present (m, players), the baseline elsewhere."""
        return np.where(present.reshape((len(x),) + self._mask_shape), x, baseline)
