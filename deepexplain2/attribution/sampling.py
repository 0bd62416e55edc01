"""What methods that draw samples share: rounds, standard errors, a tolerance, Ctrl-C."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..engine.memo import Memo
from ..errors import ParameterError
from ..features.axes import AxesOfInput
from ..features.base import Features, FeaturesOfX, join
from ..features.coalitions import Masks
from ..parameters import Baseline, Count, Positive, References, Seed
from .base import Method, Plan
from .drawing import draw

HELD = 1 << 19          # estimates of a round, unless a single draw has more


@dataclass(frozen=True)
class Sampling(Method):
    """Base of methods whose attributions are the mean of estimates from random coalitions of features.

    A subclass says which features are present in the k-th draw (`mask`), and what a draw says about each of
    them (`estimate`). It may choose the features (`features_of`), or make its estimates in another way
    (`estimates`).

    Parameters
    ----------
    samples : int, default 1000
        Draws, at least 1. All rows see the same ones.
    baseline : number, array, list of them or function, default 0
        The value of an absent feature: a scalar, an array of the shape of one row, or one with a row for each
        row of xs; or a function of xs that returns one of these. For a list X a list of them.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged: (k,) + the shape of one row, shared by all rows;
        (n, k) + that shape, k for each row of xs; or a function of xs that returns one of these. In place of
        baseline. Cost: k times as much.
    features : set of deepexplain2.features, optional
        What is switched together: Axes, Windows, Grid, Segments, superpixels(...), Columns. By default every
        entry is a feature; of token ids every word.
    seed : int, default 0
        Seed of the draws; the same seed gives the same answer.
    tolerance : float, optional
        Go on drawing until the standard error of every feature is at most `tolerance` times the largest
        attribution of its row, or max_samples are drawn, which is reported in a warning.
    max_samples : int, default 10000
        The most draws where there is a tolerance.

    Notes
    -----
    Draw k comes from numpy.random.default_rng([seed, k]), so that the answer depends neither on batches nor
    on rows. Interrupted (Ctrl-C) after at least one draw for all rows, a method returns the mean of those,
    with a warning.
    """

    samples: Count = 1000
    baseline: Baseline | None = None
    references: References | None = None
    features: FeaturesOfX | None = None
    seed: Seed = 0
    tolerance: Positive | None = None
    max_samples: Count = 10000

    is_perturbation = True
    draws_samples = True

    #: How a message calls the draws.
    draws: ClassVar[str] = 'samples'
    #: Evaluations of T per row beside those of the draws.
    evaluations_at_ends: ClassVar[int] = 0

    @property
    def together(self) -> int:
        """How many draws depend on one another, and are one for standard errors."""
        return 1

    def features_of(self, shapes) -> Features:
        """The features of xs with these shapes; by default every entry."""
        return join([AxesOfInput(shape[1:]) for shape in shapes])

    def mask(self, rng: np.random.Generator, features: Features, k: int) -> np.ndarray:
        """(features,): which ones are present in draw k."""
        raise NotImplementedError

    def estimate(self, masks: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """(n, draws, features): the estimates of each draw, from masks (draws, features) and T (n, draws)."""
        raise NotImplementedError

    def estimates(self, memo: Memo, first: int, count: int) -> np.ndarray:
        """(n, count, features): the estimates of some draws."""
        masks = np.stack([self.mask(np.random.default_rng([self.seed, k]), memo.features, k)
                          for k in range(first, first + count)])
        return self.estimate(masks, memo(Masks(masks)))

    def evaluations(self, changed):
        """The most evaluations of T that a draw takes for a row in which so many features differ from the
        baseline."""
        return changed * 0 + 1

    def query(self, model):
        return model.value()

    def plan(self, shapes):
        features = self.features_of(shapes)
        per_row = self.evaluations_at_ends + self.samples * int(self.evaluations(features.count))
        return Plan(None if self.tolerance is not None else [per_row],
                    [(shapes[0][0], *shape) for shape in features.shapes])

    def check_std_error(self):
        if self.samples < 2 * self.together or self.samples % self.together:
            raise ParameterError(f'samples is {self.samples}: standard errors need at least two independent '
                                 f'draws, 2')

    def attribute(self, sweep, xs, baselines):
        return self.sample(sweep, xs, baselines)[0]

    def sample(self, sweep, xs, baselines):
        memo = Memo(sweep, self.features_of([x.shape for x in xs]), xs, baselines)
        mean = self._mean(memo)
        return tuple(memo.features.spread(a) for a in (mean.value, mean.error()))

    def _mean(self, memo: Memo) -> Mean:
        """The mean of the estimates, drawn by rounds that fill a run."""
        mean, together = Mean(memo.changed.shape, self.together), self.together

        def add(missing: int) -> None:
            count = min(missing, self._groups(memo, mean.drawn) * together)
            mean.add(self.estimates(memo, mean.drawn, count))
        draw(self, mean, add, self.draws, together)
        return mean

    def _groups(self, memo: Memo, drawn: int) -> int:
        """How many groups of draws fill a run, by what they evaluate or by the estimates that are held."""
        n, count = memo.changed.shape
        ends = 0 if drawn else self.evaluations_at_ends * n
        evaluated = self.together * int(np.sum(self.evaluations(memo.changed.sum(1))))
        return max(1, min((memo.size - ends) // max(evaluated, 1), HELD // max(n * count * self.together, 1)))


class Mean:
    """Mean and standard error of estimates that come in rounds (Chan et al. 1979), in float64.

    shape: (n, features). together: how many draws form a group; groups are independent.
    """

    least, result = 1, 'mean'

    def __init__(self, shape: tuple[int, ...], together: int):
        self.value, self._squares = np.zeros(shape), np.zeros(shape)
        self.drawn = self._groups = 0
        self._together = together

    def add(self, estimates: np.ndarray) -> None:
        """Add estimates (n, draws, features): whole groups, and at the very end a part of one."""
        n, count, features = estimates.shape
        whole, self.drawn = count // self._together, self.drawn + count
        if whole:
            groups = estimates[:, :whole * self._together].reshape(n, whole, self._together, features).mean(2)
            center = groups.mean(1)
            step, self._groups = center - self.value, self._groups + whole
            self.value += step * (whole / self._groups)
            self._squares += ((groups - center[:, None]) ** 2).sum(1)
            self._squares += step ** 2 * (whole * (1 - whole / self._groups))
        if count % self._together:
            value, self._groups = estimates[:, -1], self._groups + 1
            step = value - self.value
            self.value += step / self.drawn
            self._squares += step * (value - self.value)

    def error(self) -> np.ndarray:
        """The standard error of the mean; infinite with a single group."""
        groups = self._groups
        return np.sqrt(self._squares / (groups - 1) / groups) if groups > 1 else np.full_like(self._squares,
                                                                                              np.inf)

    def is_within(self, tolerance: float) -> bool:
        """Whether every standard error is at most `tolerance` times the largest value of its row."""
        return bool((self.error().max(1) <= tolerance * np.abs(self.value).max(1)).all())

    def largest_error(self) -> float:
        """The largest standard error."""
        return float(self.error().max())
