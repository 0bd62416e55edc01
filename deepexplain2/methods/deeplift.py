from __future__ import annotations

from ..registry import register
from ..rules import product, rescale
from ..sweep import take
from .base import Method


@register('deeplift')
class DeepLift(Method):
    """DeepLIFT with the Rescale rule (Shrikumar et al. 2017).

    The slope of the secant from the reference to the actual pre-activation takes the place of the derivative at Relu, Elu, Sigmoid,
    Tanh, Softplus, LeakyRelu, Selu, Relu6 and Softsign; where the two agree it is the derivative. Of a product of two tensors that both
    depend on X each factor counts with the mean of the other one. Attributions are the multipliers times (x - baseline) and sum to
    f(x) - f(baseline) for networks of linear layers, these activations and products, an LSTM for example. Max pooling passes the plain
    gradient: not complete where x and the baseline have different winners. Cost: 1 gradient per row, and 1 evaluation of the baseline
    per run, or per row where each has its own.

    baseline: the reference input: a scalar, an array of the shape of one row, or one with a row for each row of xs; for several
        inputs a list of these.
    """

    rules = rescale.RULES | product.RULES

    def __init__(self, baseline=0):
        self.baseline = baseline

    def question(self, model):
        return model.relevance(self.rules, reference=True, name='deeplift')

    def attribute(self, sweep, xs, baselines):
        multipliers = sweep.once(lambda rows: [x[rows] for x in xs] + [take(b, rows) for b in baselines])
        return [m * (x - b) for m, x, b in zip(multipliers, xs, baselines)]
