"""Structural similarity of two attributions."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import Metric, defined, register
from ..similarity import ssim
from .others import Other, others


@register('ssim')
@dataclass(frozen=True)
class SSIM(Metric):
    """Structural similarity of two attributions of each row (Wang et al. 2004). Metric 'ssim'; higher is more
    alike.

    Parameters
    ----------
    other : array or list of arrays
        The other attributions, shaped like xs.

    Notes
    -----
    scikit-image's, of maps (channels summed) that are scaled to 0 ... 1, with windows of 7 or less; the mean
    over inputs. Rows of fewer than 3 positions count as 0, with a warning.

    Cost: none of T.

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli (2004). Image quality assessment: from error visibility to structural
    similarity. doi:10.1109/TIP.2003.819861

    Examples
    --------
    >>> other = de.explain('saliency', T, X, xs, labels)
    >>> de.evaluate('ssim', T, X, xs, 'intgrad', labels, other=other).values.shape
    (2,)
    """

    other: Other

    better = 'higher'

    def score(self, trial):
        return defined(ssim(trial.attributions, others(trial, self.other)), self,
                       'as they have fewer than 3 positions')
