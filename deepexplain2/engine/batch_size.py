"""How many rows a run holds when no batch size is given."""

from __future__ import annotations

import collections
import itertools
import threading
from collections.abc import Iterator

from ..errors import ParameterError
from ..graph.path import Path
from ..kinds_of_values import integer
from .memory import free_memory

# bytes of the widest tensor in one run: 256 rows of a small CNN cost 1.6 times more per row than 32
ROW_BUDGET = 4 << 20
FACTORS = .25, .5, 1, 2     # of the estimate, which are timed
LARGEST = 16                # times the estimate: as long as more rows are faster, twice as many are timed
ROUNDS = 2                  # runs that are timed of each size; the first one has the costs of a new shape


class BatchSizeTuner:
    """Chooses the batch size when none is given: starts from an estimate, times long sweeps at 1/4 to 2 times
    it (and more while that is faster), keeps the fastest per row.

    Several threads may use one tuner.

    Parameters
    ----------
    rows : int
        The estimate; afterwards the choice.
    most : int
        Rows that fit into memory.
    """

    def __init__(self, rows: int, most: int):
        self.rows, self._estimate, self._most = rows, rows, min(most, LARGEST * rows)
        self._seconds: dict[int, list[float]] = {min(max(1, int(rows * f)), most): [] for f in FACTORS}
        self._settled = False
        self._lock = threading.Lock()

    def sizes(self, evaluations: int) -> Iterator[int]:
        """The sizes of the runs of a sweep over so many evaluations; a size that does not fit is timed in the
        next sweep."""
        if self._settled or evaluations < 2 * self._estimate:
            yield from itertools.repeat(self.rows)
        left = evaluations
        tries = collections.Counter({size: len(seconds) for size, seconds in self._times().items()})
        while not self._settled:
            size = max((s for s in self._times() if tries[s] < ROUNDS and s <= left), default=self.rows)
            tries[size] += 1
            left -= size
            yield size
        while True:
            yield self.rows

    def record(self, size: int, rows: int, seconds: float) -> None:
        """Note what a run took. Another size than the estimate is chosen if it is faster by a twentieth."""
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


def default_rows(path: Path, jit: bool, memory_limit: int | None = None) -> int:
    """An estimate of the best number of rows for one run: what keeps the widest tensor near ROW_BUDGET, 4 to
    1024, and all of them within the limit (bytes; None: half of the free memory)."""
    rows = min(max(ROW_BUDGET // max(path.row_bytes, 1), 4), 1024)
    rows = min(rows, most_rows(path, memory_limit))
    return rows // _step(rows) * _step(rows) if jit else rows


def most_rows(path: Path, memory_limit: int | None = None) -> int:
    """Rows of which the tensors on the path take no more than the limit, see `default_rows`."""
    limit = free_memory() // 2 if memory_limit is None else integer(memory_limit, 'memory_limit', 1)
    if limit < path.row_total and memory_limit is not None:
        raise ParameterError(f'memory_limit is {limit} bytes, but one row takes about '
                             f'{path.row_total} between X and T')
    return max(1, limit // max(path.row_total, 1))


def rounded(rows: int) -> int:
    """The number of rows that is compiled for so many: less than a quarter more."""
    return -(-rows // _step(rows)) * _step(rows)


def _step(rows: int) -> int:
    """The distance between numbers that are compiled: 1 up to seven rows, then four numbers per doubling."""
    return 1 << max(rows.bit_length() - 3, 0)
