"""Relevance mass: how much of the attributions is inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..base import Metric, defined, register
from .inside import Masks, weights_and_masks


@register('relevance_mass')
@dataclass(frozen=True)
class RelevanceMass(Metric):
    """The share of the attributions that is inside of the mask (Arras et al. 2022). Metric 'relevance_mass';
    higher is better.

    Parameters
    ----------
    masks : array or list of arrays
        What is to be found, True inside: (n, ...) shaped like xs, or without their last axis. For several
        inputs a list, with None for those without.
    of : 'positive' or 'absolute', default 'positive'
        Whether positive attributions count, or magnitudes.

    Notes
    -----
    Of entries, or of positions (channels summed) where masks have no last axis. Rows without positive
    attributions count as 0, with a warning. As Quantus' RelevanceMassAccuracy.

    Cost: none of T.

    References
    ----------
    Arras, Osman, Samek (2022). CLEVR-XAI: a benchmark dataset for the ground truth evaluation of neural
    network explanations, section 4. arXiv:2003.07258

    Examples
    --------
    >>> inside = np.array([[True, False, False], [False, True, True]])
    >>> de.evaluate('relevance_mass', T, X, xs, 'intgrad', labels, masks=inside).values.shape
    (2,)
    """

    masks: Masks
    of: Literal['positive', 'absolute'] = 'positive'

    better = 'higher'

    def score(self, trial):
        weights, inside = weights_and_masks(trial, self.masks, self.of)
        with np.errstate(invalid='ignore', divide='ignore'):
            found = (weights * inside).sum(1) / weights.sum(1)
        return defined(found, self, 'as they have no such attributions')
