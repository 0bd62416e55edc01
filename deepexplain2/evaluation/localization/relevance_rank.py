"""Relevance rank: how many of the largest attributions are inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..base import Metric, defined, register
from .inside import Masks, weights_and_masks


@register('relevance_rank')
@dataclass(frozen=True)
class RelevanceRank(Metric):
    """The share of the k largest attributions that is inside of a mask of k positions (Arras et al. 2022).
    Metric 'relevance_rank'; higher is better.

    Parameters
    ----------
    masks : array or list of arrays
        What is to be found, True inside: (n, ...) shaped like xs, or without their last axis. For several
        inputs a list, with None for those without.
    of : 'positive' or 'absolute', default 'positive'
        Whether positive attributions count, or magnitudes.

    Notes
    -----
    Of entries, or of positions (channels summed) where masks have no last axis; of equal attributions the
    first ones. Rows without positive attributions count as 0, with a warning. As Quantus'
    RelevanceRankAccuracy.

    Cost: none of T.

    References
    ----------
    Arras, Osman, Samek (2022). CLEVR-XAI: a benchmark dataset for the ground truth evaluation of neural
    network explanations, section 4. arXiv:2003.07258

    Examples
    --------
    >>> inside = np.array([[True, False, False], [False, True, True]])
    >>> de.evaluate('relevance_rank', T, X, xs, 'intgrad', labels, masks=inside).values.shape
    (2,)
    """

    masks: Masks
    of: Literal['positive', 'absolute'] = 'positive'

    better = 'higher'

    def score(self, trial):
        weights, inside = weights_and_masks(trial, self.masks, self.of)
        order = np.argsort(-weights, 1, kind='stable')
        counts = inside.sum(1)
        first = np.arange(weights.shape[1]) < counts[:, None]
        found = (np.take_along_axis(inside, order, 1) & first).sum(1) / counts
        return defined(np.where(weights.any(1), found, np.nan), self, 'as they have no such attributions')
