"""Total-order Sobol indices: how much of the variance of T each feature has a part in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ParameterError, PathWarning, warn
from ...features.base import FeaturesOfX
from ...parameters import Baseline, Count, References, Seed
from ..base import Method, Plan
from ..grid_of_masks import cells_or_entries, quasi_random, values_of_masks
from ..registry import register


@register('sobol')
@dataclass(frozen=True)
class Sobol(Method):
    """Total-order Sobol indices of features that fade to the baseline (Fel et al. 2021). Method 'sobol'.

    Parameters
    ----------
    samples : int, default 32
        N, at least 2; a power of 2 fills the space most evenly.
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

    is_perturbation = True
    draws_samples = True
    linear_in_target = False
    doubts_zeros = False

    def check(self):
        if self.samples < 2:
            raise ParameterError(f'samples is {self.samples}: a variance needs at least 2')

    def check_std_error(self):
        pass

    def query(self, model):
        return model.value()

    def plan(self, shapes):
        return Plan([self.samples * (cells_or_entries(shapes).count + 2)], list(shapes))

    def attribute(self, sweep, xs, baselines):
        return self.sample(sweep, xs, baselines)[0]

    def sample(self, sweep, xs, baselines):
        features, n = cells_or_entries([x.shape for x in xs]), self.samples
        m = features.count
        a, b = np.split(quasi_random(n, 2 * m, self.seed), 2, 1)
        mixed = np.repeat(a[None], m, 0)                # (features, samples, features)
        mixed[range(m), :, range(m)] = b.T
        masks = np.concatenate([a, b, mixed.reshape(-1, m)])
        values = values_of_masks(sweep, features, xs, baselines, masks)
        found, errors = total_order(values[:, :n], values[:, 2 * n:].reshape(len(values), m, n))
        if (np.ptp(values, 1) == 0).any():
            warn(f'{self.name}: T of {np.count_nonzero(np.ptp(values, 1) == 0)} of {len(values)} rows is the '
                 f'same for all masks, and their indices are 0', PathWarning)
        return features.spread(found), features.spread(errors)


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
