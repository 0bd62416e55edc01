"""How the rows of a request are packed into runs of the graph."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..engine.batch_size import BatchSizeTuner, default_rows, most_rows
from ..engine.model import Model
from ..engine.row_data import Feed
from ..engine.rows import adds_up, check_single, run_together, shape_of_all
from ..errors import ParameterError, PathWarning, RunError, ShapeError, TensorError
from ..tensors import batch_of, shape_text

Take = Callable[[np.ndarray], list[np.ndarray]]     # from numbers of rows to the arrays of X


class Layout(NamedTuple):
    """How rows are packed into runs of the graph.

    Attributes
    ----------
    rows : int
        Rows of one run, at most.
    fixed_batch : bool
        Whether the graph takes no other number of rows.
    per_row : bool
        Whether T has one entry per row.
    tuner : BatchSizeTuner, optional
        What chooses another number of rows by timing.
    """

    rows: int
    fixed_batch: bool = False
    per_row: bool = True
    tuner: BatchSizeTuner | None = None

    @property
    def max_rows(self) -> int | None:
        """Rows of one run, at most; None where the graph fixes them."""
        return None if self.fixed_batch else self.rows

    @property
    def is_joint(self) -> bool:
        """Whether T has one value for all rows of a run."""
        return self.fixed_batch and not self.per_row


class Layouts:
    """Finds the layout of requests for one T and X.

    Parameters
    ----------
    model : Model
    name : str
        What asks, for warnings: the name of a method.
    key : hashable
        What tells its queries from those of others, which other numbers of rows may suit.
    needs_rows : bool
        Whether T must have one value per row.
    """

    def __init__(self, model: Model, name: str, key: Hashable = None, needs_rows: bool = False):
        self._model, self._name, self._key, self._needs_rows = model, name, key, needs_rows
        self._found: BatchSizeTuner | None = None

    @property
    def tuner(self) -> BatchSizeTuner:
        """Chooses the batch size when none is given."""
        if self._found is None:
            model, tuners = self._model, self._model.findings.tuners
            key = self._name, self._key
            self._found = tuners.get(key) or tuners.setdefault(
                key, BatchSizeTuner(default_rows(model.path, model.jit), most_rows(model.path)))
        return self._found

    def of(self, n: int, batch_size: int | None, memory_limit: int | None) -> Layout:
        """The layout of n rows, as far as the graph shows it."""
        model, target = self._model, self._model.target
        rows_of_t = batch_of(target)
        fixed = {batch_of(x) for x in model.inputs} - {None}
        if fixed:
            return self._fixed_by_inputs(fixed, n, batch_size)
        if model.fixed_rows is not None:
            shape = model.fixed_rows.target_of(n)
            if shape is None:
                rows, op = model.fixed_rows.fixes_rows or (None, '')
                raise ShapeError(f'an array of {rows or "other"} rows was written into T "{target.name}" at '
                                 f'{op}, but xs has {n} rows. '
                                 'Leave that array out of T and pass it as ys')
            if n == 1 and not (shape.rank and shape.as_list()[0] == 1):
                # a row that broadcasts over the array: all of T is about it
                return Layout(1, per_row=False)
            return self._all_together(n, batch_size, tuple(shape.as_list()) if shape.rank else ())
        if target.shape.rank == 0 or rows_of_t is not None:
            return Layout(1, per_row=rows_of_t == 1)        # T does not grow with X
        if batch_size is None and memory_limit is None:
            # every trial would be compiled
            return Layout(self.tuner.rows, tuner=None if model.jit else self.tuner)
        return Layout(batch_size or default_rows(model.path, model.jit, memory_limit))

    def _fixed_by_inputs(self, fixed: set[int | None], n: int, batch_size: int | None) -> Layout:
        """The layout where tensors of X fix the batch."""
        target, inputs = self._model.target, self._model.inputs
        if len(fixed) > 1:
            raise ShapeError('the tensors of X fix different batch sizes: '
                             + ', '.join(f'{batch_of(x)} for "{x.name}"' for x in inputs))
        (size,) = fixed
        assert size
        per_row = target.shape.rank != 0 and batch_of(target) in (None, size)
        if batch_size is not None and batch_size < size:
            raise ParameterError(f'batch_size is {batch_size}, but X "{inputs[0].name}" '
                                 f'fixes the batch at {size} rows')
        if not per_row and self._needs_rows and size > 1:
            raise TensorError(f'T "{target.name}" has no batch axis and X fixes the batch at {size} '
                              f'rows: method '
                              f'"{self._name}" needs one value per row. Give a T with a batch axis')
        if not per_row and n % size:
            raise ShapeError(f'xs has {n} rows, but T "{target.name}" is one value for {size} rows of X, '
                             f'which fixes the batch: give a '
                             f'multiple of {size} rows')
        return Layout(size, fixed_batch=True, per_row=per_row)

    def _all_together(self, n: int, batch_size: int | None, shape: Sequence[int | None]) -> Layout:
        """The layout where n rows must run together, for which T has this shape."""
        target = self._model.target
        per_row = bool(shape) and shape[0] == n
        if batch_size is not None and batch_size < n:
            raise ParameterError(f'batch_size is {batch_size}, but T "{target.name}" contains an array of '
                                 f'{n} rows, so all rows must run together. '
                                 'Leave that array out of T and pass it as ys')
        if self._needs_rows and not per_row:
            raise TensorError(f'T "{target.name}" has no batch axis and contains an array of {n} rows: '
                              f'method "{self._name}" needs '
                              'one value per row. Leave that array out of T and pass it as ys')
        return Layout(n, fixed_batch=True, per_row=per_row)

    def without_batch_axis(self, layout: Layout, take: Take, feeds: Mapping[str, Feed], n: int,
                           batch_size: int | None) -> Layout:
        """The layout, where T seems to have no batch axis; evaluates T of a few rows the first time."""
        if n > 1 and not (layout.per_row or layout.fixed_batch):
            shape = shape_of_all(self._model, take, feeds, n)
            if shape is not None:
                return self._all_together(n, batch_size, shape)
        return layout

    def of_rows(self, layout: Layout, take: Take, feeds: Mapping[str, Feed], n: int,
                batch_size: int | None) -> Layout:
        """The layout, after a look at whether T of a row changes with the other rows (see rows.py); evaluates
        T of a few rows the first time."""
        model = self._model
        if n == 1:
            return layout
        # whether a run may hold other rows
        together = layout.rows > 1 if layout.fixed_batch else batch_of(model.target) is None
        if layout.per_row and together:
            if self._run_together(layout, take, feeds, n):
                return self._all_together(n, batch_size, (n,))
        elif not layout.fixed_batch and not adds_up(model, take, feeds, n):
            model.warn_once(self._name,
                            f'T "{model.target.name}" {shape_text(model.target.shape)} does not grow with '
                            'the rows of xs, and T of two rows is neither the sum nor the mean of T of each: '
                            'every row is explained as if there were no others. If the first axis of X is '
                            'time, feed the batch first: an X of shape (batch, time, ...), which the graph '
                            'transposes itself', PathWarning)
        return layout

    def check_single(self, layout: Layout, xs: Sequence[np.ndarray], baselines: Sequence[np.ndarray],
                     feeds: Mapping[str, Feed]) -> None:
        """For a request of a single row, of which a run holds several points: raise TensorError where T of
        one changes with the others; evaluates T of two points the first time."""
        if len(xs[0]) == 1 and layout.rows > 1 and layout.per_row and not layout.fixed_batch \
                and batch_of(self._model.target) is None:
            check_single(self._model, xs, baselines, feeds, layout.rows)

    def _run_together(self, layout: Layout, take: Take, feeds: Mapping[str, Feed], n: int) -> bool:
        """Whether all n rows must run together. Rows that mix are an error, or a warning where each of them
        runs alone."""
        if layout.rows == 1 and self._model.path.black_boxes:
            return False                                # which is never called with more
        try:
            return run_together(self._model, take, feeds, n, max(layout.rows, 2), layout.fixed_batch)
        except (TensorError, RunError) as e:
            if layout.rows > 1:
                raise
            if isinstance(e, TensorError):              # else the graph takes one row at a time
                self._model.warn_once(self._name, f'{e}. With batch_size=1 every row is explained as '
                                                  f'if there were no others', PathWarning)
            return False
