"""Points on a line, for rules that take a mean along it."""

from __future__ import annotations

import numpy as np


def gauss(n: int) -> list[tuple[float, float]]:
    """(position in [0, 1], weight) of Gauss-Legendre quadrature; the weights sum to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return list(zip((nodes + 1) / 2, weights / 2))
