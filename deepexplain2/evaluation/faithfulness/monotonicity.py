"""Monotonicity: whether what matters more alone is said to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...engine.memo import without_each
from ...features.base import FeaturesOfX
from ...parameters import Baseline
from ..base import Metric, defined, register
from ..correlation import spearman


@register('monotonicity')
@dataclass(frozen=True)
class Monotonicity(Metric):
    """Rank correlation of the magnitudes of attributions with how much T changes without each feature (Nguyen
    and Martinez 2020). Metric 'monotonicity'; higher is better.

    Parameters
    ----------
    baseline : number, array, list of them or function, default 0
        What stands in for what is absent, as for methods.
    features : set of deepexplain2.features, optional
        By default entries along the last axis of X, the channels of an image; in tables every column.

    Notes
    -----
    Spearman's correlation of |attribution| and (T without the feature - T)^2, with one baseline in place of
    the expectation of the paper. A row in which all are equal counts as 0, with a warning.

    Cost: as many evaluations of T per row as there are features, plus 1.

    References
    ----------
    Nguyen, Martinez (2020). On quantitative aspects of model interpretability, section 3. arXiv:2007.07584

    Examples
    --------
    >>> de.evaluate('monotonicity', T, X, xs, 'intgrad', labels).values.shape
    (2,)
    """

    baseline: Baseline | None = None
    features: FeaturesOfX | None = None

    better = 'higher'

    def score(self, trial):
        features = trial.features(self.features)
        values = without_each(trial.sweep, features, trial.xs, trial.baselines)
        found = spearman(np.abs(trial.totals(features, self.features)),
                         (values[:, :-1] - values[:, -1:]) ** 2)
        return defined(found, self, 'as all attributions are equal, or T changes as much without any feature')
