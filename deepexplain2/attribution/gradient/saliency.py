from __future__ import annotations

import numpy as np

from ..base import Method, at_input
from ..registry import register


@register('saliency')
class Saliency(Method):
    """Absolute gradient of the output by the input (Simonyan et al. 2014).

    How much a small change of a feature moves the output; no sign, no completeness. Cost: 1 gradient per row.
    """

    def query(self, model):
        return model.gradient(self.name)

    def attribute(self, sweep, xs, baselines):
        return [np.abs(g) for g in sweep.once(at_input(xs))]
