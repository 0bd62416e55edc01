"""Top-k intersection: how many of the k largest attributions are inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...errors import ParameterError
from ...parameters import Count
from ..base import Metric, defined, register
from .inside import Masks, weights_and_masks


@register('top_k_intersection')
@dataclass(frozen=True)
class TopKIntersection(Metric):
    """The share of the k largest attributions that is inside of the mask (Theiner et al. 2022). Metric
    'top_k_intersection'; higher is better.

    Parameters
    ----------
    masks : array or list of arrays
        What is to be found, True inside: (n, ...) shaped like xs, or without their last axis. For several
        inputs a list, with None for those without.
    of : 'positive' or 'absolute', default 'positive'
        Whether positive attributions count, or magnitudes.
    k : int, default 1000
        How many.

    Notes
    -----
    Of entries, or of positions (channels summed) where masks have no last axis; of equal attributions the
    first ones. Rows without positive attributions count as 0, with a warning. As Quantus' TopKIntersection.

    Cost: none of T.

    References
    ----------
    Theiner, Mueller-Budack, Ewerth (2022). Interpretable semantic photo geolocation, section 4.3.
    arXiv:2104.14995

    Examples
    --------
    >>> inside = np.array([[True, False, False], [False, True, True]])
    >>> de.evaluate('top_k_intersection', T, X, xs, 'intgrad', labels, masks=inside, k=2).values.shape
    (2,)
    """

    masks: Masks
    of: Literal['positive', 'absolute'] = 'positive'
    k: Count = 1000

    better = 'higher'

    def score(self, trial):
        weights, inside = weights_and_masks(trial, self.masks, self.of)
        if self.k > weights.shape[1]:
            raise ParameterError(f'k is {self.k}, and a row has {weights.shape[1]} positions')
        order = np.argsort(-weights, 1, kind='stable')[:, :self.k]
        found = np.take_along_axis(inside, order, 1).mean(1)
        return defined(np.where(weights.any(1), found, np.nan), self, 'as they have no such attributions')
