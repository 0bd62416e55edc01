"""Points on the straight lines between baselines and x."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..engine.arrays import take
from ..errors import ParameterError

# of gausslegendre: finding them takes the cube of their number, 0.7 s for 2000, and 800 MB here
MOST_NODES = 10000


def check_steps(quadrature: str, steps: int) -> None:
    """Raise ParameterError for a number of points that a quadrature does not take."""
    if quadrature == 'trapezoid' and steps < 2:
        raise ParameterError(f"steps must be an integer >= 2 for quadrature='trapezoid', not {steps}")
    if quadrature == 'gausslegendre' and steps > MOST_NODES:
        raise ParameterError(f'steps is {steps}: gausslegendre takes at most {MOST_NODES} points. Use '
                             "quadrature='riemann_middle' for more")


def on_line(starts: Sequence[np.ndarray], ends: Sequence[np.ndarray],
            alphas: np.ndarray) -> Callable[[np.ndarray, np.ndarray], list[np.ndarray]]:
    """The points start + alpha_k (end - start) of rows, as a sweep wants them, in the dtypes of the ends.

    starts, ends: an array for every tensor; starts of one row stand for all.
    """
    def points(rows, ks):
        result = []
        for end, start in zip(ends, starts):
            alpha = alphas[ks].astype(
                np.promote_types(end.dtype, np.float32)).reshape((-1,) + (1,) * (end.ndim - 1))
            at_start = take(start, rows)
            result.append((at_start + alpha * (end[rows] - at_start)).astype(end.dtype, copy=False))
        return result
    return points
