"""Local Lipschitz estimate: how fast attributions change around x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base import defined, register
from .neighbours import Neighbours


@register('local_lipschitz')
@dataclass(frozen=True)
class LocalLipschitz(Neighbours):
    """The largest change of the attributions around x per change of x (Alvarez-Melis and Jaakkola 2018).
    Metric 'local_lipschitz'; lower is better.

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
    max |a(x + d) - a(x)| / |d|, Euclidean norms over all inputs, in units of attributions per unit of X:
    compare methods on one scale alone.

    Cost: samples explanations per row.

    References
    ----------
    Alvarez-Melis, Jaakkola (2018). On the robustness of interpretability methods, equation 2.
    arXiv:1806.08049

    Examples
    --------
    >>> de.evaluate('local_lipschitz', T, X, xs, 'intgrad', labels, samples=3).values.shape
    (2,)
    """

    better = 'lower'

    def score(self, trial):
        with np.errstate(invalid='ignore', divide='ignore'):
            found = np.stack([change / step for change, step in self.around(trial)], 1)
        return defined(found.max(1), self, 'as no neighbour differs from x')
