"""The rulebook of LRP: rules at units by a composite, and what stands at all other ops."""

from __future__ import annotations

from ...graph.predicates import of_types, weighted
from ...graph.rulebook import Entry, Rulebook, table
from ...graph.units import NORMALIZATIONS
from . import epsilon as multipliers
from . import relevance
from .composites import Composite, LinearRule
from .factors import QUOTIENTS, shares_of_factors
from .linear import at_unit

WINNERS = frozenset('''MaxPool MaxPoolV2 MaxPool3D MaxPoolWithArgmax Max Min SegmentMax SegmentMin
    UnsortedSegmentMax UnsortedSegmentMin TopK TopKV2 Select SelectV2'''.split())
SOFTMAX = ['Softmax', 'LogSoftmax', 'SoftmaxCrossEntropyWithLogits', 'SparseSoftmaxCrossEntropyWithLogits']
NOTHING = ("Take products='uniform' (for attention softmax='gradient', for normalizations "
           "normalization='uniform'), a composite without zero(), or another method")


def book(composite: Composite, eps: float, bias: bool, products: str, softmax: str,
         normalization: str) -> Rulebook:
    """The rules of LRP.

    composite: the rules at linear ops with weights. eps: the stabilizer. bias: whether biases absorb
    relevance. products, softmax, normalization: see `shares_of_factors`.
    """
    shares = shares_of_factors(products, softmax, normalization)
    sums = relevance.sums(eps, bias)

    def by_multiplier(rule):
        return relevance.by_multiplier(eps, rule)

    def linear(family, types, rule):
        return Entry(family, of_types(types, linear=True), rule)
    units = [Entry(rule.name, predicate & weighted(), at_unit(rule.formula(eps, bias)))
             for predicate, rule in composite.rules]
    rest = LinearRule('epsilon', (None,))
    return Rulebook((
        *units, Entry('epsilon', weighted(), at_unit(rest.formula(eps, bias))),
        linear('passes', relevance.SCALES, relevance.scales), linear('norm', relevance.SUMS, sums),
        linear('moves', relevance.MOVES, relevance.moves),
        table('passes', dict.fromkeys([*multipliers.FUNCTIONS, 'Abs', 'ClipByValue'], relevance.activation)
              | {'Pow': relevance.power}),
        table('winner', dict.fromkeys(['Maximum', 'Minimum'], relevance.one_of_two)),
        table('softmax', dict.fromkeys(SOFTMAX, by_multiplier(relevance.gradient))),
        table('product', dict.fromkeys(['Mul', 'MulNoNan', *QUOTIENTS], relevance.factors(shares))
              | dict.fromkeys(multipliers.BILINEAR, by_multiplier(multipliers.product(shares)))),
        table('norm', {'SquaredDifference': by_multiplier(multipliers.squared_difference),
                       'EuclideanNorm': by_multiplier(multipliers.norm(eps))}),
        table('normalization', dict.fromkeys(sorted(NORMALIZATIONS), by_multiplier(
            multipliers.normalization(normalization == 'constant')))),
        *(Entry('complex numbers', of_types(relevance.COMPLEX, linear=is_linear), relevance.complex_numbers)
          for is_linear in (True, False)),
    ), passing=WINNERS, fallback=by_multiplier(relevance.gradient), gives_nothing=NOTHING, of_value=True,
        tells_fallback=True)
