from __future__ import annotations

from ..registry import register
from ..rules.epsilon import epsilon as epsilon_rule
from .base import Method, at_input, positive


@register('elrp')
class EpsilonLRP(Method):
    """Layer-wise relevance propagation with the epsilon rule (Bach et al. 2015), as a modified gradient times input.

    r f(z) / (z + epsilon sign z) takes the place of r f'(z) at Relu, Elu, Sigmoid, Tanh, Softplus, LeakyRelu, Selu, Relu6 and Softsign
    (Ancona et al. 2018, proposition 1); max pooling passes all to its winner. Equal to grad*input for ReLU networks as epsilon goes
    to 0. Biases absorb relevance, so it sums to f(x) only in their absence. Cost: 1 gradient per row.

    epsilon: the stabilizer, > 0; larger values mute weakly activated units.
    """

    def __init__(self, epsilon: float = 1e-4):
        self.rules = epsilon_rule(positive(epsilon, 'epsilon'))

    def question(self, model):
        return model.relevance(self.rules, reference=False, name='elrp')

    def attribute(self, sweep, xs, baselines):
        return [r * x for r, x in zip(sweep.once(at_input(xs)), xs)]
