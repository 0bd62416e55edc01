"""Sensitivity-n: correlation of sums of attributions and losses, for subsets of several sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ParameterError
from ...features.base import FeaturesOfX
from ...parameters import Baseline, Count, Counts, Seed
from ..base import Metric, defined, register
from ..correlation import pearson
from ..scores import Curve, Measured
from .subsets import drawn, losses


@register('sensitivity_n')
@dataclass(frozen=True)
class SensitivityN(Metric):
    """Correlation of the sums of attributions over n features with what T loses without them, for several n
    (Ancona et al. 2018). Metric 'sensitivity_n'; higher is better.

    Parameters
    ----------
    sizes : list of int, optional
        The numbers n, by default up to 10 from 1 to 80 % of the features, evenly on a logarithmic scale.
    samples : int, default 100
        Subsets drawn of each size, the same for all rows.
    baseline : number, array, list of them or function, default 0
        What stands in for what is absent, as for methods.
    features : set of deepexplain2.features, optional
        By default entries along the last axis of X, the channels of an image; in tables every column.
    seed : int, default 0
        Seed of the subsets.

    Notes
    -----
    The mean over n of Pearson's correlation; 1 for all n where T is linear and attributions are exact.
    curve.y has the correlations, at the shares curve.x = n / features. Where all sums or losses of a size are
    equal that size counts as 0, with a warning.

    Cost: samples evaluations of T per row and size; no input is evaluated twice.

    References
    ----------
    Ancona, Ceolini, Oztireli, Gross (2018). Towards better understanding of gradient-based attribution
    methods for deep neural networks, section 3.1. arXiv:1711.06104

    Examples
    --------
    >>> de.evaluate('sensitivity_n', T, X, xs, 'intgrad', labels, sizes=[1, 2]).curve.y.shape
    (2, 2)
    """

    sizes: Counts | None = None
    samples: Count = 100
    baseline: Baseline | None = None
    features: FeaturesOfX | None = None
    seed: Seed = 0

    better = 'higher'

    def check(self):
        if self.samples < 2:
            raise ParameterError(f'samples is {self.samples}: a correlation needs at least 2')

    def score(self, trial):
        m = trial.features(self.features).count
        sizes = np.unique(np.geomspace(1, max(1, .8 * m), 10).round().astype(int)) if self.sizes is None \
            else np.unique(np.atleast_1d(np.array(self.sizes)))
        if sizes[-1] >= m:
            raise ParameterError(f'sizes holds {sizes[-1]}, and there are {m} features: subsets of all of '
                                 f'them are equal. Give numbers below')
        absent = np.concatenate([drawn(self.samples, int(size), m, self.seed + 1000 * k)
                                 for k, size in enumerate(sizes)])
        sums, lost = losses(trial, self.features, absent)
        found = np.stack([pearson(a, b) for a, b in zip(np.split(sums, len(sizes), 1),
                                                        np.split(lost, len(sizes), 1))], 1)
        known = np.where(np.isnan(found), 0, found)
        defined(np.where(np.isnan(found).any(1), np.nan, 0), self, 'for sizes of which all sums of '
                'attributions, or all losses of T, are equal')
        return Measured(known.mean(1), Curve(sizes / m, known))
