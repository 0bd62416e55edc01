"""T at the two ends of what attributions are compared with: x and the baseline."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..attribution.base import at_input
from ..engine.arrays import take
from ..engine.sweep import Sweep
from ..errors import ValueRangeError


class Ends(NamedTuple):
    """Rows of xs and what they are compared with.

    xs: arrays of X. baselines: of one row, or as many as xs; where k > 1 references are averaged over,
    (1 or rows, k) + features.
    """

    xs: list[np.ndarray]
    baselines: list[np.ndarray]
    k: int

    def at_x(self, sweep: Sweep) -> np.ndarray:
        """T at x, in float64."""
        return sweep.value.once(at_input(self.xs))['value']

    def at_baseline(self, sweep: Sweep, j: int = 0) -> np.ndarray:
        """T at the baseline, or at the j-th of several references."""
        starts = self.reference(j)
        return sweep.value.once(lambda rows: [np.broadcast_to(take(b, rows), x[rows].shape)
                                              for b, x in zip(starts, self.xs)])['value']

    def reference(self, j: int) -> list[np.ndarray]:
        """The baseline, or the j-th of several references: of one row, or as many as xs."""
        return [b[:, j] for b in self.baselines] if self.k > 1 else self.baselines

    def values(self, sweep: Sweep) -> tuple[np.ndarray, np.ndarray] | None:
        """T at x and at the baseline, the first of several; None where it has no value there, which a method
        need not look at."""
        try:
            return self.at_x(sweep), self.at_baseline(sweep)
        except ValueRangeError:
            return None
