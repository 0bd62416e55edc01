"""Points x rows packed into session runs. The only loop over the data that the library has."""

from __future__ import annotations

import _thread
import collections
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

# make(rows, ks) -> the arrays to feed: the k-th point of each row. rows and ks have the same length.
Make = Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]]
# ask(arrays, rows) -> the answers for arrays that stand for these rows
Ask = Callable[[Sequence[np.ndarray], np.ndarray], list[np.ndarray]]


LOOK = 1 << 17              # numbers that are looked through at once
FACTORS = .25, .5, 1, 2     # of the rows that were guessed, which are tried
LARGEST = 16                # times the guess: as long as more rows are faster, twice as many are tried
ROUNDS = 2                  # tries of each; the first one has the costs of a new shape


class BatchSizeTuner:
    """How many rows a run holds where nobody says: what was guessed, until sweeps of twice that and more have
    timed a quarter of it to twice as many, and more where that is fastest.

    rows: the choice. most: rows that fit into memory. Sweeps in several threads may use one.
    """

    def __init__(self, rows: int, most: int):
        self.rows, self._guess, self._most = rows, rows, min(most, LARGEST * rows)
        self._seconds: dict[int, list[float]] = {min(max(1, int(rows * f)), most): [] for f in FACTORS}
        self._settled = False
        self._lock = threading.Lock()

    def sizes(self, evaluations: int) -> Iterator[int]:
        """The sizes of the runs of a sweep over so many evaluations; what does not fit is tried in the
        next."""
        left, tries = evaluations, collections.Counter({s: len(seconds) for s,
                                                        seconds in self._times().items()})
        while not self._settled and evaluations >= 2 * self._guess:
            size = max((s for s in self._times() if tries[s] < ROUNDS and s <= left), default=self.rows)
            tries[size] += 1
            left -= size
            yield size
        while True:
            yield self.rows

    def tell(self, size: int, rows: int, seconds: float) -> None:
        """What a run took. Another size than the guess is chosen if it is faster by a twentieth."""
        if self._settled or rows < size / 2:
            return
        with self._lock:
            if self._settled or size not in self._seconds:
                return
            self._seconds[size].append(seconds / rows)
            if min(map(len, self._seconds.values())) >= ROUNDS:
                best = min(self._seconds,
                           key=lambda s: min(self._seconds[s]) * (.95 if s == self.rows else 1))
                self.rows = best
                if best == max(self._seconds) and 2 * best <= self._most:
                    self._seconds[2 * best] = []
                else:
                    self._settled = True

    def _times(self) -> dict[int, list[float]]:
        with self._lock:
            return dict(self._seconds)


# (rows, ks, how many of them count, the size that was asked for)
Run = tuple[np.ndarray, np.ndarray, int, int]


def packs(n: int, points: int, sizes: Iterator[int], fixed_batch: bool, wanted: np.ndarray | None = None,
          is_line_integral: bool = False) -> Iterator[Run]:
    """Split n rows x points into runs. sizes: of each, at most. wanted: (n, points), those to ask; default:
    all.

    Open batch: row after row, all points of one before the next; `along`: the same points for all rows of a
    run. `aligned`: every run holds exactly the first of `sizes` rows at one point, in their order, the last
    one filled up by repeating a row; for graphs that fix the batch. A run that any of its rows wants is made
    for all of them.
    """
    if fixed_batch:
        size = next(sizes)
        for start in range(0, n, size):
            rows = np.minimum(np.arange(start, start + size), n - 1)
            for k in range(points) if wanted is None else np.flatnonzero(wanted[start:start + size].any(0)):
                yield rows, np.full(size, k), min(size, n - start), size
    elif is_line_integral:
        start = 0
        while start < n:
            size = next(sizes)
            lines, length = _lines(points, size)
            rows = np.arange(start, min(start + lines, n))
            for first in range(0, points, length):
                ks = np.arange(first, min(first + length, points))
                yield np.repeat(rows, len(ks)), np.tile(ks, len(rows)), len(rows) * len(ks), size
            start += lines
    else:
        for items, size in _runs(n * points, sizes, wanted):
            yield items // points, items % points, len(items), size


def calls(n: int, points: int, size: int, fixed_batch: bool, is_line_integral: bool = False) -> int:
    """The number of runs that `packs` makes of one size where all is wanted."""
    if fixed_batch:
        return points * -(-n // size)
    if is_line_integral:
        lines, length = _lines(points, size)
        return -(-n // lines) * -(-points // length)
    return -(-n * points // size)


def _lines(points: int, size: int) -> tuple[int, int]:
    """(rows, points of each) in one run: whole lines where they fit, else pieces of equal length."""
    return max(1, size // points), -(-points // -(-points // size))


def _runs(items: int, sizes: Iterator[int], wanted: np.ndarray | None) -> Iterator[tuple[np.ndarray, int]]:
    """The numbers of the wanted items, so many at a time, with the size."""
    flat, rest, start = None if wanted is None else wanted.reshape(-1), np.arange(0), 0
    while start < items or len(rest):
        size = next(sizes)
        if flat is None:
            yield np.arange(start, min(start + size, items)), size
            start += size
            continue
        while len(rest) < size and start < items:
            rest = np.concatenate([rest, np.flatnonzero(flat[start:start + LOOK]) + start])
            start += LOOK
        if len(rest):
            yield rest[:size], size
            rest = rest[size:]


class Sweep:
    """Asks a question at many points; what a method sees of a run.

    n: rows of xs. Calling it with `make` and the number of points per row yields (rows, ks, answers) until
    all are done; every answer is an array with one entry per (row, k), or per row where the question sums
    `along` lines. wanted: (n, points), which of them; where the graph fixes the batch others may come along.
    pace: chooses the size where nobody says. joint: whether T has one value for all rows of a run.
    """

    def __init__(self, ask: Ask, n: int, size: int, fixed_batch: bool, value: Ask | None = None,
                 report: Callable[[int, int], None] | None = None, is_line_integral: bool = False,
                 tuner: BatchSizeTuner | None = None, joint: bool = False):
        self._ask, self.n, self.size, self.fixed_batch, self._value, self._report = ask, n, size, fixed_batch, value, report
        self.is_line_integral, self._tuner, self._joint = is_line_integral, tuner, joint

    @property
    def value(self) -> Sweep:
        """The same rows, asked for the value of T."""
        assert self._value
        return Sweep(self._value, self.n, self.size, self.fixed_batch, report=self._report, joint=self._joint)

    @property
    def rows_per_value(self) -> int:
        """Of how many rows T is one value: what their attributions sum to together."""
        return self.size if self._joint else 1

    def sums(self, attributions: Sequence[np.ndarray]) -> np.ndarray:
        """The sums of attributions that belong to each value of T, in float64."""
        per_row = sum(a.reshape(len(a), -1).sum(1, dtype=np.float64) for a in attributions)
        return np.asarray(per_row).reshape(-1, self.rows_per_value).sum(1)

    @property
    def unreported(self) -> Sweep:
        """The same, of whose runs nobody is told."""
        return Sweep(self._ask, self.n, self.size, self.fixed_batch, self._value, None, self.is_line_integral,
                     self._tuner)

    def part(self, start: int, stop: int) -> Sweep:
        """The rows from start to stop alone, counted from 0; where the graph fixes the batch start is a
        multiple of it."""
        if (start, stop) == (0, self.n):
            return self
        return self._of(lambda rows: rows + start, stop - start)

    def among(self, rows: np.ndarray) -> Sweep:
        """These rows alone, counted from 0. Not where the graph fixes the batch."""
        assert not self.fixed_batch
        return self._of(lambda some: rows[some], len(rows))

    def _of(self, whole: Callable[[np.ndarray], np.ndarray], n: int) -> Sweep:
        """n rows; whole: their numbers among all."""
        ask, value = self._ask, self._value
        return Sweep(lambda arrays, rows: ask(arrays, whole(rows)), n, self.size, self.fixed_batch,
                     None if value is None else lambda arrays, rows: value(arrays, whole(rows)), self._report,
                     self.is_line_integral, self._tuner, self._joint)

    def __call__(self, make: Make, points: int = 1,
                 wanted: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, np.ndarray,
                                                                     list[np.ndarray]]]:
        evaluations = self.n * points if wanted is None else self._count(wanted)
        spared = self.n * points - evaluations
        sizes = itertools.repeat(self.size) if self._tuner is None else self._tuner.sizes(evaluations)
        for rows, ks, real, size, arrays in _ahead(packs(self.n, points, sizes, self.fixed_batch, wanted,
                                                         self.is_line_integral), make):
            start = time.perf_counter()
            answers = self._ask(arrays, rows)
            if self._tuner is not None:
                self._tuner.tell(size, len(rows), time.perf_counter() - start)
            if self._report is not None:
                self._report(real, spared)
                spared = 0
            yield rows[:real], ks[:real], [a[:real] for a in answers]
        if spared and self._report is not None:
            self._report(0, spared)

    def _count(self, wanted: np.ndarray) -> int:
        """How many items will be asked."""
        if not self.fixed_batch:
            return int(np.count_nonzero(wanted))
        return sum(real for _, _, real, _ in packs(self.n, wanted.shape[1], itertools.repeat(self.size), True,
                                                   wanted))

    def once(self, make: Callable[[np.ndarray], Sequence[np.ndarray]]) -> list[np.ndarray]:
        """The answers at a single point per row, whole."""
        parts = [answers for _, _, answers in self(lambda rows, ks: make(rows))]
        return [np.concatenate(p) if len(p) > 1 else p[0] for p in zip(*parts)]


def _ahead(runs: Iterator[Run], make: Make) -> Iterator[tuple[np.ndarray, np.ndarray, int, int,
                                                              Sequence[np.ndarray]]]:
    """The runs with their arrays; those of the next are made in a thread while TensorFlow, which releases the
    GIL, runs one.

    Every run gets a thread that makes its arrays and ends. None ever waits, so that there is nothing to end
    or to clean up after an error or Ctrl-C, which may come between any two lines here. The bare threads of
    `_thread` start in one step; those of `threading`, and its pools, hold locks while they start and stop,
    and an interrupt there hangs.
    """
    made: queue.SimpleQueue[tuple[Sequence[np.ndarray], BaseException | None]] = queue.SimpleQueue()

    def work(rows, ks):
        try:
            made.put((make(rows, ks), None))
        except BaseException as e:              # raised where the arrays are wanted
            made.put(([], e))

    run = next(runs, None)
    following = next(runs, None)
    arrays = make(*run[:2]) if run is not None else []
    while run is not None:
        if following is not None:
            _thread.start_new_thread(work, following[:2])
        yield *run, arrays
        if following is not None:
            arrays, error = made.get()
            if error is not None:
                raise error
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
