"""Rows that come, and attributions that go, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager.context import eager_mode

from ..errors import ParameterError, ShapeError, ValueRangeError, shown
from ..session import HoldsSession
from ..values import as_numbers, refuse_lossy
from .options import check_options, refuse_unknown

# options that a batch goes through with
STREAMED = ['feed_dict', 'return_delta', 'return_std_error', 'progress', 'memory_limit']
PIECE = 16              # runs whose answers are held together where they are written away


class Answers:
    """Attributions of one piece of rows after the other, joined, or written into `out`; with standard errors
    and gaps where there are any.

    shapes: of the whole attributions, None where the number of rows is not known. read: arrays that the run
        reads, which `out` must not share.
    """

    def __init__(self, out: Any, shapes: list[tuple[int, ...]] | None, dtypes: list[Any], is_list: bool,
                 read: Sequence[Any] = ()):
        self._out: list[np.ndarray] | None = None
        self._found: list[tuple] = []
        self._is_list, self._rows = is_list, 0
        if out is not None:
            given = out if is_list else [out]
            if not isinstance(given, (list, tuple)) or len(given) != len(dtypes) or not all(map(_is_plain,
                                                                                                given)):
                each = f', one for each of the {len(dtypes)} tensors of X, in a list' if is_list else ''
                raise ShapeError(f'out must be an array (np.ndarray or memmap){each}, not {shown(out)}')
            for k, (o, dtype) in enumerate(zip(given, dtypes)):
                if o.dtype.kind in 'cOSUMm' or o.dtype.type is np.void or not np.can_cast(dtype, o.dtype,
                                                                                          'same_kind'):
                    raise ParameterError(f'out has dtype {o.dtype}: attributions are {np.dtype(dtype).name}')
                if not o.flags.writeable:
                    raise ParameterError('out is read-only. Give an array that can be written')
                if shapes is not None and o.shape != shapes[k]:
                    raise ShapeError(f'out has shape {o.shape}, but the attributions have {shapes[k]}')
                if any(_overlap(o, a) for a in [*read, *given[:k]]):
                    raise ParameterError('out shares memory with xs, or with another array that the run '
                                         'reads or writes. Give an array of its own')
            self._out = list(given)

    def add(self, attributions: list[np.ndarray], *more: np.ndarray | list[np.ndarray] | None) -> None:
        n = len(attributions[0])
        for o, a in zip(self._out or (), attributions):
            if len(o) < self._rows + n or o.shape[1:] != a.shape[1:]:
                raise ShapeError(f'out has shape {o.shape}, which has no room for rows {self._rows} to '
                                 f'{self._rows + n - 1} of shape {a.shape[1:]}')
            try:
                with np.errstate(over='raise'):
                    o[self._rows:self._rows + n] = a
            except FloatingPointError:
                raise ValueRangeError(f'attributions leave the range of {o.dtype.name}, the dtype of out. '
                                      f'Give out in {a.dtype.name}') from None
        self._rows += n
        self._found.append(((None,) * len(attributions) if self._out else attributions, *more))

    def add_run(self, answer: Any) -> None:
        """What `run` returned for some rows."""
        attributions, *more = answer if isinstance(answer, tuple) else (answer,)
        self.add(attributions if self._is_list else [attributions], *more)

    def whole(self) -> Any:
        """As `run` returns it."""
        attributions, *more = zip(*self._found)
        joined = self._out or [_joined(a) for a in zip(*attributions)]
        answer = [joined if self._is_list else joined[0],
                  *(self._joined(m) for m in more if m[0] is not None)]
        return answer[0] if len(answer) == 1 else tuple(answer)

    def _joined(self, parts: Sequence[Any]) -> Any:
        """Pieces of what comes beside attributions: one array per row, or one per tensor of X."""
        if not isinstance(parts[0], list):
            return _joined(parts)
        per_tensor = [_joined(p) for p in zip(*parts)]
        return per_tensor if self._is_list else per_tensor[0]


def _is_plain(value: Any) -> bool:
    return isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray)


def _overlap(a: np.ndarray, b: np.ndarray) -> bool:
    try:
        return np.shares_memory(a, b, max_work=1 << 14)      # type: ignore[arg-type]
    except RuntimeError:            # too hard to tell
        return True


def _check_iterable(batches: Any) -> None:
    if not isinstance(batches, (list, tuple)):          # what is in them is looked at when they come
        refuse_lossy(batches, 'numbers', 'batches')
    if not isinstance(batches, Iterable) or isinstance(batches, (str, bytes, Mapping, set, frozenset,
                                                                 tf.Tensor)):
        raise ParameterError(f'batches must be an array, a batched tf.data.Dataset, or an iterable of xs or '
                             f'(xs, ys), not {shown(batches)}')


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


class Streaming(HoldsSession):
    """What an explainer does with batches that come one by one; `run` is its own."""

    run: Callable[..., Any]

    def _rows(self) -> int:
        """Of a run, where nobody says."""
        raise NotImplementedError

    def stream(self, batches: Any, batch_size: int | None = None, **options: Any) -> Iterator[Any]:
        """Attributions of one batch after the other, in order, as they are asked for; only one batch is held.

        batches: an iterable of xs, or of tuples (xs, ys): a generator, a tf.data.Dataset that is batched; or
            one array or memmap, which is cut into pieces of 16 runs each. For a list X an xs is a list.
            options: those of `run`, which each batch goes through.
        """
        refuse_unknown(options, STREAMED, 'stream')
        check_options(batch_size, **{'memory_limit': None, 'progress': None}
                           | {k: v for k, v in options.items() if k != 'feed_dict'})
        pieces = batches
        if isinstance(batches, np.ndarray):
            if not batches.ndim or not len(batches):
                raise ShapeError(f'batches is an array of shape {batches.shape}, without rows')
            as_numbers(batches[:1], 'numbers', 'batches')         # of a memmap no more than a row is read
            step = PIECE * (batch_size or self._rows())
            pieces = (batches[k:k + step] for k in range(0, len(batches), step))
        elif isinstance(batches, tf.data.Dataset):
            pieces = _of_dataset(batches)
        else:
            _check_iterable(batches)
        return self._stream(pieces, batch_size, options)

    def _stream(self, pieces: Iterable[Any], batch_size: int | None,
                options: Mapping[str, Any]) -> Iterator[Any]:
        empty = True
        for batch in pieces:
            empty = False
            if isinstance(batch, tuple) and len(batch) != 2:
                raise ShapeError(f'a batch is xs, or a tuple (xs, ys), not a tuple of {len(batch)}')
            xs, ys = batch if isinstance(batch, tuple) else (batch, None)
            yield self.run(_arrays(xs), None if ys is None else _arrays(ys), batch_size, **options)
        if empty:
            raise ShapeError('a stream or tf.data.Dataset without batches: it is empty, or a generator that '
                             'was used up before')

    def _run_dataset(self, dataset: tf.data.Dataset, ys: Any, answers: Answers, batch_size: int | None,
                     **options: Any) -> Any:
        if ys is not None:
            raise ParameterError('xs is a tf.data.Dataset: ys comes with it, in batches (xs, ys)')
        for found in self.stream(dataset, batch_size, **options):
            answers.add_run(found)
        return answers.whole()


def _of_dataset(dataset: tf.data.Dataset) -> Iterator[Any]:
    """The batches as arrays; they live in eager TensorFlow, whatever graph the caller is in."""
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
    if isinstance(batch, (list, tuple)):
        return [_arrays(b) for b in batch]
    return batch.numpy() if isinstance(batch, tf.Tensor) and not tf.is_symbolic_tensor(batch) else batch
