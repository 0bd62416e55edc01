from __future__ import annotations

from ..base import Method, at_input
from ..registry import register


@register('grad*input')
class GradientInput(Method):
    """Gradient times input (Shrikumar et al. 2016).

    Complete for linear models without bias only. Cost: 1 gradient per row.
    """

    def query(self, model):
        return model.gradient(self.name)

    def attribute(self, sweep, xs, baselines):
        return [g * x for g, x in zip(sweep.once(at_input(xs)), xs)]
