"""Faithfulness correlation: whether features that matter more together are said to, in proportion."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import register
from ..correlation import pearson, pearson_error
from .subsets import OfSubsets


@register('faithfulness_correlation')
@dataclass(frozen=True)
class FaithfulnessCorrelation(OfSubsets):
    """Linear correlation of the sums of attributions over subsets with what T loses without them (Bhatt et
    al. 2020). Metric 'faithfulness_correlation'; higher is better.

    Parameters
    ----------
    samples : int, default 200
        Subsets drawn, the same for all rows.
    size : float, default 0.2
        The share of the features that are in each.
    subsets : boolean array (subsets, features), optional
        In place of draws.
    baseline : number, array, list of them or function, default 0
        What stands in for what is absent, as for methods.
    features : set of deepexplain2.features, optional
        By default entries along the last axis of X, the channels of an image; in tables every column.
    seed : int, default 0
        Seed of the subsets.

    Notes
    -----
    Pearson's correlation; 'mu_fidelity' is the same with Spearman's. errors has the standard errors of the
    correlations. A row of which all sums or all losses are equal counts as 0, with a warning.

    Cost: samples + 1 evaluations of T per row; no input is evaluated twice.

    References
    ----------
    Bhatt, Weller, Moura (2020). Evaluating and aggregating feature-based model explanations, definition 3.
    arXiv:2005.00631

    Examples
    --------
    >>> de.evaluate('faithfulness_correlation', T, X, xs, 'intgrad', labels, size=.4).errors.shape
    (2,)
    """

    def score(self, trial):
        return self.correlated(trial, pearson, pearson_error)
