"""Average sensitivity: how much attributions change around x."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import defined, register
from ..scores import Measured
from .neighbours import Neighbours


@register('average_sensitivity')
@dataclass(frozen=True)
class AverageSensitivity(Neighbours):
    """The mean relative change of the attributions around x (Yeh et al. 2019). Metric 'average_sensitivity';
    lower is better.

    Parameters
    ----------
    samples : int, default 20
        Neighbours drawn, uniform in the ball of the maximum norm around x, the same for all rows but for
        their range.
    radius : float, default 0.05
        That of the ball, as a fraction of the range of each row.
    changes : array (changes, rows or 1, ...), or list of arrays, optional
        In place of draws: what is added to x.
    seed : int, default 0
        Seed of the draws.

    Notes
    -----
    As 'max_sensitivity', with the mean over draws; errors has its standard errors. Xplique's AverageStability
    draws from 0 to the radius alone.

    Cost: samples explanations per row.

    References
    ----------
    Yeh, Hsieh, Suggala, Inouye, Ravikumar (2019). On the (in)fidelity and sensitivity of explanations,
    definition 4.1. arXiv:1901.09392

    Examples
    --------
    >>> de.evaluate('average_sensitivity', T, X, xs, 'intgrad', labels, samples=3).values.shape
    (2,)
    """

    better = 'lower'

    def score(self, trial):
        found = self.relative(trial)
        errors = found.std(1, ddof=1) / found.shape[1] ** .5 if found.shape[1] > 1 else None
        return Measured(defined(found.mean(1), self, 'as their attributions are all 0'), errors=errors)
