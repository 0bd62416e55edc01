"""Shapley values by enumeration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...engine.memo import Memo
from ...errors import ParameterError
from ...features.axes import AxesOfInput
from ...features.base import FeaturesOfX, join
from ...parameters import Baseline, References
from ..base import Method, Plan
from ..coalition_values import exact_values
from ..registry import methods, names_with, register

MOST = 16               # features: 65,536 evaluations per row


@register('shapley')
@dataclass(frozen=True)
class Shapley(Method):
    """Shapley values of at most 16 features, exact, by all their coalitions (Shapley 1953). Method 'shapley'.

    Parameters
    ----------
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
    phi_i = sum over coalitions S without i of |S|! (m - |S| - 1)! / m! (f(S and i) - f(S)), f(S) the value of
    T where the features of S have their values in x and the others those of the baseline. They sum to f(x) -
    f(baseline), by feature.

    Cost: 2 ** m evaluations of T per row, m the features in which x is not the baseline.

    References
    ----------
    Shapley (1953). A value for n-person games. In Contributions to the theory of games II

    Examples
    --------
    >>> from deepexplain2.features import Grid
    >>> a = de.explain('shapley', T, X, xs, ys=labels, features=Grid(2))
    """

    baseline: Baseline | None = None
    references: References | None = None
    features: FeaturesOfX | None = None
    masks: Literal['keep', 'follow'] = 'keep'

    sums_to = 'difference'
    is_perturbation = True

    def query(self, model):
        return model.value()

    def plan(self, shapes):
        count = self._features(shapes).count
        if count > MOST:
            sampling = [name for name in names_with('draws_samples').split(', ')
                        if methods[name].sums_to == self.sums_to]
            raise ParameterError(f'"{self.name}" evaluates all coalitions of {count} features, and takes at '
                                 f'most {MOST}. Give coarser ones, features=Grid(4) or Segments(...), or a '
                                 f'method that samples: {", ".join(sampling)}')
        return Plan([1 << count], list(shapes))

    @staticmethod
    def _features(shapes):
        return join([AxesOfInput(shape[1:], name='X' if len(shapes) == 1 else f'X[{k}]')
                     for k, shape in enumerate(shapes)])

    def attribute(self, sweep, xs, baselines):
        memo = Memo(sweep, self._features([x.shape for x in xs]), xs, baselines)
        return memo.features.spread(exact_values(memo, np.ones(len(xs[0]), bool)))
