"""Sliding windows over the feature axes."""

from __future__ import annotations

import numpy as np
from skimage.util import view_as_windows

from ..errors import ParameterError


class Windows:
    """All positions of a window over features of a shape, numbered as view_as_windows orders them.

    covers: the flat feature indices of each window, (positions...) + window. count: how many windows cover each feature.
    """

    def __init__(self, shape: tuple[int, ...], window: int | tuple[int, ...], step: int | tuple[int, ...]):
        self.shape = shape
        if not shape:
            raise ParameterError('X has no feature axis: it has one value per row, and no window fits')
        self.window = tuple(min(window, s) for s in shape) if isinstance(window, int) else window
        self.step = (step,) * len(shape) if isinstance(step, int) else step
        for name, value in ('window_shape', self.window), ('step', self.step):
            if len(value) != len(shape):
                raise ParameterError(f'{name} has {len(value)} entries, but X has {len(shape)} feature axes, shape {shape}. '
                                     'Give an int, or one entry per feature axis (not for the batch)')
        if any(w > s for w, s in zip(self.window, shape)):
            raise ParameterError(f'window_shape {self.window} is larger than the features of X, shape {shape}')
        self.covers = view_as_windows(np.arange(np.prod(shape)).reshape(shape), self.window, self.step)
        self._grid = self.covers.shape[:len(shape)]
        self.count = self.spread(np.ones(len(self)))

    def __len__(self) -> int:
        return int(np.prod(self._grid))

    def replace(self, x: np.ndarray, baseline: np.ndarray, ks: np.ndarray) -> np.ndarray:
        """x (m, features) with window ks[i] of row i taken from the baseline (m or 1, features)."""
        result = x.reshape(len(x), -1).copy()
        indices = self.covers[np.unravel_index(ks, self._grid)].reshape(len(x), -1)
        source = np.broadcast_to(baseline.reshape(len(baseline), -1), result.shape)
        np.put_along_axis(result, indices, np.take_along_axis(source, indices, 1), 1)
        return result.reshape(x.shape)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Sum over the windows that cover a feature of one value per window."""
        total = values.reshape(self._grid)
        for axis, (s, w, t, g) in enumerate(zip(self.shape, self.window, self.step, self._grid)):
            wide = np.zeros(total.shape[:axis] + (s,) + total.shape[axis + 1:])
            for offset in range(w):
                wide[(slice(None),) * axis + (slice(offset, offset + t * (g - 1) + 1, t),)] += total
            total = wide
        return total

    def mean_drop(self, drops: np.ndarray) -> np.ndarray:
        """Drops per window, shared by the features of each and averaged over the windows that cover a feature; else NaN."""
        total = self.spread(drops / np.prod(self.window))
        return np.divide(total, self.count, out=np.full(self.shape, np.nan), where=self.count > 0)
