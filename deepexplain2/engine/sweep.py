"""The only loop over data that the library has."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .ahead import ahead
from .batch_size import BatchSizeTuner
from .packing import packs
from .query import Answers, first_rows

# make(rows, ks) -> the arrays to feed: the k-th point of each row. rows and ks have the same length.
Make = Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]]
# evaluate(arrays, rows) -> the answers for arrays that stand for these rows
Evaluate = Callable[[Sequence[np.ndarray], np.ndarray], Answers]


class Sweep(NamedTuple):
    """Evaluates a query at many points of rows; what a method sees of a run.

    Attributes
    ----------
    n : int
        The number of rows.
    size : int
        Rows of one run of the graph, at most.
    fixed_batch : bool
        Whether the graph takes no other number of rows.
    is_line_integral : bool
        Whether the query takes straight lines with many points each.
    """

    evaluate: Evaluate
    n: int
    size: int
    fixed_batch: bool
    evaluate_value: Evaluate | None = None                  # the answer is the value of T
    report: Callable[[int, int], None] | None = None        # takes evaluations made, and those not needed
    is_line_integral: bool = False
    tuner: BatchSizeTuner | None = None                     # chooses the size
    rows: np.ndarray | None = None          # their numbers among all rows of the request; None: all, in order
    total: int | None = None                # how many these are
    columns: Sequence[Any] | None = None    # per input, of DataFrames their columns
    is_joint: bool = False                                  # whether T has one value for all rows of a run

    @property
    def value(self) -> Sweep:
        """The same rows, with the value of T for a query."""
        assert self.evaluate_value
        return self._replace(evaluate=self.evaluate_value, evaluate_value=None, is_line_integral=False,
                             tuner=None)

    @property
    def rows_per_value(self) -> int:
        """The number of rows that T is one value of: what their attributions sum to together."""
        return self.size if self.is_joint else 1

    def sums(self, attributions: Sequence[np.ndarray]) -> np.ndarray:
        """The sums of attributions that belong to each value of T, in float64."""
        per_row = sum(a.reshape(len(a), -1).sum(1, dtype=np.float64) for a in attributions)
        return np.asarray(per_row).reshape(-1, self.rows_per_value).sum(1)

    @property
    def unreported(self) -> Sweep:
        """The same rows and query, without a report of progress."""
        return self._replace(report=None)

    def part(self, start: int, stop: int) -> Sweep:
        """The rows from start to stop alone, counted from 0; where the graph fixes the batch, start is a
        multiple of it."""
        if (start, stop) == (0, self.n):
            return self
        return self._of(lambda rows: rows + start, stop - start)

    def among(self, rows: np.ndarray) -> Sweep:
        """These rows alone, counted from 0. Not where the graph fixes the batch."""
        assert not self.fixed_batch
        return self._of(lambda some: rows[some], len(rows))

    def _of(self, whole: Callable[[np.ndarray], np.ndarray], n: int) -> Sweep:
        """n rows; whole: from their numbers to those among all rows."""
        def of(evaluate: Evaluate) -> Evaluate:
            return lambda arrays, rows: evaluate(arrays, whole(rows))
        rows = whole(np.arange(n))
        return self._replace(n=n, evaluate=of(self.evaluate),
                             rows=rows if self.rows is None else self.rows[rows],
                             evaluate_value=self.evaluate_value and of(self.evaluate_value))

    def __call__(self, make: Make, points: int = 1, wanted: np.ndarray | None = None
                 ) -> Iterator[tuple[np.ndarray, np.ndarray, Answers]]:
        """Yield (rows, ks, answers) until all points of all rows are evaluated.

        make: makes what is fed for the points `ks` of `rows`. points: the number of points per row. wanted:
        (n, points), which of them to evaluate, by default all; where the graph fixes the batch, others may
        come along. Every answer has one entry per (row, k), or per row where the query sums along lines.
        """
        evaluations = self.n * points if wanted is None else self._count(wanted)
        spared = self.n * points - evaluations
        sizes = itertools.repeat(self.size) if self.tuner is None else self.tuner.sizes(evaluations)
        runs = packs(self.n, points, sizes, self.fixed_batch, wanted, self.is_line_integral)
        for (rows, ks, real, size), arrays in ahead(runs, lambda run: make(*run[:2])):
            start = time.perf_counter()
            answers = self.evaluate(arrays, rows)
            if self.tuner is not None:
                self.tuner.record(size, len(rows), time.perf_counter() - start)
            if self.report is not None:
                self.report(real, spared)
                spared = 0
            if real == len(rows):
                yield rows, ks, answers
            else:
                yield rows[:real], ks[:real], first_rows(answers, real)
        if spared and self.report is not None:
            self.report(0, spared)

    def _count(self, wanted: np.ndarray) -> int:
        """How many points will be evaluated."""
        if not self.fixed_batch:
            return int(np.count_nonzero(wanted))
        return sum(real for _, _, real, _ in packs(self.n, wanted.shape[1], itertools.repeat(self.size), True,
                                                   wanted))

    def once(self, make: Callable[[np.ndarray], Sequence[np.ndarray]]) -> Answers:
        """The answers at a single point per row, for all rows."""
        parts = [answers for _, _, answers in self(lambda rows, ks: make(rows))]
        return parts[0] if len(parts) == 1 else joined(parts)


def joined(parts: Sequence[Answers]) -> Answers:
    """The answers of several runs, one after the other."""
    return {name: np.concatenate([p[name] for p in parts]) if isinstance(a, np.ndarray)
            else [np.concatenate(v) for v in zip(*(p[name] for p in parts))] for name, a in parts[0].items()}
