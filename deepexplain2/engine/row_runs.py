"""Runs of a few rows that show whether rows mix, and where each row stands in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

FEW = 4                 # rows of a run
Take = Callable[[np.ndarray], list[np.ndarray]]     # from numbers of rows to the arrays of X


class Run(NamedTuple):
    """T as it is, of these rows of xs together."""
    rows: np.ndarray
    values: np.ndarray


class Place(NamedTuple):
    """A row in a run, and where else it was seen. alike: whether in a run of the same size at the same
    place."""
    run: Run
    at: int
    other: Run
    there: int
    alike: bool


def open_runs(size: int, first: int, between: int, last: int) -> list[np.ndarray]:
    """The rows of a few runs, from which every way is seen in which rows may mix, whichever of them is the
    largest, and in whatever order: the rows among one another, one beside copies of itself, another alone.
    First among others are rows that no order has sorted or mirrored."""
    if size >= FEW:
        among = [first, between, last, first] if between != last else [first, last, first, first]
    else:
        among = [first, between, last][:size] if size > 2 else [first, last]
    beside = among[1]
    alone = next((k for k in (last, first) if k != beside), first)
    runs = [among, [beside] * len(among), [alone]]
    return [np.array(r) for r in (runs if size >= FEW else [*runs, among[::-1]])]


def fixed_runs(n: int, size: int, between: int, last: int) -> list[np.ndarray]:
    """The same where a run has `size` rows, and a row its place."""
    among = np.minimum(np.arange(size), n - 1)
    beside = np.where(among == 0, 0, between if between != last else 0)
    return [among, beside, np.full(size, last)]


def places_of(runs: Sequence[Run]) -> list[Place]:
    """The rows of all runs, each with where it stands in the first."""
    among = runs[0]
    seen = {int(r): k for k, r in reversed(list(enumerate(among.rows)))}
    places = []
    for run in runs:
        for k, r in enumerate(run.rows):
            alike = run is not among and len(run.rows) == len(among.rows) and among.rows[k] == r
            there = k if alike else seen[int(r)]
            if run is not among or there != k:
                places.append(Place(run, k, among, there, alike))
    return places


def apart(a: np.ndarray, b: np.ndarray, allowed: np.ndarray | float) -> bool:
    """Whether two arrays differ by more; infinities and NaN are equal to themselves."""
    with np.errstate(invalid='ignore'):
        return bool((~((np.abs(a - b) <= allowed) | (a == b) | (np.isnan(a) & np.isnan(b)))).any())
