"""Sliding windows over the feature axes."""

from __future__ import annotations

from functools import lru_cache, reduce

import numpy as np
from skimage.util import view_as_windows

from ..errors import ParameterError


class Windows:
    """All positions of a window over features of a shape, numbered as view_as_windows orders them.

    uncovered: how many features are in no window.
    """

    def __init__(self, shape: tuple[int, ...], window: int | tuple[int, ...], step: int | tuple[int, ...]):
        self.shape = shape
        if not shape:
            raise ParameterError('X has no feature axis: it has one value per row, and no window fits')
        self.window = tuple(min(window, s) for s in shape) if isinstance(window, int) else window
        self.step = (step,) * len(shape) if isinstance(step, int) else step
        for name, value in ('window_shape', self.window), ('step', self.step):
            if len(value) != len(shape):
                raise ParameterError(f'{name} has {len(value)} entries, but X has {len(shape)} feature axes, '
                                     f'shape {shape}. '
                                     'Give an int, or one entry per feature axis (not for the batch)')
        if any(w > s for w, s in zip(self.window, shape)):
            raise ParameterError(
                f'window_shape {self.window} is larger than the features of X, shape {shape}')
        # flat indices, (positions...) + window
        covers = view_as_windows(np.arange(np.prod(shape)).reshape(shape), self.window, self.step)
        self._grid = covers.shape[:len(shape)]
        self._first = covers[(...,) + (0,) * len(shape)].reshape(-1)     # feature of each window
        # of the first window, which starts at feature 0
        self._others = covers[(0,) * len(shape)].reshape(-1)
        count = self._spread(np.ones((1, len(self))))[0]                # of windows that cover a feature
        self.uncovered = np.count_nonzero(count == 0)
        self._shares = np.where(count > 0, count * len(self._others), np.nan)

    def __len__(self) -> int:
        return len(self._first)

    def replace(self, x: np.ndarray, baseline: np.ndarray, rows: np.ndarray, ks: np.ndarray) -> np.ndarray:
        """(m, features): row rows[i] of x with window ks[i] taken from the baseline (one row for all, or one
        for each of x); as it is where ks[i] is the number of windows."""
        result = x.take(rows, 0)
        at = np.flatnonzero(ks < len(self))
        features = self._first[ks[at], None] + self._others
        source = baseline.reshape(len(baseline), -1)
        result.reshape(-1)[at[:, None] * source.shape[1]
                           + features] = source[0, features] if len(source) == 1 else source[rows[at, None],
                                                                                             features]
        return result

    def alike(self, changed: np.ndarray) -> np.ndarray:
        """(m, windows): for each window the first that gives the same input; the number of windows where that
        is x itself.

        changed: (m, features), where x is not the baseline. Windows give the same input if they hold the same
        changed features, and do so if and only if the smallest boxes around these are the same: a window
        holds all of the box, and so all that is changed in it.
        """
        m, numbers = len(changed), np.arange(len(self))
        if changed.all():
            return np.broadcast_to(numbers, (m, len(self)))
        some = self._over(np.logical_or, changed).reshape(m, -1)
        overlap = [t < w and g > 1 for w, t, g in zip(self.window, self.step, self._grid)]
        if not any(overlap):
            return np.where(some, numbers, len(self))
        box = np.zeros((m, *self._grid), np.int64)
        for axis, (s, g) in enumerate(zip(self.shape, self._grid)):
            along = (-1,) + (1,) * (len(self.shape) - 1 - axis)
            if not overlap[axis]:                   # the box tells which position it is in
                box = box * g + np.arange(g).reshape(along)
                continue
            place = np.arange(s, dtype=np.min_scalar_type(-s - 1)).reshape(along)
            box = (box * (s + 1) + self._over(np.minimum, np.where(changed, place, s))) * (s + 1)
            box += self._over(np.maximum, np.where(changed, place, -1))
            box += 1
        box = box.reshape(m, -1)
        order = box.argsort(1, kind='stable')
        box = np.take_along_axis(box, order, 1)
        starts = np.maximum.accumulate(np.where(np.diff(box, prepend=-1) != 0, numbers, 0), 1)
        result = np.empty_like(order)
        np.put_along_axis(result, order, np.take_along_axis(order, starts, 1), 1)
        return np.where(some, result, len(self))

    def mean_drop(self, drops: np.ndarray) -> np.ndarray:
        """Drops (m, windows), shared by the features of each window and averaged over the windows that cover
        a feature; else NaN."""
        return self._spread(drops) / self._shares

    def _slices(self, axis: int) -> list[tuple[slice, ...]]:
        """Of an array (m, features): what the first, second, ... features of the windows along an axis are,
        one entry for each position."""
        w, t, g = self.window[axis], self.step[axis], self._grid[axis]
        return [(slice(None),) * (axis + 1) + (slice(offset, offset + t * (g - 1) + 1, t),)
                for offset in range(w)]

    def _over(self, function: np.ufunc, values: np.ndarray) -> np.ndarray:
        """The features (m, features) of each window reduced by a function: (m, positions...)."""
        for axis in range(len(self.shape)):
            values = reduce(function, [values[s] for s in self._slices(axis)])
        return values

    def _spread(self, values: np.ndarray) -> np.ndarray:
        """Sum of values (m, windows) over the windows that cover a feature: (m, features)."""
        total = values.reshape(-1, *self._grid)
        for axis, size in enumerate(self.shape):
            if total.shape[axis + 1] == size:       # windows of one feature
                continue
            wide = np.zeros(total.shape[:axis + 1] + (size,) + total.shape[axis + 2:])
            for s in self._slices(axis):
                wide[s] += total
            total = wide
        return total


@lru_cache(maxsize=4)
def windows(shape: tuple[int, ...], window: int | tuple[int, ...], step: int | tuple[int, ...]) -> Windows:
    """Windows, made once."""
    return Windows(shape, window, step)
