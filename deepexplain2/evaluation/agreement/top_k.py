"""Agreement of the k largest attributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ParameterError
from ...parameters import Count
from ..base import Metric, register
from .others import Other, others


@register('top_k')
@dataclass(frozen=True)
class TopK(Metric):
    """The share of the k largest attributions that two attributions have in common (Krishna et al. 2022).
    Metric 'top_k'; higher is more alike.

    Parameters
    ----------
    other : array or list of arrays
        The other attributions, shaped like xs.
    k : int, default 10
        How many.

    Notes
    -----
    Feature agreement, by magnitude, of positions along the last axis of X (channels summed); of equal ones
    the first.

    Cost: none of T.

    References
    ----------
    Krishna, Han, Gu, Pombra, Jabbari, Wu, Lakkaraju (2022). The disagreement problem in explainable machine
    learning, section 3.2. arXiv:2202.01602

    Examples
    --------
    >>> other = de.explain('saliency', T, X, xs, labels)
    >>> de.evaluate('top_k', T, X, xs, 'intgrad', labels, other=other, k=2).values.shape
    (2,)
    """

    other: Other
    k: Count = 10

    better = 'higher'

    def score(self, trial):
        positions = trial.features(None)
        largest = [np.argsort(-np.abs(positions.totals(maps)), 1, kind='stable')[:, :self.k]
                   for maps in (trial.attributions, others(trial, self.other))]
        if self.k > positions.count:
            raise ParameterError(f'k is {self.k}, and a row has {positions.count} positions')
        return np.array([len(np.intersect1d(a, b)) for a, b in zip(*largest)]) / self.k
