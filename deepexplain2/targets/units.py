"""T as it is: ys choose its units by class indices, or weigh them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..engine.row_data import Feed, Weights
from ..errors import FeedError, ShapeError, ValueRangeError
from ..tensors import shape_text, sizes
from ..values import as_array, as_numbers

WRITTEN = 'the array that T is multiplied by'


class Units(NamedTuple):
    """A tensor T whose units ys choose or weigh. constant_weights: an array that T was multiplied by.
    needs_ys: whether the sum of all units is no answer."""
    score: tf.Tensor
    constant_weights: np.ndarray | None = None
    needs_ys: bool = False

    def feeds(self, ys: Any, n: int) -> dict[str, Feed]:
        """Nothing is fed for ys."""
        if ys is None and self.needs_ys:
            raise FeedError(f'"{self.score.name}" has one score per class, {shape_text(self.score.shape)}, '
                            f'and the sum of all says little. Give ys: class indices of shape ({n},), or '
                            f'weights; or the target one class for all rows')
        return {}

    def weights(self, ys: Any, n: int, per_row: bool) -> Weights:
        """The weights of T for n rows: floating ys, or one-hot rows of class indices, times the constant
        weights. per_row: whether T has one entry per row."""
        return _weights(ys, self.constant_weights, self.score, n, per_row)


def _weights(ys: Any, constant_weights: np.ndarray | None, target: tf.Tensor, n: int,
             per_row: bool) -> Weights:
    written = None
    if constant_weights is not None:
        constant_weights = as_array(constant_weights, target.dtype, WRITTEN)
        if n == 1 and per_row and ys is None and constant_weights.ndim == target.shape.rank:
            # T of the one row, as often as the array has rows: all of it is about that row
            constant_weights = constant_weights.sum(0, keepdims=True)
        written = _with_rows(constant_weights, target, n, WRITTEN, per_row)
    classes, units = None, 0
    if ys is not None:
        given = as_numbers(ys, target.dtype.name, 'ys')
        if per_row and target.shape.rank == 1 and given.shape == (n,) and given.dtype.kind in 'bui':
            raise ShapeError(f'ys holds {"booleans" if given.dtype.kind == "b" else "integers"}, but T '
                             f'"{target.name}" has one unit per row and no classes to choose from. Leave '
                             f'ys out (for the other class of a binary model take -T), or give floats as '
                             f'weights')
        if per_row and given.shape == (n,) and given.dtype.kind in 'ui':
            classes, units = given, _number_of_classes(given, target)
        else:
            weights = _unit_weights(given, target, n, per_row)
            written = weights if written is None else written * weights
    return Weights(written, classes, units, per_row, target.dtype.as_numpy_dtype)


def _number_of_classes(classes: np.ndarray, target: tf.Tensor) -> int:
    """The number of units that class indices choose from, all of which must be among them."""
    units = sizes(target)[1] if target.shape.rank == 2 else None
    if units is None:
        raise ShapeError(f'ys holds class indices, but T "{target.name}" has shape '
                         f'{shape_text(target.shape)}: indices choose units of a T of shape (batch, '
                         f'classes). Give weights shaped like T')
    wrong = classes[(classes < 0) | (classes >= units)]
    if wrong.size:
        raise ValueRangeError(f'ys holds class {wrong[0]}, but T "{target.name}" has {units} units: 0 to '
                              f'{units - 1}'
                              + ('. For a model with one score leave ys out' if units == 1 else ''))
    return units


def _unit_weights(given: np.ndarray, target: tf.Tensor, n: int, per_row: bool) -> np.ndarray:
    """ys as weights of the units, with the rank of T."""
    kind, dtype, rank = given.dtype.kind, given.dtype, target.shape.rank
    if kind not in 'iu':
        given = as_array(given, target.dtype, 'ys')
    if given.ndim == 2 and given.shape[1] == 1 and rank == 2 and sizes(target)[1] != 1:
        raise ShapeError(f'ys has shape {given.shape}: for class indices give integers of shape ({n},), e.g. '
                         f'ys.ravel().astype(int); weights are shaped like T "{target.name}" '
                         f'{shape_text(target.shape)}')
    if kind in 'iu' and given.ndim <= 1 and rank not in (0, 1):
        raise ShapeError(f'ys has shape {given.shape} and integers: class indices need one per row, shape '
                         f'({n},); weights of the units of T "{target.name}" {shape_text(target.shape)} need '
                         f'floats')
    if given.ndim == 1 and rank is not None and rank > 1 and given.shape == (n,) and (
            n > 1 or sizes(target)[-1] != 1):
        raise ShapeError(f'ys has shape {given.shape} and dtype {dtype}. Give integers if these are class '
                         f'indices; weights for all rows have shape (1, units), weights of their own the '
                         f'shape of T "{target.name}" {shape_text(target.shape)}')
    weights = _with_rows(as_array(given, target.dtype, 'ys'), target, n, 'ys', per_row)
    if rank is not None and any(w == 1 and u not in (1, None)
                                for w, u in zip(weights.shape[1:], sizes(target)[1:])):
        raise ShapeError(f'ys has shape {given.shape}, but T "{target.name}" has {shape_text(target.shape)}: '
                         f'only rows are repeated, not units')
    return weights


def _with_rows(value: np.ndarray, target: tf.Tensor, n: int, what: str, per_row: bool) -> np.ndarray:
    """Weights with the rank of T; the first axis has n rows or 1 when T has one row per sample."""
    rank = value.ndim if target.shape.rank is None else target.shape.rank
    if value.ndim > rank:
        raise ShapeError(f'{what} has shape {value.shape}, but T "{target.name}" has '
                         f'{shape_text(target.shape)}: too many axes')
    full = value.reshape((1,) * (rank - value.ndim) + value.shape)
    if per_row and rank and len(full) not in (1, n):
        raise ShapeError(f'{what} has {len(full)} rows, shape {value.shape}, but xs has {n}')
    first = 1 if per_row else 0         # the axis of rows may differ from T's
    if not all(unit is None or int(full.shape[axis]) in (1, unit)
               for axis, unit in enumerate(sizes(target)) if axis >= first):
        raise ShapeError(f'{what} has shape {value.shape}, but T "{target.name}" has '
                         f'{shape_text(target.shape)}. Give weights shaped like T, or class indices of shape '
                         f'(n,)')
    return full
