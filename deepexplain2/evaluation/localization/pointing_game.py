"""Pointing game: whether the largest attribution is inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...parameters import Seed
from ..base import Metric, defined, register
from .inside import Masks, weights_and_masks


@register('pointing_game')
@dataclass(frozen=True)
class PointingGame(Metric):
    """1 where the largest attribution is inside of the mask, else 0 (Zhang et al. 2018). Metric
    'pointing_game'; higher is better.

    Parameters
    ----------
    masks : array or list of arrays
        What is to be found, True inside: (n, ...) shaped like xs, or without their last axis. For several
        inputs a list, with None for those without.
    of : 'positive' or 'absolute', default 'positive'
        Whether positive attributions count, or magnitudes.
    margin : int, default 0
        How many entries around the mask count as inside, 15 in the paper.

    Notes
    -----
    Of entries, or of positions (channels summed) where masks have no last axis. The mean over rows is the
    share of hits. Rows without positive attributions count as 0, with a warning. As Quantus' PointingGame,
    which takes no margin.

    Cost: none of T.

    References
    ----------
    Zhang, Bargal, Lin, Brandt, Shen, Sclaroff (2018). Top-down neural attention by excitation backprop,
    section 4.2. arXiv:1608.00507

    Examples
    --------
    >>> inside = np.array([[True, False, False], [False, True, True]])
    >>> de.evaluate('pointing_game', T, X, xs, 'intgrad', labels, masks=inside).values.shape
    (2,)
    """

    masks: Masks
    of: Literal['positive', 'absolute'] = 'positive'
    margin: Seed = 0

    better = 'higher'

    def score(self, trial):
        weights, inside = weights_and_masks(trial, self.masks, self.of, self.margin)
        found = inside[np.arange(len(weights)), weights.argmax(1)].astype(np.float64)
        return defined(np.where(weights.any(1), found, np.nan), self, 'as they have no such attributions')
