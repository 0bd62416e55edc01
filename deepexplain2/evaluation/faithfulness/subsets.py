"""Sums of attributions over subsets of features, and what T loses without them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from ...errors import ParameterError, ShapeError, shown
from ...features.base import FeatureSet, FeaturesOfX
from ...features.coalitions import Masks
from ...parameters import Baseline, Count, Kind, Seed, Share
from ..base import Metric, defined
from ..scores import Measured
from ..trial import Trial


def subsets(value: Any, name: str) -> np.ndarray:
    """Check an array (subsets, features) of booleans, two subsets at least."""
    if not isinstance(value, np.ndarray) or value.dtype != bool or value.ndim != 2 or len(value) < 2:
        raise ParameterError(f'{name} must be a boolean array (subsets, features), True where a feature is '
                             f'taken away, of at least 2 subsets, not {shown(value)}')
    kept = value.copy()
    kept.setflags(write=False)
    return kept


Subsets = Annotated[Any, Kind('a boolean array (subsets, features)', subsets)]


def drawn(samples: int, size: int, m: int, seed: int) -> np.ndarray:
    """(samples, m): subsets of exactly `size` of m features, number k from default_rng([seed, k])."""
    found = np.zeros((samples, m), bool)
    for k, row in enumerate(found):
        row[np.random.default_rng([seed, k]).permutation(m)[:size]] = True
    return found


def losses(trial: Trial, given: FeatureSet | None, absent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the sums of attributions (n, subsets), by how much T is less without them).

    absent: (subsets, features)."""
    features = trial.features(given)
    if absent.shape[1] != features.count:
        raise ShapeError(f'subsets are of {absent.shape[1]} features, and there are {features.count}')
    sums = trial.totals(features, given) @ absent.T.astype(np.float64)
    memo = trial.memo(features, given)
    return sums, trial.at_x[:, None] - memo(Masks(~absent))


@dataclass(frozen=True)
class OfSubsets(Metric):
    """Base of metrics that correlate the sums of attributions over subsets with what T loses without them."""

    samples: Count = 200
    size: Share = .2
    subsets: Subsets | None = None
    baseline: Baseline | None = None
    features: FeaturesOfX | None = None
    seed: Seed = 0

    better = 'higher'

    def correlated(self, trial: Trial, correlation: Callable[[np.ndarray, np.ndarray], np.ndarray],
                   error: Callable[[np.ndarray, int], np.ndarray]) -> Measured:
        """The scores by a correlation of each row of two arrays, and its standard error for so many."""
        m = trial.features(self.features).count
        absent = drawn(self.samples, max(1, round(self.size * m)), m, self.seed) \
            if self.subsets is None else self.subsets
        found = defined(correlation(*losses(trial, self.features, absent)), self,
                        'as all sums of attributions, or all losses of T, are equal')
        return Measured(found, errors=error(found, len(absent)))
