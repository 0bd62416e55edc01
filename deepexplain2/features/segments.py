"""Segments of inputs as features: any partition, given by labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from ..errors import ParameterError, ShapeError, shown
from ..parameters import Kind, own
from .base import Arrays, Features, FeatureSet, Rows


def label_map(value: Any, name: str) -> Any:
    """Check an array of labels, a list of arrays, or a function that makes them of xs."""
    if callable(value):
        return value
    if isinstance(value, (list, tuple)) and any(isinstance(v, np.ndarray) for v in value):
        return tuple(label_map(v, name) for v in value)
    labels = np.asarray(value)
    if labels.dtype.kind not in 'iu':
        what = shown(value) if labels.dtype == object else labels.dtype
        raise ParameterError(f'{name} must hold integers, one label for each entry, not {what}')
    return own(labels, name)


@dataclass(frozen=True)
class Segments(FeatureSet):
    """Entries with the same label as one feature: any partition of X.

    Parameters
    ----------
    labels : integer array, list of them, or function
        Shaped like a row of X, the same for all rows, or with a label map for each row; without the last axis
        too, for all channels of a pixel. For several inputs a list: the same label is the same feature in all
        of them. Entries with a negative label are in no feature. A function of xs (an array, for several
        inputs a list of arrays) returns these for the rows that it is given, counted from 0.

    Notes
    -----
    Features are numbered as the labels ascend; those of a function are their numbers. An entry in no feature
    gets NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2.features import Segments
    >>> Segments(np.array([0, 0, 1, 1, 1]))             # of the columns of a table with five
    Segments(labels=<array (5,) int64>)
    """

    labels: Annotated[Any, Kind('an integer array, a list of them, or a function of xs', label_map)]

    @property
    def of_values(self):  # type: ignore[override]
        """Whether labels is a function."""
        return callable(self.labels)

    def of(self, rows):
        if not callable(self.labels):
            return self._fitted(self.labels, rows)
        if rows.arrays is None:
            return None
        found = self._labels_of(rows.arrays)
        most = sum(math.prod(shape[1:]) for shape in rows.shapes)
        largest = max(int(a.max(initial=-1)) for a in _listed(found))
        if largest >= most:
            raise ParameterError(f'what labels returned has a label {largest}, and a row of X has {most} '
                                 f'entries: a function counts features from 0')
        return self._fitted(found, rows._replace(numbers=None, total=len(rows.arrays[0])), np.arange(most))

    def _labels_of(self, arrays: Sequence[np.ndarray]) -> Any:
        """What the function says of rows; ParameterError where it says something else of the last alone."""
        def ask(some):
            return label_map(self.labels(some if len(some) > 1 else some[0]), 'what labels returned')
        found, n = ask(list(arrays)), len(arrays[0])
        if n > 1:
            for a, b, x in zip(_listed(found), _listed(ask([x[-1:] for x in arrays])), arrays):
                has_rows = len(a) == n and a.ndim >= x.ndim - 1
                if (a[-1:] if has_rows else a).tolist() != b.tolist():
                    raise ParameterError('labels is a function whose answer for a row changes with the other '
                                         'rows of xs: each row must have labels of its own, or all the same')
        return found

    def _fitted(self, labels: Any, rows: Rows, known: np.ndarray | None = None) -> Features:
        """known: the labels that there are, by default those that are given for any row."""
        given = _listed(labels)
        shapes = [shape[1:] for shape in rows.shapes]
        if len(given) != len(shapes):
            raise ParameterError(f'labels holds {len(given)} arrays, and X has {len(shapes)} tensors. Give '
                                 f'one for each')
        maps = [_expanded(a, shape, rows) for a, shape in zip(given, shapes)]
        if known is None:
            known = np.unique(np.concatenate([np.unique(a) for a in given]))
            known = known[known >= 0]
        return SegmentsOfInputs([np.where(m < 0, -1, np.searchsorted(known, m)) for m in maps], shapes)


def _listed(labels: Any) -> tuple[np.ndarray, ...]:
    return labels if isinstance(labels, tuple) else (labels,)


def _expanded(labels: np.ndarray, shape: tuple[int, ...], rows: Rows) -> np.ndarray:
    """Labels for every entry of a row of this shape, or of each of these rows."""
    if labels.shape == shape:
        return labels
    if shape and labels.shape == shape[:-1]:
        return np.broadcast_to(labels[..., None], shape)
    if labels.ndim < 2 or labels.shape[1:] not in (shape, shape[:-1]):
        raise ShapeError(f'labels have shape {labels.shape}, but a row of X has shape {shape}. Give one '
                         f'label per entry, or per position along all axes but the last, for all rows or for '
                         f'each')
    if rows.total is not None and len(labels) != rows.total:
        raise ShapeError(f'labels have {len(labels)} rows, and xs {rows.total}. Give one map for each row of '
                         f'xs, or one for all')
    labels = labels if rows.numbers is None else labels[rows.numbers]
    return labels if labels.shape[1:] == shape else np.broadcast_to(labels[..., None],
                                                                    (len(labels), *shape))


class SegmentsOfInputs(Features):
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
        part = object.__new__(SegmentsOfInputs)
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

    def totals(self, arrays: Arrays) -> np.ndarray:
        found = np.zeros((len(arrays[0]), self.count + 1))              # the last column: label -1
        for labels, a in zip(self._labels, arrays):
            for k, row in enumerate(a.reshape(len(a), -1)):
                of_row = labels[k if len(labels) > 1 else 0]
                found[k, :-1] += np.bincount(of_row[of_row >= 0], row[of_row >= 0], self.count)
        return found[:, :-1]

    def mix(self, xs: Arrays, baselines: Arrays, rows: np.ndarray, present: np.ndarray) -> list[np.ndarray]:
        kept = np.append(present, np.ones((len(rows), 1), bool), 1)     # the last column: label -1
        mixed = []
        for labels, x, b in zip(self._labels, xs, baselines):
            mask = _columns(kept, labels if len(labels) == 1 else labels[rows]).reshape(-1, *x.shape[1:])
            mixed.append(np.where(mask, x[rows], b if len(b) == 1 else b[rows]))
        return mixed

    def spread(self, values: np.ndarray) -> list[np.ndarray]:
        padded = np.append(values, np.full((len(values), 1), np.nan, np.result_type(values, np.float16)), 1)
        return [_columns(padded, a).reshape(len(values), *s) for a, s in zip(self._labels, self.shapes)]


def _columns(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(m, entries): the column of values (m, columns) that labels (1 or m, entries) name."""
    return values.take(labels[0], 1) if len(labels) == 1 else values[np.arange(len(labels))[:, None], labels]


def _rows_of(labels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Checked labels, (1 or rows, entries); -1 for all that are negative."""
    if labels.dtype.kind not in 'iu':
        raise ParameterError(f'labels of segments have dtype {labels.dtype}. Give integers')
    if labels.shape != shape and labels.shape[1:] != shape:
        raise ParameterError(f'labels of segments have shape {labels.shape}, but a row has shape {shape}. '
                             f'Give one label per entry, or that for each row')
    return np.maximum(labels.reshape(1 if labels.shape == shape else len(labels), -1), -1).astype(int)
