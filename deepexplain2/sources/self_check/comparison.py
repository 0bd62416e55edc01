"""Differences between outputs, and which of them are rounding."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from ..source import Source
from .eager import evaluate
from .probes import Probe


def differs(got: np.ndarray, want: np.ndarray, limit: np.ndarray) -> bool:
    """Whether shapes differ, or entries by more than the limit."""
    return got.shape != want.shape or bool(np.any(difference(got, want) > limit))


def difference(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """The absolute difference of each entry; infinite where only one of the two is NaN or infinite, or where
    texts differ."""
    if got.dtype.kind in 'OSU' or want.dtype.kind in 'OSU':
        return np.where(got == want, 0., np.inf)
    g, w = _widened(got), _widened(want)
    with np.errstate(invalid='ignore'):
        apart = np.nan_to_num(np.abs(g - w), nan=np.inf)
    return np.where((g == w) | (np.isnan(g) & np.isnan(w)), 0., apart)


def tolerance(want: np.ndarray, eps: float) -> np.ndarray:
    """What rounding may change in each entry: sqrt(eps) times how far the output varies, and less of its
    size, which may come from a large bias. The last row varies more than the other rows, which get a limit of
    their own."""
    if want.dtype.kind in 'OSU':
        return np.zeros(want.shape)
    w = _widened(want)
    w = np.where(np.isfinite(w), w, 0)

    def limit(part):
        if not part.size:
            return 0.
        return (eps ** .5 * np.abs(part - part.mean()).max()
                + min(64 * eps, eps ** .5) * np.abs(part).max())
    result = np.full(w.shape, limit(w))
    if w.ndim and len(w) > 2:
        result[:-1] = limit(w[:-1])
    return result


def sensitivity_to_rounding(source: Source, probe: Probe, want: list[np.ndarray]) -> list[np.ndarray]:
    """How far each row of the outputs moves when the inputs move by a few roundings. It is large for networks
    that are badly conditioned."""
    moves = [np.zeros(w.shape) for w in want]
    rng = np.random.default_rng(1)
    floating = [k for k, x in enumerate(source.inputs) if x.dtype.is_floating]
    for _ in range(2 if floating else 0):
        arrays = list(probe.arrays)
        for k in floating:
            eps = max(float(ml_dtypes.finfo(arrays[k].dtype).eps), 1e-7)
            signs = rng.choice([-1, 1], arrays[k].shape)
            arrays[k] = (arrays[k] * (1 + 4 * eps * signs)).astype(arrays[k].dtype)
        try:
            moved, = evaluate(source, arrays)
        except Exception:                               # values just outside of what the model accepts
            continue
        moves = [np.maximum(m, difference(a, w)) if a.shape == w.shape else m
                 for m, a, w in zip(moves, moved, want)]
    return [np.broadcast_to(m.max(axis=tuple(range(1, m.ndim)), keepdims=True), m.shape) if m.size else m
            for m in moves]


def describe_difference(got: np.ndarray, want: np.ndarray) -> str:
    """How an output of the graph differs from that of the model, as the end of a sentence."""
    if got.shape != want.shape:
        return f'has shape {got.shape} in the graph and {want.shape} in the model'
    if not np.isfinite(difference(got, want)).all():
        return 'is NaN, infinite or another text in one of the two only'
    return (f'differs by up to {difference(got, want).max():.3g} where the largest value is '
            f'{np.nanmax(np.abs(_widened(want))):.3g}')


def _widened(values: np.ndarray) -> np.ndarray:
    return values.astype(np.complex128 if values.dtype.kind == 'c' else np.float64)
