"""Complexity: over how many features attributions spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...features.base import FeaturesOfX
from ..base import Metric, defined, register


@register('complexity')
@dataclass(frozen=True)
class Complexity(Metric):
    """Entropy of the magnitudes of the attributions (Bhatt et al. 2020). Metric 'complexity'; lower is
    better.

    Parameters
    ----------
    features : set of deepexplain2.features, optional
        By default entries along the last axis of X, the channels of an image; in tables every column. Axes()
        for images without a channel axis.

    Notes
    -----
    H = -sum_i p_i log p_i, p_i = |a_i| / |a|_1, natural logarithm, of the features: 0 for a single one, log m
    where all m are equal. Rows of zeros count as 0, with a warning. As Quantus' Complexity.

    Cost: none of T.

    References
    ----------
    Bhatt, Weller, Moura (2020). Evaluating and aggregating feature-based model explanations, definition 4.
    arXiv:2005.00631

    Examples
    --------
    >>> de.evaluate('complexity', T, X, xs, 'intgrad', labels).values.shape
    (2,)
    """

    features: FeaturesOfX | None = None

    better = 'lower'

    def score(self, trial):
        a = np.abs(trial.totals(trial.features(self.features), self.features))
        whole = a.sum(1, keepdims=True)
        with np.errstate(invalid='ignore', divide='ignore'):
            p = a / whole
            found = -np.where(p > 0, p * np.log(p), 0).sum(1)
        return defined(np.where(whole[:, 0] > 0, found, np.nan), self, 'as their attributions are all 0')
