"""The mean of a method's attributions over several references, noisy inputs or other variants of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..engine.sweep import Sweep

Attribute = Callable[[Sweep, slice], list[np.ndarray]]


def mean_over(sweep: Sweep, count: int, attribute: Attribute) -> list[np.ndarray]:
    """The mean attributions of every row over `count` variants of it, summed in float64.

    Few rows take many variants at once, each pair of a row and a variant as a row; many rows one after the
    other.

    Parameters
    ----------
    sweep : Sweep
        The rows.
    count : int
        How many variants a row has, at least 1.
    attribute : function (pairs, variants) -> list of arrays
        Attributions of some variants of all rows: `pairs` is a sweep with one row per pair, row by row, all
        variants of a row before the next; `variants` is the slice of their numbers. See `repeated` and
        `paired`.
    """
    totals: list[np.ndarray] = []
    for variants in rounds(sweep, 0, count):
        found = [f.sum(1, dtype=np.float64) for f in at_variants(sweep, variants, attribute)]
        totals = [t + f for t, f in zip(totals, found)] if totals else found
    return [t / count for t in totals]


def rounds(sweep: Sweep, start: int, stop: int) -> Iterator[slice]:
    """The variants from start to stop, as many at a time as all rows are explained for at once."""
    together = 1 if sweep.fixed_batch else max(1, sweep.size // (2 * sweep.n))
    return (slice(first, min(first + together, stop)) for first in range(start, stop, together))


def at_variants(sweep: Sweep, variants: slice, attribute: Attribute) -> list[np.ndarray]:
    """The attributions of some variants of every row, arrays (n, variants, ...). See `mean_over`."""
    n, m = sweep.n, variants.stop - variants.start
    pairs = sweep if m == 1 else sweep.among(np.repeat(np.arange(n), m))
    return [f.reshape(n, m, *f.shape[1:]) for f in attribute(pairs, variants)]


def repeated(array: np.ndarray, variants: slice) -> np.ndarray:
    """Rows, each as often as there are variants; one row for all stays one."""
    return array if len(array) == 1 else np.repeat(array, variants.stop - variants.start, 0)


def paired(array: np.ndarray, variants: slice, n: int) -> np.ndarray:
    """These variants for each of n rows, of an array (1 or n, variants) + features, one row per pair; a
    single one that all rows share stays one row."""
    some = array[:, variants]
    if some.shape[:2] == (1, 1):
        return some[0]
    return np.broadcast_to(some, (n, *some.shape[1:])).reshape(-1, *some.shape[2:])
