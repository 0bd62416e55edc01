"""Rank correlation of two attributions."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import Metric, defined, register
from ..similarity import rank_correlation
from .others import Other, others


@register('rank_correlation')
@dataclass(frozen=True)
class RankCorrelation(Metric):
    """Spearman's correlation of two attributions of each row. Metric 'rank_correlation'; higher is more
    alike.

    Parameters
    ----------
    other : array or list of arrays
        The other attributions, shaped like xs.

    Notes
    -----
    Of all entries, over all inputs. Rows in which one of them has equal attributions count as 0, with a
    warning.

    Cost: none of T.

    References
    ----------
    Spearman (1904). The proof and measurement of association between two things. doi:10.2307/1412159

    Examples
    --------
    >>> other = de.explain('saliency', T, X, xs, labels)
    >>> de.evaluate('rank_correlation', T, X, xs, 'intgrad', labels, other=other).values.shape
    (2,)
    """

    other: Other

    better = 'higher'

    def score(self, trial):
        return defined(rank_correlation(trial.attributions, others(trial, self.other)), self,
                       'as all attributions are equal')
