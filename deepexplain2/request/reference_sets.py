"""Sets of references: several baselines that every row is compared with, shared by all rows or its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import ShapeError
from ..tensors import shape_text
from ..values import as_array


def as_reference_sets(given: Any, tensors: Sequence[tf.Tensor], is_list: bool) -> list[np.ndarray] | Callable:
    """One checked array per tensor of X, (k,) + features or (n, k) + features; copied, to follow no later
    change. A callable is asked when xs is known."""
    if isinstance(given, type):
        raise ShapeError(f'references is the class {given.__name__}. Give arrays, or a function of xs that '
                         f'returns them')
    if callable(given):
        return given
    if is_list and not (isinstance(given, (list, tuple)) and len(given) == len(tensors)):
        got = f'of {len(given)}' if isinstance(given, (list, tuple)) else f'not {type(given).__name__}'
        raise ShapeError(f'references must be a list of {len(tensors)} arrays, one per tensor of X, {got}')
    checked = [np.array(as_array(value, x.dtype, f'references for X "{x.name}"'))
               for value, x in zip(given if is_list else [given], tensors)]
    for array, x in zip(checked, tensors):
        if not array.size:
            raise ShapeError(f'references for X "{x.name}" is empty, shape {array.shape}. Give at least one')
        if x.shape.rank is not None and not any(_features(array, axes, x.shape.rank - 1) is not None
                                                and x.shape[1:].is_compatible_with(array.shape[axes:])
                                                for axes in (1, 2)):
            raise ShapeError(f'references have shape {array.shape}, but X "{x.name}" takes '
                             f'{shape_text(x.shape[1:])} per row. Give (k,) + that shape, or (n, k) + that '
                             f'shape for k references of each row. One baseline is given as baseline=')
        array.setflags(write=False)
    return checked


def _features(array: np.ndarray, axes: int, rank: int) -> tuple[int, ...] | None:
    """The shape of a row in a set with so many axes in front; None where its rank is another."""
    return array.shape[axes:] if array.ndim == rank + axes else None


def fit_sets(given: Sequence[np.ndarray], shapes: Sequence[tuple[int, ...]],
             tensors: Sequence[tf.Tensor]) -> tuple[list[np.ndarray], int]:
    """(sets for xs of these shapes, k): a set of one is a baseline, (1 or n,) + features; k > 1 references
    are (1 or n, k) + features."""
    found = []
    for array, shape, x in zip(given, shapes, tensors):
        full = array[None] if array.ndim == len(shape) else array
        if full.ndim != len(shape) + 1 or full.shape[2:] != shape[1:] or len(full) not in (1, shape[0]):
            raise ShapeError(f'references have shape {array.shape}, but xs for X "{x.name}" has shape '
                             f'{shape}. Give (k,) + {shape[1:]}, or ({shape[0]}, k) + {shape[1:]}')
        found.append(full)
    counts = {full.shape[1] for full in found} - {1}
    if len(counts) > 1:
        raise ShapeError('the inputs have different numbers of references: '
                         + ', '.join(f'{full.shape[1]} for "{x.name}"' for full, x in zip(found, tensors)))
    if not counts:
        return [full[:, 0] for full in found], 1
    (k,) = counts
    return [np.broadcast_to(full, (len(full), k, *full.shape[2:])) for full in found], k
