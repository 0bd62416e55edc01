from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ...graph.rulebook import Rulebook, table
from ...parameters import Positive
from ...rules.lrp import epsilon as rules
from ...rules.lrp.factors import QUOTIENTS, shares_of_factors
from ..base import Method, at_input
from ..magnitudes import check_epsilon, warn_of_size
from ..registry import register

WINNERS = frozenset('''MaxPool MaxPoolV2 MaxPool3D MaxPoolWithArgmax Max Min SegmentMax SegmentMin Maximum
    Minimum UnsortedSegmentMax UnsortedSegmentMin TopK TopKV2 Select SelectV2 Abs ClipByValue'''.split())
LARGE = 1000
ADVICE = "a larger epsilon, products='signal' and offset='absorb' (the defaults)"
GRADIENTS = frozenset(['Softmax', 'LogSoftmax', 'SoftmaxCrossEntropyWithLogits',
                       'SparseSoftmaxCrossEntropyWithLogits'])
NOTHING = ("Take products='uniform' (for attention softmax='gradient', for normalizations "
           "normalization='uniform'), or another method")


@register('elrp')
@dataclass(frozen=True)
class EpsilonLRP(Method):
    """Layer-wise relevance propagation with the epsilon rule (Bach et al. 2015). Method 'elrp'.

    Parameters
    ----------
    epsilon : float, default 1e-4
        The stabilizer, > 0. Larger values mute weakly activated units.
    products : str, default 'signal'
        'signal': of two factors a gate (what comes from a sigmoid, tanh, erf or exp, or divides) takes
        nothing and the other one all, as in Arras et al. (2017) for LSTMs; where none is a gate, or both are
        alike, half each. 'uniform': always half each.
    softmax : str, default 'constant'
        'constant': a softmax that weighs values in a product takes nothing (the AH rule of Ali et al. 2022;
        conserves relevance). 'gradient': it counts as any factor.
    normalization : str, default 'constant'
        'constant': a root of squares by which a tensor is divided takes nothing (the LN rule of Ali et al.
        2022); otherwise half of the relevance goes through the scale. 'uniform': it counts as any factor.
    on_unsupported : str, default 'warn'
        What to do about nonlinear ops without a rule, which are left to their plain gradient: 'warn', 'raise'
        or 'ignore'.
    offset : str, default 'absorb'
        'absorb': f(0) is a bias, which absorbs relevance: r (f(z) - f(0)) / (z + epsilon sign z), the slope
        of the secant from z = 0, which is Rescale (Shrikumar et al. 2017) with reference 0. 'pass': f(0) is
        passed on, as in DeepExplain.

    Notes
    -----
    A modified gradient times input: r f(z) / (z + epsilon sign z) takes the place of r f'(z) at every
    elementwise function of one tensor (Ancona et al. 2018, proposition 1). Where f(0) is not 0 (sigmoid,
    softplus, exp, cos, ...) that grows without bound as z goes to 0; there f(z) - f(0) takes the place of
    f(z), see offset. Linear ops pass relevance by their gradient, maxima and choices to the winner, a product
    of two tensors that both depend on X to its factors in shares that sum to 1. A softmax passes its gradient
    times its input (Achtibat et al. 2024, equation 13), and so does a cross-entropy of logits.

    The method lrp with composite 'epsilon' is LRP as the field has it: it stabilizes the sums of linear ops
    and passes all relevance through activations; this one stabilizes the inputs of activations.

    Equal to grad*input for ReLU networks as epsilon goes to 0. Biases, offsets f(0) and epsilon absorb
    relevance; apart from them, and from a softmax or cross-entropy on the way, the attributions of a row
    sum to f(x). A MagnitudeWarning reports rows whose attributions sum in magnitude to more than 1000 times
    f. Cost: 1 gradient per row.

    References
    ----------
    Bach, Binder, Montavon, Klauschen, Mueller, Samek (2015). On pixel-wise explanations for non-linear
    classifier decisions by layer-wise relevance propagation. doi:10.1371/journal.pone.0130140

    Examples
    --------
    >>> de.explain(EpsilonLRP(epsilon=1e-3), T, X, xs, ys=[0, 1]).shape        # or 'elrp', epsilon=1e-3
    (2, 3)
    """

    epsilon: Positive = 1e-4
    products: Literal['uniform', 'signal'] = 'signal'
    softmax: Literal['constant', 'gradient'] = 'constant'
    normalization: Literal['constant', 'uniform'] = 'constant'
    on_unsupported: Literal['warn', 'raise', 'ignore'] = 'warn'
    offset: Literal['absorb', 'pass'] = 'absorb'

    sums_to = 'value'
    masks = 'keep'                              # at x they are those of x: what they choose is linear
    remedy_for_zeros = 'a smaller epsilon'

    @cached_property
    def book(self):
        """The rules, with epsilon and the ways of sharing in them."""
        eps, absorb = self.epsilon, self.offset == 'absorb'
        shares = shares_of_factors(self.products, self.softmax, self.normalization)
        return Rulebook((
            table('epsilon', dict.fromkeys(rules.FUNCTIONS, rules.epsilon(eps, absorb))
                  | {'Pow': rules.power(eps, absorb), 'SquaredDifference': rules.squared_difference,
                     'EuclideanNorm': rules.norm(eps)}),
            table('product', dict.fromkeys(rules.PRODUCTS, rules.product(shares))
                  | dict.fromkeys(QUOTIENTS, rules.quotient(shares))),
            table('normalization', dict.fromkeys(['FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'],
                                                 rules.normalization(self.normalization == 'constant'))),
        ), passing=WINNERS | GRADIENTS, gives_nothing=NOTHING)

    def check_tensors(self, tensors):
        check_epsilon(self.epsilon, tensors)

    def query(self, model):
        return model.relevance(self.book, self.name, self.on_unsupported, with_value=True)

    def attribute(self, sweep, xs, baselines):
        answers = sweep.once(at_input(xs))
        result = [r * x for r, x in zip(answers['relevance'], xs)]
        warn_of_size(self.name, result, answers['value'], LARGE, ADVICE)
        return result
