"""HSIC: how much T depends on whether a feature is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ParameterError, PathWarning, warn
from ...features.base import FeaturesOfX
from ...parameters import Baseline, Count, Positive, References, Seed
from ..base import Method, Plan
from ..drawing import draw
from ..grid_of_masks import QuasiRandom, cells_or_entries, values_of_masks
from ..registry import register

PARTS = 16              # of the masks, one of which is left out for a standard error


@register('hsic')
@dataclass(frozen=True)
class HSIC(Method):
    """Dependence of T on the presence of each feature, by the Hilbert-Schmidt independence criterion (Novello
    et al. 2022). Method 'hsic'.

    Parameters
    ----------
    samples : int, default 512
        Masks, at least 2, of which each keeps a feature or not; a power of 2 fills the space most evenly.
    baseline : number, array, list of them or function, default 0
        The value of an absent feature: a scalar, an array of the shape of one row, or one with a row for each
        row of xs; or a function of xs that returns one of these. For a list X a list of them.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged: (k,) + the shape of one row, shared by all rows;
        (n, k) + that shape, k for each row of xs; or a function of xs that returns one of these. For several
        inputs a list of arrays. In place of baseline. Cost: k times as much.
    features : set of deepexplain2.features, optional
        What is switched together: Axes, Windows, Grid, Segments, superpixels(...), Columns. By default the
        cells of Grid(8), and for X of shape (n, features) every entry; of token ids every word.
    seed : int, default 0
        Seed of the masks; the same seed gives the same answer.
    tolerance : float, optional
        Go on drawing until the standard error of every value is at most `tolerance` times the largest of its
        row, or max_samples are drawn, which is reported in a warning.
    max_samples : int, default 4096
        The most masks where there is a tolerance.

    Notes
    -----
    tr(K H L H) / (N - 1)^2, H = I - 1/N, K = 1/2 - (z - z')^2 of the masks of a feature, L = exp(-(y - y')^2
    / (2 s^2)) of T there, s the median of |y - y'| over all pairs (their mean where that is 0). At least 0 up
    to rounding, not signed, and without a unit; compare features of one row. 0 where T is constant, with a
    warning. Masks are the halves of a scrambled Sobol sequence. Standard errors are those of a jackknife that
    leaves out one of 16 parts of the masks (Efron and Stein 1981), up to twice too large as s is a median;
    they do not tell of the part of each value that falls as 1 / N, all there is of a feature without
    influence.

    Cost: samples evaluations of T per row, whatever the number of features; and samples ** 2 numbers.

    References
    ----------
    Novello, Fel, Vigouroux (2022). Making sense of dependence: efficient black-box explanations using
    dependence measure. arXiv:2206.06219
    Efron, Stein (1981). The jackknife estimate of variance. doi:10.1214/aos/1176345462

    Examples
    --------
    >>> a = de.explain('hsic', T, X, xs, ys=labels, samples=64)
    """

    samples: Count = 512
    baseline: Baseline | None = None
    references: References | None = None
    features: FeaturesOfX | None = None
    seed: Seed = 0
    tolerance: Positive | None = None
    max_samples: Count = 4096

    unit = 'dependence on {T} (HSIC)'
    adds_up = False
    is_perturbation = True
    draws_samples = True
    linear_in_target = False
    zero_without_influence = False
    doubts_zeros = False

    def check(self):
        if self.samples < 2:
            raise ParameterError(f'samples is {self.samples}: a dependence needs at least 2')

    def check_std_error(self):
        if self.samples < 4:
            raise ParameterError(f'samples is {self.samples}: standard errors need at least 4')

    def query(self, model):
        return model.value()

    def plan(self, shapes):
        cells_or_entries(shapes)
        return Plan(None if self.tolerance is not None else [self.samples], list(shapes))

    def attribute(self, sweep, xs, baselines):
        features, found = self._found(sweep, xs, baselines)
        return features.spread(found.values())

    def sample(self, sweep, xs, baselines):
        features, found = self._found(sweep, xs, baselines)
        return features.spread(found.values()), features.spread(found.errors())

    def _found(self, sweep, xs, baselines):
        features = cells_or_entries([x.shape for x in xs])
        found, points = Dependences(sweep.n, features.count), QuasiRandom(features.count, self.seed)

        def add(missing: int) -> None:
            masks = points(min(missing, max(1, sweep.size // sweep.n))) >= .5
            found.add(masks, values_of_masks(sweep, features, xs, baselines, masks.astype(np.float64)))
        draw(self, found, add, 'masks')
        constant = np.count_nonzero(found.is_constant)
        if constant:
            warn(f'{self.name}: T of {constant} of {sweep.n} rows is the same for all masks, and what '
                 f'depends on nothing is 0', PathWarning)
        return features, found


class Dependences:
    """Values of n rows and m features, of the masks drawn up to now."""

    least, result = 4, 'values'

    def __init__(self, n: int, m: int):
        self._masks, self._outputs = np.empty((0, m), bool), np.empty((n, 0))

    @property
    def drawn(self) -> int:
        return len(self._masks)

    @property
    def is_constant(self) -> np.ndarray:
        """(n,): whether T is the same for all masks."""
        return np.ptp(self._outputs, 1) == 0

    def add(self, masks: np.ndarray, outputs: np.ndarray) -> None:
        """Add T (n, count) at masks (count, m)."""
        self._masks = np.append(self._masks, masks, 0)
        self._outputs = np.append(self._outputs, outputs, 1)

    def values(self) -> np.ndarray:
        """(n, m)."""
        return np.stack([dependence(self._masks, y) for y in self._outputs])

    def errors(self) -> np.ndarray:
        """(n, m): their standard errors, by a jackknife."""
        parts = np.array_split(np.arange(self.drawn), min(PARTS, self.drawn // 2))
        without = np.stack([[dependence(np.delete(self._masks, part, 0), np.delete(y, part))
                             for part in parts] for y in self._outputs])
        return without.std(1) * (len(parts) - 1) ** .5

    def is_within(self, tolerance: float) -> bool:
        """Whether every standard error is at most `tolerance` times the largest value of its row."""
        return bool((self.errors().max(1) <= tolerance * self.values().max(1)).all())

    def largest_error(self) -> float:
        """The largest standard error."""
        return float(self.errors().max())


def dependence(masks: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """(features,): HSIC of masks (N, features) of 0 and 1, and outputs (N,); 0 where these are constant."""
    n = len(outputs)
    distances = np.abs(outputs[:, None] - outputs)
    pairs = distances[np.triu_indices(n, 1)]
    width = np.median(pairs) or pairs.mean() or 1.      # of T that takes few values the median may be 0
    kernel = np.exp(-distances ** 2 / (2 * width ** 2))
    centered = kernel - kernel.mean(0) - kernel.mean(1)[:, None] + kernel.mean()
    signs = 2. * masks - 1                              # 1/2 - (z - z')^2 is their product, by 2
    return np.maximum(((centered @ signs) * signs).sum(0) / 2, 0) / (n - 1) ** 2
