"""The baselines that rows are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import ParameterError
from .baselines import as_baselines, call_baseline, fit_to_rows

Shapes = Sequence[tuple[int, ...]]


class References:
    """What a method was given as baseline, fitted to rows.

    Parameters
    ----------
    given : baseline
        A number, an array, a list of them or a function of xs.
    inputs : sequence of tensors
        X.
    is_list : bool
        Whether X is a list of tensors.
    average : bool or None
        Whether an array with rows is a set of references (True) or has one for each row of xs (False); None:
        seen from their number.
    averages : bool
        Whether the method can be averaged over several references.
    """

    def __init__(self, given: Any, inputs: Sequence[tf.Tensor], is_list: bool, average: bool | None,
                 averages: bool):
        self._given = as_baselines(given, inputs, is_list)
        self._inputs, self._is_list, self._average, self._averages = inputs, is_list, average, averages
        # whether the rows of the baseline were a set of references, once that is settled
        self._settled: bool | None = None
        # (shapes of rows, baselines of one row each that fit them): of the last run, replaced as a whole
        self._single: tuple[list[tuple[int, ...]], list[np.ndarray]] | None = None

    def check(self, shapes: Shapes) -> None:
        """Raise where the baseline does not fit xs of these shapes; a function is called later."""
        if not callable(self._given):
            self._fitted(self._given, shapes)

    def of(self, arrays: list[np.ndarray], shapes: Shapes, start: int = 0) -> tuple[list[np.ndarray], int]:
        """(baselines, how many each row is compared with) of rows that begin with `start`. arrays: these
        rows; shapes: of all rows."""
        given = self._given
        is_function = callable(given)
        if callable(given):
            given = call_baseline(given, arrays, self._inputs, self._is_list)
            shapes = [a.shape for a in arrays]
        baselines, k = self._fitted(given, shapes)
        if max(map(len, baselines)) > 1 and self._average is None:
            self._settle(baselines, k, shapes[0][0])
        if k == 1 and not is_function:
            baselines = [b if len(b) == 1 else b[start:start + len(arrays[0])] for b in baselines]
        return baselines, k

    def _fitted(self, given: list[np.ndarray], shapes: Shapes) -> tuple[list[np.ndarray], int]:
        """As `fit_to_rows`; what fits xs of any number of rows is kept for the next run."""
        features = [shape[1:] for shape in shapes]
        if given is self._given and self._single is not None and self._single[0] == features:
            return self._single[1], 1
        baselines, k = fit_to_rows(given, shapes, self._inputs, self._average, self._averages)
        if given is self._given and all(len(b) == 1 for b in baselines):
            self._single = features, baselines
        return baselines, k

    def _settle(self, baselines: list[np.ndarray], k: int, n: int) -> None:
        """Raise ParameterError where the same rows of the baseline had another meaning in an earlier run."""
        if self._settled is None:
            self._settled = k > 1
        if self._settled != (k > 1):
            before, now = ('averaged over', 'one per row') if k == 1 else ('one per row', 'averaged over')
            raise ParameterError(f'baseline has {max(map(len, baselines))} rows and xs {n}: '
                                 f'they would be {now}, but were {before} '
                                 f'in an earlier run. Say which: average={k == 1}')
