"""Units of T that are known when T was looked at: the class it predicts, and indices of open axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from ..engine.answers import check_rows
from ..engine.model import Model
from ..engine.row_data import Feed, Weights
from ..engine.sweep import Sweep
from ..errors import ShapeError, ValueRangeError
from ..targets.units import Units
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
