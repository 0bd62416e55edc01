"""Passes: rewrites of the nodes between X and T before rules are asked. One rewrite a file.

A pass is a function of the nodes, functions included, and of a Context. It changes the nodes, or returns new
ones. A rulebook lists its passes, and `Copy` runs them in order. The nodes come with calls of functions
opened and control flow of TF1 replaced by loops and conditionals; the last passes put them into the scopes in
which rules look for them.
"""

from .context import Context, Pass
from .decisions import open_decisions
from .drop_custom_gradients import drop_custom_gradients
from .mark import mark_rules
from .paired import alone, paired
from .separate_functions import separate_functions
from .stop_gradients import open_stops

ALONE: tuple[Pass, ...] = (drop_custom_gradients, separate_functions, mark_rules, alone)
WITH_REFERENCE: tuple[Pass, ...] = (drop_custom_gradients, separate_functions, open_stops, open_decisions,
                                    mark_rules, paired)

__all__ = ['ALONE', 'WITH_REFERENCE', 'Context', 'Pass']
