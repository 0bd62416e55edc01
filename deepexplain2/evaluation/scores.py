"""What a metric found: Scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..frames import pandas_for


class Curve(NamedTuple):
    """What a score is the summary of.

    x : array, (points,) or (n, points)
        Where; see the metric.
    y : array, (n, points)
        Its value there, for every row.
    labels : tuple of str
        What the points are called, where they have names.
    """

    x: np.ndarray
    y: np.ndarray
    labels: tuple[str, ...] = ()


class Measured(NamedTuple):
    """What `Metric.score` returns where there is more than a value per row.

    errors: (n,), standard errors of the values.
    """

    values: np.ndarray
    curve: Curve | None = None
    errors: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of a metric.

    Parameters
    ----------
    values : array, (n,) in float64
        One per row.
    metric : str
        The metric with its parameters.
    better : str
        'higher' or 'lower'.
    curve : Curve, optional
        What each value is the summary of: curve.x and curve.y, (n, points).
    errors : array, (n,), optional
        The standard error of each value, where it comes from draws.
    """

    values: np.ndarray
    metric: str
    better: str
    curve: Curve | None = None
    errors: np.ndarray | None = None

    @property
    def mean(self) -> float:
        """The mean over rows."""
        return float(self.values.mean())

    @property
    def std_error(self) -> float:
        """The standard error of the mean over rows; NaN for a single row."""
        n = len(self.values)
        return float(self.values.std(ddof=1) / n ** .5) if n > 1 else float('nan')

    def to_frame(self) -> Any:
        """The values as a pandas DataFrame, one row per row, with their standard errors where there are."""
        pandas = pandas_for('The scores are in `values`')
        found = {'score': self.values}
        return pandas.DataFrame(found if self.errors is None else {**found, 'std_error': self.errors})

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self.values, dtype)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return (f'{self.metric}: {self.mean:.4g} +- {self.std_error:.2g} over {len(self.values)} rows, '
                f'{self.better} is better')
