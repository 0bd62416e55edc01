"""T as it is: ys choose its units by class indices, or weigh them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..engine.row_data import Feed, Weights
from ..errors import FeedError, ShapeError, ValueRangeError, shown
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

    def is_sum(self, ys: Any) -> bool:
        """Whether all units are summed because nothing was said of them."""
        return ys is None and self.constant_weights is None

    def choice(self, ys: Any, n: int, per_row: bool) -> np.ndarray | str | None:
        """Class indices, one per row, or index tuples, where ys are such; 'predicted'; None for anything
        else. per_row: whether T has one entry per row."""
        if isinstance(ys, str):
            return self._said(ys, per_row)
        if ys is None or not per_row:
            return None
        target, rank = self.score, self.score.shape.rank
        given = as_numbers(ys, target.dtype.name, 'ys')
        kind = given.dtype.kind
        if rank == 1 and kind in 'bui' and given.shape in ((n,), ()):
            raise ShapeError(f'ys holds {"booleans" if kind == "b" else "integers"}, but T '
                             f'"{target.name}" has one unit per row and no classes to choose from. Leave '
                             f'ys out (for the other class of a binary model take -T), or give floats as '
                             f'weights')
        if kind not in 'ui' or (rank is not None and rank < 2):
            return None
        if given.ndim == 0 and rank in (2, None):
            given = np.full(n, given)
        if given.shape == (n,):
            if rank not in (2, None):
                raise ShapeError(f'ys holds class indices, but T "{target.name}" has shape '
                                 f'{shape_text(target.shape)}: indices choose units of a T of shape (batch, '
                                 f'classes). Give index tuples, integers of shape ({n}, {rank - 1}), or '
                                 f'weights shaped like T')
            return given
        return given if rank is not None and rank > 2 and given.shape == (n, rank - 1) else None

    def _said(self, ys: str, per_row: bool) -> str | None:
        """ys as a word."""
        target, found = self.score, sizes(self.score)
        if ys == 'sum':
            return None
        if ys != 'predicted':
            raise ShapeError(f'ys is not an array of {target.dtype.name}: got str {shown(ys)}. As a word it '
                             f'is "predicted", the class with the largest T in each row, or "sum", the sum '
                             f'over all units of T')
        if not per_row or (target.shape.rank not in (2, None)) or (len(found) == 2 and found[1] == 1):
            raise ShapeError(f'ys is "predicted", the class with the largest T in each row, but T '
                             f'"{target.name}" has shape {shape_text(target.shape)}: it needs (batch, '
                             f'classes) with several classes. For a model with one score leave ys out')
        if self.constant_weights is not None:
            raise ShapeError('ys is "predicted", and T is multiplied by an array. Leave one of them out')
        return ys

    def weights(self, ys: Any, n: int, per_row: bool) -> Weights:
        """The weights of T for n rows: floating ys, times the constant weights. per_row: whether T has one
        entry per row."""
        target, written = self.score, None
        if self.constant_weights is not None:
            constant_weights = as_array(self.constant_weights, target.dtype, WRITTEN)
            if n == 1 and per_row and ys is None and constant_weights.ndim == target.shape.rank:
                # T of the one row, as often as the array has rows: all of it is about that row
                constant_weights = constant_weights.sum(0, keepdims=True)
            written = _with_rows(constant_weights, target, n, WRITTEN, per_row)
        if ys is not None and not isinstance(ys, str):
            weights = _unit_weights(as_numbers(ys, target.dtype.name, 'ys'), target, n, per_row)
            written = weights if written is None else written * weights
        return Weights(written, None, (), per_row, target.dtype.as_numpy_dtype)

    def chosen(self, choice: np.ndarray, units: tuple[int, ...]) -> Weights:
        """The weights of T for class indices or index tuples. units: the sizes of the axes that they choose
        from. Raises ValueRangeError for those that are not among them."""
        check_choice(choice, units, self.score)
        plain = self.weights(None, len(choice), True) if self.constant_weights is None else \
            self.weights('sum', len(choice), True)
        return Weights(plain.array, choice, units, True, plain.dtype)


def check_choice(choice: np.ndarray, units: tuple[int, ...], target: tf.Tensor) -> None:
    """Raise for class indices or index tuples that T with these units does not have."""
    if len(units) != (1 if choice.ndim == 1 else choice.shape[1]):
        raise ShapeError(f'ys holds {"class indices" if choice.ndim == 1 else "index tuples"}, but T '
                         f'"{target.name}" has rows of shape {units}')
    wrong = ((choice < 0) | (choice >= units)).reshape(len(choice), -1).any(1)
    if wrong.any():
        row = int(wrong.argmax())
        if choice.ndim == 1:
            raise ValueRangeError(f'ys holds class {choice[row]} in row {row}, but T "{target.name}" has '
                                  f'{units[0]} units: 0 to {units[0] - 1}'
                                  + ('. For a model with one score leave ys out' if units[0] == 1 else ''))
        raise ValueRangeError(f'ys holds the index {tuple(choice[row].tolist())} in row {row}, but rows of T '
                              f'"{target.name}" have shape {units}, indices from 0')


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
