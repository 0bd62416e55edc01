"""Units of T that are known when T was looked at: the class it predicts, and indices of open axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..engine.answers import check_rows
from ..engine.model import Model
from ..engine.row_data import Feed, Weights
from ..engine.sweep import Sweep
from ..errors import ParameterError, ShapeError, ValueRangeError
from ..targets.built import BuiltTarget
from ..targets.units import Units
from ..tensors import shape_text
from .layout import Layout

Take = Callable[[np.ndarray], list[np.ndarray]]         # from numbers of rows to the arrays of X


def weights_of(choice: np.ndarray | str, target: Units, model: Model, take: Take, feeds: Mapping[str, Feed],
               n: int, layout: Layout) -> Weights:
    """The weights that choose one unit of T in each of n rows, where the graph does not say enough; evaluates
    T of all rows for 'predicted', and of one row for indices."""
    if isinstance(choice, str):
        choice, units = _predicted(model, take, feeds, n, layout)
    else:
        rows = np.minimum(np.arange(layout.rows), n - 1) if layout.fixed_batch else np.arange(1)
        units = _values(model, take(rows), feeds, rows).shape[1:]
    return target.chosen(choice, units)


def known_units(target: tf.Tensor) -> tuple[int, ...] | None:
    """The sizes of the units of T, None where one is open."""
    found = target.shape[1:]
    return tuple(found.as_list()) if found.is_fully_defined() else None


def classes_of(given: Any, target: Units | BuiltTarget, ys: Any = None) -> list[int]:
    """The classes of which maps are wanted; raises where T has none, or ys say something else."""
    if ys is not None:
        raise ParameterError('classes and ys are given, and both say what of T is explained. Give one '
                             'of them')
    units = known_units(target.score)
    if not isinstance(target, Units):
        raise ParameterError(f'classes: ys are the data of {target.target.label}, which has no classes')
    if target.constant_weights is not None:
        raise ParameterError('classes: T is multiplied by an array. Leave one of them out')
    if units is None or len(units) != 1:
        raise ShapeError(f'classes: T "{target.score.name}" has shape {shape_text(target.score.shape)}, and '
                         f'not (batch, classes) with a known number of classes')
    found = list(range(units[0])) if isinstance(given, str) else list(given)
    wrong = [c for c in found if c >= units[0]]
    if wrong:
        raise ValueRangeError(f'classes holds {wrong[0]}, but T "{target.score.name}" has {units[0]} units: '
                              f'0 to {units[0] - 1}')
    return found


def _predicted(model: Model, take: Take, feeds: Mapping[str, Feed], n: int,
               layout: Layout) -> tuple[np.ndarray, tuple[int, ...]]:
    """The class with the largest T in each row, and the sizes of the units."""
    seen: dict[str, tuple[int, ...]] = {}

    def evaluate(arrays: Sequence[np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
        values = _values(model, arrays, feeds, rows)
        if values.ndim != 2 or values.shape[1] < 2:
            raise ShapeError(f'ys is "predicted", but T "{model.target.name}" has shape {values.shape}: it '
                             f'needs (batch, classes) with several classes')
        if np.isnan(values).any():
            raise ValueRangeError(f'ys is "predicted", but T "{model.target.name}" is NaN in row '
                                  f'{rows[np.isnan(values).any(1).argmax()]}')
        seen['units'] = values.shape[1:]
        return {'value': values.argmax(1)}
    classes = Sweep(evaluate, n, layout.rows, layout.fixed_batch).once(take)['value']
    return classes, seen['units']


def _values(model: Model, arrays: Sequence[np.ndarray], feeds: Mapping[str, Feed],
            rows: np.ndarray) -> np.ndarray:
    """T of these rows."""
    values = model.target_values.values(arrays, feeds, rows)[0]
    check_rows(model.target, values.shape, len(rows))
    return values
