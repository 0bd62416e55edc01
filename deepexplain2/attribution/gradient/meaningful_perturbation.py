"""Meaningful perturbation: the smallest part of X whose loss takes T away, learned by gradient descent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...engine.arrays import faded, take
from ...engine.queries import NO_RULES
from ...errors import ParameterError
from ...features.grid import for_axes
from ...features.resize import resized, resized_back
from ...parameters import Baseline, Count, Counts, NotNegative, Positive, References, per_input
from ..base import Method, Plan
from ..registry import register

CELLS = 28                      # along each axis, as in the paper
BETA1, BETA2, TINY = .9, .999, 1e-8                 # of Adam


@register('meaningful_perturbation')
@dataclass(frozen=True)
class MeaningfulPerturbation(Method):
    """A mask, learned by gradient descent, of what X must lose for T to vanish (Fong and Vedaldi 2017).
    Method 'meaningful_perturbation'.

    Parameters
    ----------
    steps : int, default 300
        Steps of gradient descent (Adam).
    rate : float, default 0.1
        The length of a step.
    grid : int or sequence of int, optional
        Cells of the mask, which is enlarged to X, along each feature axis; 1 keeps an axis together. An int
        is for all axes, cut to the length of short ones; the channels of images and volumes stay together. By
        default 28, and for X of shape (n, features) every entry by itself. For a list X also a list.
    sparsity : float, default 0.01
        What a cell costs that is taken away.
    smoothness : float, default 0.2
        What |difference of neighbouring cells| ** roughness costs; 0 along axes without neighbours, and for X
        of shape (n, features).
    roughness : float, default 3
        The exponent of these differences.
    baseline : number, array, list of them or function, default 0
        What X fades to; Blur(5) of deepexplain2.features is that of the paper. A scalar, an array of the
        shape of one row, or one with a row for each row of xs; or a function of xs that returns one of these.
        For a list X a list of them.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged: (k,) + the shape of one row, shared by all rows;
        (n, k) + that shape, k for each row of xs; or a function of xs that returns one of these. In place of
        baseline. Cost: k times as much.

    Notes
    -----
    1 - m, the part of each entry that is taken away, 0 to 1, of the mask m that makes (f(b + m (x - b)) -
    f(b)) / |f(x) - f(b)| + sparsity sum (1 - m) + smoothness sum |m_i - m_j| ** roughness small (equation 3,
    with T in units of what there is to lose); begun at m = 1, after each step m is cut to [0, 1]. It has no
    sign and promises no sum. Rounding grows with the steps, where T has corners most. Where T at x and at
    the baseline are equal it is 0. All channels are the same.

    Cost: steps + 1 gradients per row.

    References
    ----------
    Fong, Vedaldi (2017). Interpretable explanations of black boxes by meaningful perturbation.
    arXiv:1704.03296

    Examples
    --------
    >>> from deepexplain2.features import Blur
    >>> a = de.explain('meaningful_perturbation', T, X, xs, ys=labels, steps=20)
    """

    steps: Count = 300
    rate: Positive = .1
    grid: Counts | None = None
    sparsity: NotNegative = .01
    smoothness: NotNegative = .2
    roughness: Positive = 3.
    baseline: Baseline | None = None
    references: References | None = None

    unit = 'part of x that is taken away, 0 to 1'
    adds_up = False
    linear_in_target = False
    doubts_zeros = False

    def query(self, model):
        return model.relevance(NO_RULES, self.name, with_value=True)

    def plan(self, shapes):
        self._grids(shapes)
        return Plan([1] * (self.steps + 1), list(shapes))

    def _grids(self, shapes) -> list[tuple[int, ...]]:
        """The cells along each axis, for every input."""
        found = []
        for shape, given in zip(shapes, per_input(self.grid, len(shapes), 'grid')):
            row = shape[1:]
            given = CELLS if given is None and len(row) > 1 else given
            cells = row if given is None else for_axes(given, row, 1)
            if len(cells) != len(row) or any(c > s for c, s in zip(cells, row)):
                raise ParameterError(f'grid {cells} does not fit a row of shape {row}. Give 1 to the size of '
                                     f'the axis for each axis')
            found.append(cells)
        return found

    def attribute(self, sweep, xs, baselines):
        grids = self._grids([x.shape for x in xs])
        at_baseline = sweep.once(lambda rows: [np.broadcast_to(take(b, rows), x[rows].shape)
                                               for b, x in zip(baselines, xs)])['value']
        size = np.zeros(sweep.n)
        masks = [np.ones((sweep.n, *cells)) for cells in grids]
        states = [(np.zeros_like(m), np.zeros_like(m)) for m in masks]
        changes = [np.asarray(x, np.float64) - b for x, b in zip(xs, baselines)]
        for step in range(1, self.steps + 1):
            wide = [_enlarged(m, x.shape) for m, x in zip(masks, xs)]
            found = sweep.once(lambda rows, wide=wide: [faded(x[rows], take(b, rows), w[rows])
                                                        for x, b, w in zip(xs, baselines, wide)])
            if step == 1:                               # at x
                size = np.abs(found['value'].astype(np.float64) - at_baseline)
            for m, cells, state, change, g in zip(masks, grids, states, changes, found['gradient']):
                down = _gathered(g * change, cells)
                safe = np.where(size > 0, size, 1).reshape(-1, *[1] * len(cells))
                slope = down / safe + self._slope_of_costs(m, cells)
                self._step(m, slope, state, step)
        return [np.where((size > 0).reshape(-1, *[1] * (x.ndim - 1)), 1 - _enlarged(m, x.shape), 0)
                for m, x in zip(masks, xs)]

    def _slope_of_costs(self, m: np.ndarray, cells: tuple[int, ...]) -> np.ndarray:
        """The gradient of what the mask costs by itself."""
        slope = np.full_like(m, -self.sparsity)
        for axis in range(1, m.ndim) if self.smoothness and len(cells) > 1 else ():
            steps = np.diff(m, axis=axis)
            rise = self.smoothness * self.roughness * np.abs(steps) ** (self.roughness - 1) * np.sign(steps)
            front = [(0, 0)] * m.ndim
            back = [(0, 0)] * m.ndim
            front[axis], back[axis] = (1, 0), (0, 1)
            slope += np.pad(rise, front) - np.pad(rise, back)
        return slope

    def _step(self, m: np.ndarray, slope: np.ndarray, state: tuple[np.ndarray, np.ndarray],
              step: int) -> None:
        """One step of Adam, in place, cut to [0, 1]."""
        first, second = state
        first += (1 - BETA1) * (slope - first)
        second += (1 - BETA2) * (slope ** 2 - second)
        m -= self.rate * (first / (1 - BETA1 ** step)) / (np.sqrt(second / (1 - BETA2 ** step)) + TINY)
        np.clip(m, 0, 1, out=m)


def _enlarged(m: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Masks (n,) + cells at the size of X."""
    return resized(m, shape[1:], 'linear')


def _gathered(g: np.ndarray, cells: tuple[int, ...]) -> np.ndarray:
    """The gradient with respect to the cells, of that with respect to the enlarged masks."""
    return resized_back(g, cells, 'linear')
