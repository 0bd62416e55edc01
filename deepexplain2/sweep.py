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


LOOK = 1 << 17              # numbers that are looked through at once


def packs(n: int, points: int, size: int, aligned: bool, wanted: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Split n rows x points into runs: (rows, ks, real), the first `real` of which count. wanted: (n, points), those to ask; default: all.

    Open batch: row after row, all points of one before the next, at most `size` together. `aligned`: every run holds exactly `size`
    rows at one point, in their order, the last one filled up by repeating a row; for graphs that fix the batch. A run that any of its rows
    wants is made for all of them.
    """
    if not aligned:
        for item in _runs(n * points, size, wanted):
            yield item // points, item % points, len(item)
        return
    for start in range(0, n, size):
        rows = np.minimum(np.arange(start, start + size), n - 1)
        for k in range(points) if wanted is None else np.flatnonzero(wanted[start:start + size].any(0)):
            yield rows, np.full(size, k), min(size, n - start)


def _runs(items: int, size: int, wanted: np.ndarray | None) -> Iterator[np.ndarray]:
    """The numbers of the wanted items, `size` at a time."""
    if wanted is None:
        for start in range(0, items, size):
            yield np.arange(start, min(start + size, items))
        return
    flat, rest = wanted.reshape(-1), np.arange(0)
    for start in range(0, items, LOOK):
        rest = np.concatenate([rest, np.flatnonzero(flat[start:start + LOOK]) + start])
        stop = len(rest) - (len(rest) % size if start + LOOK < items else 0)
        for k in range(0, stop, size):
            yield rest[k:min(k + size, stop)]
        rest = rest[stop:]


class Sweep:
    """Asks a question at many points; what a method sees of a run.

    n: rows of xs. Calling it with `make` and the number of points per row yields (rows, ks, answers) until all are done; every answer
    is an array with one entry per (row, k). wanted: (n, points), which of them; where the graph fixes the batch others may come along.
    """

    def __init__(self, ask: Ask, n: int, size: int, aligned: bool, value: Ask | None = None,
                 report: Callable[[int, int], None] | None = None):
        self._ask, self.n, self.size, self.aligned, self._value, self._report = ask, n, size, aligned, value, report

    @property
    def value(self) -> Sweep:
        """The same rows, asked for the value of T."""
        assert self._value
        return Sweep(self._value, self.n, self.size, self.aligned, report=self._report)

    def among(self, rows: np.ndarray) -> Sweep:
        """These rows alone, counted from 0. Not where the graph fixes the batch."""
        assert not self.aligned
        ask, value = self._ask, self._value
        return Sweep(lambda arrays, some: ask(arrays, rows[some]), len(rows), self.size, False,
                     None if value is None else lambda arrays, some: value(arrays, rows[some]), self._report)

    def __call__(self, make: Make, points: int = 1, wanted: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, np.ndarray, list[np.ndarray]]]:
        spared = 0 if wanted is None or self._report is None else wanted.size - self._count(wanted)
        for rows, ks, real, arrays in _ahead(packs(self.n, points, self.size, self.aligned, wanted), make):
            answers = self._ask(arrays, rows)
            if self._report is not None:
                self._report(real, spared)
                spared = 0
            yield rows[:real], ks[:real], [a[:real] for a in answers]
        if spared and self._report is not None:
            self._report(0, spared)

    def _count(self, wanted: np.ndarray) -> int:
        """How many items will be asked."""
        if not self.aligned:
            return int(np.count_nonzero(wanted))
        return sum(real for _, _, real in packs(self.n, wanted.shape[1], self.size, True, wanted))

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


def blocks(n: int, width: int) -> Iterator[slice]:
    """n rows of so many numbers in pieces that keep temporary arrays small."""
    step = max(1, LOOK // max(width, 1))
    return (slice(start, start + step) for start in range(0, n, step))


def differ(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where two arrays of one dtype are not the same bits: a model may tell 0. from -0., which are equal."""
    a, b = (np.ascontiguousarray(v)[..., None].view(f'u{min(v.itemsize, 8)}') for v in (a, b))
    return (a != b).any(-1)


def take(a: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
    """Rows of an array that has one per sample, or a single one for all."""
    return a if len(a) == 1 else a[rows]
