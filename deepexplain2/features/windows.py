"""Sliding windows as features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from math import prod

import numpy as np
from skimage.util import view_as_windows

from ..errors import ParameterError
from ..parameters import Counts, per_input
from .base import Arrays, Features, FeatureSet, join

MOST_CHANNELS = 5       # of what is taken for an image: colours, and depth or transparency


@dataclass(frozen=True)
class Windows(FeatureSet):
    """All positions of a window over X as features, which may overlap.

    Parameters
    ----------
    shape : int or sequence of int
        The size of the window along each feature axis. An int is for all axes, cut to the length of short
        ones; of images and volumes it takes all channels. For a list X also a list, one per input.
    step : int or sequence of int, default 1
        The shift between windows along each axis. For a list X also a list, one per input.

    Notes
    -----
    An entry gets the mean of the windows that cover it, NaN where there are none.

    Examples
    --------
    >>> from deepexplain2.features import Windows
    >>> Windows((4, 4, 3), step=(4, 4, 3))
    Windows(shape=(4, 4, 3), step=(4, 4, 3))
    """

    shape: Counts
    step: Counts = 1

    def of(self, rows):
        count = len(rows.shapes)
        shared = [per_input(value, count, name)
                  for name, value in (('shape', self.shape), ('step', self.step))]
        return join([windows(shape[1:], window, step, 'X' if count == 1 else f'X[{k}]')
                     for k, (shape, window, step) in enumerate(zip(rows.shapes, *shared))])


class WindowsOfInput(Features):
    """All positions of a window over a row, which may overlap, numbered as view_as_windows orders them.

    Parameters
    ----------
    shape : tuple of int
        The shape of a row.
    window : int or tuple of int
        The size of the window along each axis. An int is cut to the length of short axes, and takes all
        channels of an image.
    step : int or tuple of int
        The shift between windows along each axis.
    name : str, default 'X'
        What errors call the input.
    """

    def __init__(self, shape: tuple[int, ...], window: int | tuple[int, ...], step: int | tuple[int, ...],
                 name: str = 'X'):
        self.shape, self.shapes = shape, [shape]
        if not shape:
            raise ParameterError(f'{name} has no feature axis: it has one value per row, and no window fits')
        self.window = _for_all_axes(window, shape) if isinstance(window, int) else window
        self.step = (step,) * len(shape) if isinstance(step, int) else step
        for parameter, value in ('window_shape', self.window), ('step', self.step):
            if len(value) != len(shape):
                raise ParameterError(f'{parameter} has {len(value)} entries, but {name} has {len(shape)} '
                                     f'feature axes, shape {shape}. Give an int, or one entry per feature '
                                     f'axis (not for the batch)')
        if any(w > s for w, s in zip(self.window, shape)):
            raise ParameterError(f'window_shape {self.window} is larger than the features of {name}, shape '
                                 f'{shape}')
        # flat indices, (positions...) + window
        covers = view_as_windows(np.arange(prod(shape)).reshape(shape), self.window, self.step)
        self._grid = covers.shape[:len(shape)]
        self._first = covers[(...,) + (0,) * len(shape)].reshape(-1)            # entry of each window
        self._others = covers[(0,) * len(shape)].reshape(-1)        # of the first window, from entry 0
        self.count = len(self._first)
        self.sizes = np.full(self.count, len(self._others))
        covering = self._add_up(np.ones((1, self.count)))[0]                # windows that an entry is in
        self.uncovered = int(np.count_nonzero(covering == 0))
        self._covering = np.where(covering > 0, covering, np.nan)

    def changed(self, differs: Arrays) -> np.ndarray:
        return self._over(np.logical_or, differs[0]).reshape(len(differs[0]), -1)

    def mix(self, xs: Arrays, baselines: Arrays, rows: np.ndarray, present: np.ndarray) -> list[np.ndarray]:
        (x,), (b,) = xs, baselines
        absent = self._add_up(~present * 1.) > 0
        return [np.where(absent, b if len(b) == 1 else b[rows], x[rows])]

    def without(self, xs: Arrays, baselines: Arrays, rows: np.ndarray, ks: np.ndarray) -> list[np.ndarray]:
        (x,), (baseline,) = xs, baselines
        result = x.take(rows, 0)
        at = np.flatnonzero(ks < self.count)
        entries = self._first[ks[at], None] + self._others
        source = baseline.reshape(len(baseline), -1)
        replacing = source[0, entries] if len(source) == 1 else source[rows[at, None], entries]
        result.reshape(-1)[at[:, None] * source.shape[1] + entries] = replacing
        return [result]

    def first_alike(self, differs: Arrays) -> np.ndarray:
        # Windows give the same input if and only if the smallest boxes around the entries that differ in them
        # are the same: a window holds all of its box, and so all that differs in it
        (changed,) = differs
        m, numbers = len(changed), np.arange(self.count)
        if changed.all():
            return np.broadcast_to(numbers, (m, self.count))
        some = self._over(np.logical_or, changed).reshape(m, -1)
        overlap = [t < w and g > 1 for w, t, g in zip(self.window, self.step, self._grid)]
        if not any(overlap):
            return np.where(some, numbers, self.count)
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
        return np.where(some, result, self.count)

    def totals(self, arrays: Arrays) -> np.ndarray:
        return self._over(np.add, arrays[0].astype(np.float64)).reshape(len(arrays[0]), -1)

    def spread(self, values: np.ndarray) -> list[np.ndarray]:
        return [self._add_up(values) / self._covering]

    def _slices(self, axis: int) -> list[tuple[slice, ...]]:
        """Slices of an array (m, entries): the first, second, ... entries of the windows along an axis, one
        slice for each."""
        w, t, g = self.window[axis], self.step[axis], self._grid[axis]
        return [(slice(None),) * (axis + 1) + (slice(offset, offset + t * (g - 1) + 1, t),)
                for offset in range(w)]

    def _over(self, function: np.ufunc, values: np.ndarray) -> np.ndarray:
        """(m, positions...): the entries (m, entries) of each window, reduced by a function."""
        for axis in range(len(self.shape)):
            values = reduce(function, [values[s] for s in self._slices(axis)])
        return values

    def _add_up(self, values: np.ndarray) -> np.ndarray:
        """(m, entries): the sum of values (m, windows) over the windows that an entry is in."""
        total = values.reshape(-1, *self._grid)
        for axis, size in enumerate(self.shape):
            if total.shape[axis + 1] == size:       # windows of one entry
                continue
            wide = np.zeros(total.shape[:axis + 1] + (size,) + total.shape[axis + 2:])
            for s in self._slices(axis):
                wide[s] += total
            total = wide
        return total


def _for_all_axes(window: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A window of one size along all axes; along the channels of an image or volume, 5 at most, all."""
    *axes, last = shape
    return *(min(window, s) for s in axes), last if has_channels(shape) else min(window, last)


def has_channels(shape: tuple[int, ...]) -> bool:
    """Whether a row is taken for an image or a volume with channels last, 5 at most."""
    return len(shape) in (3, 4) and shape[-1] <= MOST_CHANNELS


@lru_cache(maxsize=8)
def windows(shape: tuple[int, ...], window: int | tuple[int, ...], step: int | tuple[int, ...],
            name: str = 'X') -> WindowsOfInput:
    """Windows, made once."""
    return WindowsOfInput(shape, window, step, name)
