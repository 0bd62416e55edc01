"""T of all its units, evaluated once for the maps of several classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np

from .batch import Batch
from .query import Answers, Query

LIMIT = 1 << 25         # values that are kept; what comes after is evaluated again for every class
Report = Callable[[int, int], None]


class AllUnits:
    """Evaluates T for inputs, each of them once whatever class asks for it. Inputs are compared by a digest
    of 128 bits, together with the row that they belong to.

    Parameters
    ----------
    batch : Batch
        A run of the request, to be filled.
    report : function, optional
        Takes evaluations that were made, and those that are not needed.
    """

    def __init__(self, batch: Batch, report: Report | None):
        self._batch, self._report, self._was_known = batch, report, False
        self._known: dict[Query, dict[bytes, np.ndarray]] = {}

    def forget(self) -> None:
        """Let go of what was evaluated, where other rows follow."""
        self._known = {}

    def of_class(self, query: Query, c: int) -> Callable[[Sequence[np.ndarray], np.ndarray], Answers]:
        """What answers with T of one class. query: that of the value of T."""
        of_units = query.of_units()
        return lambda arrays, rows: {'value': self._values(query, of_units, arrays, rows)[:, c]}

    def report(self, evaluations: int, spared: int) -> None:
        """Report a run: what was known already is not evaluated."""
        if self._report is not None:
            self._report(*((0, evaluations + spared) if self._was_known else (evaluations, spared)))
        self._was_known = False

    def _values(self, query: Query, of_units: Query, arrays: Sequence[np.ndarray],
                rows: np.ndarray) -> np.ndarray:
        """T, (points, units)."""
        keys, known = _digests(arrays, rows), self._known.setdefault(query, {})
        found = [known.get(key) for key in keys]
        self._was_known = all(v is not None for v in found)
        if self._was_known:
            return np.stack([v for v in found if v is not None])
        values = of_units.evaluate(self._batch.at(arrays, rows))['value']
        if len(known) * values.shape[1] < LIMIT:
            known.update(zip(keys, values))
        return values


def _digests(arrays: Sequence[np.ndarray], rows: np.ndarray) -> list[bytes]:
    """What tells inputs apart, one for each."""
    whole = [np.ascontiguousarray(a) for a in arrays]
    found = []
    for k, row in enumerate(rows.tolist()):
        digest = blake2b(row.to_bytes(8, 'little'), digest_size=16)
        for a in whole:
            digest.update(a[k if len(a) > 1 else 0].tobytes())
        found.append(digest.digest())
    return found
