"""Owen values: Shapley values within groups of groups of features."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from ...engine.memo import Memo
from ...errors import ParameterError, ToleranceWarning, warn
from ...features.axes import AxesOfInput
from ...features.base import FeaturesOfX, join
from ...features.coalitions import Masks
from ...features.enumeration import all_masks, shapley_weights
from ...features.hierarchy import Groupings, Hierarchy, groups, halves, nested
from ...parameters import Baseline, Count, Kind, References
from ..base import Method, Plan
from ..registry import register

Groups = Annotated[Any, Kind('lists of lists of the numbers of features, or linkages of SciPy', groups)]
TOGETHER = 32           # groups that a row divides at once, where not all can be


@register('owen')
@dataclass(frozen=True)
class Owen(Method):
    """Owen values: Shapley values where features are in groups, these in groups again, and so on (Owen 1977);
    for many features, as those of an image. Method 'owen'.

    Parameters
    ----------
    hierarchy : lists of lists of int, or array, optional
        The groups, [[0, 1], [2, [3, 4]]], of features counted from 0, each at most 10 parts; or linkages, as
        those of scipy.cluster.hierarchy.linkage, (features - 1, 4). By default halves: of X along its longest
        axis, of each half along its longest, and so on, the channels of an image last.
    max_evaluations : int, default 1000
        The most evaluations of T per row, at least 4. Where they do not suffice for all groups, those are
        divided first that change T most, and the value of an undivided one is shared evenly.
    baseline : number, array, list of them or function, default 0
        The value of an absent feature: a scalar, an array of the shape of one row, or one with a row for each
        row of xs; or a function of xs that returns one of these. For a list X a list of them.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged: (k,) + the shape of one row, shared by all rows;
        (n, k) + that shape, k for each row of xs; or a function of xs that returns one of these. For several
        inputs a list of arrays. In place of baseline. Cost: k times as much.
    features : set of deepexplain2.features, optional
        What is switched together: Axes, Windows, Grid, Segments, superpixels(...), Columns. By default every
        entry is a feature; of token ids every word.
    masks : 'keep' or 'follow', default 'keep'
        'keep': masks that the model makes of X by comparison with a value (Keras Masking, x != 0) stay those
        of x for every input, and at the baseline. 'follow': every input has its own mask.

    Notes
    -----
    The parts of a group are players, whose Shapley value is taken while every other group of the levels above
    is there as a whole or not at all. So a feature is joined by single features of its own group alone, and
    the cost grows with the square of the number of features where Shapley values double with each. Values
    sum to f(x) - f(baseline), by feature and by group. Features in which x is the baseline get exactly 0.
    A row is divided by its own values, whatever the other rows are.

    Cost: at most max_evaluations of T per row; m features in halves take about 2 m^2 / 3 in all.

    References
    ----------
    Owen (1977). Values of games with a priori unions. doi:10.1007/978-3-642-45494-3_7
    Lundberg, Lee (2017). A unified approach to interpreting model predictions. arXiv:1705.07874

    Examples
    --------
    >>> a = de.explain('owen', T, X, xs, ys=labels, max_evaluations=100)
    """

    hierarchy: Groups | None = None
    max_evaluations: Count = 1000
    baseline: Baseline | None = None
    references: References | None = None
    features: FeaturesOfX | None = None
    masks: Literal['keep', 'follow'] = 'keep'

    sums_to = 'difference'
    is_perturbation = True
    zero_without_influence = False          # where a group is not divided
    linear_in_target = False                # where T says which ones are

    def check(self):
        if self.max_evaluations < 4:
            raise ParameterError(f'max_evaluations is {self.max_evaluations}: T at x, at the baseline and '
                                 f'with two halves takes 4')

    def query(self, model):
        return model.value()

    def plan(self, shapes):
        return Plan([min(self._tree(shapes).cost + 2, self.max_evaluations)], list(shapes))

    def _tree(self, shapes: Sequence[tuple[int, ...]]) -> Hierarchy:
        rows = tuple(tuple(shape[1:]) for shape in shapes)
        if self.hierarchy is None:
            return halves(rows)
        return nested(self.hierarchy, sum(int(np.prod(row)) for row in rows))

    def attribute(self, sweep, xs, baselines):
        shapes = [x.shape for x in xs]
        features = join([AxesOfInput(shape[1:], name='X' if len(shapes) == 1 else f'X[{k}]')
                         for k, shape in enumerate(shapes)])
        memo = Memo(sweep, features, xs, baselines)
        memo(Masks(np.array([[False], [True]]) & np.ones(features.count, bool)))
        tree = self._tree(shapes)
        rows = [Row(tree, changed, off, on, self.max_evaluations - 2)
                for changed, (off, on) in zip(memo.changed, memo.ends.tolist())]
        states, used = [row.state() for row in rows], 2
        try:
            while any([row.take() for row in rows]):
                values = memo(Groupings(tree, [row.coalitions for row in rows]))
                for row, of_row in zip(rows, values):
                    row.divide(of_row)
                states = [row.state() for row in rows]          # whole, whenever Ctrl-C comes
                used = 2 + max(row.used for row in rows)
        except KeyboardInterrupt:
            if used == 2:
                raise
            warn(f'{self.name} was interrupted after {used} evaluations per row: what is not divided is '
                 f'shared evenly', ToleranceWarning)
        return memo.features.spread(np.stack([row.shared(*state) for row, state in zip(rows, states)]))


class Group(NamedTuple):
    """A node to be divided among its parts with changed features, at least two: its value counts by `weight`,
    with the nodes of `others` there. off, on: T without it and with it."""

    node: int
    players: tuple[int, ...]
    others: tuple[int, ...]
    weight: float
    off: float
    on: float


class Row:
    """The groups of a row, and what its features have got.

    tree: the hierarchy. changed: (features,), which features are not those of the baseline; the others are in
    no coalition. off, on: T at the baseline and at x. most: evaluations.
    """

    def __init__(self, tree: Hierarchy, changed: np.ndarray, off: float, on: float, most: int):
        self._tree, self._most, self.used = tree, most, 0
        self._changed = changed[tree.order]
        self._before = [0, *self._changed.cumsum().tolist()]
        self._found = np.zeros(len(changed))                # in the order of the tree
        self._waiting: list[tuple[float, int, Group]] = []
        self._taken: list[Group] = []
        self.coalitions: list[tuple[int, ...]] = []
        self._number = 0
        self._add(0, (), 1., off, on)

    def _size(self, node: int) -> int:
        """How many of the features of a node are changed."""
        return self._before[self._tree.stops[node]] - self._before[self._tree.starts[node]]

    def _add(self, node: int, others: tuple[int, ...], weight: float, off: float, on: float) -> None:
        parts = self._tree.parts
        while True:
            if self._size(node) == 0:
                return
            if not parts[node]:
                self._found[self._tree.starts[node]] += weight * (on - off)
                return
            players = tuple(part for part in parts[node] if self._size(part))
            if len(players) > 1:
                break
            node, = players                                 # which has all that its group has
        self._number += 1
        heapq.heappush(self._waiting, (-abs(on - off) * weight, self._number,
                                       Group(node, players, others, weight, off, on)))

    def take(self) -> bool:
        """Choose the groups that are divided next, and their coalitions; whether there are some."""
        self._taken, self.coalitions = [], []
        while self._waiting and len(self._taken) < TOGETHER:
            group = self._waiting[0][2]
            subsets = subsets_of(len(group.players))[1:-1]
            if self.used + len(subsets) > self._most:
                break
            heapq.heappop(self._waiting)
            self.used += len(subsets)
            self._taken.append(group)
            self.coalitions += [group.others + tuple(group.players[k] for k in some) for some in subsets]
        return bool(self._taken)

    def divide(self, values: np.ndarray) -> None:
        """Divide the groups that were taken, by T for their coalitions."""
        found = iter(values.tolist())
        for _, players, others, weight, off, on in self._taken:
            subsets, shares = subsets_of(len(players)), shapley_weights(len(players)).tolist()
            at = [off, *(next(found) for _ in subsets[1:-1]), on]
            for j, some in enumerate(subsets):
                for k in range(len(players)):
                    if k not in some:
                        self._add(players[k], others + tuple(players[i] for i in some),
                                  weight * shares[len(some)], at[j], at[j | 1 << k])

    def state(self) -> tuple[np.ndarray, list[Group]]:
        """What each feature has got, in the order of the tree, and the groups that are not divided."""
        return self._found.copy(), [group for _, _, group in self._waiting]

    def shared(self, found: np.ndarray, groups: list[Group]) -> np.ndarray:
        """(features,): what each has got in a state, with its even share of the groups not divided."""
        for group in groups:
            span = slice(self._tree.starts[group.node], self._tree.stops[group.node])
            found[span] += self._changed[span] * (group.weight * (group.on - group.off)
                                                  / self._size(group.node))
        result = np.empty_like(found)
        result[self._tree.order] = found
        return result


@lru_cache(maxsize=16)
def subsets_of(count: int) -> list[tuple[int, ...]]:
    """All subsets of so many players; player k is bit k of the number of a subset."""
    return [tuple(np.flatnonzero(mask).tolist()) for mask in all_masks(count)]
