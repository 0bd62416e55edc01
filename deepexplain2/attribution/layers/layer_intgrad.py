from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...engine.arrays import add_rows, take
from ...features.quadrature import quadrature as nodes_and_weights
from ...parameters import Baseline, Count, References
from ..base import Plan, at_input
from ..layer_method import LayerMethod
from ..lines import check_steps, on_line
from ..registry import register


@register('layer_intgrad')
@dataclass(frozen=True)
class LayerIntegratedGradients(LayerMethod):
    """Integrated gradients of a layer on the line from its values at the baseline (Sundararajan et al.
    2017). Method 'layer_intgrad'.

    Parameters
    ----------
    layer : name, tensor or Keras symbolic tensor, optional
        A floating tensor between X and T with one entry per row, see DeepExplain.tensor for names. By
        default X itself.
    steps : int, default 100
        Points on the line, at least 1 (2 for 'trapezoid').
    baseline : number, array, list or function, optional
        The X whose values of the layer the line starts at, by default 0: a scalar; an array of the shape of
        one row; or an array with one row per row of xs. A function is called with xs and returns one of
        these. For several inputs a list of these. An array with another number of rows than xs is taken as
        references.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged: (k,) + the shape of one row, shared by all rows;
        (n, k) + that shape, k for each row of xs; or a function of xs that returns one of these. For several
        inputs a list of arrays. In place of baseline. Cost: k times as much.
    quadrature : str, default 'gausslegendre'
        'gausslegendre' (fewest points for smooth functions), 'riemann_middle', 'trapezoid' or
        'riemann_right'.
    average : bool, optional
        Whether a baseline with rows is a set of references (True), or has one for each row of xs (False). By
        default one for each where it has as many rows as xs, with a BaselineWarning.
    masks : str, default 'keep'
        'keep': masks that the model makes of X by comparison with a value (Keras Masking, x != 0) are those
        of x, at the baseline too. 'follow': the baseline has a mask of its own.

    Notes
    -----
    (h(x) - h(baseline)) times the mean of dT/dh on the straight line between the two, with h the layer; all
    else, such as a connection around the layer, stays as it is at x. Shaped like the layer, (n, ...), in its
    dtype and in units of T. A row sums to f(x) minus T with the layer as at the baseline, in the limit of
    many steps. Where all that T takes of X flows through the layer that is f(x) - f(baseline); elsewhere
    return_delta is refused. Cost: per row and baseline `steps` gradients from T to the layer, and the layer
    at x and at the baseline; nothing upstream of the layer is computed again, unless T takes it around it.

    Raises PathError for a layer that does not depend on X, that T does not depend on, or that is inside of a
    loop; TensorError for one whose first axis is not the batch.

    References
    ----------
    Sundararajan, Taly, Yan (2017). Axiomatic attribution for deep networks. arXiv:1703.01365

    Examples
    --------
    >>> hidden = T.op.inputs[0]
    >>> de.explain(LayerIntegratedGradients(hidden), T, X, xs, ys=[0, 1]).shape      # or 'layer_intgrad'
    (2, 2)
    """

    steps: Count = 100
    baseline: Baseline | None = None
    references: References | None = None
    quadrature: Literal['gausslegendre', 'riemann_middle', 'riemann_right', 'trapezoid'] = 'gausslegendre'
    average: bool | None = None
    masks: Literal['keep', 'follow'] = 'keep'

    sums_to = 'difference'
    averages = True

    def check(self):
        check_steps(self.quadrature, self.steps)

    def query(self, model):
        return model.at_layers(self.layers(model), self.name).given

    def plan(self, shapes):
        return Plan([1, 1, self.steps], list(shapes))

    def attribute(self, sweep, xs, baselines):
        ends = sweep.once(at_input(xs))['activation']
        starts = sweep.once(lambda rows: [np.broadcast_to(take(b, rows), x[rows].shape)
                                          for b, x in zip(baselines, xs)])['activation']
        alphas, weights = nodes_and_weights(self.quadrature, self.steps)
        line = on_line(starts, ends, alphas)
        totals = [np.zeros(h.shape) for h in ends]
        for rows, ks, answers in sweep(lambda rows, ks: [*(x[rows] for x in xs), *line(rows, ks)],
                                       self.steps):
            for total, g in zip(totals, answers['layer_gradient']):
                add_rows(total, rows, g, weights[ks])
        return [(h.astype(np.float64) - h0) * total for h, h0, total in zip(ends, starts, totals)]
