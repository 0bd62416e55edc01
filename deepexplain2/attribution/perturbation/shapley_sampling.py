"""Shapley values by sampling permutations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...engine.arrays import blocks
from ...engine.memo import Memo
from ...errors import ParameterError
from ...features.axes import AxesOfInput
from ...features.base import FeaturesOfX, join
from ...features.coalitions import Prefixes
from ...features.permutations import permutation
from ...parameters import Axes, Baseline, Count, Positive, References, Seed, per_input
from ..registry import register
from ..sampling import Sampling


@register('shapley_sampling')
@dataclass(frozen=True)
class ShapleySampling(Sampling):
    """Shapley values of the features by sampling permutations (Castro et al. 2009).

    Parameters
    ----------
    samples : int, default 5
        Permutations drawn, at least 1. All rows see the same ones.
    sampling_dims : list of int, optional
        Axes of X whose positions count as features, e.g. [1, 2] for the pixels of (n, h, w, c) with their
        channels together; by default all axes but the batch. For a list X also a list, one per input, with
        None for all axes.
    baseline : number, array, list of them or function, default 0
        The value of an absent feature: a scalar, an array of the shape of one row, or one with a row for each
        row of xs; or a function of xs that returns one of these. For a list X a list of them.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged: (k,) + the shape of one row, shared by all rows;
        (n, k) + that shape, k for each row of xs; or a function of xs that returns one of these. For several
        inputs a list of arrays. In place of baseline. Cost: k times as much.
    features : set of deepexplain2.features, optional
        What is switched together: Axes, Windows, Grid, Segments, superpixels(...), Columns. Then the result
        is shaped like xs, with the value of its feature at every entry; what is said of sums holds by
        feature (`by_feature` of an Explanation).
    seed : int, default 0
        Seed of the permutations; the same seed gives the same answer.
    antithetic : bool, default True
        Whether every second permutation is the one before it, reversed (Mitchell et al. 2022, section 3.4):
        exact for a sum of products of two features, and seldom worse.
    tolerance : float, optional
        Go on drawing until the standard error of every feature is at most `tolerance` times the largest
        attribution of its row, or max_samples are drawn, which is reported in a warning.
    max_samples : int, default 10000
        The most permutations where there is a tolerance.
    masks : 'keep' or 'follow', default 'keep'
        'keep': masks that the model makes of X by comparison with a value (Keras Masking, x != 0) stay those
        of x for every input, and at the baseline; attributions sum to f(x) - f(baseline) with this mask.
        'follow': every input has its own mask.

    Notes
    -----
    Features are switched from the baseline to x one after another in random order; the attribution is the
    mean change of T. Unbiased; the standard error falls as 1/sqrt(samples). The sum over a row, and over
    all inputs, is f(x) - f(baseline) up to rounding, for any `samples`. The result has shape (n,) + the
    sampled axes, one array per input. Interrupted (Ctrl-C) after at least one permutation for all rows, it
    returns the mean of those, with a warning.

    Cost: at most samples * (features - 1) + 2 evaluations of T per row, where only features count in which x
    is not the baseline. About 2 ** 20 values are kept, those of the rows with the fewest such features (10
    features of 1000 rows, 20 of one row): none of them is evaluated twice.

    References
    ----------
    Castro, Gomez, Tejada (2009). Polynomial calculation of the Shapley value based on sampling.
    doi:10.1016/j.cor.2008.04.004

    Examples
    --------
    >>> a = de.explain('shapley_sampling', T, X, xs, ys=labels, samples=10)
    """

    samples: Count = 5
    sampling_dims: Axes | None = None
    baseline: Baseline | None = None
    references: References | None = None
    features: FeaturesOfX | None = None
    seed: Seed = 0
    antithetic: bool = True
    tolerance: Positive | None = None
    max_samples: Count = 10000
    masks: Literal['keep', 'follow'] = 'keep'

    sums_to = 'difference'
    draws = 'permutations'
    evaluations_at_ends = 2

    def check(self):
        if self.features is not None and self.sampling_dims is not None:
            raise ParameterError('sampling_dims and features are given, and both say what is switched '
                                 'together. Give one of them: features=Axes(...) is sampling_dims')

    @property
    def together(self):
        return 2 if self.antithetic else 1

    def features_of(self, shapes):
        chosen = per_input(self.sampling_dims, len(shapes), 'sampling_dims')
        return join([AxesOfInput(shape[1:], axes, 'X' if len(shapes) == 1 else f'X[{k}]')
                       for k, (shape, axes) in enumerate(zip(shapes, chosen))])

    def evaluations(self, changed):
        return np.maximum(changed - 1, 0)

    def check_std_error(self):
        if self.antithetic and (self.samples < 4 or self.samples % 2):
            raise ParameterError(f'samples is {self.samples}: standard errors need at least two independent '
                                 f'draws, an even number of at least 4, as permutations come in pairs '
                                 f'(antithetic=True)')
        super().check_std_error()

    def estimates(self, memo: Memo, first: int, count: int) -> np.ndarray:
        """By how much each feature changes T when it enters, (n, count, features)."""
        m = memo.features.count
        drawn = [permutation(self.seed, k, m, self.antithetic) for k in range(first, first + count)]
        prefixes = Prefixes(drawn, with_ends=first == 0)
        values, ends = memo(prefixes), memo.ends
        changes = np.empty((len(values), count, m))
        for some in blocks(len(values), count * m):
            changes[some] = prefixes.steps(values[some], ends[some])
        return changes
