"""Shapley values by the regression whose solution they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from ...engine.memo import Memo
from ...errors import ParameterError
from ...features.base import FeaturesOfX
from ...features.coalitions import Masks
from ...parameters import Baseline, Count, Positive, References, Seed
from ..base import Plan
from ..coalition_values import exact_values
from ..registry import register
from ..sampling import Sampling


@register('kernel_shap')
@dataclass(frozen=True)
class KernelShap(Sampling):
    """Shapley values by weighted least squares over coalitions (Lundberg and Lee 2017), unbiased (Covert and
    Lee 2021). Method 'kernel_shap'.

    Parameters
    ----------
    samples : int, default 2048
        Coalitions drawn, at least 2, in pairs of one and its complement. All rows see the same draws. A row
        all of whose coalitions are no more than that is exact.
    baseline : number, array, list of them or function, default 0
        The value of an absent feature: a scalar, an array of the shape of one row, or one with a row for each
        row of xs; or a function of xs that returns one of these. For a list X a list of them.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged: (k,) + the shape of one row, shared by all rows;
        (n, k) + that shape, k for each row of xs; or a function of xs that returns one of these. For several
        inputs a list of arrays. In place of baseline. Cost: k times as much.
    features : set of deepexplain2.features, optional
        What is switched together: Axes, Windows, Grid, Segments, superpixels(...), Columns. By default every
        entry is a feature; of token ids every word.
    seed : int, default 0
        Seed of the draws; the same seed gives the same answer.
    tolerance : float, optional
        Go on drawing until the standard error of every feature is at most `tolerance` times the largest
        attribution of its row, or max_samples are drawn, which is reported in a warning.
    max_samples : int, default 100000
        The most coalitions where there is a tolerance.
    masks : 'keep' or 'follow', default 'keep'
        'keep': masks that the model makes of X by comparison with a value (Keras Masking, x != 0) stay those
        of x for every input, and at the baseline. 'follow': every input has its own mask.

    Notes
    -----
    The solution of min sum_S w(S) (f(S) - f(0) - sum_(i in S) phi_i)^2, w the Shapley kernel, under sum phi =
    f(x) - f(baseline). Coalitions are drawn with the chance w, so that the matrix of the normal equations is
    known, and a draw z says phi_i = (f(x) - f(0)) / m + (z_i - |z| / m) (f(z) - f(0)) / (a - b), with a = 1/2
    the chance that a feature is present and b that of two (equations 9 and 11 of Covert and Lee). Each draw
    is unbiased and keeps the sum, by feature; so does their mean. Features in which x is the baseline get
    exactly 0; those that T does not depend on only where a row is exact. The standard error falls as
    1/sqrt(samples).

    Cost: at most samples + 2 evaluations of T per row; 2 ** m where that is less, m the features in which x
    is not the baseline. No input is evaluated twice.

    References
    ----------
    Lundberg, Lee (2017). A unified approach to interpreting model predictions. arXiv:1705.07874
    Covert, Lee (2021). Improving KernelSHAP: practical Shapley value estimation using linear regression.
    arXiv:2012.01536

    Examples
    --------
    >>> a = de.explain('kernel_shap', T, X, xs, ys=labels, samples=100)
    """

    samples: Count = 2048
    baseline: Baseline | None = None
    references: References | None = None
    features: FeaturesOfX | None = None
    seed: Seed = 0
    tolerance: Positive | None = None
    max_samples: Count = 100000
    masks: Literal['keep', 'follow'] = 'keep'

    sums_to = 'difference'
    zero_without_influence = False          # where coalitions are drawn
    draws = 'coalitions'
    evaluations_at_ends = 2
    together = 2

    def check(self):
        if self.samples < 2:
            raise ParameterError(f'samples is {self.samples}: coalitions are drawn in pairs. Give at least 2')

    def check_std_error(self):
        if self.samples < 4 or self.samples % 2:
            raise ParameterError(f'samples is {self.samples}: standard errors need at least two independent '
                                 f'draws, an even number of at least 4, as coalitions come in pairs')

    def evaluations(self, changed):
        return np.where(self._is_exact(changed), 0, 1)

    def _is_exact(self, changed):
        return 1 << np.minimum(changed, 62) <= self.samples

    def plan(self, shapes):
        count = self.features_of(shapes).count
        if self._is_exact(count):
            return Plan([1 << count], list(shapes))
        return Plan(None if self.tolerance is not None else [self.samples + 2], list(shapes))

    def sample(self, sweep, xs, baselines):
        memo = Memo(sweep, self.features_of([x.shape for x in xs]), xs, baselines)
        exact = self._is_exact(memo.changed.sum(1))
        found, errors = exact_values(memo, exact), np.zeros(memo.changed.shape)
        if not exact.all():
            mean = self._mean(memo)
            found, errors = (np.where(exact[:, None], a, b) for a, b in (
                (found, mean.value), (errors, mean.error())))
        return memo.features.spread(found), memo.features.spread(errors)

    def estimates(self, memo: Memo, first: int, count: int) -> np.ndarray:
        """(n, count, features): what each drawn coalition says of every feature."""
        changed = memo.changed
        m = changed.sum(1)
        drawn = np.where(self._is_exact(m)[:, None], False, changed)
        if first == 0:                                  # T at x and at the baseline, once
            ends = np.stack([np.zeros(changed.shape[1], bool), np.ones(changed.shape[1], bool)])
            memo(Masks(ends))
        is_shared = bool(drawn.all())
        masks = np.stack([self._mask(k, drawn[:1] if is_shared else drawn)
                          for k in range(first, first + count)], 1)
        values = memo(Masks(masks[0] if is_shared else masks))
        at_baseline, at_x = memo.ends.T[:, :, None]
        sizes = masks.sum(2, keepdims=True)
        players = np.maximum(m, 1)[:, None, None]
        scale = np.array([_scale(int(k)) for k in m])[:, None, None]
        step = (masks - sizes / players) * (values - at_baseline)[:, :, None] * scale
        return np.where(drawn[:, None], (at_x - at_baseline)[:, :, None] / players + step, 0)

    def _mask(self, k: int, drawn: np.ndarray) -> np.ndarray:
        """(rows, features): coalition k of the features that are drawn; of a pair the second is the
        complement of the first."""
        rng = np.random.default_rng([self.seed, k // 2])
        order, chance = rng.permutation(drawn.shape[1]), rng.random()
        place = np.empty(drawn.shape, int)
        place[:, order] = drawn[:, order].cumsum(1)             # among the features that are drawn, from 1
        sizes = np.array([_size(int(m), chance) for m in drawn.sum(1)])[:, None]
        return drawn & ((place <= sizes) == (k % 2 == 0))


@lru_cache(maxsize=1024)
def _kernel(m: int) -> tuple[np.ndarray, np.ndarray]:
    """The chance of each size 1 ... m - 1 of a coalition of m features, and the sums of these chances."""
    sizes = np.arange(1, m)
    weights = 1 / (sizes * (m - sizes))
    return weights / weights.sum(), weights.cumsum() / weights.sum()


def _size(m: int, chance: float) -> int:
    """The size of a coalition of m features that a number in [0, 1) stands for; 0 where there is none."""
    return 0 if m < 2 else 1 + int(np.searchsorted(_kernel(m)[1][:-1], chance, 'right'))


@lru_cache(maxsize=1024)
def _scale(m: int) -> float:
    """1 / (a - b): a the chance that a feature is in a coalition, 1/2, b that of two features."""
    if m < 2:
        return 0.
    sizes = np.arange(1, m)
    both = (_kernel(m)[0] * sizes * (sizes - 1)).sum() / (m * (m - 1))
    return 1 / (.5 - both)
