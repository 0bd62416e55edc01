from __future__ import annotations

import numpy as np

from ..points.paths import QUADRATURES
from ..points.paths import quadrature as nodes_and_weights
from ..registry import register
from ..sweep import add_rows, take
from .base import Method, choice, integer


@register('intgrad')
class IntegratedGradients(Method):
    """Integrated gradients on the straight path from the baseline (Sundararajan et al. 2017, equation 1).

    (x - baseline) times the mean gradient between baseline and x. Complete in the limit of many steps, linear, and the same for any
    two networks that compute the same function. Cost: `steps` gradients per row.

    steps: points on the path, >= 1 (2 for 'trapezoid').
    baseline: where the path starts: a scalar, an array of the shape of one row, or one with a row for each row of xs; for several
        inputs a list of these.
    quadrature: 'gausslegendre' (fewest points for smooth functions), 'riemann_middle', 'trapezoid', or 'riemann_right', the sum of
        DeepExplain, whose error falls as 1/steps.
    """

    def __init__(self, steps: int = 100, baseline=0, quadrature: str = 'gausslegendre'):
        self.baseline = baseline
        choice(quadrature, 'quadrature', sorted(QUADRATURES))
        self._alphas, self._weights = nodes_and_weights(quadrature, integer(steps, 'steps', 2 if quadrature == 'trapezoid' else 1))

    def question(self, model):
        return model.gradient()

    def attribute(self, sweep, xs, baselines):
        def points(rows, ks):
            result = []
            for x, b in zip(xs, baselines):
                alpha = self._alphas[ks].astype(np.promote_types(x.dtype, np.float32)).reshape((-1,) + (1,) * (x.ndim - 1))
                start = take(b, rows)
                result.append((start + alpha * (x[rows] - start)).astype(x.dtype, copy=False))
            return result

        totals = [np.zeros(x.shape) for x in xs]    # float64: 100 float32 additions cost 4e-6
        for rows, ks, gradients in sweep(points, len(self._alphas)):
            for total, g in zip(totals, gradients):
                add_rows(total, rows, g, self._weights[ks])
        return [(x.astype(np.float64) - b) * total for x, b, total in zip(xs, baselines, totals)]
