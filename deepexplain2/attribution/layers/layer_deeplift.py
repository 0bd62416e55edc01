from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...engine.arrays import take
from ...parameters import Baseline, References
from ...rules.deeplift.books import BOOKS
from ..layer_method import LayerMethod
from ..registry import register


@register('layer_deeplift')
@dataclass(frozen=True)
class LayerDeepLift(LayerMethod):
    """DeepLIFT contributions of the units of a layer (Shrikumar et al. 2017). Method 'layer_deeplift'.

    Parameters
    ----------
    layer : name, tensor or Keras symbolic tensor, optional
        A floating tensor between X and T with one entry per row, see DeepExplain.tensor for names. By
        default X itself.
    baseline : number, array, list or function, optional
        The reference input, by default 0: a scalar; an array of the shape of one row; or an array with one
        row per row of xs. A function is called with xs and returns one of these. For several inputs a list of
        these. An array with another number of rows than xs is taken as references.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged: (k,) + the shape of one row, shared by all rows;
        (n, k) + that shape, k for each row of xs; or a function of xs that returns one of these. For several
        inputs a list of arrays. In place of baseline. Cost: k times as much.
    average : bool, optional
        Whether a baseline with rows is a set of references (True), or has one for each row of xs (False). By
        default one for each where it has as many rows as xs, with a BaselineWarning.
    max_pooling : str, default 'cross'
        'cross': the cross-maximum rule. 'gradient': the plain gradient of maxima over windows and axes.
    on_unsupported : str, default 'warn'
        What to do about ops without a rule that are left to their plain gradient: 'warn', 'raise' or
        'ignore'.
    masks : str, default 'keep'
        'keep': masks that the model makes of X by comparison with a value (Keras Masking, x != 0) are those
        of x, at the baseline too. 'follow': x and the baseline each have a mask of their own.

    Notes
    -----
    The multiplier of every unit, from T back to the layer h by the rules of the method for inputs, times
    h(x) - h(baseline); every tensor, those around the layer too, has its reference value at the baseline.
    Shaped like the layer, (n, ...), in its dtype and in units of T. Where all that T takes of X flows through
    the layer, a row sums to f(x) - f(baseline) up to rounding. Where T depends on X around it too, as in a
    residual block, the rest of that difference belongs to the tensors around it: return_delta is refused.
    Cost: 1 gradient from T to the layer per row, and 1 evaluation of the baseline per run, or per row where
    each has its own; times the number of baselines.

    Raises PathError for a layer that does not depend on X, that T does not depend on, or that is inside of a
    function or a loop; TensorError for one whose first axis is not the batch.

    References
    ----------
    Shrikumar, Greenside, Kundaje (2017). Learning important features through propagating activation
    differences. arXiv:1704.02685

    Examples
    --------
    >>> hidden = T.op.inputs[0]
    >>> de.explain(LayerDeepLift(hidden, baseline=.1), T, X, xs, ys=[0, 1]).shape    # or 'layer_deeplift'
    (2, 2)
    """

    baseline: Baseline | None = None
    references: References | None = None
    average: bool | None = None
    max_pooling: Literal['cross', 'gradient'] = 'cross'
    on_unsupported: Literal['warn', 'raise', 'ignore'] = 'warn'
    masks: Literal['keep', 'follow'] = 'keep'

    sums_to = 'difference'
    averages = True

    @property
    def book(self):
        """The rules."""
        return BOOKS[self.max_pooling]

    def query(self, model):
        return model.relevance(self.book, self.name, self.on_unsupported, at=self.layers(model),
                               to_inputs=False)

    def attribute(self, sweep, xs, baselines):
        found = sweep.once(lambda rows: [x[rows] for x in xs] + [take(b, rows) for b in baselines])
        return [m * (h - h0) for m, h, h0 in zip(found['layer_gradient'], found['activation'],
                                                 found['reference'])]
