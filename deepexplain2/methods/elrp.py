from __future__ import annotations

import numpy as np

from ..errors import ParameterError
from ..graph.rulebook import Rulebook
from ..registry import register
from ..rules import epsilon as rules
from .base import Method, at_input, choice, positive

WINNERS = frozenset('''MaxPool MaxPoolV2 MaxPool3D MaxPoolWithArgmax Max Min SegmentMax SegmentMin UnsortedSegmentMax UnsortedSegmentMin
    Maximum Minimum TopK TopKV2 Select SelectV2 Abs ClipByValue'''.split())
GRADIENTS = frozenset(['Softmax', 'LogSoftmax'])


@register('elrp')
class EpsilonLRP(Method):
    """Layer-wise relevance propagation with the epsilon rule (Bach et al. 2015), as a modified gradient times input.

    r f(z) / (z + epsilon sign z) takes the place of r f'(z) at every elementwise function of one tensor (Ancona et al. 2018, proposition
    1). Linear ops pass relevance by their gradient, maxima and choices to the winner, a product of two tensors that both depend on X
    to its factors in shares that sum to 1. A softmax passes its gradient times its input (Achtibat et al. 2024, equation 13). Equal to
    grad*input for ReLU networks as epsilon goes to 0. Biases and epsilon absorb relevance; but for them, and for a softmax that
    relevance passes through, attributions sum to f(x). Cost: 1 gradient per row.

    epsilon: the stabilizer, > 0; larger values mute weakly activated units.
    products: 'uniform': each factor takes half (default: no part of a model is left out); 'signal': a gate (what comes from Sigmoid, Tanh, Erf
        or a denominator) takes nothing, as in Arras et al. (2017) for LSTMs; where none or both are gates, half each.
    softmax: 'constant': a softmax that weighs values in a product takes nothing (the AH rule of Ali et al. 2022; default, as it conserves
        relevance); 'gradient': it counts as any factor.
    normalization: 'constant': a root of squares by which a tensor is divided takes nothing (the LN rule of Ali et al. 2022; default, as
        otherwise half of the relevance goes through the scale); 'uniform': it counts as any factor.
    on_unsupported: what to do about nonlinear ops without a rule, which are left to their plain gradient: 'warn', 'raise' or 'ignore'.
    """

    explains = 'value'

    def __init__(self, epsilon: float = 1e-4, products: str = 'uniform', softmax: str = 'constant', normalization: str = 'constant',
                 on_unsupported: str = 'warn'):
        self._epsilon = eps = positive(epsilon, 'epsilon')
        shares = rules.shares_of_factors(choice(products, 'products', ['uniform', 'signal']), choice(softmax, 'softmax', ['constant', 'gradient']),
                                         choice(normalization, 'normalization', ['constant', 'uniform']))
        self.on_unsupported = choice(on_unsupported, 'on_unsupported', ['warn', 'raise', 'ignore'])
        self.book = Rulebook({
            'epsilon': dict.fromkeys(rules.FUNCTIONS, rules.epsilon(eps)) | {'Pow': rules.power(eps), 'SquaredDifference': rules.squared_difference,
                                                                           'EuclideanNorm': rules.norm(eps)},
            'product': dict.fromkeys(rules.PRODUCTS, rules.product(shares))
            | dict.fromkeys(['RealDiv', 'Div', 'DivNoNan', 'Xdivy'], rules.quotient(shares)),
            'normalization': dict.fromkeys(['FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'],
                                           rules.normalization(normalization == 'constant')),
        }, passing=WINNERS | GRADIENTS)

    def question(self, model):
        for t in model.target, *model.inputs:
            exact = np.float64 if t.dtype.size > 4 else np.float32          # of the rules: those of float16 compute in float32
            with np.errstate(over='ignore', under='ignore'):
                held = exact(self._epsilon)
            if t.dtype.is_floating and not 0 < held < np.inf:
                raise ParameterError(f'epsilon is {self._epsilon}, which {exact.__name__}, in which "{t.name}" is explained, cannot hold: it '
                                     f'would be {held}')
        return model.relevance(self.book, 'elrp', self.on_unsupported)

    def attribute(self, sweep, xs, baselines):
        return [r * x for r, x in zip(sweep.once(at_input(xs)), xs)]
