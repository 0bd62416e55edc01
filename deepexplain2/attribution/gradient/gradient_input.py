from __future__ import annotations

from dataclasses import dataclass

from ..base import Method, at_input
from ..registry import register


@register('grad*input')
@dataclass(frozen=True)
class GradientInput(Method):
    """Gradient times input (Shrikumar et al. 2016). Method 'grad*input'.

    Notes
    -----
    x dT/dx. The attributions of a row sum to f(x) for linear models without bias, and for no other model.
    Cost: 1 gradient per row.

    References
    ----------
    Shrikumar, Greenside, Shcherbina, Kundaje (2016). Not just a black box. arXiv:1605.01713

    Examples
    --------
    >>> de.explain(GradientInput(), T, X, xs, ys=[0, 1]).shape        # or 'grad*input'
    (2, 3)
    """

    def query(self, model):
        return model.gradient(self.name)

    def attribute(self, sweep, xs, baselines):
        return [g * x for g, x in zip(sweep.once(at_input(xs))['gradient'], xs)]
