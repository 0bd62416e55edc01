"""The rules of DeepLIFT together: what stands at which op."""

from __future__ import annotations

from ...graph.passes import WITH_REFERENCE
from ...graph.rulebook import Rulebook, table
from . import decisions, maxima, normalization, rescale, softmax, sorting, two_factors
from .mean_jacobian import mean_jacobian
from .refused import REFUSED

ENTRIES = tuple(table(family, rules) for family, rules in {
    'Rescale': rescale.RULES, 'two factors': two_factors.RULES, 'cross-maximum': maxima.RULES,
    'softmax': softmax.RULES, 'normalization': normalization.RULES, 'sorting': sorting.RULES,
    'decisions': decisions.RULES}.items())
COMPLETE = Rulebook(ENTRIES, WITH_REFERENCE, mean_jacobian, refused=REFUSED)
GRADIENT_OF_MAXIMA = Rulebook(tuple(e for e in ENTRIES if e.rule is not maxima.RULES), WITH_REFERENCE,
                              mean_jacobian, frozenset(maxima.RULES), REFUSED)
BOOKS = {'cross': COMPLETE, 'gradient': GRADIENT_OF_MAXIMA}      # by what is done at maxima
