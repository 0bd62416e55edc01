"""HSIC: how much T depends on whether a feature is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ParameterError, PathWarning, warn
from ...features.base import FeaturesOfX
from ...parameters import Baseline, Count, References, Seed
from ..base import Method, Plan
from ..grid_of_masks import cells_or_entries, quasi_random, values_of_masks
from ..registry import register


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

    Notes
    -----
    tr(K H L H) / (N - 1)^2, H = I - 1/N, K = 1/2 - (z - z')^2 of the masks of a feature, L = exp(-(y - y')^2
    / (2 s^2)) of T there, s the median of |y - y'| over all pairs (their mean where that is 0). At least 0 up
    to rounding, not signed, and without a unit; compare features of one row. 0 where T is constant, with a
    warning. Masks are the halves of a scrambled Sobol sequence.

    Cost: samples evaluations of T per row, whatever the number of features.

    References
    ----------
    Novello, Fel, Vigouroux (2022). Making sense of dependence: efficient black-box explanations using
    dependence measure. arXiv:2206.06219

    Examples
    --------
    >>> a = de.explain('hsic', T, X, xs, ys=labels, samples=64)
    """

    samples: Count = 512
    baseline: Baseline | None = None
    references: References | None = None
    features: FeaturesOfX | None = None
    seed: Seed = 0

    is_perturbation = True
    linear_in_target = False
    zero_without_influence = False
    doubts_zeros = False

    def check(self):
        if self.samples < 2:
            raise ParameterError(f'samples is {self.samples}: a dependence needs at least 2')

    def query(self, model):
        return model.value()

    def plan(self, shapes):
        cells_or_entries(shapes)
        return Plan([self.samples], list(shapes))

    def attribute(self, sweep, xs, baselines):
        features = cells_or_entries([x.shape for x in xs])
        masks = quasi_random(self.samples, features.count, self.seed) >= .5
        values = values_of_masks(sweep, features, xs, baselines, masks.astype(np.float64))
        constant = np.ptp(values, 1) == 0
        if constant.any():
            warn(f'{self.name}: T of {np.count_nonzero(constant)} of {len(values)} rows is the same for all '
                 f'masks, and what depends on nothing is 0', PathWarning)
        return features.spread(np.stack([dependence(masks, y) for y in values]))


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
