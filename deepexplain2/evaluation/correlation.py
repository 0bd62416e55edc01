"""Correlations of pairs of numbers, row by row."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def pearson(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's correlation along the last axis of a and b; NaN where one of them is constant."""
    a, b = (np.asarray(v, np.float64) for v in (a, b))
    # rounding makes no difference where there is none
    constant = (np.ptp(a, -1) <= 1e-12 * np.abs(a).max(-1)) | (np.ptp(b, -1) <= 1e-12 * np.abs(b).max(-1))
    a, b = (v - v.mean(-1, keepdims=True) for v in (a, b))
    with np.errstate(invalid='ignore', divide='ignore'):
        found = (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    return np.where(constant, np.nan, np.clip(found, -1, 1))


def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation along the last axis, the mean of ranks for ties; NaN where one is
    constant."""
    return pearson(rankdata(a, axis=-1), rankdata(b, axis=-1))


def pearson_error(r: np.ndarray, count: int) -> np.ndarray:
    """The standard error of a Pearson correlation of so many pairs: (1 - r^2) / sqrt(count - 1)."""
    return (1 - r ** 2) / max(count - 1, 1) ** .5


def spearman_error(r: np.ndarray, count: int) -> np.ndarray:
    """That of a Spearman correlation: (1 - r^2) sqrt((1 + r^2 / 2) / (count - 3)) (Bonett and Wright
    2000)."""
    return (1 - r ** 2) * np.sqrt((1 + r ** 2 / 2) / max(count - 3, 1))
