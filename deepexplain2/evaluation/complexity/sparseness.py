"""Sparseness: how few features carry the attributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...features.base import FeaturesOfX
from ..base import Metric, defined, register


@register('sparseness')
@dataclass(frozen=True)
class Sparseness(Metric):
    """Gini index of the magnitudes of the attributions (Chalasani et al. 2020). Metric 'sparseness'; higher
    is better.

    Parameters
    ----------
    features : set of deepexplain2.features, optional
        By default entries along the last axis of X, the channels of an image; in tables every column. Axes()
        for images without a channel axis.

    Notes
    -----
    1 - 2 sum_i |a|_(i) / |a|_1 (m - i + 1/2) / m, |a|_(i) ascending, of the m features: 0 where all are
    equal, 1 - 1 / m for a single one. Rows of zeros count as 0, with a warning. Quantus adds 1e-7 to the
    magnitudes.

    Cost: none of T.

    References
    ----------
    Chalasani, Chen, Chowdhury, Jha, Wu (2020). Concise explanations of neural networks using adversarial
    training, section 2.1. arXiv:1810.06583

    Examples
    --------
    >>> de.evaluate('sparseness', T, X, xs, 'intgrad', labels).values.shape
    (2,)
    """

    features: FeaturesOfX | None = None

    better = 'higher'

    def score(self, trial):
        a = np.sort(np.abs(trial.totals(trial.features(self.features), self.features)), 1)
        m = a.shape[1]
        whole = a.sum(1)
        ranks = (m - np.arange(1, m + 1) + .5) / m
        with np.errstate(invalid='ignore', divide='ignore'):
            found = 1 - 2 * (a @ ranks) / whole
        return defined(np.where(whole > 0, found, np.nan), self, 'as their attributions are all 0')
