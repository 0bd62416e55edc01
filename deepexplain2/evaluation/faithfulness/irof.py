"""IROF: iterative removal of segments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import trapezoid

from ...features.base import FeaturesOfX
from ...features.superpixels import superpixels
from ...parameters import Baseline
from ..base import Metric, defined, register
from ..scores import Curve, Measured
from .removal import removal


@register('irof')
@dataclass(frozen=True)
class IROF(Metric):
    """Area over T while segments go, those with the largest mean attributions first (Rieger and Hansen 2020).
    Metric 'irof'; higher is better.

    Parameters
    ----------
    features : set of deepexplain2.features, optional
        The segments; by default superpixels('slic') of images.
    baseline : number, array, list of them or function, default 'mean'
        What stands in for what is gone, as for methods.

    Notes
    -----
    1 minus the mean, by the trapezoidal rule over the share of segments that are gone, of T divided by T at
    x. T must be a probability. curve.y has these quotients. Quantus' IROF is the same, with its own
    segmentation.

    Cost: as many evaluations of T per row as there are segments, plus 1.

    References
    ----------
    Rieger, Hansen (2020). IROF: a low resource evaluation metric for explanation methods, section 3.
    arXiv:2003.08747

    Examples
    --------
    >>> from deepexplain2.features import Axes
    >>> from deepexplain2.targets import Probability
    >>> chance = Probability(outputs=T)
    >>> de.evaluate('irof', chance, X, xs, 'intgrad', labels, features=Axes(), baseline=0).values.shape
    (2,)
    """

    features: FeaturesOfX | None = None
    baseline: Baseline | None = 'mean'

    better = 'higher'
    needs_probability = True

    def score(self, trial):
        features = superpixels('slic') if self.features is None else self.features
        _, curve, _ = removal(trial, features, -1, False, by_mean=True)
        assert curve is not None
        with np.errstate(invalid='ignore', divide='ignore'):
            found = curve.y / curve.y[:, :1]
        values = 1 - trapezoid(found, curve.x, axis=1)
        return Measured(defined(np.where(curve.y[:, 0] > 0, values, np.nan), self, 'as T is 0 at x'),
                        Curve(curve.x, found))
