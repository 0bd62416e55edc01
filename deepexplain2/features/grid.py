"""Cells of a grid as features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ParameterError
from ..parameters import Counts, per_input
from .base import FeatureSet
from .segments import SegmentsOfInputs
from .windows import has_channels


@dataclass(frozen=True)
class Grid(FeatureSet):
    """Cells of a grid over X as features, as equal as the size allows.

    Parameters
    ----------
    cells : int or sequence of int, optional
        How many cells there are along each feature axis. An int is for all axes, cut to the length of short
        ones; the channels of images and volumes stay together. For a list X also a list, one per input.
    size : int or sequence of int, optional
        In place of cells the entries of a cell along each axis; the last one may have fewer.

    Examples
    --------
    >>> from deepexplain2.features import Grid
    >>> Grid(7)
    Grid(cells=7)
    """

    cells: Counts | None = None
    size: Counts | None = None

    def check(self):
        if (self.cells is None) == (self.size is None):
            raise ParameterError('a Grid has cells, their number along each axis, or a size, that of each '
                                 'cell. Give one of them')

    def of(self, rows):
        shapes = [shape[1:] for shape in rows.shapes]
        is_size = self.cells is None
        labels: list[np.ndarray] = []
        count = 0
        for shape, given in zip(shapes, per_input(self.size if is_size else self.cells, len(shapes),
                                                  'size' if is_size else 'cells')):
            numbers = for_axes(given, shape, (shape or (1,))[-1] if is_size else 1)
            some = sized(shape, numbers) if is_size else grid(shape, numbers)
            labels.append(some + count)
            count += int(some.max(initial=-1)) + 1
        return SegmentsOfInputs(labels, shapes)


def for_axes(given: Any, row: tuple[int, ...], together: int) -> tuple[int, ...]:
    """A number for each axis of a row: an int is for all, cut to the length of short ones, and `together` for
    the channels of an image or volume."""
    if not isinstance(given, int):
        return tuple(given)
    numbers = [min(given, s) for s in row]
    if has_channels(row):
        numbers[-1] = together
    return tuple(numbers)


def grid(shape: Sequence[int], cells: Sequence[int]) -> np.ndarray:
    """Labels of a grid of cells over a row: cells[a] cells along axis a, as equal as the size allows.

    Parameters
    ----------
    shape : sequence of int
        The shape of a row.
    cells : sequence of int
        How many cells there are along each axis; 1 keeps an axis together.

    Returns
    -------
    array of `shape`
        The number of the cell of each entry, counted along the last axis first.
    """
    if len(cells) != len(shape) or not all(1 <= c <= s for c, s in zip(cells, shape)):
        raise ParameterError(f'a grid of {tuple(cells)} cells does not fit a row of shape {tuple(shape)}. '
                             f'Give 1 to the size of the axis for each axis')
    labels = np.zeros((1,) * len(shape), int)
    for axis, (size, count) in enumerate(zip(shape, cells)):
        place = np.arange(size) * count // size
        labels = labels * count + place.reshape((-1,) + (1,) * (len(shape) - 1 - axis))
    return labels


def sized(shape: Sequence[int], size: Sequence[int]) -> np.ndarray:
    """Labels of a grid of cells of one size over a row, of which the last along an axis may be smaller."""
    if len(size) != len(shape):
        raise ParameterError(f'cells of size {tuple(size)} do not fit a row of shape {tuple(shape)}. Give '
                             f'one number for each axis')
    labels = np.zeros((1,) * len(shape), int)
    for axis, (length, step) in enumerate(zip(shape, size)):
        place = (np.arange(length) // step).reshape((-1,) + (1,) * (len(shape) - 1 - axis))
        labels = labels * -(-length // step) + place
    return labels
