"""T of the part of x that attributions point at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...engine.arrays import faded, take
from ...parameters import Baseline
from ..base import Metric
from ..trial import Trial


@dataclass(frozen=True)
class ExplainedPart(Metric):
    """Base of metrics that compare the probability at x and where each entry fades to the baseline as its
    positive attribution says."""

    baseline: Baseline | None = None

    needs_probability = True

    def before_and_after(self, trial: Trial) -> tuple[np.ndarray, np.ndarray]:
        """((n,), (n,)): T at x, and at b + m (x - b), m the positive attributions of each position along the
        last axis, scaled to 0 ... 1 over a row."""
        positions = trial.features(None)
        positive = np.maximum(trial.totals(positions, None), 0)
        low = positive.min(1, keepdims=True)
        span = np.ptp(positive, 1)[:, None]
        shares = np.divide(positive - low, span, out=np.zeros_like(positive), where=span > 0)

        def masked(rows, ks):
            return [faded(x[rows], take(b, rows), m) for x, b, m in zip(
                trial.xs, trial.baselines, positions.spread(shares[rows]))]
        return trial.at_x, trial.values(masked, 1)[:, 0]
