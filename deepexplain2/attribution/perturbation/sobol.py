"""Total-order Sobol indices: how much of the variance of T each feature has a part in."""

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


@register('sobol')
@dataclass(frozen=True)
class Sobol(Method):
    """Total-order Sobol indices of features that fade to the baseline (Fel et al. 2021). Method 'sobol'.

    Parameters
    ----------
    samples : int, default 32
        N, at least 2; a power of 2 fills the space most evenly. All rows see the same masks.
    baseline : number, array, list of them or function, default 0
        What features fade to: a scalar, an array of the shape of one row, or one with a row for each row of
        xs; or a function of xs that returns one of these. For a list X a list of them.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged: (k,) + the shape of one row, shared by all rows;
        (n, k) + that shape, k for each row of xs; or a function of xs that returns one of these. For several
        inputs a list of arrays. In place of baseline. Cost: k times as much.
    features : set of deepexplain2.features, optional
        What fades together: Axes, Windows, Grid, Segments, superpixels(...), Columns. By default the cells of
        Grid(8), and for X of shape (n, features) every entry; of token ids every word.
    seed : int, default 0
        Seed of the masks; the same seed gives the same answer.
    tolerance : float, optional
        Go on drawing until the standard error of every index is at most `tolerance` times the largest of its
        row, or max_samples are drawn, which is reported in a warning.
    max_samples : int, default 4096
        The most N where there is a tolerance.

    Notes
    -----
    S_i = E[(f(A) - f(A with i of B))^2] / (2 Var f(A)) (Jansen 1999), f(m) the value of T at b + m (x - b)
    and A, B independent masks, uniform in [0, 1], one row of a scrambled Sobol sequence of 2 m dimensions
    each. An index is at least 0, and not signed: it counts what a feature does alone and together with
    others, so that the indices of a row sum to 1 or more. Where T is constant they are 0, with a warning.
    Standard errors are those of independent draws, which a Sobol sequence falls below.

    Cost: samples (m + 2) evaluations of T per row, m the number of features.

    References
    ----------
    Fel, Cadene, Chalvidal, Cord, Vigouroux, Serre (2021). Look at the variance! Efficient black-box
    explanations with Sobol-based sensitivity analysis. arXiv:2111.04138
    Jansen (1999). Analysis of variance designs for model output. doi:10.1016/S0010-4655(98)00154-4

    Examples
    --------
    >>> a = de.explain('sobol', T, X, xs, ys=labels, samples=16)
    """

    samples: Count = 32
    baseline: Baseline | None = None
    references: References | None = None
    features: FeaturesOfX | None = None
    seed: Seed = 0
    tolerance: Positive | None = None
    max_samples: Count = 4096

    unit = 'share of the variance of {T}'
    adds_up = False
    is_perturbation = True
    draws_samples = True
    linear_in_target = False
    doubts_zeros = False

    def check(self):
        if self.samples < 2:
            raise ParameterError(f'samples is {self.samples}: a variance needs at least 2')

    def query(self, model):
        return model.value()

    def plan(self, shapes):
        count = self.samples * (cells_or_entries(shapes).count + 2)
        return Plan(None if self.tolerance is not None else [count], list(shapes))

    def attribute(self, sweep, xs, baselines):
        return self.sample(sweep, xs, baselines)[0]

    def sample(self, sweep, xs, baselines):
        features = cells_or_entries([x.shape for x in xs])
        m = features.count
        indices, points = Indices(sweep.n, m), QuasiRandom(2 * m, self.seed)

        def add(missing: int) -> None:
            count = min(missing, max(1, sweep.size // (sweep.n * (m + 2))))
            a, b = np.split(points(count), 2, 1)
            mixed = np.repeat(a[None], m, 0)            # (features, count, features)
            mixed[range(m), :, range(m)] = b.T
            masks = np.concatenate([a, b, mixed.reshape(-1, m)])
            indices.add(values_of_masks(sweep, features, xs, baselines, masks), count)
        draw(self, indices, add)
        constant = np.count_nonzero(indices.is_constant)
        if constant:
            warn(f'{self.name}: T of {constant} of {sweep.n} rows is the same for all masks, and their '
                 f'indices are 0', PathWarning)
        return tuple(features.spread(a) for a in indices.result_of())


class Indices:
    """Total-order indices of n rows and m features, of what was drawn up to now."""

    least, result = 2, 'indices'

    def __init__(self, n: int, m: int):
        self.drawn = 0
        self._at_a, self._at_mixed = np.empty((n, 0)), np.empty((n, m, 0))
        self.is_constant = np.ones(n, bool)             # whether T is the same for all masks
        self._first: np.ndarray | None = None

    def add(self, values: np.ndarray, count: int) -> None:
        """Add T at masks A and B, and at those of A with one feature of B, `count` each."""
        n, m = self._at_mixed.shape[:2]
        self._first = values[:, :1] if self._first is None else self._first
        self.is_constant &= (values == self._first).all(1)
        self._at_a = np.append(self._at_a, values[:, :count], 1)
        self._at_mixed = np.append(self._at_mixed, values[:, 2 * count:].reshape(n, m, count), 2)
        self.drawn += count

    def result_of(self) -> tuple[np.ndarray, np.ndarray]:
        """(indices (n, m), their standard errors)."""
        return total_order(self._at_a, self._at_mixed)

    def is_within(self, tolerance: float) -> bool:
        """Whether every standard error is at most `tolerance` times the largest index of its row."""
        found, errors = self.result_of()
        return bool((errors.max(1) <= tolerance * found.max(1)).all())

    def largest_error(self) -> float:
        """The largest standard error."""
        return float(self.result_of()[1].max())


def total_order(at_a: np.ndarray, at_mixed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(indices (n, m), their standard errors) of T at masks A, (n, N), and at A with one feature of B, (n, m,
    N); 0 where T is constant."""
    n = at_a.shape[1]
    squares = (at_a[:, None] - at_mixed) ** 2 / 2
    centered = (at_a - at_a.mean(1, keepdims=True)) ** 2
    variance = centered.mean(1)[:, None]
    safe = np.where(variance > 0, variance, 1)
    found = np.where(variance > 0, squares.mean(2) / safe, 0)
    # of a ratio of two means
    rests = squares - found[:, :, None] * centered[:, None]
    errors = np.where(variance > 0, rests.std(2, ddof=1) / safe / n ** .5, 0)
    return found, errors
