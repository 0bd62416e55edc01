from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...engine.arrays import add_rows
from ...features.quadrature import quadrature as nodes_and_weights
from ...parameters import Baseline, Count, References
from ..base import Plan
from ..layer_method import LayerMethod, of_all_rows
from ..lines import check_steps, on_line
from ..registry import register


@register('internal_influence')
@dataclass(frozen=True)
class InternalInfluence(LayerMethod):
    """Mean gradient with respect to a layer on the path of X from the baseline (Leino et al. 2018). Method
    'internal_influence'.

    Parameters
    ----------
    layer : name, tensor or Keras symbolic tensor, optional
        A floating tensor between X and T with one entry per row, see DeepExplain.tensor for names. By
        default X itself.
    steps : int, default 100
        Points on the path, at least 1 (2 for 'trapezoid').
    baseline : number, array, list or function, optional
        Where the path of X starts, by default 0: a scalar; an array of the shape of one row; or an array with
        one row per row of xs. A function is called with xs and returns one of these. For several inputs a
        list of these. An array with another number of rows than xs is taken as references.
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
        of x on the whole path, the baseline included. 'follow': every point has a mask of its own.

    Notes
    -----
    The mean of dT/dh over x(a) = baseline + a (x - baseline), with h the layer and a uniform on [0, 1]
    (definition 1 with this distribution of interest). Not multiplied with anything: in units of T per unit
    of the layer, and its sum means nothing. Shaped like the layer, (n, ...), in its dtype. Cost: `steps`
    gradients from T to the layer per row and baseline.

    Raises PathError for a layer that does not depend on X, that T does not depend on, or that is inside of a
    loop; TensorError for one whose first axis is not the batch.

    References
    ----------
    Leino, Sen, Datta, Fredrikson, Li (2018). Influence-directed explanations for deep convolutional networks.
    arXiv:1802.03788

    Examples
    --------
    >>> hidden = T.op.inputs[0]
    >>> de.explain(InternalInfluence(hidden, steps=50), T, X, xs, ys=[0, 1]).shape   # or 'internal_influence'
    (2, 2)
    """

    steps: Count = 100
    baseline: Baseline | None = None
    references: References | None = None
    quadrature: Literal['gausslegendre', 'riemann_middle', 'riemann_right', 'trapezoid'] = 'gausslegendre'
    average: bool | None = None
    masks: Literal['keep', 'follow'] = 'keep'

    unit = '{T} per unit of the layer'
    averages = True

    def check(self):
        check_steps(self.quadrature, self.steps)

    def query(self, model):
        return model.at_layers(self.layers(model), self.name).at_x

    def plan(self, shapes):
        return Plan([self.steps], list(shapes))

    def attribute(self, sweep, xs, baselines):
        alphas, weights = nodes_and_weights(self.quadrature, self.steps)
        totals: list[np.ndarray] = []
        for rows, ks, answers in sweep(on_line(baselines, xs, alphas), self.steps):
            totals = of_all_rows(totals, answers['layer_gradient'], sweep.n)
            for total, g in zip(totals, answers['layer_gradient']):
                add_rows(total, rows, g, weights[ks])
        return totals
