"""What the attributions of rows are compared with: a baseline, or several references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import BaselineWarning, ParameterError, warn
from .baselines import as_baselines, call_baseline, fit_to_rows
from .form import Form
from .frames import check_columns, check_index, frame_to_array, is_frame, is_series
from .reference_sets import as_reference_sets, fit_sets

Shapes = Sequence[tuple[int, ...]]
Warn = Callable[[str, type[Warning]], None]


class References:
    """The baseline or the references of a method, fitted to rows.

    Parameters
    ----------
    baseline : baseline
        A number, an array, a list of them or a function of xs.
    inputs : sequence of tensors
        X.
    form : Form
        How X was given.
    references : arrays or function, optional
        In place of a baseline.
    average : bool, optional
        Whether a baseline with rows is a set of references (True) or has one for each row of xs (False);
        None: seen from their number.
    averages : bool
        Whether the method takes a baseline that is a set of references.
    warn : function (message, category)
        Gives a warning.

    Raises
    ------
    ParameterError
        Where both a baseline and references are given.
    """

    def __init__(self, baseline: Any, inputs: Sequence[tf.Tensor], form: Form, references: Any = None,
                 average: bool | None = None, averages: bool = False, warn: Warn = warn):
        self._inputs, self._form, self._warn = inputs, form, warn
        self._average, self._averages, self._is_set = average, averages, references is not None
        if self._is_set and baseline is not None:
            raise ParameterError('baseline and references are given, and both say what x is compared with. '
                                 'Give one of them')
        # of the first DataFrame, by the name of a tensor of X: those of xs must be the same
        self.columns: dict[str, list[Any]] = {}
        self._indices: dict[str, Any] = {}              # of its DataFrames, by the name of a tensor of X
        self._given = self._checked(references if self._is_set else baseline)
        # whether the rows of the baseline were a set of references, once that is settled
        self._settled: bool | None = None
        # (shapes of rows, baselines of one row each that fit them): of the last run, replaced as a whole
        self._single: tuple[list[tuple[int, ...]], list[np.ndarray]] | None = None

    def _checked(self, given: Any) -> list[np.ndarray] | Callable:
        what = 'references' if self._is_set else 'baseline'
        given = self._form.listed(given, what)
        if isinstance(given, (list, tuple)) and self._form.is_list:
            given = [self._numbers(value, x, what) for value, x in zip(given, self._inputs)] \
                + list(given[len(self._inputs):])
        elif len(self._inputs) == 1:
            given = self._numbers(given, self._inputs[0], what)
        return (as_reference_sets if self._is_set else as_baselines)(given, self._inputs, self._form.is_list)

    def _numbers(self, value: Any, x: tf.Tensor, what: str) -> Any:
        """The numbers of a DataFrame, or of a Series that is one row, whose columns are checked; anything
        else as it is."""
        if not (is_frame(value) or is_series(value)):
            return value
        rows = value if is_frame(value) else value.to_frame().T
        check_columns(self.columns, [rows.columns.tolist()], [x], what)
        if is_frame(value):
            self._indices[x.name] = value.index
        array = frame_to_array(rows, f'{what} for X "{x.name}"')
        return array if is_frame(value) else array[0]

    def check(self, shapes: Shapes, index: Any = None) -> int:
        """Raise where the baseline does not fit xs of these shapes, or of this index if it has one row for
        each of xs; a function is called later, and counts as one. Returns how many baselines each row is
        compared with."""
        if callable(self._given):
            return 1
        baselines, k = self._fitted(self._given, shapes)
        for baseline, x in zip(baselines, self._inputs):
            if k == 1 and len(baseline) > 1 and not self._is_set:
                check_index(index, self._indices.get(x.name), f'baseline for X "{x.name}"')
        return k

    def of(self, arrays: list[np.ndarray], shapes: Shapes, start: int = 0) -> tuple[list[np.ndarray], int]:
        """(baselines, how many each row is compared with) of rows that begin with `start`.

        arrays: these rows; shapes: of all rows. A single baseline has an axis of rows, of 1 or of all of
        them; k > 1 have one more behind it: (1 or rows, k) + features.
        """
        given = self._given
        is_function = callable(given)
        if callable(given):
            what = 'references' if self._is_set else 'baseline'
            given = self._checked(call_baseline(given, arrays, self._form, what))
            assert not callable(given)
            shapes = [a.shape for a in arrays]
        baselines, k = self._fitted(given, shapes)
        if self._averages and self._average is None and not self._is_set:
            self._settle(k if k > 1 else max(map(len, baselines)), k, shapes[0][0], is_function)
        if not is_function:
            baselines = [b if len(b) == 1 else b[start:start + len(arrays[0])] for b in baselines]
        return baselines, k

    def _fitted(self, given: list[np.ndarray], shapes: Shapes) -> tuple[list[np.ndarray], int]:
        """As `fit_to_rows` or `fit_sets`; what fits xs of any number of rows is kept for the next run."""
        features = [shape[1:] for shape in shapes]
        if given is self._given and self._single is not None and self._single[0] == features:
            return self._single[1], 1
        if self._is_set:
            return fit_sets(given, shapes, self._inputs)
        baselines, k = fit_to_rows(given, shapes, self._inputs, self._average, self._averages)
        if given is self._given and k == 1 and all(len(b) == 1 for b in baselines):
            self._single = features, baselines
        return baselines, k

    def _settle(self, rows: int, k: int, n: int, is_function: bool) -> None:
        """Warn of the rows of an array that could be a set as well; raise ParameterError where the rows had
        another meaning in an earlier run."""
        if rows == 1:
            return
        if self._settled is None:
            self._settled = k > 1
        if self._settled != (k > 1):
            before, now = ('averaged over', 'one per row') if k == 1 else ('one per row', 'averaged over')
            raise ParameterError(f'baseline has {rows} rows and xs {n}: they would be {now}, but were '
                                 f'{before} in an earlier run. Say which: average={k == 1}')
        if k == 1 and not is_function:
            self._warn(f'baseline has as many rows as xs, {n}: each row is compared with its own. If it is a '
                       f'set that every row is compared with, give it as references=; average=False says '
                       f'that this is meant', BaselineWarning)
