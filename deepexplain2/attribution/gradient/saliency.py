from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base import Method, at_input
from ..registry import register


@register('saliency')
@dataclass(frozen=True)
class Saliency(Method):
    """Absolute gradient of the output with respect to the input (Simonyan et al. 2014). Method 'saliency'.

    Notes
    -----
    |dT/dx|: how much a small change of a feature moves the output. It has no sign, and its sum means nothing.
    Cost: 1 gradient per row.

    References
    ----------
    Simonyan, Vedaldi, Zisserman (2014). Deep inside convolutional networks. arXiv:1312.6034

    Examples
    --------
    >>> de.explain(Saliency(), T, X, xs, ys=[0, 1]).shape        # or 'saliency'
    (2, 3)
    """

    unit = '|{T}| per unit of X'
    linear_in_target = False                    # the absolute value is not

    def query(self, model):
        return model.gradient(self.name)

    def attribute(self, sweep, xs, baselines):
        return [np.abs(g) for g in sweep.once(at_input(xs))['gradient']]
