"""Infidelity: how well attributions foretell what a change of x does to T."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...parameters import Count, Positive, Seed
from ..base import Metric, register
from ..changes import Changes, check_floating, fitted
from ..scores import Measured
from ..trial import ranges


@register('infidelity')
@dataclass(frozen=True)
class Infidelity(Metric):
    """Mean squared error of what attributions say that a change of x does to T (Yeh et al. 2019). Metric
    'infidelity'; lower is better.

    Parameters
    ----------
    samples : int, default 100
        Changes drawn, the same for all rows but for their range.
    noise : float, default 0.1
        Their standard deviation, as a fraction of the range of each row.
    changes : array (changes, rows or 1, ...), or list of arrays, optional
        In place of draws: what is subtracted from x.
    normalize : bool, default False
        Whether the attributions of each row are first multiplied by the number that makes its error least.
    shares : bool, default False
        Whether attributions are shares of a difference f(x) - f(0), as those of grad*input, and are divided
        by x first; entries in which x is 0 count as 0.
    seed : int, default 0
        Seed of the changes.

    Notes
    -----
    E (I . a - (f(x) - f(x - I)))^2, definition 2.1, in units of T squared: a foretells changes as a gradient
    does. That of the gradient of a linear T is 0. errors has the standard errors of the means. As Captum's
    infidelity, whose changes are those of the caller.

    Cost: samples + 1 evaluations of T per row.

    References
    ----------
    Yeh, Hsieh, Suggala, Inouye, Ravikumar (2019). On the (in)fidelity and sensitivity of explanations.
    arXiv:1901.09392

    Examples
    --------
    >>> de.evaluate('infidelity', T, X, xs, 'gradient', labels).errors.shape
    (2,)
    """

    samples: Count = 100
    noise: Positive = .1
    changes: Changes | None = None
    normalize: bool = False
    shares: bool = False
    seed: Seed = 0

    better = 'lower'

    def score(self, trial):
        check_floating(self.name, trial.xs)
        drawn = self._changes(trial.xs)
        count = len(drawn[0])
        moved = trial.values(lambda rows, ks: [
            x[rows] - of_input[ks, rows if of_input.shape[1] > 1 else 0] * scale[rows]
            for x, of_input, scale in zip(trial.xs, drawn, self._scales(trial.xs))], count)
        change = trial.at_x[:, None] - moved
        said = np.zeros_like(change)
        for x, a, of_input, scale in zip(trial.xs, trial.attributions, drawn, self._scales(trial.xs)):
            a = np.nan_to_num(a.astype(np.float64))
            if self.shares:
                a = np.divide(a, x, out=np.zeros_like(a), where=x != 0)
            a = (a * scale).reshape(len(a), -1)
            flat = of_input.reshape(count, of_input.shape[1], -1).astype(np.float64)
            said += a @ flat[:, 0].T if flat.shape[1] == 1 else np.einsum('krf,rf->rk', flat, a)
        if self.normalize:
            square = (said ** 2).mean(1)
            said *= np.divide((said * change).mean(1), square, out=np.zeros_like(square),
                              where=square > 0)[:, None]
        found = (said - change) ** 2
        return Measured(found.mean(1), errors=found.std(1, ddof=1) / count ** .5 if count > 1 else None)

    def _scales(self, xs):
        """What drawn changes are multiplied by, for each row."""
        if self.changes is not None:
            return [np.ones((len(x),) + (1,) * (x.ndim - 1), x.dtype) for x in xs]
        return [(self.noise * ranges(x)).astype(x.dtype) for x in xs]

    def _changes(self, xs):
        if self.changes is None:
            return [np.stack([np.random.default_rng([self.seed, j, k]).standard_normal(x.shape[1:])
                              for k in range(self.samples)])[:, None].astype(x.dtype)
                    for j, x in enumerate(xs)]
        return fitted(self.changes, xs)
