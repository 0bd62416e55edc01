"""Sums of attributions over subsets of features, and what T loses without them."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from ...errors import ParameterError, ShapeError, shown
from ...features.base import FeatureSet
from ...features.coalitions import Masks
from ...parameters import Kind
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
