"""T while features go, or come, in the order of their attributions."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from scipy.integrate import trapezoid

from ...errors import ParameterError
from ...features.base import FeatureSet
from ...features.coalitions import Ranked
from ...kinds_of_values import integer
from ...parameters import Kind
from ..scores import Curve, Measured
from ..trial import Trial


def steps(value: object, name: str) -> int:
    """Check an integer >= 1, or -1."""
    found = integer(value, name, -1)
    if found in (-1, *range(1, found + 1)):
        return found
    raise ParameterError(f'{name} must be an integer >= 1, or -1 for one feature at a time, not {found}')


Steps = Annotated[int, Kind('an integer >= 1, or -1', steps)]


def removal(trial: Trial, given: FeatureSet | None, number: int, first_present: bool,
            by_mean: bool = False) -> Measured:
    """The area under T over the share of the features that are gone, or there, the largest attributions
    first; of equal ones the first one.

    given: what features are. number: of steps; -1: one feature at a time. first_present: whether the features
    come, and do not go. by_mean: whether the order is by the mean of the entries of a feature.
    """
    features = trial.features(given)
    totals = trial.totals(features, given)
    if by_mean:
        totals = totals / np.maximum(features.sizes, 1)
    m = features.count
    order = np.argsort(-totals, 1, kind='stable')
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(m), order.shape), 1)
    counts = np.arange(m + 1) if number == -1 else np.unique(
        np.round(np.linspace(0, m, number + 1)).astype(int))
    found = trial.memo(features, given)(Ranked(ranks, counts, first_present))
    x = counts / m
    return Measured(trapezoid(found, x, axis=1), Curve(x, found))
