"""Baselines: one per input, one per row, a set of them, or a function of xs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import ParameterError, ShapeError, first_line, shown
from ..features.conditional import Conditional, is_conditional
from ..features.fills import Mean
from ..tensors import shape_text
from ..values import as_array, as_numbers
from .form import Form


def as_baselines(given: Any, tensors: Sequence[tf.Tensor], is_list: bool) -> list[np.ndarray] | Callable:
    """One checked baseline per tensor of X: a scalar, or features, or rows of features; copied, to follow no
    later change. A callable is asked when xs is known."""
    if given is None:                       # as in DeepExplain
        given = 0
    if isinstance(given, type):
        raise ShapeError(f'baseline is the class {given.__name__}. Give a number, an array, or a function of '
                         f'xs that returns one')
    if isinstance(given, str) and given == 'mean':
        return Mean()
    if callable(given):
        return Conditional(given) if is_conditional(given) else given
    if is_list and isinstance(given, (list, tuple)):
        if len(given) != len(tensors):
            raise ShapeError(f'baseline is a list of {len(given)}, but X has {len(tensors)} tensors. Give '
                             f'one baseline per input')
        values = list(given)
    else:
        values = [given] * len(tensors)
        if is_list and as_numbers(given, 'numbers', 'baseline').ndim:
            raise ShapeError(f'X is a list of {len(tensors)} tensors: give a list of as many baselines, or a '
                             f'scalar')
    checked = [np.array(as_array(v, x.dtype, f'baseline for X "{x.name}"')) for v, x in zip(values, tensors)]
    for v, b, x in zip(values, checked, tensors):
        if np.asarray(v).dtype.kind == 'b' and not b.ndim:
            raise ShapeError(f'baseline for X "{x.name}" is {v!r}. Give a number, or an array')
        if not b.size:
            raise ShapeError(f'baseline for X "{x.name}" is empty, shape {b.shape}. Give at least one')
        if b.ndim and x.shape.rank is not None:
            features = x.shape[1:]
            if not (features.is_compatible_with(b.shape)
                    or (b.ndim == x.shape.rank and features.is_compatible_with(b.shape[1:]))):
                raise ShapeError(f'baseline has shape {b.shape}, but X "{x.name}" takes '
                                 f'{shape_text(features)} per row. Give a scalar, one baseline of that '
                                 f'shape, or one per row with the batch axis in front')
    for b in checked:
        b.setflags(write=False)             # kept from run to run
    return checked


def call_baseline(function: Callable, xs: list[np.ndarray], form: Form, what: str) -> Any:
    """What a function given as baseline, or as references, returns for xs."""
    try:
        answer = function(form.returned([x.copy() for x in xs]))
    except Exception as e:
        raise ParameterError(f'the function given as {what} cannot take xs: {shown(function)} raised '
                             f'{type(e).__name__}: {first_line(e)}') from e
    if answer is None or callable(answer):
        raise ShapeError(f'the function given as {what} returned '
                         f'{"None" if answer is None else type(answer).__name__}, not an array. It is '
                         f'called with xs, and returns the {what}: {shown(function)}')
    return answer


def fit_to_rows(given: list[np.ndarray], shapes: Sequence[tuple[int, ...]], tensors: Sequence[tf.Tensor],
               average: bool | None,
               averages: bool) -> tuple[list[np.ndarray], int]:
    """(baselines with a batch axis, how many of them each row is compared with) for xs of these shapes; k > 1
    that all rows share are (1, k) + features.

    average: whether an array with rows is a set of references for every row, or holds one for each; None: the
    latter where it has as many rows as xs. averages: whether the method can."""
    n = shapes[0][0]
    found = [_rows_of(b, shape, x.name) for b, shape, x in zip(given, shapes, tensors)]
    counts = {len(b) for b in found} - {1}
    several = counts and (average or (average is None and counts != {n}))
    if not several:
        for b, shape, x in zip(found, shapes, tensors):
            if len(b) not in (1, n):
                raise ShapeError(_no_baseline(b, shape, x.name))
        return found, 1
    if not averages:
        worst = next(k for k, b in enumerate(found) if len(b) not in (1, n))
        raise ShapeError(_no_baseline(found[worst], shapes[worst], tensors[worst].name))
    if len(counts) > 1:
        raise ShapeError('the inputs have different numbers of baselines: '
                         + ', '.join(f'{len(b)} for "{x.name}"' for b, x in zip(found, tensors)))
    (k,) = counts
    return [np.broadcast_to(b, (1, k, *b.shape[1:])) for b in found], k


def _rows_of(baseline: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    """A checked baseline with a batch axis."""
    if baseline.ndim == 0:
        full = np.full((1,) + shape[1:], baseline)
        full.setflags(write=False)
        return full
    if baseline.shape == shape[1:]:
        return baseline[None]
    if baseline.ndim == len(shape) and baseline.shape[1:] == shape[1:]:
        return baseline
    raise ShapeError(_no_baseline(baseline, shape, name))


def _no_baseline(baseline: np.ndarray, shape: tuple[int, ...], name: str) -> str:
    return (f'baseline has shape {baseline.shape}, but xs for X "{name}" has shape {shape}. Give one '
            f'baseline of shape {shape[1:]}, or one '
            'per row')
