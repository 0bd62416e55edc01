"""Effective complexity: how many features matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...features.base import FeaturesOfX
from ...parameters import NotNegative
from ..base import Metric, register


@register('effective_complexity')
@dataclass(frozen=True)
class EffectiveComplexity(Metric):
    """How many features have attributions above a threshold (Nguyen and Martinez 2020). Metric
    'effective_complexity'; lower is better.

    Parameters
    ----------
    threshold : float, default 0.01
        What |attribution| is to exceed, as a fraction of the largest of its row.
    absolute : bool, default False
        Whether threshold is in units of T.
    features : set of deepexplain2.features, optional
        By default entries along the last axis of X, the channels of an image; in tables every column. Axes()
        for images without a channel axis.

    Notes
    -----
    The number of features. The paper looks for the fewest
    features that keep the loss low; a threshold on attributions stands for it, as in the library Quantus.

    Cost: none of T.

    References
    ----------
    Nguyen, Martinez (2020). On quantitative aspects of model interpretability, section 3. arXiv:2007.07584

    Examples
    --------
    >>> de.evaluate('effective_complexity', T, X, xs, 'intgrad', labels).values.shape
    (2,)
    """

    threshold: NotNegative = .01
    absolute: bool = False
    features: FeaturesOfX | None = None

    better = 'lower'

    def score(self, trial):
        a = np.abs(trial.totals(trial.features(self.features), self.features))
        least = self.threshold * (1 if self.absolute else a.max(1, keepdims=True))
        return (a > least).sum(1).astype(np.float64)
