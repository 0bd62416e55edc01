from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..errors import ParameterError
from ..points.permutations import Players, permutation
from ..registry import register
from ..sweep import take
from .base import Method, at_input, integer


@register('shapley_sampling')
class ShapleySampling(Method):
    """Shapley values of the features by sampling permutations (Castro et al. 2009).

    Features are switched from the baseline to x one after another in random order; the attribution is the mean change of the output.
    Unbiased; the standard error falls as 1/sqrt(samples). The sum over a row is f(x) - f(baseline) exactly, for any `samples`. The
    result has shape (n,) + the sampled axes. One input tensor only. Cost: samples * (features - 1) + 2 evaluations per row.

    samples: permutations drawn, >= 1; all rows see the same ones.
    sampling_dims: axes of X whose positions count as features, e.g. [1, 2] for the pixels of (n, h, w, c) with their channels
        together; default: all axes but the batch.
    baseline: the value of an absent feature: a scalar, an array of the shape of one row, or one with a row for each row of xs.
    seed: of the permutations, >= 0; the same seed gives the same answer.
    """

    perturbs = True

    def __init__(self, samples: int = 5, sampling_dims=None, baseline=0, seed: int = 0):
        self.baseline = baseline
        self._samples, self._seed = integer(samples, 'samples', 1), integer(seed, 'seed', 0)
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

    def attribute(self, sweep, xs, baselines):
        x, b = xs[0], baselines[0]
        players = Players(x.shape, self._dims)
        m = players.count
        (whole,) = sweep.once(at_input(xs))
        (empty,) = sweep.once(lambda rows: [np.broadcast_to(take(b, rows), x[rows].shape)])
        draw = lru_cache(maxsize=max(2, (1 << 20) // m))(lambda k: permutation(self._seed, k, m))     # 16 MB at the most

        def orders(ks):
            """Of the permutations that the points ks belong to: ranks and orders, one row per point."""
            drawn, which = np.unique(ks // (m - 1), return_inverse=True)
            ranks, order = (np.stack(a) for a in zip(*(draw(int(k)) for k in drawn)))
            return ranks, order, which

        def prefixes(rows, ks):
            """The first 1 + k mod (m - 1) players of permutation k div (m - 1) from x, the others from the baseline."""
            ranks, _, which = orders(ks)
            return [players.mix(x[rows], take(b, rows), ranks[which] <= (ks % (m - 1))[:, None])]

        total = np.zeros((len(x), m))
        if m == 1:
            total[:, 0] = self._samples * (whole - empty)
        else:
            last = empty.copy()         # the value before, of each row: its point may have been in the session run before this one
            for rows, ks, (v,) in sweep(prefixes, self._samples * (m - 1)):
                _, order, which = orders(ks)
                position = ks % (m - 1)
                before = np.where(np.diff(rows, prepend=-1) != 0, last[rows], np.roll(v, 1))
                before = np.where(position == 0, empty[rows], before)
                np.add.at(total, (rows, order[which, position]), v - before)
                done = position == m - 2            # the last player completes x
                np.add.at(total, (rows[done], order[which[done], -1]), whole[rows[done]] - v[done])
                last[rows] = v
        return [(total / self._samples).reshape((len(x),) + players.shape)]
