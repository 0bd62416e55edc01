"""Rows that come, and attributions that go, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager.context import eager_mode

from .errors import ParameterError, ShapeError

PIECE = 16              # runs whose answers are held together where they are written away


class Answers:
    """Attributions of one piece of rows after the other, joined, or written into `out`; with standard errors and gaps where there are any.

    shapes: of the whole attributions, None where the number of rows is not known.
    """

    def __init__(self, out: Any, shapes: list[tuple[int, ...]] | None, dtypes: list[Any], many: bool):
        self._out: list[np.ndarray] | None = None
        self._found: list[tuple] = []
        self._many, self._rows = many, 0
        if out is not None:
            given = out if many else [out]
            if not isinstance(given, (list, tuple)) or len(given) != len(dtypes) or not all(isinstance(o, np.ndarray) for o in given):
                raise ShapeError('out must be an array' + (f', one for each of the {len(dtypes)} tensors of X, in a list' if many else ''))
            for k, (o, dtype) in enumerate(zip(given, dtypes)):
                if not np.can_cast(dtype, o.dtype, 'same_kind') or not o.flags.writeable:
                    raise ParameterError(f'out has dtype {o.dtype}{"" if o.flags.writeable else " and is read-only"}: attributions are '
                                         f'{np.dtype(dtype).name}')
                if shapes is not None and o.shape != shapes[k]:
                    raise ShapeError(f'out has shape {o.shape}, but the attributions have {shapes[k]}')
            self._out = list(given)

    def add(self, attributions: list[np.ndarray], *more: np.ndarray | None) -> None:
        n = len(attributions[0])
        for o, a in zip(self._out or (), attributions):
            if len(o) < self._rows + n or o.shape[1:] != a.shape[1:]:
                raise ShapeError(f'out has shape {o.shape}, which has no room for rows {self._rows} to {self._rows + n - 1} of shape {a.shape[1:]}')
            o[self._rows:self._rows + n] = a
        self._rows += n
        self._found.append(((None,) * len(attributions) if self._out else attributions, *more))

    def add_run(self, answer: Any) -> None:
        """What `run` returned for some rows."""
        attributions, *more = answer if isinstance(answer, tuple) else (answer,)
        self.add(attributions if self._many else [attributions], *more)

    def whole(self) -> Any:
        """As `run` returns it."""
        if not self._found:
            raise ShapeError('xs is a tf.data.Dataset without batches')
        attributions, *more = zip(*self._found)
        joined = self._out or [_joined(a) for a in zip(*attributions)]
        answer = [joined if self._many else joined[0], *(_joined(m) for m in more if m[0] is not None)]
        return answer[0] if len(answer) == 1 else tuple(answer)


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


class Streaming:
    """What an explainer does with batches that come one by one; `run` is its own."""

    run: Callable[..., Any]

    def _rows(self) -> int:
        """Of a run, where nobody says."""
        raise NotImplementedError

    def stream(self, batches: Any, batch_size: int | None = None, **options: Any) -> Iterator[Any]:
        """Attributions of one batch after the other, in order, as they are asked for; only one batch is held.

        batches: an iterable of xs, or of tuples (xs, ys): a generator, a tf.data.Dataset that is batched; or one array or memmap, which is cut
            into pieces of 16 runs each. For a list X an xs is a list. options: those of `run`, which each batch goes through.
        """
        pieces = batches
        if isinstance(batches, np.ndarray):
            step = PIECE * (batch_size or self._rows())
            pieces = (batches[k:k + step] for k in range(0, len(batches), step))
        elif isinstance(batches, tf.data.Dataset):
            pieces = _of_dataset(batches)
        for batch in pieces:
            if isinstance(batch, tuple) and len(batch) != 2:
                raise ShapeError(f'a batch is xs, or a tuple (xs, ys), not a tuple of {len(batch)}')
            xs, ys = batch if isinstance(batch, tuple) else (batch, None)
            yield self.run(_arrays(xs), None if ys is None else _arrays(ys), batch_size, **options)

    def _run_dataset(self, dataset: tf.data.Dataset, ys: Any, answers: Answers, batch_size: int | None, **options: Any) -> Any:
        if ys is not None:
            raise ParameterError('xs is a tf.data.Dataset: ys comes with it, in batches (xs, ys)')
        for found in self.stream(dataset, batch_size, **options):
            answers.add_run(found)
        return answers.whole()


def _of_dataset(dataset: tf.data.Dataset) -> Iterator[Any]:
    """The batches as arrays; they live in eager TensorFlow, whatever graph the caller is in."""
    with eager_mode():
        iterator = dataset.as_numpy_iterator()
    while True:
        with eager_mode():
            batch = next(iterator, None)
        if batch is None:
            return
        yield batch


def _arrays(batch: Any) -> Any:
    """Eager tensors as arrays."""
    if isinstance(batch, (list, tuple)):
        return [_arrays(b) for b in batch]
    return batch.numpy() if isinstance(batch, tf.Tensor) and not tf.is_symbolic_tensor(batch) else batch
