"""Deletion: T while the features go, the most important first."""

from __future__ import annotations

from dataclasses import dataclass

from ...features.base import FeaturesOfX
from ...parameters import Baseline
from ..base import Metric, register
from .removal import Steps, removal


@register('deletion')
@dataclass(frozen=True)
class Deletion(Metric):
    """Area under T while the features go, those with the largest attributions first (Petsiuk et al. 2018).
    Metric 'deletion'; lower is better.

    Parameters
    ----------
    steps : int, default 10
        How many times features go, about as many each time; -1: one feature at a time.
    baseline : number, array, list of them or function, default 0
        What stands in for what is gone, as for methods.
    features : set of deepexplain2.features, optional
        What goes together, by the sum of its attributions. By default entries along the last axis of X,
        the channels of an image; in tables every column.

    Notes
    -----
    The trapezoidal rule over the share of features that are gone, from 0 to 1, in units of T: for a
    probability the target is deepexplain2.targets.Probability. Of features with equal attributions the first
    one goes first. curve.y has T at the shares curve.x. As Xplique's Deletion, with a score for every row.

    Cost: steps + 1 evaluations of T per row.

    References
    ----------
    Petsiuk, Das, Saenko (2018). RISE: randomized input sampling for explanation of black-box models, section
    3.3. arXiv:1806.07421

    Examples
    --------
    >>> scores = de.evaluate('deletion', T, X, xs, 'intgrad', labels, steps=-1)
    >>> scores.values.shape, scores.curve.y.shape
    ((2,), (2, 4))
    """

    steps: Steps = 10
    baseline: Baseline | None = None
    features: FeaturesOfX | None = None

    better = 'lower'

    def score(self, trial):
        return removal(trial, self.features, self.steps, False)
