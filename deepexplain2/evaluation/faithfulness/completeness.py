"""Completeness: what attributions miss of what they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...parameters import Baseline
from ..base import Metric, register


@register('completeness')
@dataclass(frozen=True)
class Completeness(Metric):
    """The gap between the sum of the attributions and what it should be. Metric 'completeness'; lower is
    better.

    Parameters
    ----------
    baseline : number, array, list of them or function, optional
        That of the attributions; by default that of the method, 0 for arrays.
    to : 'difference' or 'value', optional
        Whether they share f(x) - f(baseline), or f(x) as those of LRP; by default what the method promises,
        the difference for arrays and for methods that promise nothing.

    Notes
    -----
    |f(x) - f(baseline) - sum| in units of T. Attributions by feature are summed by feature. Quantus'
    Completeness says whether it is 0, not how large.

    Cost: 2 evaluations of T per row, 1 with 'value'.

    References
    ----------
    Sundararajan, Taly, Yan (2017). Axiomatic attribution for deep networks, section 3. arXiv:1703.01365

    Examples
    --------
    >>> bool((de.evaluate('completeness', T, X, xs, 'deeplift', labels).values < 1e-5).all())
    True
    """

    baseline: Baseline | None = None
    to: Literal['difference', 'value'] | None = None

    better = 'lower'

    def score(self, trial):
        if trial.delta is not None and self.to is None and self.baseline is None:
            return np.abs(trial.delta)
        whole = trial.at_x - (0 if self.to == 'value' else trial.at_baseline)
        return np.abs(whole - trial.sums)
