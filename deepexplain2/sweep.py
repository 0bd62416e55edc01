"""Points x rows packed into session runs. The only loop over the data that the library has."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

# make(rows, ks) -> the arrays to feed: the k-th point of each row. rows and ks have the same length.
Make = Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]]
# ask(arrays, rows) -> the answers for arrays that stand for these rows
Ask = Callable[[Sequence[np.ndarray], np.ndarray], list[np.ndarray]]


def packs(n: int, points: int, size: int, aligned: bool, along: bool = False) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Split n rows x points into runs: (rows, ks, real), the first `real` of which count.

    Open batch: row after row, all points of one before the next, at most `size` together; `along`: the same points for all rows of a run.
    `aligned`: every run holds exactly `size` rows at one point, in their order, the last one filled up by repeating a row; for graphs that
    fix the batch.
    """
    if aligned:
        for start in range(0, n, size):
            rows = np.minimum(np.arange(start, start + size), n - 1)
            for k in range(points):
                yield rows, np.full(size, k), min(size, n - start)
    elif along:
        lines, length = _lines(points, size)
        for start in range(0, n, lines):
            rows = np.arange(start, min(start + lines, n))
            for first in range(0, points, length):
                ks = np.arange(first, min(first + length, points))
                yield np.repeat(rows, len(ks)), np.tile(ks, len(rows)), len(rows) * len(ks)
    else:
        for start in range(0, n * points, size):
            item = np.arange(start, min(start + size, n * points))
            yield item // points, item % points, len(item)


def calls(n: int, points: int, size: int, aligned: bool, along: bool = False) -> int:
    """The number of runs that `packs` makes."""
    if aligned:
        return points * -(-n // size)
    if along:
        lines, length = _lines(points, size)
        return -(-n // lines) * -(-points // length)
    return -(-n * points // size)


def _lines(points: int, size: int) -> tuple[int, int]:
    """(rows, points of each) in one run: whole lines where they fit, else pieces of equal length."""
    return max(1, size // points), -(-points // -(-points // size))


class Sweep:
    """Asks a question at many points; what a method sees of a run.

    n: rows of xs. Calling it with `make` and the number of points per row yields (rows, ks, answers) until all are done; every answer
    is an array with one entry per (row, k), or per row where the question sums `along` lines.
    """

    def __init__(self, ask: Ask, n: int, size: int, aligned: bool, value: Ask | None = None, report: Callable[[int], None] | None = None,
                 along: bool = False):
        self._ask, self.n, self.size, self.aligned, self._value, self._report, self.along = ask, n, size, aligned, value, report, along

    @property
    def value(self) -> Sweep:
        """The same rows, asked for the value of T."""
        assert self._value
        return Sweep(self._value, self.n, self.size, self.aligned, report=self._report)

    def part(self, start: int, stop: int) -> Sweep:
        """The rows from start to stop alone, counted from 0; where the graph fixes the batch start is a multiple of it."""
        if (start, stop) == (0, self.n):
            return self
        return self._of(lambda rows: rows + start, stop - start)

    def among(self, rows: np.ndarray) -> Sweep:
        """These rows alone, counted from 0. Not where the graph fixes the batch."""
        assert not self.aligned
        return self._of(lambda some: rows[some], len(rows))

    def _of(self, whole: Callable[[np.ndarray], np.ndarray], n: int) -> Sweep:
        """n rows; whole: their numbers among all."""
        ask, value = self._ask, self._value
        return Sweep(lambda arrays, rows: ask(arrays, whole(rows)), n, self.size, self.aligned,
                     None if value is None else lambda arrays, rows: value(arrays, whole(rows)), self._report, self.along)

    def __call__(self, make: Make, points: int = 1) -> Iterator[tuple[np.ndarray, np.ndarray, list[np.ndarray]]]:
        for rows, ks, real, arrays in _ahead(packs(self.n, points, self.size, self.aligned, self.along), make):
            answers = self._ask(arrays, rows)
            if self._report is not None:
                self._report(real)
            yield rows[:real], ks[:real], [a[:real] for a in answers]

    def once(self, make: Callable[[np.ndarray], Sequence[np.ndarray]]) -> list[np.ndarray]:
        """The answers at a single point per row, whole."""
        parts = [answers for _, _, answers in self(lambda rows, ks: make(rows))]
        return [np.concatenate(p) if len(p) > 1 else p[0] for p in zip(*parts)]


def _ahead(runs: Iterator[tuple[np.ndarray, np.ndarray, int]], make: Make) -> Iterator[tuple[np.ndarray, np.ndarray, int, Sequence[np.ndarray]]]:
    """The runs with their arrays; those of the next are made in a thread while TensorFlow, which releases the GIL, runs one."""
    run = next(runs, None)
    following = next(runs, None)
    if run is not None and following is None:
        yield *run, make(*run[:2])
        return
    with ThreadPoolExecutor(1) as pool:
        arrays = pool.submit(make, *run[:2]) if run is not None else None
        while run is not None and arrays is not None:
            ready = arrays.result()
            arrays = None if following is None else pool.submit(make, *following[:2])
            yield *run, ready
            run, following = following, next(runs, None)


def add_rows(total: np.ndarray, rows: np.ndarray, values: np.ndarray, weights: np.ndarray) -> None:
    """total[rows] += weights * values, in the precision of total; equal rows stand together."""
    bounds = np.flatnonzero(np.diff(rows, prepend=-1, append=-1))
    for start, stop in itertools.pairwise(bounds):
        total[rows[start]] += np.tensordot(weights[start:stop], values[start:stop].astype(total.dtype), 1)


def take(a: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows of an array that has one per sample, or a single one for all."""
    return a if len(a) == 1 else a[rows]
