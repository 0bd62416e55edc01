"""What a metric is: a number per row that says how good attributions are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ..engine.sweep import Sweep
from ..parametrized import Parametrized


class Metric(Parametrized):
    """A number per row from attributions and values of T: a frozen dataclass with its parameters.

    A subclass says which inputs to try and how T at them becomes a number (`score`). It sees arrays and a
    sweep, never a session, and is batched and bounded in memory as methods are.
    """

    #: Whether better attributions have higher or lower scores.
    better: ClassVar[Literal['higher', 'lower']]

    baseline: Any = None            # what replaces features, as for methods; None: 0

    def score(self, sweep: Sweep, xs: list[np.ndarray], attributions: list[np.ndarray],
              baselines: list[np.ndarray]) -> np.ndarray:
        """The score of every row.

        Parameters
        ----------
        sweep : Sweep
            Gives the value of T: `for rows, ks, answers in sweep(make, points)` with answers['value'], one
            number for each of `rows`.
        xs, attributions : list of arrays
            One per tensor of X, (n,) + features.
        baselines : list of arrays
            One per tensor of X, with one row or n.

        Returns
        -------
        array, (n,)
        """
        raise NotImplementedError


@dataclass(frozen=True)
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
    """

    values: np.ndarray
    metric: str
    better: str

    @property
    def mean(self) -> float:
        """The mean over rows."""
        return float(self.values.mean())

    @property
    def std_error(self) -> float:
        """The standard error of the mean; NaN for a single row."""
        n = len(self.values)
        return float(self.values.std(ddof=1) / n ** .5) if n > 1 else float('nan')

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self.values, dtype)

    def __repr__(self) -> str:
        return (f'{self.metric}: {self.mean:.4g} +- {self.std_error:.2g} over {len(self.values)} rows, '
                f'{self.better} is better')
