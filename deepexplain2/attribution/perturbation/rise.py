"""RISE: the mean output over random masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...engine.arrays import faded, take
from ...engine.memo import evaluate
from ...errors import ParameterError
from ...features.base import FeaturesOfX
from ...features.grid import for_axes
from ...features.resize import resized
from ...parameters import Baseline, Count, Counts, Positive, References, Seed, Share, per_input
from ..base import Plan
from ..drawing import draw
from ..registry import register
from ..sampling import HELD, Sampling


@register('rise')
@dataclass(frozen=True)
class Rise(Sampling):
    """Mean output over random masks that keep parts of X (Petsiuk et al. 2018). Method 'rise'.

    Parameters
    ----------
    samples : int, default 4000
        Masks drawn. All rows see the same ones.
    grid : int or sequence of int, optional
        Cells of the grid whose masks are enlarged to X, along each feature axis; 1 keeps an axis together. An
        int is for all axes, cut to the length of short ones; the channels of images and volumes stay
        together. By default 7, and for X of shape (n, features) every entry by itself. For a list X also a
        list, one per input.
    keep : float, default 0.5
        The chance of a cell to be kept.
    interpolation : 'linear' or 'nearest', default 'linear'
        How a grid is enlarged. Each mask is shifted by itself, by less than a cell.
    normalize : 'expectation' or 'sum', default 'expectation'
        Whether the sum of f(x masked) times the mask is divided by the number of masks times `keep`, as in
        the paper, or by the sum of the masks at each entry.
    baseline : number, array, list of them or function, default 0
        What a mask fades to: a scalar, an array of the shape of one row, or one with a row for each row of
        xs; or a function of xs that returns one of these. For a list X a list of them.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged: (k,) + the shape of one row, shared by all rows;
        (n, k) + that shape, k for each row of xs; or a function of xs that returns one of these. In place of
        baseline. Cost: k times as much.
    features : set of deepexplain2.features, optional
        What is kept or replaced together in place of the cells of a grid: Segments, superpixels(...), ...
    seed : int, default 0
        Seed of the masks; the same seed gives the same answer.
    tolerance : float, optional
        Go on drawing until the standard error of every entry is at most `tolerance` times the largest
        attribution of its row, or max_samples are drawn, which is reported in a warning.
    max_samples : int, default 100000
        The most masks where there is a tolerance.

    Notes
    -----
    1 / (N keep) sum_k f(b + M_k (x - b)) M_k (equation 6): what T is on average where an entry is kept. It
    promises no sum, and is no difference from what T is without: compare entries of one map. Mask k comes
    from numpy.random.default_rng([seed, k]): a grid of s cells is enlarged to (s + 1) ceil(size / s) entries,
    of which as many as X has are taken from a random place on. The standard error falls as 1/sqrt(samples).

    Cost: samples evaluations of T per row.

    References
    ----------
    Petsiuk, Das, Saenko (2018). RISE: randomized input sampling for explanation of black-box models.
    arXiv:1806.07421

    Examples
    --------
    >>> a = de.explain('rise', T, X, xs, ys=labels, samples=50, grid=2)
    """

    samples: Count = 4000
    grid: Counts | None = None
    keep: Share = .5
    interpolation: Literal['linear', 'nearest'] = 'linear'
    normalize: Literal['expectation', 'sum'] = 'expectation'
    baseline: Baseline | None = None
    references: References | None = None
    features: FeaturesOfX | None = None
    seed: Seed = 0
    tolerance: Positive | None = None
    max_samples: Count = 100000

    unit = 'mean of {T} where it is there'
    adds_up = False
    draws = 'masks'
    zero_without_influence = False

    def check(self):
        if self.features is not None and self.grid is not None:
            raise ParameterError('grid and features are given, and both say what is masked together. Give '
                                 'one of them: features=Grid(...) are the cells of a grid, with edges')

    def plan(self, shapes):
        self._grids(shapes)
        return Plan(None if self.tolerance is not None else [self.samples], list(shapes))

    def _grids(self, shapes) -> list[tuple[int, ...] | None]:
        """The cells along each axis, for every input; None where every entry is by itself."""
        found: list[tuple[int, ...] | None] = []
        for shape, given in zip(shapes, per_input(self.grid, len(shapes), 'grid')):
            row = shape[1:]
            if given is None and len(row) < 2:
                found.append(None)
                continue
            cells = for_axes(7 if given is None else given, row, 1)
            if len(cells) != len(row) or any(c > s for c, s in zip(cells, row)):
                raise ParameterError(f'grid {cells} does not fit a row of shape {row}. Give 1 to the size of '
                                     f'the axis for each axis')
            found.append(cells)
        return found

    def masks(self, first: int, count: int, shapes, grids) -> list[np.ndarray]:  # type: ignore[override]
        """Some masks for each input, (count, ...) of 0 to 1, of as many axes as a row."""
        drawn, starts = [], []
        for k in range(first, first + count):
            rng = np.random.default_rng([self.seed, k])
            for shape, cells in zip(shapes, grids):
                row = shape[1:]
                drawn.append(rng.random(cells or row) < self.keep)
                starts.append([0 if c == 1 else int(rng.integers(-(-s // c)))
                               for s, c in zip(row, cells or (1,) * len(row))])
        found = []
        for j, (shape, cells) in enumerate(zip(shapes, grids)):
            some = np.stack(drawn[j::len(shapes)]).astype(np.float32)
            if cells is not None:
                row = shape[1:]
                wide = resized(some, [1 if c == 1 else (c + 1) * -(-s // c) for s, c in zip(row, cells)],
                               self.interpolation)
                some = np.stack([mask[tuple(slice(a, a + (1 if c == 1 else s))
                                            for a, c, s in zip(at, cells, row))]
                                 for mask, at in zip(wide, starts[j::len(shapes)])])
            found.append(some)
        return found

    def sample(self, sweep, xs, baselines):
        shapes = [x.shape for x in xs]
        grids = self._grids(shapes)
        sums = [Sums(sweep.n, m.shape[1:], self) for m in self.masks(0, 1, shapes, grids)]
        held = max(1, HELD // sum(int(np.prod(s.shape)) for s in sums))

        def add(missing: int) -> None:
            first = sums[0].drawn
            count = min(missing, max(1, sweep.size // sweep.n), held)
            masks = self.masks(first, count, shapes, grids)

            def masked(rows, ks):
                return [faded(x[rows], take(b, rows), m[ks]) for x, b, m in zip(xs, baselines, masks)]
            values = np.empty((sweep.n, count))
            evaluate(sweep, masked, values, np.ones(values.shape, bool))
            for of_input, m in zip(sums, masks):
                of_input.add(values, m)
        draw(self, sums[0] if len(sums) == 1 else _All(sums), add, self.draws)
        return tuple([np.broadcast_to(a, x.shape).copy() for a, x in zip(some, xs)] for some in (
            [s.value() for s in sums], [s.error() for s in sums]))


class Sums:
    """Sums over masks, in float64: what a map and its standard error are made of.

    n: rows. shape: of a mask. method: says keep and normalize.
    """

    least, result = 1, 'mean'

    def __init__(self, n: int, shape: tuple[int, ...], method: Rise):
        self.shape, self._method, self.drawn = shape, method, 0
        size = int(np.prod(shape))
        self._first, self._second, self._mixed = (np.zeros((n, size)) for _ in range(3))
        self._masks, self._squares = np.zeros(size), np.zeros(size)

    def add(self, values: np.ndarray, masks: np.ndarray) -> None:
        """Add T (n, count) at these masks (count, ...)."""
        m = masks.reshape(len(masks), -1).astype(np.float64)
        squares = m * m
        self._first += values @ m
        self._second += values ** 2 @ squares
        self._mixed += values @ squares
        self._masks += m.sum(0)
        self._squares += squares.sum(0)
        self.drawn += len(masks)

    def value(self) -> np.ndarray:
        """The map, (n,) + shape."""
        by = self.drawn * self._method.keep if self._method.normalize == 'expectation' else self._masks
        with np.errstate(invalid='ignore', divide='ignore'):
            return (self._first / by).reshape(-1, *self.shape)

    def error(self) -> np.ndarray:
        """Its standard error, that of a ratio of means where it is one; infinite with a single mask."""
        n = self.drawn
        if n < 2:
            return np.full((len(self._first), *self.shape), np.inf)
        if self._method.normalize == 'expectation':
            spread = self._second - self._first ** 2 / n
            by = np.full(len(self._masks), n * self._method.keep)
        else:
            ratio = self.value().reshape(self._first.shape)
            spread = self._second - 2 * ratio * self._mixed + ratio ** 2 * self._squares
            by = self._masks
        with np.errstate(invalid='ignore', divide='ignore'):
            return (np.sqrt(np.maximum(spread, 0) * n / (n - 1)) / by).reshape(-1, *self.shape)

    def is_within(self, tolerance: float) -> bool:
        """Whether every standard error is at most `tolerance` times the largest value of its row."""
        n = len(self._first)
        return bool((self.error().reshape(n, -1).max(1)
                     <= tolerance * np.abs(self.value()).reshape(n, -1).max(1)).all())

    def largest_error(self) -> float:
        """The largest standard error."""
        return float(self.error().max())


class _All:
    """The sums of several inputs."""

    least, result = 1, 'mean'

    def __init__(self, parts: Sequence[Sums]):
        self._parts = parts

    @property
    def drawn(self) -> int:
        return self._parts[-1].drawn

    def is_within(self, tolerance: float) -> bool:
        return all(p.is_within(tolerance) for p in self._parts)

    def largest_error(self) -> float:
        return max(p.largest_error() for p in self._parts)
