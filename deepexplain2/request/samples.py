"""xs: one array per tensor of X."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import ShapeError
from ..tensors import shape_text
from ..values import as_array, as_numbers

LOOK = 1 << 26          # bytes of a memmap that are looked through at once


def as_samples(xs: Any, tensors: Sequence[tf.Tensor], is_list: bool) -> list[np.ndarray]:
    """xs as one array per tensor of X, in its dtype, all with the same number of rows. A large memmap stays
    one, of its own dtype."""
    if is_list and not (isinstance(xs, (list, tuple)) and len(xs) == len(tensors)):
        raise ShapeError(f'X is a list of {len(tensors)} tensors, so xs must be a list of as many arrays'
                         + (f', not {len(xs)}' if isinstance(xs, (list, tuple))
                            else f', not {type(xs).__name__}')
                         + '. The order is that of X: ' + ', '.join(f'"{x.name}"' for x in tensors))
    arrays = [_sample(v, x.dtype, f'xs for X "{x.name}"') for v, x in zip(xs if is_list else [xs], tensors)]
    for a, x in zip(arrays, tensors):
        if a.ndim == 0 or not x.shape.is_compatible_with((None,) + a.shape[1:]):
            hint = ''
            if x.shape.rank is not None and x.shape[1:].is_compatible_with(a.shape):
                hint = '. Add the batch axis: xs[None] for a single sample'
            elif (isinstance(xs, (list, tuple)) and not is_list
                  and x.shape.is_compatible_with((None, *a.shape[2:]))):
                hint = '. X is a single tensor: give its array, not a list of arrays'
            raise ShapeError(f'xs has shape {a.shape}, but X "{x.name}" takes {shape_text(x.shape)}{hint}')
        if a.size == 0:
            raise ShapeError(f'xs for X "{x.name}" is an empty batch, shape {a.shape}')
    if len({len(a) for a in arrays}) > 1:
        raise ShapeError('the arrays in xs differ in their number of rows: '
                         + ', '.join(f'{len(a)} for "{x.name}"' for a, x in zip(arrays, tensors)))
    return arrays


def _sample(value: Any, dtype: tf.DType, what: str) -> np.ndarray:
    """As `array`; a large memmap is looked through in pieces and left where it is."""
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
