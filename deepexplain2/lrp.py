"""Rules, predicates and composites of layer-wise relevance propagation, for the parameter `composite`.

A composite is a list of pairs (predicate, rule), asked at the linear ops with weights of a graph:

- rules: `epsilon`, `gamma`, `alpha_beta`, `z_plus`, `z_box`, `w_square`, `flat`, `norm`, `passes`, `zero`;
- predicates, combined by &, | and ~: `first`, `last`, `convolutions`, `dense`, `weighted` (any of these),
  `of_types(['Conv2D'], linear=True)`, `in_layers('block1*')`, `named('net/conv*')`, `where(function of a
  Place)`.
"""

from .graph.predicates import (
    Predicate,
    convolutions,
    dense,
    first,
    in_layers,
    last,
    named,
    of_types,
    weighted,
    where,
)
from .rules.lrp.composites import (
    Composite,
    LinearRule,
    alpha_beta,
    epsilon,
    flat,
    gamma,
    norm,
    passes,
    w_square,
    z_box,
    z_plus,
    zero,
)

__all__ = ['Composite', 'LinearRule', 'Predicate', 'alpha_beta', 'convolutions', 'dense', 'epsilon', 'first',
           'flat', 'gamma', 'in_layers', 'last', 'named', 'norm', 'of_types', 'passes', 'w_square',
           'weighted', 'where', 'z_box', 'z_plus', 'zero']
