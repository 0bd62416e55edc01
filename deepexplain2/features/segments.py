"""Segments of inputs as features: any partition, given by labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ParameterError
from .base import Arrays, Features


class Segments(Features):
    """Entries with the same label as one feature.

    Parameters
    ----------
    labels : list of integer arrays
        One per input: shaped like a row of it, the same for all rows, or with a row for each row of x. Label
        k is feature k in every input, so that a feature can reach over several of them. Entries with a
        negative label are in no feature.
    shapes : list of tuple of int
        The shape of a row of each input.

    Raises
    ------
    ParameterError
        If labels are not integers, or do not fit a shape.
    """

    def __init__(self, labels: Sequence[np.ndarray], shapes: Sequence[tuple[int, ...]]):
        self.shapes = list(shapes)
        if len(labels) != len(shapes):
            raise ParameterError(f'segments have {len(labels)} arrays of labels, but X has {len(shapes)} '
                                 f'tensors. Give one per input')
        self._labels = [_rows_of(np.asarray(a), s) for a, s in zip(labels, shapes)]  # (1 or rows, entries)
        self.count = max((int(a.max(initial=-1)) for a in self._labels), default=-1) + 1
        self._measure()

    def _measure(self) -> None:
        """Count the entries of each feature, and those of none."""
        rows = max(map(len, self._labels))
        sizes, uncovered = np.zeros((rows, self.count), int), np.zeros(rows, int)
        for labels in self._labels:
            sizes += [np.bincount(row[row >= 0], minlength=self.count) for row in labels]
            uncovered += np.count_nonzero(labels < 0, axis=1)
        self.sizes = sizes[0] if rows == 1 else sizes
        self.uncovered = int(uncovered.max(initial=0))

    def among(self, rows: slice | np.ndarray) -> Features:
        if all(len(a) == 1 for a in self._labels):
            return self
        part = object.__new__(Segments)
        part.shapes, part.count = self.shapes, self.count
        part._labels = [a if len(a) == 1 else a[rows] for a in self._labels]
        part._measure()
        return part

    def changed(self, differs: Arrays) -> np.ndarray:
        found = np.zeros((len(differs[0]), self.count + 1), bool)       # the last column: label -1
        for labels, d in zip(self._labels, differs):
            rows, entries = np.nonzero(d.reshape(len(d), -1))
            found[rows, labels[rows if len(labels) > 1 else 0, entries]] = True
        return found[:, :-1]

    def mix(self, xs: Arrays, baselines: Arrays, rows: np.ndarray, present: np.ndarray) -> list[np.ndarray]:
        kept = np.append(present, np.ones((len(rows), 1), bool), 1)     # the last column: label -1
        mixed = []
        for labels, x, b in zip(self._labels, xs, baselines):
            mask = _columns(kept, labels if len(labels) == 1 else labels[rows]).reshape(-1, *x.shape[1:])
            mixed.append(np.where(mask, x[rows], b if len(b) == 1 else b[rows]))
        return mixed

    def spread(self, values: np.ndarray) -> list[np.ndarray]:
        padded = np.append(values, np.full((len(values), 1), np.nan), 1)
        return [_columns(padded, a).reshape(len(values), *s) for a, s in zip(self._labels, self.shapes)]


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


def _columns(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(m, entries): the column of values (m, columns) that labels (1 or m, entries) name."""
    return values[:, labels[0]] if len(labels) == 1 else values[np.arange(len(labels))[:, None], labels]


def _rows_of(labels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Checked labels, (1 or rows, entries); -1 for all that are negative."""
    if labels.dtype.kind not in 'iu':
        raise ParameterError(f'labels of segments have dtype {labels.dtype}. Give integers')
    if labels.shape != shape and labels.shape[1:] != shape:
        raise ParameterError(f'labels of segments have shape {labels.shape}, but a row has shape {shape}. '
                             f'Give one label per entry, or that for each row')
    return np.maximum(labels.reshape(1 if labels.shape == shape else len(labels), -1), -1).astype(int)
