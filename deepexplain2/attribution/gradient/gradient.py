from __future__ import annotations

from dataclasses import dataclass

from ..base import Method, at_input
from ..registry import register


@register('gradient')
@dataclass(frozen=True)
class Gradient(Method):
    """Gradient of the output with respect to the input, with its sign. Method 'gradient'.

    Notes
    -----
    dT/dx, shaped like X, in units of T per unit of X: how far and in which direction T moves with a feature.
    Its sum means nothing. Cost: 1 gradient per row.

    References
    ----------
    Baehrens et al. (2010). How to explain individual classification decisions. JMLR 11, equation 2.

    Examples
    --------
    >>> de.explain(Gradient(), T, X, xs, ys=[0, 1])        # or 'gradient'
    array([[ 1. ,  0.5,  2. ],
           [-2. ,  1. ,  0. ]], dtype=float32)
    """

    unit = '{T} per unit of X'

    def query(self, model):
        return model.gradient(self.name)

    def attribute(self, sweep, xs, baselines):
        return list(sweep.once(at_input(xs))['gradient'])
