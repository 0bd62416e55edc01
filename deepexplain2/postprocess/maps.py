"""Maps in and out: arrays, lists of them and Explanations, checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ParameterError, ShapeError, ValueRangeError, shown
from ..explanation import Explanation
from ..kinds_of_values import integer

Array = np.ndarray


def mapped(maps: Any, change: Callable[[list[Array]], list[Array]], finite: bool = False) -> Any:
    """What `change` makes of maps, as the kind that was given, in their dtype.

    Parameters
    ----------
    maps : array (n, ...), list of arrays or Explanation
        The attributions. A list of numbers or of lists is one array.
    change : function (list of float64 arrays) -> list of arrays
        Gets one array per input.
    finite : bool
        Whether NaN (a feature that nothing covers) is refused, as infinity is.
    """
    if isinstance(maps, Explanation):
        found = mapped(maps.values, change, finite)
        parts = found if isinstance(found, list) else [found]
        kept = [a.shape == b.shape for a, b in zip(parts, maps.arrays)]
        names = None if maps.feature_names is None else [
            n if same else None for n, same in zip(maps.feature_names, kept)]
        # these belong to the attributions as they were
        return dataclasses.replace(maps, values=found, std_error=None, delta=None, feature_names=names)
    is_list = isinstance(maps, (list, tuple)) and any(isinstance(m, np.ndarray) for m in maps)
    parts = [_checked(m, f'maps[{k}]' if is_list else 'maps', finite)
             for k, m in enumerate(maps if is_list else [maps])]
    if len({len(p) for p in parts}) > 1:
        raise ShapeError(f'maps have {", ".join(str(len(p)) for p in parts)} rows. Give as many for each '
                         f'input')
    found = [_in_dtype(r, p.dtype) for r, p in zip(change([p.astype(np.float64) for p in parts]), parts)]
    return found if is_list else found[0]


def _in_dtype(result: Array, dtype: Any) -> Array:
    with np.errstate(over='ignore'):
        narrow = result.astype(dtype, copy=False)
    if np.isinf(narrow.astype(np.float64)).any():
        raise ValueRangeError(f'the result leaves the range of {np.dtype(dtype).name}. Give maps in a wider '
                              f'dtype')
    return narrow


def _checked(given: Any, name: str, finite: bool) -> Array:
    """An array (n, ...) of floating-point numbers; integers become float64."""
    try:
        a = np.asarray(given)
    except ValueError:
        raise ShapeError(f'{name} is an uneven list: {shown(given)}. Give an array (n, ...)') from None
    if a.dtype.kind in 'iub':
        a = a.astype(np.float64)
    if a.dtype.kind != 'f' and a.dtype.name != 'bfloat16':
        raise ParameterError(f'{name} must hold real numbers, and has dtype {a.dtype}: {shown(given)}')
    if a.ndim < 2:
        raise ShapeError(f'{name} has shape {a.shape}. Give one row per sample, (n, ...)')
    if 0 in a.shape:
        raise ShapeError(f'{name} has shape {a.shape}, and is empty')
    wide = a.astype(np.float64)
    if np.isinf(wide).any() or (finite and np.isnan(wide).any()):
        raise ValueRangeError(f'{name} holds {"infinity" if np.isinf(wide).any() else "NaN"}'
                              + ('. Replace it, e.g. by numpy.nan_to_num' if finite else ''))
    return a


def axis_of(axis: Any, ndim: int, name: str = 'axis') -> int:
    """Check an axis of a map with `ndim` axes, counted from either end; not that of the rows."""
    number = integer(axis, name, -ndim)
    if not -ndim <= number < ndim or number % ndim == 0:
        raise ParameterError(f'{name} is {number}, and maps have the axes 1 to {ndim - 1}, or -1 to '
                             f'-{ndim - 1}; axis 0 has the rows')
    return number % ndim


def axes_of(axes: Any, ndim: int) -> tuple[int, ...]:
    """Check an axis or several ones, none of them twice."""
    given: Any = axes if isinstance(axes, (list, tuple, np.ndarray)) else [axes]
    found = tuple(axis_of(a, ndim, 'each of axes') for a in given)
    if not found or len(set(found)) < len(found):
        raise ParameterError(f'axes must be different axes of the maps, at least one, not {shown(axes)}')
    return found
