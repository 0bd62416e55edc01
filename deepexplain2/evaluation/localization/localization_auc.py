"""Localization AUC: whether attributions are larger inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from ..base import Metric, defined, register
from .inside import Masks, weights_and_masks


@register('localization_auc')
@dataclass(frozen=True)
class LocalizationAUC(Metric):
    """The chance that a position inside of the mask has a larger attribution than one outside: the area under
    the ROC curve (Fawcett 2006). Metric 'localization_auc'; higher is better.

    Parameters
    ----------
    masks : array or list of arrays
        What is to be found, True inside: (n, ...) shaped like xs, or without their last axis. For several
        inputs a list, with None for those without.
    of : 'positive' or 'absolute', default 'positive'
        Whether positive attributions count, or magnitudes.

    Notes
    -----
    Of entries, or of positions (channels summed) where masks have no last axis; 1/2 for equal ones. Rows
    whose mask is all of x count as 0, with a warning. As Quantus' AUC.

    Cost: none of T.

    References
    ----------
    Fawcett (2006). An introduction to ROC analysis. doi:10.1016/j.patrec.2005.10.010

    Examples
    --------
    >>> inside = np.array([[True, False, False], [False, True, True]])
    >>> de.evaluate('localization_auc', T, X, xs, 'intgrad', labels, masks=inside).values.shape
    (2,)
    """

    masks: Masks
    of: Literal['positive', 'absolute'] = 'positive'

    better = 'higher'

    def score(self, trial):
        weights, inside = weights_and_masks(trial, self.masks, self.of)
        count = inside.sum(1)
        outside = weights.shape[1] - count
        ranks = rankdata(weights, axis=1)
        with np.errstate(invalid='ignore', divide='ignore'):
            found = ((ranks * inside).sum(1) - count * (count + 1) / 2) / (count * outside)
        return defined(found, self, 'as nothing is outside of the mask')
