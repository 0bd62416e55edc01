"""Hierarchies: features in groups of groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..errors import ParameterError, shown
from .coalitions import BASELINE, Coalitions
from .windows import has_channels

MOST_PARTS = 10         # of a group: 1024 coalitions


class Hierarchy:
    """A tree whose leaves are features.

    Nodes are numbered from the root, 0, each before its parts. What a node holds are features that stand
    together in `order`.

    Parameters
    ----------
    root : object
        What stands for all features.
    divide : function
        From what stands for a node to the number of its feature, or to a list of what stands for its parts.

    Attributes
    ----------
    parts : list of tuple of int
        The parts of each node; () for a feature.
    order : array (features,)
        The features as they stand in the tree.
    starts, stops : lists of int
        Which places of `order` a node holds.
    cost : int
        How many coalitions, besides that of all features and that of none, Owen values take.
    """

    def __init__(self, root: Any, divide: Callable[[Any], Any]):
        self.parts: list[tuple[int, ...]] = [()]
        self.starts = [0]
        order: list[int] = []
        stack = [(0, root)]
        while stack:
            node, what = stack.pop()
            self.starts[node] = len(order)
            below = divide(what)
            if isinstance(below, int):
                order.append(below)
                continue
            first = len(self.parts)
            self.parts[node] = tuple(range(first, first + len(below)))
            self.parts += [()] * len(below)
            self.starts += [0] * len(below)
            stack += list(zip(self.parts[node], below))[::-1]
        self.order = np.array(order)
        self.stops = [start + 1 for start in self.starts]
        costs = [0] * len(self.parts)
        for node in range(len(self.parts) - 1, -1, -1):
            parts = self.parts[node]
            if parts:
                self.stops[node] = self.stops[parts[-1]]
                costs[node] = (1 << len(parts)) - 2 + sum(costs[p] for p in parts) * (1 << len(parts) - 1)
        self.cost = costs[0]


@lru_cache(maxsize=2)           # of 224 x 224 x 3 entries it takes 60 MB and 1.5 s
def halves(rows: tuple[tuple[int, ...], ...]) -> Hierarchy:
    """The entries of inputs, rows of these shapes: halves of the list of inputs, then of each along its
    longest axis, and so on; the channels of an image or volume last."""
    offsets = np.cumsum([0, *map(prod, rows)]).tolist()

    def divide(what):
        start, stop, box = what
        if stop - start > 1:
            middle = (start + stop) // 2
            return [(start, middle, None), (middle, stop, None)]
        row = rows[start]
        box = box or tuple((0, s) for s in row)
        sizes = [b - a for a, b in box]
        if has_channels(row) and max(sizes[:-1]) > 1:
            sizes[-1] = 1
        axis = int(np.argmax(sizes))
        if sizes[axis] == 1:
            return offsets[start] + int(np.ravel_multi_index([a for a, _ in box], row))
        a, b = box[axis]
        middle = (a + b) // 2
        return [(start, stop, (*box[:axis], side, *box[axis + 1:])) for side in ((a, middle), (middle, b))]
    return Hierarchy((0, len(rows), None), divide)


def nested(value: Any, count: int) -> Hierarchy:
    """The hierarchy that groups or linkages, checked by `groups`, make of so many features."""
    if isinstance(value, np.ndarray):
        if len(value) != count - 1:
            raise ParameterError(f'hierarchy has {len(value)} rows, as linkages of {len(value) + 1} features '
                                 f'have, and there are {count}')

        def divide(what):
            return what if what < count else [int(k) for k in value[what - count, :2]]
        tree = Hierarchy(2 * count - 2, divide)
    else:
        tree = Hierarchy(value, lambda what: what if isinstance(what, int) else list(what))
    held = np.bincount(tree.order, minlength=count)
    wrong = next((k for k in range(len(held)) if held[k] != (k < count)), None)
    if wrong is not None:
        raise ParameterError(f'hierarchy holds feature {wrong} {held[wrong]} times. It must hold each of the '
                             f'{count} features once, counted from 0')
    return tree


def groups(value: Any, name: str) -> Any:
    """Check lists of lists of the numbers of features, or linkages as those of SciPy."""
    if isinstance(value, np.ndarray):
        if value.ndim != 2 or value.shape[1] != 4:
            raise ParameterError(f'{name} is an array of shape {value.shape}. Linkages, as those of '
                                 f'scipy.cluster.hierarchy.linkage, have shape (features - 1, 4)')
        pairs = value[:, :2]
        if (pairs != pairs.round()).any() or sorted(pairs.ravel().tolist()) != list(range(2 * len(value))):
            raise ParameterError(f'{name} is no array of linkages: its first two columns must hold each '
                                 f'group but the last once')
        if (pairs.max(1) > len(value) + np.arange(len(value))).any():
            raise ParameterError(f'{name} is no array of linkages: a row joins a group that a later one '
                                 f'makes')
        kept = value.copy()
        kept.setflags(write=False)
        return kept
    if not isinstance(value, (list, tuple)):
        raise ParameterError(f'{name} must be lists of lists of the numbers of features, or an array of '
                             f'linkages, not {shown(value)}')
    return _frozen(value, name)


def _frozen(value: Sequence[Any], name: str) -> tuple[Any, ...]:
    if not 1 <= len(value) <= MOST_PARTS:
        raise ParameterError(f'{name} has a group of {len(value)} parts, and takes 1 to {MOST_PARTS}, as all '
                             f'coalitions of them are evaluated. Give groups of groups')
    found: list[Any] = []
    for part in value:
        if isinstance(part, (list, tuple)):
            found.append(_frozen(part, name))
        elif isinstance(part, (int, np.integer)) and not isinstance(part, bool) and part >= 0:
            found.append(int(part))
        else:
            raise ParameterError(f'{name} holds {shown(part)}, and takes lists of the numbers of features, '
                                 f'counted from 0')
    return tuple(found)


class Groupings(Coalitions):
    """Coalitions of the nodes of a tree, others for each row; all of a row are different inputs, and neither
    x nor the baseline."""

    is_shared = False

    def __init__(self, tree: Hierarchy, nodes: Sequence[Sequence[tuple[int, ...]]]):
        self._tree, self._nodes = tree, nodes
        self._count = max(map(len, nodes))

    def __len__(self) -> int:
        return self._count

    def _spans(self, row: int, k: int) -> list[slice]:
        return [slice(self._tree.starts[node], self._tree.stops[node]) for node in self._nodes[row][k]]

    def present(self, rows: np.ndarray, ks: np.ndarray) -> np.ndarray:
        found = np.zeros((len(rows), len(self._tree.order)), bool)
        for mask, row, k in zip(found, rows, ks):
            if k < len(self._nodes[row]):                   # beyond: where a batch is filled up
                for span in self._spans(row, k):
                    mask[self._tree.order[span]] = True
        return found

    def _each(self, rows: np.ndarray | slice) -> np.ndarray:
        return np.arange(len(self._nodes))[rows]

    def first_alike(self, rows: np.ndarray | slice, changed: np.ndarray) -> np.ndarray:
        sizes = np.array([len(self._nodes[row]) for row in self._each(rows)])
        ks = np.arange(len(self), dtype=np.int32)
        return np.where(ks < sizes[:, None], ks, BASELINE)

    def sums(self, rows: np.ndarray | slice, weights: np.ndarray) -> np.ndarray:
        found = np.zeros((len(weights), len(self)), weights.dtype)
        for sums, row, of_row in zip(found, self._each(rows), weights):
            until = np.append(0, of_row[self._tree.order].cumsum())
            for k in range(len(self._nodes[row])):
                sums[k] = sum(until[span.stop] - until[span.start] for span in self._spans(row, k))
        return found
