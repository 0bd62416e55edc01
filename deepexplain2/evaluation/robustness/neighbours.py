"""Attributions of inputs around x."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...parameters import Count, Positive, Seed
from ..base import Metric
from ..changes import Changes, check_floating, fitted
from ..trial import Trial, flat, ranges


@dataclass(frozen=True)
class Neighbours(Metric):
    """Base of metrics that compare the attributions at x with those around it."""

    samples: Count = 20
    radius: Positive = .05
    changes: Changes | None = None
    seed: Seed = 0

    needs_method = True

    def around(self, trial: Trial) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(distances of the attributions (n,), distances of the inputs (n,)) of x and each neighbour, by the
        Euclidean norm over all inputs."""
        check_floating(self.name, trial.xs)
        explain, at_x = trial.again(self.name), trial.flat
        for change in self._changes(trial.xs):
            moved = [x + c for x, c in zip(trial.xs, change)]
            found = flat(explain(moved))
            steps = np.concatenate([(m.astype(np.float64) - x).reshape(len(x), -1)
                                    for m, x in zip(moved, trial.xs)], 1)
            yield np.linalg.norm(found - at_x, axis=1), np.linalg.norm(steps, axis=1)

    def _changes(self, xs):
        if self.changes is None:
            for k in range(self.samples):
                yield [(self.radius * ranges(x) * np.random.default_rng([self.seed, j, k]).uniform(
                    -1, 1, x.shape[1:])).astype(x.dtype) for j, x in enumerate(xs)]
            return
        for parts in zip(*fitted(self.changes, xs)):
            yield list(parts)

    def relative(self, trial: Trial) -> np.ndarray:
        """(n, neighbours): distances of the attributions, divided by the norm at x; NaN where that is 0."""
        norm = np.linalg.norm(trial.flat, axis=1)
        with np.errstate(invalid='ignore', divide='ignore'):
            found = np.stack([distance / norm for distance, _ in self.around(trial)], 1)
        return np.where(norm[:, None] > 0, found, np.nan)
