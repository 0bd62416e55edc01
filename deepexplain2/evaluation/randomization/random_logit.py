"""Random logit: whether attributions are those of the class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ParameterError
from ...parameters import Seed
from ..base import Metric, defined, register
from ..similarity import Similarity, alike


@register('random_logit')
@dataclass(frozen=True)
class RandomLogit(Metric):
    """How alike the attributions are to those of another class, drawn for each row (Sixt et al. 2020). Metric
    'random_logit'; lower is better.

    Parameters
    ----------
    similarity : 'ssim', 'spearman', 'pearson' or function, default 'ssim'
        Of two arrays of attributions, or lists for several inputs, a number per row.
    seed : int, default 0
        Seed of the classes; that of row k is drawn from [seed, k].

    Notes
    -----
    SSIM of the maps scaled to 0 ... 1. ys must be class indices of T. Rows whose attributions are all equal
    count as 0 for correlations, with a warning. Xplique's windows are Gaussian, of 11, and images alone.

    Cost: 1 explanation per row.

    References
    ----------
    Sixt, Granz, Landgraf (2020). When explanations lie: why many modified BP attributions fail, section 4.
    arXiv:1912.09818

    Examples
    --------
    >>> de.evaluate('random_logit', T, X, xs, 'intgrad', labels, similarity='pearson').values.shape
    (2,)
    """

    similarity: Similarity = 'ssim'
    seed: Seed = 0

    better = 'lower'
    needs_method = True

    def score(self, trial):
        ys, units = trial.ys, trial.units
        if ys is None or np.ndim(ys) != 1 or np.asarray(ys).dtype.kind not in 'iu' or not units:
            raise ParameterError('random_logit explains another class of each row: give ys as class indices, '
                                 'and a T with several classes')
        if units < 2:
            raise ParameterError('random_logit explains another class of each row, and T has only one')
        shifts = np.array([np.random.default_rng([self.seed, k]).integers(1, units) for k in range(len(ys))])
        others = (np.asarray(ys) % units + shifts) % units
        found = alike(self.similarity, trial.attributions, trial.again(self.name)(trial.xs, others))
        return defined(found, self, 'as their attributions are all equal')
