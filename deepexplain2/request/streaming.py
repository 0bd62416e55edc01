"""Batches that come one by one: of an iterable, a tf.data.Dataset, or pieces of an array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager.context import eager_mode

from ..errors import ParameterError, ShapeError, shown
from ..values import as_numbers, refuse_lossy
from .form import Form
from .frames import are_chunks, is_frame


def batches_of(given: Any, rows: int, form: Form) -> Iterator[tuple[Any, Any]]:
    """(xs, ys) of every batch, ys None where there is none; an array or a DataFrame is cut into pieces of so
    many rows. What can be checked is checked at once, batches as they come."""
    if isinstance(given, np.ndarray) or is_frame(given):
        if not given.ndim or not len(given):
            raise ShapeError(f'batches is an array of shape {given.shape}, without rows')
        rowwise = given.iloc if is_frame(given) else given
        if not is_frame(given):
            as_numbers(given[:1], 'numbers', 'batches')         # no more than a row of a memmap is read
        return _pairs((rowwise[k:k + rows] for k in range(0, len(given), rows)), form)
    if isinstance(given, tf.data.Dataset):
        return _pairs(_of_dataset(given), form)
    if not isinstance(given, (list, tuple)) and not are_chunks(given):
        refuse_lossy(given, 'numbers', 'batches')
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes, Mapping, set, frozenset, tf.Tensor)):
        raise ParameterError(f'batches must be an array, a batched tf.data.Dataset, or an iterable of xs or '
                             f'(xs, ys), not {shown(given)}')
    return _pairs(given, form)


def _pairs(batches: Iterable[Any], form: Form) -> Iterator[tuple[Any, Any]]:
    """(xs, ys) of every batch. For a list X a tuple of as many arrays is xs."""
    empty = True
    for batch in batches:
        empty = False
        is_pair = isinstance(batch, tuple) and not _is_xs(batch, form)
        if is_pair and len(batch) != 2:
            raise ShapeError(f'a batch is xs, or a tuple (xs, ys), not a tuple of {len(batch)}')
        xs, ys = batch if is_pair else (batch, None)
        yield _arrays(xs), None if ys is None else _arrays(ys)
    if empty:
        raise ShapeError('a stream or tf.data.Dataset without batches: it is empty, or a generator that was '
                         'used up before')


def _is_xs(batch: tuple[Any, ...], form: Form) -> bool:
    """Whether a tuple is xs for a list X: one array per tensor, the first of which could not be all of xs."""
    return form.is_list and 1 < len(batch) == len(form.names) \
        and not isinstance(batch[0], (list, tuple, Mapping))


def _of_dataset(dataset: tf.data.Dataset) -> Iterator[Any]:
    """The batches as arrays. They are computed eagerly, whatever graph the caller is in."""
    try:
        with eager_mode():
            iterator = dataset.as_numpy_iterator()
    except (TypeError, RuntimeError) as e:
        raise ParameterError(f'the tf.data.Dataset cannot be read: {str(e)[:200]}. Make it in eager mode, '
                             f'outside of every tf.Graph') from e
    while True:
        with eager_mode():
            batch = next(iterator, None)
        if batch is None:
            return
        yield batch


def _arrays(batch: Any) -> Any:
    """Eager tensors as arrays."""
    if isinstance(batch, Mapping):
        return {name: _arrays(b) for name, b in batch.items()}
    if isinstance(batch, (list, tuple)):
        return [_arrays(b) for b in batch]
    return batch.numpy() if isinstance(batch, tf.Tensor) and not tf.is_symbolic_tensor(batch) else batch


def is_for_all(ys: Any) -> bool:
    """Whether ys are meant for any number of rows: a class, or a word."""
    return isinstance(ys, (str, int, np.integer)) and not isinstance(ys, bool)


def ys_of_batch(own: Any, ys: Any) -> Any:
    """ys of a batch: its own, or those for all batches."""
    if own is not None and ys is not None:
        raise ParameterError('ys is given for all batches, and this batch comes with ys of its own')
    return ys if own is None else own
