"""Values of T at perturbed inputs, of which none is evaluated twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..features.base import Features
from ..features.coalitions import Coalitions
from .arrays import blocks, differ, take
from .sweep import Make, Sweep

TABLE = 1 << 20         # inputs whose values are kept from call to call


def evaluate(sweep: Sweep, make: Make, values: np.ndarray, wanted: np.ndarray) -> None:
    """Write T at the wanted points of each row into values, (n, points) or wider. Where the graph fixes the
    batch, other points may be written too."""
    for rows, ks, answers in sweep(make, wanted.shape[1], None if wanted.all() else wanted):
        values[rows, ks] = answers['value']


def without_each(sweep: Sweep, features: Features, xs: list[np.ndarray],
                 baselines: list[np.ndarray]) -> np.ndarray:
    """(n, features + 1): T at x with each feature absent, and at x, the last."""
    n, count = len(xs[0]), features.count
    alike = np.empty((n, count + 1), np.min_scalar_type(count))     # the first feature with the same input
    alike[:, count] = count
    for some in blocks(n, _width(xs)):
        alike[some, :count] = features.among(some).first_alike(_differ(xs, baselines, some))
    values = np.empty((n, count + 1))
    evaluate(sweep, lambda rows, ks: features.without(xs, baselines, rows, ks), values,
             alike == np.arange(count + 1))
    for some in blocks(n, _width(xs)):
        values[some] = np.take_along_axis(values[some], alike[some], 1)
    return values


class Memo:
    """T for coalitions of features: those that are present have their values in x, the others those of the
    baseline.

    Each input is evaluated once in a call. From call to call are kept: T at x and at the baseline, and T at
    all inputs of the rows that have the fewest, up to TABLE values in all; of none, where all rows have
    as many and too many.

    changed: (n, features), the features of each row that differ from the baseline: only these matter.
    """

    def __init__(self, sweep: Sweep, features: Features, xs: Sequence[np.ndarray],
                 baselines: Sequence[np.ndarray]):
        self._sweep, self.features = sweep, features
        self._xs, self._baselines = [np.ascontiguousarray(x) for x in xs], baselines
        n = len(xs[0])
        self.changed = np.concatenate([features.among(some).changed(_differ(self._xs, baselines, some))
                                       for some in blocks(n, _width(xs))])
        self._ends = np.full((n, 2), np.nan)                            # T at the baseline and at x
        inputs = 1 << np.minimum(self.changed.sum(1), 40)
        order = inputs.argsort(kind='stable')
        stops = inputs[order].cumsum()
        is_dense = bool(self.changed.all())
        kept = 0 if is_dense and stops[-1] > TABLE else int(np.count_nonzero(stops <= TABLE))
        self._start, self._inputs = np.full(n, -1), inputs      # where a row begins in the table, if it does
        self._start[order[:kept]] = (stops - inputs[order])[:kept]
        # memory that nothing is written to costs nothing
        size = int(stops[kept - 1]) if kept else 0
        self._table, self._known = np.empty(size), np.zeros(size, bool)
        has_table, numbers = self._start >= 0, np.arange(n)
        self._parts = [(slice(0, n) if of.all() else numbers[of], of is has_table)
                       for of in (has_table, ~has_table) if of.any()]
        self._is_plain = not kept and is_dense              # all rows have the same inputs

    @property
    def size(self) -> int:
        """How many inputs fill a run."""
        return self._sweep.size

    @property
    def ends(self) -> np.ndarray:
        """(n, 2): T at the baseline and at x, NaN where it was not asked."""
        if np.isnan(self._ends).any():
            for rows, has_table in self._parts:
                if has_table:
                    for end, at in (0, self._start[rows]), (1, self._start[rows] + self._inputs[rows] - 1):
                        self._ends[rows, end] = np.where(self._known[at], self._table[at], np.nan)
            self._ends[:, 1] = np.where(self.changed.any(1), *self._ends.T[::-1])
        return self._ends

    def __call__(self, coalitions: Coalitions) -> np.ndarray:
        """(n, coalitions): T for each row and coalition."""
        n, k = len(self.changed), len(coalitions)
        values = np.full((n, k + 2), np.nan)                # the last two: at the baseline and at x
        values[:, k:] = self._ends
        if self._is_plain and coalitions.is_shared:
            rows = np.zeros(1, int)
            alike = coalitions.first_alike(rows, self.changed[:1])
            wanted, ends = self._wanted(rows, alike)
            alike, wanted = (np.broadcast_to(a, (n, k)) for a in (alike, wanted))
            ends = [(np.arange(n), end, np.repeat(at, n)) for _, end, at in ends if len(at)]
        else:
            alike, wanted, ends = self._seen(coalitions)

        def make(rows, ks):
            return self.features.mix(self._xs, self._baselines, rows, coalitions.present(rows, ks))
        evaluate(self._sweep, make, values, wanted)
        for rows, end, at in ends:
            values[rows, k + end] = self._ends[rows, end] = values[rows, at]
        if not (wanted.all() and not len(self._table)):
            self._complete(values, alike)
        return values[:, :k]

    def _seen(self, coalitions: Coalitions) -> tuple[np.ndarray, np.ndarray, list]:
        """(places, wanted, ends) of all rows: where the value of each coalition stands, in the table or
        among the values of the row; which coalitions are to be evaluated; see `_wanted`."""
        n, k = len(self.changed), len(coalitions)
        places, wanted, ends = np.empty((n, k), np.int32), np.empty((n, k), bool), []
        for rows, has_table in self._blocks(k + self.changed.shape[1]):
            changed = self.changed[rows]
            if has_table:
                weights = np.where(changed, 1 << (changed.cumsum(1) - changed), 0)
                places[rows] = self._start[rows, None] + coalitions.sums(rows, weights)
                wanted[rows] = _first_unknown(self._known, places[rows])
            else:
                places[rows] = coalitions.first_alike(rows, changed)
                wanted[rows], found = self._wanted(rows, places[rows])
                ends += found
        return places, wanted, ends

    def _blocks(self, width: int) -> Iterator[tuple[np.ndarray | slice, bool]]:
        """All rows in pieces, see `blocks`, with whether these rows are in the table."""
        for rows, has_table in self._parts:
            n = len(self.changed) if isinstance(rows, slice) else len(rows)
            for some in blocks(n, width):
                yield (some if isinstance(rows, slice) else rows[some]), has_table

    def _wanted(self, rows: np.ndarray | slice, alike: np.ndarray) -> tuple[np.ndarray, list]:
        """(which coalitions are to be evaluated, [(rows, 0 for the baseline or 1 for x, the coalitions that
        give it)] where the values of these are not known yet)."""
        wanted, ends = alike == np.arange(alike.shape[1]), []
        numbers = np.arange(len(self.changed))[rows]
        for end in 0, 1:
            unknown = np.flatnonzero(np.isnan(self._ends[rows, end]))
            if len(unknown):
                given = alike[unknown] == end - 2
                at = given.argmax(1)
                has = given[np.arange(len(at)), at]
                wanted[unknown[has], at[has]] = True
                ends.append((numbers[unknown[has]], end, at[has]))
        return wanted, ends

    def _complete(self, values: np.ndarray, places: np.ndarray) -> None:
        """Fill in the values of coalitions that were not evaluated, and keep those of rows with a table."""
        k = places.shape[1]
        for rows, has_table in self._blocks(k):
            found = values[rows]
            if not has_table:
                values[rows, :k] = np.take_along_axis(found, places[rows], 1)
                continue
            at, is_known = places[rows], ~np.isnan(found[:, :k])
            self._table[at[is_known]] = found[:, :k][is_known]
            self._known[at[is_known]] = True
            values[rows, :k] = self._table[at]


def _first_unknown(known: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Where places point at values of a table that are not known, each place once."""
    wanted = np.zeros(places.shape, bool)
    unknown = np.flatnonzero(~known[places])
    wanted.flat[unknown[np.unique(places.flat[unknown], return_index=True)[1]]] = True
    return wanted


def _differ(xs: Sequence[np.ndarray], baselines: Sequence[np.ndarray], rows: slice) -> list[np.ndarray]:
    """Where some rows of x are not the baseline, bit by bit."""
    return [differ(x[rows], take(b, rows)) for x, b in zip(xs, baselines)]


def _width(xs: Sequence[np.ndarray]) -> int:
    """How many numbers a row has."""
    return sum(x[0].size for x in xs)
