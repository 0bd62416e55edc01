"""Insertion: T while the features come, the most important first."""

from __future__ import annotations

from dataclasses import dataclass

from ...features.base import FeaturesOfX
from ...parameters import Baseline
from ..base import Metric, register
from .removal import Steps, removal


@register('insertion')
@dataclass(frozen=True)
class Insertion(Metric):
    """Area under T while the features come, those with the largest attributions first (Petsiuk et al. 2018).
    Metric 'insertion'; higher is better.

    Parameters
    ----------
    steps : int, default 10
        How many times features come, about as many each time; -1: one feature at a time.
    baseline : number, array, list of them or function, default 0
        What they come into, as for methods; in images often Blur.
    features : set of deepexplain2.features, optional
        What comes together, by the sum of its attributions. By default entries along the last axis of X, the
        channels of an image; in tables every column.

    Notes
    -----
    As 'deletion', from the baseline to x. As Xplique's Insertion, with a score for every row.

    Cost: steps + 1 evaluations of T per row.

    References
    ----------
    Petsiuk, Das, Saenko (2018). RISE: randomized input sampling for explanation of black-box models, section
    3.3. arXiv:1806.07421

    Examples
    --------
    >>> de.evaluate('insertion', T, X, xs, 'intgrad', labels).better
    'higher'
    """

    steps: Steps = 10
    baseline: Baseline | None = None
    features: FeaturesOfX | None = None

    better = 'higher'

    def score(self, trial):
        return removal(trial, self.features, self.steps, True)
