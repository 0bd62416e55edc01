from __future__ import annotations

import numpy as np

from ...checks import warn
from ...engine.sweep import add_rows, take
from ...errors import ParameterError, ToleranceWarning
from ...features.quadrature import QUADRATURES, refined
from ...features.quadrature import quadrature as nodes_and_weights
from ..base import Method, at_input, choice, flag, integer, positive
from ..registry import register

# of gausslegendre: finding them takes the cube of their number, 0.7 s for 2000, and 800 MB here
MOST_NODES = 10000
FIRST = 8           # steps that a tolerance starts with


@register('intgrad')
class IntegratedGradients(Method):
    """Integrated gradients on the straight path from the baseline (Sundararajan et al. 2017, equation 1).

    (x - baseline) times the mean gradient between baseline and x. Complete in the limit of many steps,
    linear, and the same for any two networks that compute the same function. Cost: `steps` gradients per row
    and baseline; but see hoist.

    steps: points on the path, >= 1 (2 for 'trapezoid'); default 100, or 8 to begin with where a tolerance is
        given.
    baseline: where the path starts: a scalar, an array of the shape of one row, one with a row for each row
        of xs, or a set of references, (k,) + the shape of one row, over which attributions are averaged
        (expected gradients, Erion et al. 2021); or a function of xs that returns one of these; for several
        inputs a list of these.
    average: whether an array with rows is a set of references (True) or has one for each row of xs (False);
        None: one for each where it has as many rows as xs.
    quadrature: 'gausslegendre' (fewest points for smooth functions), 'riemann_middle', 'trapezoid', or
        'riemann_right', the sum of DeepExplain, whose error falls as 1/steps.
    tolerance: double the steps of a row until |f(x) - f(baseline) - sum| <= tolerance |f(x) - f(baseline)|;
        'trapezoid' and 'riemann_right' keep the points they have, the others begin anew. Cost: 2 evaluations
        per row more.
    max_steps: where doubling ends; rows that have not arrived are named in a warning.
    hoist: whether what the network begins with and is linear (a dense layer or a convolution, normalization,
        padding) is computed once for each sample and not once for each step, the path interpolated behind it:
        exact, and never slower by much. False to compare.
    masks: 'keep' (default): masks that the model makes of X by comparison with a value (Keras Masking, x !=
        0) are those of x all the way, and at the baseline; attributions sum to f(x) - f(baseline) with this
        mask. 'follow': every input has a mask of its own.
    """

    sums_to = 'difference'
    averages = True

    def __init__(self, steps: int | None = None, baseline=0, quadrature: str = 'gausslegendre',
                 average: bool | None = None,
                 tolerance: float | None = None, max_steps: int = 1024, hoist: bool = True,
                 masks: str = 'keep'):
        self.baseline = baseline
        self.masks = choice(masks, 'masks', ['keep', 'follow'])
        self.average = None if average is None else flag(average, 'average')
        self._hoist = flag(hoist, 'hoist')
        self._quadrature = choice(quadrature, 'quadrature', sorted(QUADRATURES))
        self._tolerance = None if tolerance is None else positive(tolerance, 'tolerance')
        steps = (100 if tolerance is None else FIRST) if steps is None else steps
        self._steps, self._max = integer(steps, 'steps', 2 if quadrature == 'trapezoid'
                                         else 1), integer(max_steps, 'max_steps', 1)
        if quadrature == 'gausslegendre' and self._steps > MOST_NODES:
            raise ParameterError(f"steps is {steps}: gausslegendre takes at most {MOST_NODES} points. Use "
                                 f"quadrature='riemann_middle' for more")
        if tolerance is not None and self._max < self._steps:
            raise ParameterError(
                f'max_steps is {max_steps}, less than the {steps} steps that are taken first')

    def query(self, model):
        return model.along_lines('intgrad') if self._hoist else model.gradient(self.name)

    @property
    def variant(self):
        return self._hoist

    def points(self, shapes):
        return [self._steps] if self._tolerance is None else None

    def attribute(self, sweep, xs, baselines):
        totals = [np.zeros(x.shape) for x in xs]    # float64: 100 float32 additions cost 4e-6
        _add(totals, sweep, xs, baselines, *nodes_and_weights(self._quadrature, self._steps))

        def result():
            return [(x.astype(np.float64) - b) * total for x, b, total in zip(xs, baselines, totals)]
        if self._tolerance is None:
            return result()
        (start,) = sweep.value.once(lambda rows: [np.broadcast_to(take(b, rows), x[rows].shape) for x,
                                                  b in zip(xs, baselines)])
        (end,) = sweep.value.once(at_input(xs))
        scale = np.maximum(np.abs(end - start), 1e-6 * (np.abs(end) + np.abs(start)) + np.finfo(float).tiny)
        steps = self._steps
        while True:
            gap = np.abs(end - start - sweep.sums(result())) / scale
            open_rows = np.flatnonzero(gap > self._tolerance)
            more, alphas, weights, kept = refined(self._quadrature, steps)
            if not len(open_rows):
                break
            if more > self._max:
                what = 'rows' if sweep.rows_per_value == 1 else 'values of T'
                warn(f'intgrad: after {steps} steps {len(open_rows)} of {len(gap)} {what} are not within '
                     f'tolerance={self._tolerance}: the largest '
                     f'relative gap is {gap.max():.2g}, in {what.split()[0][:-1]} {gap.argmax()}. Raise '
                     f'max_steps', ToleranceWarning)
                break
            steps = more
            rows = np.arange(sweep.n) if sweep.fixed_batch else open_rows
            some = [np.zeros((len(rows), *x.shape[1:])) for x in xs]
            _add(some, sweep if sweep.fixed_batch else sweep.among(rows), [x[rows] for x in xs],
                 [take(b, rows) for b in baselines], alphas, weights)
            for total, s in zip(totals, some):
                total[rows] = kept * total[rows] + s
        return result()


def _add(totals, sweep, xs, baselines, alphas, weights):
    """totals += the weighted gradients at these points between baselines and xs."""
    if sweep.is_line_integral:
        def ends(rows, ks):
            p = 1 if sweep.fixed_batch else np.searchsorted(rows, rows[0], 'right')
            share = weights[ks[:p]]
            return [*(x[rows[::p]] for x in xs), *(take(b, rows[::p]) for b in baselines), alphas[ks[:p]],
                    share / share.sum()]

        # of the points in a run: their weight is multiplied here, in float64
        for rows, ks, means in sweep(ends, len(alphas)):
            for total, mean in zip(totals, means):
                total[np.unique(rows)] += weights[np.unique(ks)].sum() * mean.astype(np.float64)
        return

    def points(rows, ks):
        result = []
        for x, b in zip(xs, baselines):
            alpha = alphas[ks].astype(
                np.promote_types(x.dtype, np.float32)).reshape((-1,) + (1,) * (x.ndim - 1))
            start = take(b, rows)
            result.append((start + alpha * (x[rows] - start)).astype(x.dtype, copy=False))
        return result

    for rows, ks, gradients in sweep(points, len(alphas)):
        for total, g in zip(totals, gradients):
            add_rows(total, rows, g, weights[ks])
