"""Mean and variance of attributions over draws, in float64, with standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

Array = np.ndarray
Reduce = Literal['mean', 'square', 'variance']
ORDER = {'mean': 1, 'square': 1, 'variance': 2}     # of the central moment that a result needs


class Moments:
    """What draws of arrays come to: their mean, the mean of their squares, or their variance.

    Parameters
    ----------
    reduce : str
        'mean', 'square' (the mean of squares) or 'variance' (the sum of squared differences from the mean,
        over the number of draws less 1).
    with_errors : bool
        Whether standard errors are wanted, which takes twice the memory.

    Notes
    -----
    Draws come in rounds, whose central moments are added to those before (Chan et al. 1979; Pebay 2008,
    equations 3.1): nothing is lost where the mean is large beside the variance. Draws are counted from the
    first one, so that equal draws have exactly their value as mean, and exactly 0 as variance.
    """

    def __init__(self, reduce: Reduce, with_errors: bool):
        self._reduce, self._order = reduce, ORDER[reduce] * (2 if with_errors else 1)
        self.least = 2 if reduce == 'variance' else 1
        self.result = {'square': 'mean square'}.get(reduce, reduce)
        self._first: list[Array] = []
        self._drawn = 0
        self._parts: list[list[Array]] = []     # [sum] or [mean, M2, M3, M4] for each array
        self._is_whole = True

    @property
    def drawn(self) -> int:
        """How many draws there are; 0 where Ctrl-C came while some were added."""
        return self._drawn if self._is_whole else 0

    def add(self, draws: Sequence[Array]) -> None:
        """Add draws (n, count, ...), one array per input."""
        if self._reduce == 'square':
            draws = [d.astype(np.float64) ** 2 for d in draws]
        before, count = self._drawn, draws[0].shape[1]
        self._is_whole = False
        if not before:
            self._first = [d[:, :1].astype(np.float64) for d in draws] if self._order > 1 else []
            self._parts = [[np.zeros((len(d), *d.shape[2:]))] for d in draws]
        if self._order == 1:
            for (total,), d in zip(self._parts, draws):
                for k in range(count):
                    total += d[:, k]
        else:
            more = [_moments(d, first, self._order) for d, first in zip(draws, self._first)]
            if before:
                more = [_merged(a, before, b, count) for a, b in zip(self._parts, more)]
            self._parts = more
        self._drawn, self._is_whole = before + count, True

    def value(self) -> list[Array]:
        """The result, one array (n, ...) per input."""
        n, parts = self._drawn, self._parts
        if self._order == 1:
            return [total / n for total, in parts]
        if self._reduce == 'variance':
            return [m[1] / (n - 1) for m in parts]
        return [first[:, 0] + m[0] for first, m in zip(self._first, parts)]

    def error(self) -> list[Array]:
        """The standard error of the result; infinite with a single draw."""
        n, parts = self._drawn, self._parts
        if n < 2:
            return [np.full_like(m[0], np.inf) for m in parts]
        if self._reduce != 'variance':
            return [np.sqrt(m[1] / (n - 1) / n) for m in parts]
        return [np.sqrt(np.maximum(m[3] / n - (n - 3) / (n - 1) * (m[1] / (n - 1)) ** 2, 0) / n)
                for m in parts]

    def is_within(self, tolerance: float) -> bool:
        """Whether every standard error is at most `tolerance` times the largest value of its row, over all
        inputs; entries that are NaN count for nothing."""
        return bool((_largest(self.error()) <= tolerance * _largest(self.value())).all())

    def largest_error(self) -> float:
        """The largest standard error."""
        return float(_largest(self.error()).max())


def _largest(parts: Sequence[Array]) -> Array:
    """(n,): the largest magnitude of each row."""
    found = [np.abs(p.reshape(len(p), -1)) for p in parts]
    return np.max([np.where(np.isnan(f), 0, f).max(1) for f in found], 0)


def _moments(draws: Array, first: Array, order: int) -> list[Array]:
    """[mean, M2, M3, M4] of draws (n, count, ...) less the first one, up to an order (2 or 4);
    Mp sums the p-th powers
    of differences from the mean."""
    d = draws - first
    mean = d.mean(1)
    d -= mean[:, None]
    square = d * d
    if order == 2:
        return [mean, square.sum(1)]
    return [mean, square.sum(1), (square * d).sum(1), (square * square).sum(1)]


def _merged(a: list[Array], n: int, b: list[Array], m: int) -> list[Array]:
    """The moments of n draws and of m others together."""
    N, step = n + m, b[0] - a[0]
    found = [a[0] + step * (m / N), a[1] + b[1] + step ** 2 * (n * m / N)]
    if len(a) > 2:
        found.append(a[2] + b[2] + step ** 3 * (n * m * (n - m) / N ** 2)
                     + 3 * step * (n * b[1] - m * a[1]) / N)
        found.append(a[3] + b[3] + step ** 4 * (n * m * (n * n - n * m + m * m) / N ** 3)
                     + 6 * step ** 2 * (n * n * b[1] + m * m * a[1]) / N ** 2
                     + 4 * step * (n * b[2] - m * a[2]) / N)
    return found
