from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...engine.arrays import add_rows, take
from ...errors import ParameterError, ToleranceWarning, warn
from ...features.quadrature import quadrature as nodes_and_weights
from ...features.quadrature import refined
from ...parameters import Baseline, Count, Positive, References
from ..base import Method, Plan, at_input
from ..lines import check_steps, on_line
from ..registry import register

FIRST = 8           # steps that a tolerance starts with


@register('intgrad')
@dataclass(frozen=True)
class IntegratedGradients(Method):
    """Integrated gradients on the straight path from the baseline (Sundararajan et al. 2017). Method
    'intgrad'.

    Parameters
    ----------
    steps : int, optional
        Points on the path, at least 1 (2 for 'trapezoid'). By default 100, or 8 to begin with where a
        tolerance is given.
    baseline : number, array, list or function, optional
        Where the path starts, by default 0: a scalar; an array of the shape of one row; or an array with one
        row per row of xs. A function is called with xs and returns one of these. For several inputs a list of
        these. An array with another number of rows than xs is taken as references.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged (expected gradients, Erion et al. 2021): (k,) + the
        shape of one row, shared by all rows; (n, k) + that shape, k for each row of xs; or a function of xs
        that returns one of these. For several inputs a list of arrays. In place of baseline. Cost: k times as
        much.
    quadrature : str, default 'gausslegendre'
        'gausslegendre' (fewest points for smooth functions), 'riemann_middle', 'trapezoid', or
        'riemann_right', the sum of DeepExplain, whose error falls as 1/steps.
    average : bool, optional
        Whether a baseline with rows is a set of references (True), or has one for each row of xs (False). By
        default one for each where it has as many rows as xs, with a BaselineWarning.
    tolerance : float, optional
        Double the steps of a row until |f(x) - f(baseline) - sum| <= tolerance |f(x) - f(baseline)|.
        'trapezoid' and 'riemann_right' keep the points they have, the others begin anew. Cost: 2 more
        evaluations per row.
    max_steps : int, default 1024
        Where doubling ends. Rows that have not arrived are counted in a ToleranceWarning.
    hoist : bool, default True
        Whether what the network begins with and is linear (a dense layer or a convolution, normalization,
        padding) is computed once per sample and not once per step, the path interpolated downstream of it:
        exact, and never slower by much. False to compare.
    masks : str, default 'keep'
        'keep': masks that the model makes of X by comparison with a value (Keras Masking, x != 0) are those
        of x on the whole path, the baseline included. 'follow': every point has a mask of its own.

    Notes
    -----
    (x - baseline) times the mean gradient between baseline and x (equation 1). The attributions of a row sum
    to f(x) - f(baseline) in the limit of many steps, are linear in T, and the same for any two networks that
    compute the same function. Cost: `steps` gradients per row and baseline; see hoist.

    References
    ----------
    Sundararajan, Taly, Yan (2017). Axiomatic attribution for deep networks. arXiv:1703.01365

    Examples
    --------
    >>> de.explain(IntegratedGradients(steps=50), T, X, xs, ys=[0, 1]).shape        # or 'intgrad', steps=50
    (2, 3)
    """

    steps: Count | None = None
    baseline: Baseline | None = None
    references: References | None = None
    quadrature: Literal['gausslegendre', 'riemann_middle', 'riemann_right', 'trapezoid'] = 'gausslegendre'
    average: bool | None = None
    tolerance: Positive | None = None
    max_steps: Count = 1024
    hoist: bool = True
    masks: Literal['keep', 'follow'] = 'keep'

    sums_to = 'difference'
    averages = True

    def check(self):
        first = self._first
        check_steps(self.quadrature, first)
        if self.tolerance is not None and self.max_steps < first:
            raise ParameterError(f'max_steps is {self.max_steps}, less than the {first} steps that are taken '
                                 f'first')

    @property
    def _first(self) -> int:
        """The steps that are taken first."""
        return self.steps or (100 if self.tolerance is None else FIRST)

    def query(self, model):
        return model.line_integral(self.name) if self.hoist else model.gradient(self.name)

    @property
    def graph_key(self):
        """Only hoisting changes the ops."""
        return self.hoist

    def plan(self, shapes):
        return Plan([self._first] if self.tolerance is None else None, list(shapes))

    def attribute(self, sweep, xs, baselines):
        totals = [np.zeros(x.shape) for x in xs]    # float64: 100 float32 additions cost 4e-6
        _add(totals, sweep, xs, baselines, *nodes_and_weights(self.quadrature, self._first))

        def result():
            return [(x.astype(np.float64) - b) * total for x, b, total in zip(xs, baselines, totals)]
        if self.tolerance is None:
            return result()
        start, end = (sweep.value.once(point)['value'] for point in (
            lambda rows: [np.broadcast_to(take(b, rows), x[rows].shape) for x, b in zip(xs, baselines)],
            at_input(xs)))
        scale = np.maximum(np.abs(end - start), 1e-6 * (np.abs(end) + np.abs(start)) + np.finfo(float).tiny)
        steps = self._first
        while True:
            gap = np.abs(end - start - sweep.sums(result())) / scale
            open_rows = np.flatnonzero(gap > self.tolerance)
            more, alphas, weights, kept = refined(self.quadrature, steps)
            if not len(open_rows):
                break
            if more > self.max_steps:
                what = 'rows' if sweep.rows_per_value == 1 else 'values of T'
                warn(f'{self.name}: after {steps} steps {len(open_rows)} of {len(gap)} {what} are not within '
                     f'tolerance={self.tolerance}: the largest relative gap is {gap.max():.2g}, in '
                     f'{what.split()[0][:-1]} {gap.argmax()}. Raise max_steps', ToleranceWarning)
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
        for rows, ks, answers in sweep(ends, len(alphas)):
            for total, mean in zip(totals, answers['gradient']):
                total[np.unique(rows)] += weights[np.unique(ks)].sum() * mean.astype(np.float64)
        return

    for rows, ks, answers in sweep(on_line(baselines, xs, alphas), len(alphas)):
        for total, g in zip(totals, answers['gradient']):
            add_rows(total, rows, g, weights[ks])
