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
    baseline : number, array, list of them or function, default 0
        That of the attributions.
    to : 'difference' or 'value', default 'difference'
        Whether they share f(x) - f(baseline), or f(x) as those of LRP.

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
    to: Literal['difference', 'value'] = 'difference'

    better = 'lower'

    def score(self, trial):
        whole = trial.at_x - (trial.at_baseline if self.to == 'difference' else 0)
        return np.abs(whole - trial.sums)
