"""Shapley values by their definition."""

import itertools
import math

import numpy as np


def weight(before, m):
    """The share of the orders of m features in which these come before one."""
    return math.factorial(before) * math.factorial(m - before - 1) / math.factorial(m)


def shapley(f, x, b, members):
    """Shapley values of features, by all coalitions. members: (features, entries) of booleans."""
    m = len(members)
    values = {s: f(np.where(np.any([members[k] for k in s], 0) if s else np.zeros(x.shape, bool), x,
                            np.where(np.any(members, 0), b, x)))
              for r in range(m + 1) for s in itertools.combinations(range(m), r)}
    found = np.zeros(m)
    for s, value in values.items():
        for k in range(m):
            if k in s:
                found[k] += weight(len(s) - 1, m) * value
            else:
                found[k] -= weight(len(s), m) * value
    return found
