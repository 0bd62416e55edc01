"""Coalitions: sets of features that are present together, and which of them give a row the same input."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from .permutations import Permutation

Rows = np.ndarray | slice
BASELINE, ORIGINAL = -2, -1         # in place of a coalition: those that give the baseline, and x itself


class Coalitions(ABC):
    """Some coalitions, numbered from 0, of which each row of x makes an input.

    is_shared: whether they are the same for all rows.
    """

    is_shared = True

    @abstractmethod
    def __len__(self) -> int:
        """How many coalitions there are."""

    @abstractmethod
    def present(self, rows: np.ndarray, ks: np.ndarray) -> np.ndarray:
        """(m, features): the features in coalition ks[i] of row rows[i]."""

    @abstractmethod
    def first_alike(self, rows: Rows, changed: np.ndarray) -> np.ndarray:
        """(m, coalitions): the first coalition that gives a row the same input; BASELINE or ORIGINAL where
        that is the baseline or x. changed: (m, features), the features of these rows that differ."""

    @abstractmethod
    def sums(self, rows: Rows, weights: np.ndarray) -> np.ndarray:
        """(m, coalitions): the sums of weights (m, features) over the features present."""


class Prefixes(Coalitions):
    """What is present after each but the last step of permutations, in which features enter one by one.

    with_ends: whether no feature and all features come first.
    """

    def __init__(self, permutations: Sequence[Permutation], with_ends: bool):
        ranks, self.orders = (np.stack(a) for a in zip(*permutations))
        self.number, self._features = self.orders.shape
        self._ranks = ranks.astype(np.min_scalar_type(self._features))
        self._ends = 2 * with_ends
        self._which, self._entered = _places(self.number, self._features, self._ends)

    def __len__(self) -> int:
        return len(self._which)

    def present(self, rows: np.ndarray, ks: np.ndarray) -> np.ndarray:
        return self._ranks[self._which[ks]] < self._entered[ks, None]

    def first_alike(self, rows: Rows, changed: np.ndarray) -> np.ndarray:
        if changed.all():                               # each prefix is an input of its own
            found = np.arange(len(self), dtype=np.int32)
            found[:self._ends] = [BASELINE, ORIGINAL][:self._ends]
            return np.broadcast_to(found, (len(changed), len(self)))
        count, m = self.orders.shape
        steps = np.arange(1, m + 1, dtype=np.int32)
        # the last step up to each one that changed the input
        last = np.maximum.accumulate(np.where(changed[:, self.orders], steps, 0), 2, dtype=np.int32)
        start = self._ends - 1 + np.arange(count, dtype=np.int32)[:, None] * (m - 1)
        found = np.where(last == 0, BASELINE, np.where(last == last[:, :, -1:], ORIGINAL, start + last))
        ends = np.stack([np.full(len(changed), BASELINE), np.where(changed.any(1), ORIGINAL, BASELINE)], 1)
        return np.append(ends[:, :self._ends], found[:, :, :-1].reshape(len(changed), -1), 1)

    def sums(self, rows: Rows, weights: np.ndarray) -> np.ndarray:
        found = np.cumsum(weights[:, self.orders], 2)
        ends = np.stack([np.zeros_like(found[:, 0, 0]), found[:, 0, -1]], 1)
        return np.append(ends[:, :self._ends], found[:, :, :-1].reshape(len(weights), -1), 1)

    def steps(self, values: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """(m, permutations, features): by how much each feature changes the value when it enters.

        values: (m, coalitions). ends: (m, 2), the values of no feature and of all features.
        """
        count, m = self.orders.shape
        path = np.empty((len(values), count, m + 1))
        path[:, :, 0], path[:, :, m] = ends[:, :1], ends[:, 1:]
        path[:, :, 1:m] = values[:, self._ends:].reshape(len(values), count, m - 1)
        return (path[:, :, 1:] - path[:, :, :-1])[:, np.arange(count)[:, None], self._ranks]


@lru_cache(maxsize=4)
def _places(count: int, features: int, ends: int) -> tuple[np.ndarray, np.ndarray]:
    """(the permutation, how many features have entered) of each prefix; the first `ends` are none and all."""
    which = np.append(np.zeros(ends, int), np.repeat(np.arange(count), features - 1))
    entered = np.append(np.array([0, features][:ends], int), np.tile(np.arange(1, features), count))
    return which, entered.astype(np.min_scalar_type(features))


class Masks(Coalitions):
    """Coalitions as an array of masks.

    masks: (coalitions, features), the same for all rows, or (rows, coalitions, features).
    """

    def __init__(self, masks: np.ndarray):
        self.masks, self.is_shared = np.asarray(masks, bool), masks.ndim == 2

    def __len__(self) -> int:
        return self.masks.shape[-2]

    def present(self, rows: np.ndarray, ks: np.ndarray) -> np.ndarray:
        return self.masks[ks] if self.is_shared else self.masks[rows, ks]

    def first_alike(self, rows: Rows, changed: np.ndarray) -> np.ndarray:
        found = np.empty((len(changed), len(self)), np.int32)
        masks = itertools.repeat(self.masks) if self.is_shared else self.masks[rows]
        for k, (of_row, differs) in enumerate(zip(masks, changed)):
            entered = of_row[:, differs]
            _, first, inverse = np.unique(_keys(entered), return_index=True, return_inverse=True)
            found[k] = first[inverse.reshape(-1)]
            found[k, entered.all(1)] = ORIGINAL
            found[k, ~entered.any(1)] = BASELINE
        return found

    def sums(self, rows: Rows, weights: np.ndarray) -> np.ndarray:
        weights = weights.astype(float)             # for the sake of fast products
        if self.is_shared:
            return weights @ self.masks.T.astype(float)
        return np.einsum('rkf,rf->rk', self.masks[rows], weights)


def _keys(masks: np.ndarray) -> np.ndarray:
    """One sortable number or string of bytes per mask, equal for equal masks."""
    if masks.shape[1] == 0:
        return np.zeros(len(masks), int)
    packed = np.packbits(masks, axis=1)
    wide = np.zeros((len(masks), max(8, packed.shape[1])), np.uint8)
    wide[:, :packed.shape[1]] = packed
    return wide.view(np.uint64 if wide.shape[1] == 8 else f'S{wide.shape[1]}')[:, 0]


class Ranked(Coalitions):
    """The features that come first in an order of each row, or those that do not.

    Parameters
    ----------
    ranks : array (rows, features)
        The place of every feature in the order of a row, from 0.
    counts : array (coalitions,)
        How many come first, ascending.
    first_present : bool
        Whether these are present, and not the others.
    """

    is_shared = False

    def __init__(self, ranks: np.ndarray, counts: np.ndarray, first_present: bool):
        self._ranks, self._counts, self._first_present = ranks, np.asarray(counts), first_present

    def __len__(self) -> int:
        return len(self._counts)

    def present(self, rows: np.ndarray, ks: np.ndarray) -> np.ndarray:
        return (self._ranks[rows] < self._counts[ks, None]) == self._first_present

    def _of_first(self, rows: Rows, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(the sums of weights (m, features) over what comes first, (m, coalitions); over all, (m, 1))."""
        ordered = np.take_along_axis(weights, self._ranks[rows].argsort(1), 1)
        until = np.append(np.zeros((len(ordered), 1), ordered.dtype), ordered.cumsum(1), 1)
        return until[:, self._counts], until[:, -1:]

    def first_alike(self, rows: Rows, changed: np.ndarray) -> np.ndarray:
        entered, total = self._of_first(rows, changed.astype(np.int32))
        there = entered if self._first_present else total - entered
        ks = np.arange(len(self), dtype=np.int32)
        is_new = np.append(np.ones((len(there), 1), bool), np.diff(entered, axis=1) != 0, 1)
        first = np.maximum.accumulate(np.where(is_new, ks, 0), 1)
        return np.where(there == 0, BASELINE, np.where(there == total, ORIGINAL, first))

    def sums(self, rows: Rows, weights: np.ndarray) -> np.ndarray:
        first, total = self._of_first(rows, weights)
        return first if self._first_present else total - first
