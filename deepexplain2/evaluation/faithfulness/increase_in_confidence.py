"""Increase in confidence: whether what is explained alone makes the model surer."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import register
from .explained_part import ExplainedPart


@register('increase_in_confidence')
@dataclass(frozen=True)
class IncreaseInConfidence(ExplainedPart):
    """1 where the probability grows when only what has positive attributions is left, else 0 (Chattopadhay et
    al. 2018). Metric 'increase_in_confidence'; higher is better.

    Parameters
    ----------
    baseline : number, array, list of them or function, default 0
        What entries fade to, as for methods.

    Notes
    -----
    1 where f(x') > f(x), x' as for 'average_drop'. The mean over rows is the share of them. Xplique takes the
    magnitudes of attributions, and accepts logits.

    Cost: 2 evaluations of T per row.

    References
    ----------
    Chattopadhay, Sarkar, Howlader, Balasubramanian (2018). Grad-CAM++, section 5.1. arXiv:1710.11063

    Examples
    --------
    >>> from deepexplain2.targets import Probability
    >>> de.evaluate('increase_in_confidence', Probability(outputs=T), X, xs, 'intgrad', labels).values.shape
    (2,)
    """

    better = 'higher'

    def score(self, trial):
        before, after = self.before_and_after(trial)
        return (after > before).astype(float)
