"""Max-sensitivity: how much attributions change at most around x."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import defined, register
from .neighbours import Neighbours


@register('max_sensitivity')
@dataclass(frozen=True)
class MaxSensitivity(Neighbours):
    """The largest relative change of the attributions around x (Yeh et al. 2019). Metric 'max_sensitivity';
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
    max |a(x + d) - a(x)| / |a(x)|, Euclidean norms over all inputs. A maximum over draws grows with their
    number. Rows whose attributions are all 0 count as 0, with a warning. As Captum's sensitivity_max, whose
    radius is in units of X.

    Cost: samples explanations per row.

    References
    ----------
    Yeh, Hsieh, Suggala, Inouye, Ravikumar (2019). On the (in)fidelity and sensitivity of explanations,
    definition 4.1. arXiv:1901.09392

    Examples
    --------
    >>> de.evaluate('max_sensitivity', T, X, xs, 'intgrad', labels, samples=3).values.shape
    (2,)
    """

    better = 'lower'

    def score(self, trial):
        return defined(self.relative(trial).max(1), self, 'as their attributions are all 0')
