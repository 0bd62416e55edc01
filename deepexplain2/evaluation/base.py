"""What a metric is: a number per row that says how good attributions are."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from ..errors import MetricWarning, UnknownMetric, warn
from ..parametrized import Parametrized
from ..registry import Registry
from .scores import Measured
from .trial import Trial


class Metric(Parametrized):
    """A number per row from attributions: a frozen dataclass with its parameters, registered under a name.

    A subclass says how attributions, T at inputs of its choice, or attributions of other inputs become a
    number (`score`). It sees arrays and what a Trial offers, never a session, and is batched and bounded in
    memory as methods are.
    """

    name: ClassVar[str] = ''
    #: Whether better attributions have higher or lower scores.
    better: ClassVar[Literal['higher', 'lower']]
    #: Whether it explains again: attributions must then be given as a method.
    needs_method: ClassVar[bool] = False
    #: Whether T must be a probability.
    needs_probability: ClassVar[bool] = False

    baseline: Any = None            # what replaces features, as for methods; None: 0

    def score(self, trial: Trial) -> np.ndarray | Measured:
        """The score of every row, (n,), or with a curve or standard errors a Measured."""
        raise NotImplementedError


metrics: Registry[Metric] = Registry('metric', Metric, UnknownMetric)
register = metrics.register


def defined(values: np.ndarray, metric: Metric, why: str) -> np.ndarray:
    """Values with 0 in place of NaN, which a MetricWarning tells with the reason."""
    missing = np.isnan(values)
    if missing.any():
        warn(f'{metric.name}: {np.count_nonzero(missing)} of {len(values)} rows count as 0, {why}',
             MetricWarning)
    return np.where(missing, 0, values)
