"""Average drop: how much of the probability goes with what is not explained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base import defined, register
from .explained_part import ExplainedPart


@register('average_drop')
@dataclass(frozen=True)
class AverageDrop(ExplainedPart):
    """The part of the probability that is lost where only what has positive attributions is left
    (Chattopadhay et al. 2018). Metric 'average_drop'; lower is better.

    Parameters
    ----------
    baseline : number, array, list of them or function, default 0
        What entries fade to, as for methods.

    Notes
    -----
    max(0, f(x) - f(x')) / f(x), x' = b + m (x - b), m the positive attributions of each position (channels
    summed), scaled to 0 ... 1 over a row. Rows in which T is 0 at x count as 0, with a warning. Xplique takes
    the magnitudes of attributions, and accepts logits.

    Cost: 2 evaluations of T per row.

    References
    ----------
    Chattopadhay, Sarkar, Howlader, Balasubramanian (2018). Grad-CAM++, section 5.1. arXiv:1710.11063

    Examples
    --------
    >>> from deepexplain2.targets import Probability
    >>> de.evaluate('average_drop', Probability(outputs=T), X, xs, 'intgrad', labels).values.shape
    (2,)
    """

    better = 'lower'

    def score(self, trial):
        before, after = self.before_and_after(trial)
        with np.errstate(invalid='ignore', divide='ignore'):
            found = np.maximum(before - after, 0) / before
        return defined(np.where(before > 0, found, np.nan), self, 'as T is 0 at x')
