"""Attributions that are huge beside T cancel one another: a warning for methods whose rows sum to f(x)."""

from __future__ import annotations

import numpy as np

from ..errors import MagnitudeWarning, warn


def warn_of_size(name: str, attributions: list[np.ndarray], values: np.ndarray, large: float,
                 advice: str) -> None:
    """Warn where the attributions of a row sum in magnitude to more than `large` |f(x)|.

    values: f(x) of each row. advice: what to take, beside another method.
    """
    f = np.abs(values.astype(np.float64))
    sizes = sum(np.abs(a, dtype=np.float64).reshape(len(a), -1).sum(1) for a in attributions)
    if len(f) < len(sizes):             # T holds no single rows, and the graph fixes the batch
        return
    ratio = sizes / np.maximum(f, np.finfo(float).tiny)
    if ratio.max() > large:
        warn(f'{name}: the attributions of {np.count_nonzero(ratio > large)} of {len(f)} rows sum in '
             f'magnitude to more than {large:.0f} |f(x)|, of row '
             f'{ratio.argmax()} to {ratio.max():.1g} |f(x)|: they cancel one another, and say little where '
             f'f(x) is not near 0 by chance. Take {advice}, or another method', MagnitudeWarning)
