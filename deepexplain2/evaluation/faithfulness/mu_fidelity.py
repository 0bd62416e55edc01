"""Mu-fidelity: whether features that matter more together are said to."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import register
from ..correlation import spearman, spearman_error
from .subsets import OfSubsets


@register('mu_fidelity')
@dataclass(frozen=True)
class MuFidelity(OfSubsets):
    """Rank correlation of the sums of attributions over subsets with what T loses without them (Bhatt et al.
    2020). Metric 'mu_fidelity'; higher is better.

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
        Grid(9) for images as the library Xplique does.
    seed : int, default 0
        Seed of the subsets.

    Notes
    -----
    Spearman's correlation; 'faithfulness_correlation' is the same with Pearson's. All subsets have the same
    size, as in the paper; Xplique draws each feature by itself. errors has the standard errors of the
    correlations. A row of which all sums or all losses are equal counts as 0, with a warning.

    Cost: samples + 1 evaluations of T per row; no input is evaluated twice.

    References
    ----------
    Bhatt, Weller, Moura (2020). Evaluating and aggregating feature-based model explanations, definition 3.
    arXiv:2005.00631

    Examples
    --------
    >>> de.evaluate('mu_fidelity', T, X, xs, 'intgrad', labels, size=.4).errors.shape
    (2,)
    """

    def score(self, trial):
        return self.correlated(trial, spearman, spearman_error)
