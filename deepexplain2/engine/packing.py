"""Points x rows split into runs of the graph."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from . import arrays

# (rows, ks, how many of them count, the size that was asked for)
Run = tuple[np.ndarray, np.ndarray, int, int]


def packs(n: int, points: int, sizes: Iterator[int], fixed_batch: bool, wanted: np.ndarray | None = None,
          is_line_integral: bool = False) -> Iterator[Run]:
    """Split n rows x points into runs. sizes: of each, at most. wanted: (n, points), those to evaluate; by
    default all.

    Open batch: row after row, all points of one before the next. is_line_integral: the same points for all
    rows of a run. fixed_batch, for graphs that fix it: every run holds exactly the first of `sizes` rows at
    one point, in their order, the last one filled up by repeating a row; a run that any of its rows wants is
    made for all of them.
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
    """The number of runs of one size that `packs` makes where all points are wanted."""
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
    """The numbers of the wanted items, as many at a time as `sizes` says, and that size."""
    flat, rest, start = None if wanted is None else wanted.reshape(-1), np.arange(0), 0
    while start < items or len(rest):
        size = next(sizes)
        if flat is None:
            yield np.arange(start, min(start + size, items)), size
            start += size
            continue
        while len(rest) < size and start < items:
            rest = np.concatenate([rest, np.flatnonzero(flat[start:start + arrays.LOOK]) + start])
            start += arrays.LOOK
        if len(rest):
            yield rest[:size], size
            rest = rest[size:]
