"""What methods with an epsilon share: whether it can be held, and a warning of attributions that are huge
beside T, where rows sum to f(x): they cancel one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import MagnitudeWarning, ParameterError, warn


def check_epsilon(epsilon: float, tensors: Sequence[Any]) -> None:
    """Raise ParameterError where the dtype in which rules compute cannot hold epsilon: that of T and X, or
    float32 for float16."""
    for t in tensors:
        exact = np.float64 if t.dtype.size > 4 else np.float32
        with np.errstate(over='ignore', under='ignore'):
            held = exact(epsilon)
        if t.dtype.is_floating and not 0 < held < np.inf:
            raise ParameterError(f'epsilon is {epsilon}, which {exact.__name__}, in which '
                                 f'"{t.name}" is explained, cannot hold: it '
                                 f'would be {held}')


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
