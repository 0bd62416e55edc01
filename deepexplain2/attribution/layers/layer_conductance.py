from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...parameters import Baseline, Count, References
from ..base import Plan
from ..layer_method import LayerMethod, of_all_rows
from ..lines import on_line
from ..registry import register


@register('layer_conductance')
@dataclass(frozen=True)
class LayerConductance(LayerMethod):
    """Conductance of the units of a layer: integrated gradients through each (Dhamdhere et al. 2019). Method
    'layer_conductance'.

    Parameters
    ----------
    layer : name, tensor or Keras symbolic tensor, optional
        A floating tensor between X and T with one entry per row, see DeepExplain.tensor for names. By
        default X itself, where the conductance is the integrated gradient.
    steps : int, default 100
        Pieces of the path from the baseline to x, at least 1.
    baseline : number, array, list or function, optional
        Where the path of X starts, by default 0: a scalar; an array of the shape of one row; or an array with
        one row per row of xs. A function is called with xs and returns one of these. For several inputs a
        list of these. An array with another number of rows than xs is taken as references.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged: (k,) + the shape of one row, shared by all rows;
        (n, k) + that shape, k for each row of xs; or a function of xs that returns one of these. For several
        inputs a list of arrays. In place of baseline. Cost: k times as much.
    quadrature : str, default 'trapezoid'
        'trapezoid': the gradient of a piece is the mean of those at its ends, the error falls as 1/steps^2
        where T is smooth. 'riemann_left': the gradient where it begins, as in Captum, 1/steps.
    average : bool, optional
        Whether a baseline with rows is a set of references (True), or has one for each row of xs (False). By
        default one for each where it has as many rows as xs, with a BaselineWarning.
    masks : str, default 'keep'
        'keep': masks that the model makes of X by comparison with a value (Keras Masking, x != 0) are those
        of x on the whole path, the baseline included. 'follow': every point has a mask of its own.

    Notes
    -----
    With h the layer and x(a) = baseline + a (x - baseline), a unit gets the integral of dT/dh_j(x(a)) dh_j
    over the path (equation 3): what flows through it while X changes. Shaped like the layer, (n, ...), in its
    dtype and in units of T. Where all that T takes of X flows through the layer, a row sums to
    f(x) - f(baseline) in the limit of many steps. Where T depends on X around it too, as in a residual block,
    it sums to what flows through the layer: return_delta is refused. Cost: steps + 1 gradients from T to the
    layer per row and baseline.

    Raises PathError for a layer that does not depend on X, that T does not depend on, or that is inside of a
    loop; TensorError for one whose first axis is not the batch.

    References
    ----------
    Dhamdhere, Sundararajan, Yan (2019). How important is a neuron? arXiv:1805.12233

    Examples
    --------
    >>> hidden = T.op.inputs[0]
    >>> de.explain(LayerConductance(hidden, steps=50), T, X, xs, ys=[0, 1]).shape    # or 'layer_conductance'
    (2, 2)
    """

    steps: Count = 100
    baseline: Baseline | None = None
    references: References | None = None
    quadrature: Literal['trapezoid', 'riemann_left'] = 'trapezoid'
    average: bool | None = None
    masks: Literal['keep', 'follow'] = 'keep'

    sums_to = 'difference'
    averages = True

    def query(self, model):
        return model.at_layers(self.layers(model), self.name).at_x

    def plan(self, shapes):
        return Plan([self.steps + 1], list(shapes))

    def attribute(self, sweep, xs, baselines):
        totals: list[np.ndarray] = []
        ends: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}       # of rows: the last point before a run
        line = on_line(baselines, xs, np.arange(self.steps + 1) / self.steps)
        for rows, ks, answers in sweep(line, self.steps + 1):
            found = list(zip(answers['activation'], answers['layer_gradient']))
            totals = of_all_rows(totals, answers['activation'], sweep.n)
            bounds = np.flatnonzero(np.diff(rows, prepend=-1, append=-1))
            for start, stop in itertools.pairwise(bounds):
                row, first = int(rows[start]), int(ks[start] == 0)
                before = ends.pop(row, None) or [(h[start:start + 1], g[start:start + 1]) for h, g in found]
                for total, (h, g), (h0, g0) in zip(totals, found, before):
                    total[row] += self._sum(*(np.concatenate([v0, v[start + first:stop]], dtype=np.float64)
                                              for v0, v in ((h0, h), (g0, g))))
                if ks[stop - 1] < self.steps:
                    ends[row] = [(h[stop - 1:stop], g[stop - 1:stop]) for h, g in found]
        return totals

    def _sum(self, h, g):
        """The sum of gradients times changes of the layer over successive points."""
        at = g[:-1] if self.quadrature == 'riemann_left' else (g[:-1] + g[1:]) / 2
        return (at * np.diff(h, axis=0)).sum(0)
