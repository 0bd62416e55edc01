"""xs: one array per tensor of X."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..errors import ShapeError, shown
from ..tensors import shape_text, sizes
from ..values import as_array, as_numbers
from .form import Form
from .frames import check_index, frame_to_array, is_frame, labels_of

LOOK = 1 << 26          # bytes of a memmap that are checked at once


class Samples(NamedTuple):
    """xs, checked: one array per tensor of X; of DataFrames also the columns, one list per tensor or None,
    and the index of their rows."""

    arrays: list[np.ndarray]
    columns: list[list[Any] | None]
    index: Any

    def labels(self) -> np.ndarray | None:
        """The labels of the rows, as an array of numbers, dates or strings; None without a DataFrame."""
        return None if self.index is None else labels_of(self.index)


def as_samples(xs: Any, tensors: Sequence[tf.Tensor], form: Form) -> Samples:
    """xs as one array per tensor of X, in its dtype, all with the same number of rows. A large memmap stays
    a memmap, of its own dtype."""
    xs, is_list = _with_or_without_list(form.listed(xs, 'xs'), tensors, form), form.is_list
    if is_list and not (isinstance(xs, (list, tuple)) and len(xs) == len(tensors)):
        kind = 'list' if form.keys is None else 'dict'
        raise ShapeError(f'X is a {kind} of {len(tensors)} tensors, so xs must be a {kind} of as many arrays'
                         + (f', not {len(xs)}' if isinstance(xs, (list, tuple))
                            else f', not {type(xs).__name__}')
                         + '. The order is that of X: ' + ', '.join(f'"{x.name}"' for x in tensors))
    given = list(xs) if is_list else [xs]
    arrays, columns, index = [], [], None
    for value, x in zip(given, tensors):
        what = f'xs for X "{x.name}"'
        if is_frame(value):
            check_index(index, value.index, what)
            index = value.index
        columns.append(value.columns.tolist() if is_frame(value) else None)
        arrays.append(_sample(frame_to_array(value, what) if is_frame(value) else value, x.dtype, what))
        _check_shape(arrays[-1], x, columns[-1], isinstance(xs, (list, tuple)) and not is_list)
    if len({len(a) for a in arrays}) > 1:
        raise ShapeError('the arrays in xs differ in their number of rows: '
                         + ', '.join(f'{len(a)} for "{x.name}"' for a, x in zip(arrays, tensors)))
    return Samples(arrays, columns, index)


def _with_or_without_list(xs: Any, tensors: Sequence[tf.Tensor], form: Form) -> Any:
    """xs for one tensor, given as an array where X is a list of one, or as a list of one where X is none. A
    list of one row has fewer axes."""
    if len(tensors) == 1 and form.is_list and form.keys is None and isinstance(xs, np.ndarray):
        return [xs]
    rank = tensors[0].shape.rank
    if not form.is_list and isinstance(xs, (list, tuple)) and len(xs) == 1 and rank is not None \
            and getattr(xs[0], 'ndim', None) == rank:
        return xs[0]
    return xs


def _check_shape(a: np.ndarray, x: tf.Tensor, columns: list[Any] | None, of_list: bool) -> None:
    """Raise ShapeError where an array does not fit its tensor of X, or has no rows."""
    if not _fits(a, x):
        hint = ''
        if columns is not None:
            hint = f'. Give its columns only; xs has {shown(columns)}'
        elif x.shape.rank is not None and x.shape[1:].is_compatible_with(a.shape):
            hint = '. Add the batch axis: xs[None] for a single sample'
        elif of_list and x.shape.is_compatible_with((None, *a.shape[2:])):
            hint = '. X is a single tensor: give its array, not a list of arrays'
        raise ShapeError(f'xs has shape {a.shape}, but X "{x.name}" takes {shape_text(x.shape)}{hint}')
    if a.size == 0:
        raise ShapeError(f'xs for X "{x.name}" is an empty batch, shape {a.shape}')


def _fits(a: np.ndarray, x: tf.Tensor) -> bool:
    """Whether an array has the axes of a tensor of X, any number of rows.

    `is_compatible_with` takes 2 us."""
    if a.ndim == 0 or x.shape.rank is None:
        return a.ndim > 0
    axes = sizes(x)
    return len(axes) == a.ndim and all(d is None or d == size for d, size in zip(axes[1:], a.shape[1:]))


def _sample(value: Any, dtype: tf.DType, what: str) -> np.ndarray:
    """As `as_array`; a large memmap is checked in pieces and left where it is."""
    if not isinstance(value, np.memmap) or value.nbytes <= LOOK or not value.ndim:
        given = as_numbers(value, dtype.name, what)
        if dtype.is_integer and given.dtype.kind == 'b':
            raise ShapeError(f'{what} is not an array of {dtype.name}: got booleans. If they stand for 0 and '
                             f'1 give xs.astype(int)')
        return as_array(given, dtype, what)
    step = max(1, LOOK // max(value[:1].nbytes, 1))
    for k in range(0, len(value), step):
        as_array(np.array(value[k:k + step]), dtype, f'{what}, from row {k} on,')
    return value
