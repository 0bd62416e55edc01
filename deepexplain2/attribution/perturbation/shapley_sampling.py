from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from ...engine.arrays import blocks, differ, take
from ...errors import ParameterError, ToleranceWarning, warn
from ...features.permutations import Players, permutation
from ...parameters import Axes, Baseline, Count, Positive, Seed
from ..base import Method, Plan
from ..registry import register

TABLE = 1 << 20         # coalitions of all rows that are remembered
ROUND = 1 << 19         # changes of the output that are held, where a pair of permutations has fewer


@register('shapley_sampling')
@dataclass(frozen=True)
class ShapleySampling(Method):
    """Shapley values of the features by sampling permutations (Castro et al. 2009).

    Features are switched from the baseline to x one after another in random order; the attribution is the
    mean change of the output. Unbiased; the standard error falls as 1/sqrt(samples). The sum over a row is
    f(x) - f(baseline) exactly, for any `samples`. The result has shape (n,) + the sampled axes. One input
    tensor only. Cost: at most samples * (features - 1) + 2 evaluations per row, the features those in which x
    is not the baseline: the others change nothing. Up to about 2 ** 20 coalitions (10 features of 1000 rows,
    20 of one) are remembered, and none of them is evaluated twice.

    samples: permutations drawn, >= 1; all rows see the same ones.
    sampling_dims: axes of X whose positions count as features, e.g. [1, 2] for the pixels of (n, h, w, c)
        with their channels together; default: all axes but the batch.
    baseline: the value of an absent feature: a scalar, an array of the shape of one row, or one with a row
        for each row of xs; or a function of xs that returns one of these.
    seed: of the permutations, >= 0; the same seed gives the same answer.
    antithetic: whether every second permutation is the one before reversed (Mitchell et al. 2022, section
        3.4): exact for a sum of products of two features, and seldom worse.
    tolerance: go on drawing until the standard error of every feature is at most `tolerance` times the
        largest attribution of its row, or max_samples are drawn, which is told in a warning.
    max_samples: see tolerance.
    masks: 'keep' (default): masks that the model makes of X by comparison with a value (Keras Masking, x !=
        0) are those of x all the way, and at the baseline; attributions sum to f(x) - f(baseline) with this
        mask. 'follow': every input has a mask of its own.

    Interrupted (Ctrl-C) after at least one permutation for all rows it returns the mean of those, with a
    warning.
    """

    samples: Count = 5
    sampling_dims: Axes | None = None
    baseline: Baseline | None = None
    seed: Seed = 0
    antithetic: bool = True
    tolerance: Positive | None = None
    max_samples: Count = 10000
    masks: Literal['keep', 'follow'] = 'keep'

    is_perturbation = True
    sums_to = 'difference'
    draws_samples = True

    @property
    def _together(self) -> int:
        """How many permutations are drawn as one."""
        return 2 if self.antithetic else 1

    def query(self, model):
        return model.value()

    def plan(self, shapes):
        players = Players(shapes[0], self.sampling_dims)
        evaluations = None if self.tolerance is not None else [2 + self.samples * (players.count - 1)]
        return Plan(evaluations, [(shapes[0][0], *players.shape)])

    def attribute(self, sweep, xs, baselines):
        return self._draw(sweep, xs[0], baselines[0])[:1]

    def check_std_error(self):
        if self.samples < 2 * self._together or self.samples % self._together:
            raise ParameterError(f'samples is {self.samples}: standard errors need at least two independent '
                                 f'draws, '
                                 + ('an even number of at least 4, as permutations come in pairs '
                                    '(antithetic=True)' if self._together == 2 else '2'))

    def sample(self, sweep, xs, baselines):
        mean, error = self._draw(sweep, xs[0], baselines[0])
        return [mean], [error]

    def _draw(self, sweep, x, b):
        """[attributions, standard errors], by rounds of as many permutations as fill a run."""
        game = _Game(sweep, Players(x.shape, self.sampling_dims), np.ascontiguousarray(x), b)
        n, m, together = *game.moved.shape, self._together
        mean, squares, drawn, groups = np.zeros((n, m)), np.zeros((n, m)), 0, 0
        wanted = self.samples
        if self.tolerance is not None:                             # no half of a pair, but at the very end
            wanted = min(wanted + wanted % together, max(wanted, self.max_samples))
        try:
            while drawn < wanted:
                count = min(wanted - drawn, game.pairs(together) * together)
                changes = game.changes([permutation(self.seed, k, m, together == 2)
                                        for k in range(drawn, drawn + count)])
                drawn += count
                # mean and sum of squares of groups, pairs or single ones (Chan et al. 1979)
                whole = count // together
                if whole:
                    values = changes[:, :whole * together].reshape(n, whole, together, m).mean(2)
                    center = values.mean(1)
                    step, groups = center - mean, groups + whole
                    mean += step * (whole / groups)
                    squares += ((values - center[:, None]) ** 2).sum(1) + step ** 2 * (whole * (1 - whole / groups))
                if count % together:                                # half of a pair, the last
                    value, groups = changes[:, -1], groups + 1
                    step = value - mean
                    mean += step / drawn
                    squares += step * (value - mean)
                if self.tolerance is not None and drawn >= wanted and drawn < self.max_samples and not self._exact(mean, _error(squares, groups)):
                    wanted = min(max(2 * together, 2 * drawn), self.max_samples)
        except KeyboardInterrupt:
            if not drawn:
                raise
            warn(f'{self.name} was interrupted after {drawn} of {wanted} permutations: the result is '
                 f'their mean', ToleranceWarning)
        error = _error(squares, groups)
        if self.tolerance is not None and not self._exact(mean, error):
            warn(f'{self.name}: after {drawn} permutations the largest standard error is '
                 f'{error.max():.2g}, more than '
                 f'tolerance={self.tolerance} of the largest attribution of its row. Raise max_samples',
                 ToleranceWarning)
        shape = (n, *game.players.shape)
        return [mean.reshape(shape), error.reshape(shape)]

    def _exact(self, mean, error):
        return bool((error.max(1) <= self.tolerance * np.abs(mean).max(1)).all())


def _error(squares, groups):
    """Standard error of the mean over groups that are drawn independently."""
    return np.sqrt(squares / (groups - 1) / groups) if groups > 1 else np.full_like(squares, np.inf)


class _Game:
    """The output of T for coalitions of players, none of which is evaluated twice.

    moved: (n, players), which of them are not the baseline; a coalition is the set of those that have
        entered. It has a number, 0 where it is
    empty: the sum of 2 ** player where all coalitions of all rows can be remembered, else its place in the
    permutations of a round, and 1 for x.
    """

    def __init__(self, sweep, players, x, b):
        self._sweep, self.players, self._x, self._b = sweep, players, x, b
        n, m = len(x), players.count
        self.moved = np.concatenate([players.any(differ(x[some], take(b, some)))
                                     for some in blocks(n, x[0].size)])
        self._remember = m <= 20 and n << m <= TABLE
        self._plain = not self._remember and self.moved.all()
        self._values = np.full((n, 1 << m if self._remember else 2), np.nan)
        self._ends = 2              # evaluations of a row in the first round, for the baseline and x

    def pairs(self, together):
        """So many pairs (or single permutations) fill a run: with what they evaluate, or with what is held of
        them."""
        n, m = self.moved.shape
        evaluated = together * int(np.maximum(self.moved.sum(1) - 1, 0).sum())
        return max(1, min((self._sweep.size - self._ends * n) // max(evaluated, 1),
                          ROUND // (n * m * together)))

    def changes(self, permutations):
        """(n, permutations, players): by how much each player changes the output when it enters."""
        n, m = self.moved.shape
        ranks, orders = (np.stack(a) for a in zip(*permutations))
        count, positions = len(orders), ranks.astype(np.min_scalar_type(m))
        which, present, asked, numbers = _points(count, m, self._ends)
        values, wanted = self._values, None
        if not self._remember:
            values = np.full((n, 2 + count * m), np.nan)
            values[:, :2] = self._values
        if self._plain:
            numbers = np.broadcast_to(numbers, (n, len(numbers)))
        else:
            numbers, wanted = np.zeros((n, count * (m + 1)), np.int32), np.empty((n, len(which)), bool)
            for some in blocks(n, count * m):
                numbers[some].reshape(-1, count, m + 1)[:, :, 1:] = self._numbers(self.moved[some][:, orders],
                                                                                  orders)
                wanted[some] = self._wanted(values[some], numbers[some][:, asked], numbers[some, m, None])

        def make(rows, points):
            return [self.players.mix(self._x, self._b, rows,
                                     positions[which[points]] < present[points, None])]
        for rows, points, answers in self._sweep(make, len(which), wanted):
            values[rows, numbers[rows, asked[points]]] = answers['value']
        self._values, self._ends = (values if self._remember else values[:, :2].copy()), 0
        # a view
        result = np.empty((n, count, m)) if self._remember else values[:, 2:].reshape(n, count, m)
        for some in blocks(n, count * m):
            v = np.take_along_axis(values[some], numbers[some], 1).reshape(-1, count, m + 1)
            result[some] = (v[:, :, 1:] - v[:, :, :-1])[:, np.arange(count)[:, None], ranks]
        return result

    def _numbers(self, enters, orders):
        """Of the coalitions after each step, where (n, permutations, players) tells which steps change
        them."""
        if self._remember:
            return np.cumsum(enters * (1 << orders), 2)
        entered, (count, m) = np.cumsum(enters, 2), orders.shape
        return np.where(entered == 0, 0, np.where(entered == entered[:, :, -1:], 1,
                                                  np.arange(count)[:, None] * m + 1 + entered))

    def _wanted(self, values, numbers, whole):
        """(n, points): which to evaluate: coalitions that are not known, each at the first point that has it.
        whole: the number of x."""
        wanted = np.isnan(np.take_along_axis(values, numbers, 1))
        wanted[:, self._ends:] &= (numbers[:, self._ends:] != 0) & (numbers[:, self._ends:] != whole)
        if not self._remember:
            wanted[:, 1:] &= numbers[:, 1:] != numbers[:, :-1]      # equal ones stand together
            return wanted
        unknown = np.flatnonzero(wanted)
        inputs = (np.arange(len(numbers))[:, None] * values.shape[1] + numbers).reshape(-1)
        wanted.flat[np.delete(unknown, np.unique(inputs[unknown], return_index=True)[1])] = False
        return wanted


@lru_cache(maxsize=4)
def _points(count, m, ends):
    """Points of a round of permutations: (which permutation, how many players are present, their place among
    0 to m players of each, the numbers at these places where every player changes something). The first
    `ends` are none and all of the players."""
    which = np.repeat(np.arange(count), m - 1)
    present = np.tile(np.arange(1, m), count)
    which, present = (np.append(np.array(e[:ends], int), v) for e, v in (([0, 0], which), ([0, m], present)))
    numbers = np.arange(count)[:, None] * m + 1 + np.arange(m + 1)
    numbers[:, 0], numbers[:, m] = 0, 1
    return which, present.astype(np.min_scalar_type(m)), which * (m + 1) + present, numbers.reshape(-1)
