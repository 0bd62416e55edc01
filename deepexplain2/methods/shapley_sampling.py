from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..checks import warn
from ..errors import ParameterError, ToleranceWarning
from ..points.permutations import Players, permutation
from ..registry import register
from ..sweep import take
from .base import Method, at_input, flag, integer, positive


@register('shapley_sampling')
class ShapleySampling(Method):
    """Shapley values of the features by sampling permutations (Castro et al. 2009).

    Features are switched from the baseline to x one after another in random order; the attribution is the mean change of the output.
    Unbiased; the standard error falls as 1/sqrt(samples). The sum over a row is f(x) - f(baseline) exactly, for any `samples`. The
    result has shape (n,) + the sampled axes. One input tensor only. Cost: samples * (features - 1) + 2 evaluations per row.

    samples: permutations drawn, >= 1; all rows see the same ones.
    sampling_dims: axes of X whose positions count as features, e.g. [1, 2] for the pixels of (n, h, w, c) with their channels
        together; default: all axes but the batch.
    baseline: the value of an absent feature: a scalar, an array of the shape of one row, or one with a row for each row of xs; or a
        function of xs that returns one of these.
    seed: of the permutations, >= 0; the same seed gives the same answer.
    antithetic: whether every second permutation is the one before reversed (Mitchell et al. 2022, section 3.4): exact for a sum of
        products of two features, and seldom worse.
    tolerance: go on drawing until the standard error of every feature is at most `tolerance` times the largest attribution of its row,
        or max_samples are drawn, which is told in a warning.
    max_samples: see tolerance.

    Interrupted (Ctrl-C) after at least one permutation for all rows it returns the mean of those, with a warning.
    """

    perturbs = True
    explains = 'difference'
    samples = True

    def __init__(self, samples: int = 5, sampling_dims=None, baseline=0, seed: int = 0, antithetic: bool = True,
                 tolerance: float | None = None, max_samples: int = 10000):
        self.baseline = baseline
        self._samples, self._seed = integer(samples, 'samples', 1), integer(seed, 'seed', 0)
        self._together = 2 if flag(antithetic, 'antithetic') else 1
        self._tolerance = None if tolerance is None else positive(tolerance, 'tolerance')
        self._max = integer(max_samples, 'max_samples', 1)
        if sampling_dims is not None:
            if not isinstance(sampling_dims, (list, tuple, np.ndarray)) or len(sampling_dims) == 0:
                raise ParameterError(f'sampling_dims must be a list of axes of X, e.g. [1, 2], not {sampling_dims!r}')
            sampling_dims = sorted(integer(d, 'each entry of sampling_dims', 1) for d in sampling_dims)
            if len(set(sampling_dims)) < len(sampling_dims):
                raise ParameterError(f'sampling_dims names an axis twice: {sampling_dims}')
        self._dims = sampling_dims

    def question(self, model):
        return model.value()

    def check_shapes(self, shapes):
        Players(shapes[0], self._dims)

    def results(self, shapes):
        return [(shapes[0][0], *Players(shapes[0], self._dims).shape)]

    def points(self, shapes):
        return [1, 1, self._samples * (Players(shapes[0], self._dims).count - 1)] if self._tolerance is None else None

    def attribute(self, sweep, xs, baselines):
        return self._draw(sweep, xs[0], baselines[0])[:1]

    def sample(self, sweep, xs, baselines):
        if self._samples < 2 * self._together or self._samples % self._together:
            raise ParameterError(f'samples is {self._samples}: standard errors need at least two independent draws, '
                                 + ('an even number of at least 4, as permutations come in pairs (antithetic=True)' if self._together == 2 else '2'))
        mean, error = self._draw(sweep, xs[0], baselines[0])
        return [mean], [error]

    def _draw(self, sweep, x, b):
        """[attributions, standard errors], by rounds of as many permutations as fill a run."""
        players = Players(x.shape, self._dims)
        n, m = len(x), players.count
        (whole,) = sweep.once(at_input([x]))
        (empty,) = sweep.once(lambda rows: [np.broadcast_to(take(b, rows), x[rows].shape)])
        draw = lru_cache(maxsize=max(2, (1 << 20) // m))(lambda k: permutation(self._seed, k, m, self._together == 2))    # 16 MB at the most
        mean, squares, drawn, groups = np.zeros((n, m)), np.zeros((n, m)), 0, 0
        wanted = self._samples
        try:
            while drawn < wanted:
                count = min(wanted - drawn, max(1, sweep.size // max(n * (m - 1) * self._together, 1)) * self._together)
                changes = _changes(sweep, players, x, b, whole, empty, draw, range(drawn, drawn + count))
                drawn += count
                for group in np.split(changes, range(self._together, count, self._together), 1):
                    groups += 1                                     # running mean and sum of squares (Welford 1962), of pairs or single ones
                    value, share = group.mean(1), group.shape[1] / _drawn_until(groups, self._together, drawn)
                    step = value - mean
                    mean += share * step
                    squares += step * (value - mean)
                if self._tolerance is not None and drawn >= wanted and drawn < self._max and not self._exact(mean, _error(squares, groups)):
                    wanted = min(max(2 * self._together, 2 * drawn), self._max)
        except KeyboardInterrupt:
            if not drawn:
                raise
            warn(f'shapley_sampling was interrupted after {drawn} of {wanted} permutations: the result is their mean', ToleranceWarning)
        error = _error(squares, groups)
        if self._tolerance is not None and not self._exact(mean, error):
            warn(f'shapley_sampling: after {drawn} permutations the largest standard error is {error.max():.2g}, more than '
                 f'tolerance={self._tolerance} of the largest attribution of its row. Raise max_samples', ToleranceWarning)
        shape = (n, *players.shape)
        return [mean.reshape(shape), error.reshape(shape)]

    def _exact(self, mean, error):
        return bool((error.max(1) <= self._tolerance * np.abs(mean).max(1)).all())


def _drawn_until(groups, together, drawn):
    """Permutations in the first groups; the last may be a half."""
    return min(groups * together, drawn)


def _error(squares, groups):
    """Standard error of the mean over groups that are drawn independently."""
    return np.sqrt(squares / (groups - 1) / groups) if groups > 1 else np.full_like(squares, np.inf)


def _changes(sweep, players, x, b, whole, empty, draw, ks):
    """(n, permutations, players): by how much each player changes the output when it enters, for the permutations ks."""
    n, m = len(x), players.count
    changes = np.zeros((n, len(ks), m))
    if m == 1:
        changes[:, :, 0] = (whole - empty)[:, None]
        return changes
    ranks, orders = (np.stack(a) for a in zip(*(draw(k) for k in ks)))

    def prefixes(rows, points):
        """The first 1 + k mod (m - 1) players of permutation k div (m - 1) from x, the others from the baseline."""
        return [players.mix(x[rows], take(b, rows), ranks[points // (m - 1)] <= (points % (m - 1))[:, None])]

    last = empty.copy()         # the value before, of each row: its point may have been in the session run before this one
    for rows, points, (v,) in sweep(prefixes, len(ks) * (m - 1)):
        which, position = points // (m - 1), points % (m - 1)
        before = np.where(np.diff(rows, prepend=-1) != 0, last[rows], np.roll(v, 1))
        before = np.where(position == 0, empty[rows], before)
        changes[rows, which, orders[which, position]] = v - before
        done = position == m - 2            # the last player completes x
        changes[rows[done], which[done], orders[which[done], -1]] = whole[rows[done]] - v[done]
        last[rows] = v
    return changes
