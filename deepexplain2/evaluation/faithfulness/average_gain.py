"""Average gain: how much surer what is explained alone makes the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base import defined, register
from .explained_part import ExplainedPart


@register('average_gain')
@dataclass(frozen=True)
class AverageGain(ExplainedPart):
    """The part of what is missing to probability 1 that is won where only what has positive attributions is
    left (Zhang et al. 2024). Metric 'average_gain'; higher is better.

    Parameters
    ----------
    baseline : number, array, list of them or function, default 0
        What entries fade to, as for methods.

    Notes
    -----
    max(0, f(x') - f(x)) / (1 - f(x)), x' as for 'average_drop'. Rows in which T is 1 at x count as 0, with a
    warning. Xplique takes the magnitudes of attributions, and accepts logits.

    Cost: 2 evaluations of T per row.

    References
    ----------
    Zhang, Zheng, Wang, Ou (2024). Opti-CAM: optimizing saliency maps for interpretability, equation 21.
    arXiv:2301.07002

    Examples
    --------
    >>> from deepexplain2.targets import Probability
    >>> de.evaluate('average_gain', Probability(outputs=T), X, xs, 'intgrad', labels).values.shape
    (2,)
    """

    better = 'higher'

    def score(self, trial):
        before, after = self.before_and_after(trial)
        with np.errstate(invalid='ignore', divide='ignore'):
            found = np.maximum(after - before, 0) / (1 - before)
        return defined(np.where(before < 1, found, np.nan), self, 'as T is 1 at x')
