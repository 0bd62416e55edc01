"""What ys are, for a T that is a function of outputs and ys."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ..errors import FeedError, ShapeError
from ..targets.function import FunctionTarget
from ..values import as_numbers
from .frames import is_series, series_to_array


def with_spec(target: FunctionTarget, ys: Any) -> FunctionTarget:
    """A function of (out, ys) with what its data are: those of ys, unless that was said."""
    return target.with_spec(_spec_of(ys, target.said)) if target.needs_spec else target


def _spec_of(ys: Any, said: str) -> tf.TensorSpec | list[tf.TensorSpec]:
    """What ys are: a list of arrays is several, anything else one array. said: the target."""
    if ys is None:
        raise FeedError(f'{said} needs ys: its data, an array with one entry per row of xs, or a list of '
                        f'such arrays')
    if isinstance(ys, str):
        raise ShapeError(f'ys is {ys!r}, but {said} takes its data as ys: an array with one entry per row '
                         f'of xs, or a list of such arrays')
    if isinstance(ys, (list, tuple)) and ys and all(getattr(y, 'ndim', 0) and hasattr(y, '__array__')
                                                    for y in ys):
        return [_spec_of_array(y, f'ys[{k}]') for k, y in enumerate(ys)]
    return _spec_of_array(ys, 'ys')


def _spec_of_array(given: Any, what: str) -> tf.TensorSpec:
    """A specification of the shape and dtype of an array, its rows left open."""
    array = series_to_array(given, None, what) if is_series(given) else as_numbers(given, 'numbers', what)
    if not array.ndim:
        raise ShapeError(f'{what} is a single number, and T takes data: one entry per row of xs')
    return tf.TensorSpec((None, *array.shape[1:]), tf.as_dtype(array.dtype))
