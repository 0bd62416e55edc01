from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...engine.arrays import take
from ...parameters import Baseline, References
from ...rules.deeplift.books import BOOKS
from ..base import Method
from ..registry import register


@register('deeplift')
@dataclass(frozen=True)
class DeepLift(Method):
    """DeepLIFT with the Rescale rule, for all differentiable ops (Shrikumar et al. 2017). Method 'deeplift'.

    Parameters
    ----------
    baseline : number, array, list or function, optional
        The reference input, by default 0: a scalar; an array of the shape of one row; or an array with one
        row per row of xs. A function is called with xs and returns one of these. For several inputs a list of
        these. An array with another number of rows than xs is taken as references.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged (DeepSHAP, Lundberg and Lee 2017): (k,) + the
        shape of one row, shared by all rows; (n, k) + that shape, k for each row of xs; or a function of xs
        that returns one of these. For several inputs a list of arrays. In place of baseline. Cost: k times as
        much.
    average : bool, optional
        Whether a baseline with rows is a set of references (True), or has one for each row of xs (False). By
        default one for each where it has as many rows as xs, with a BaselineWarning.
    max_pooling : str, default 'cross'
        'cross': the cross-maximum rule. 'gradient': the plain gradient of maxima over windows and axes, as in
        DeepExplain: complete only where x and the baseline have the same winner.
    on_unsupported : str, default 'warn'
        What to do about ops without a rule that are left to their plain gradient (those with a gradient that
        the user defined, for example): 'warn', 'raise' or 'ignore'.
    masks : str, default 'keep'
        'keep': masks that the model makes of X by comparison with a value (Keras Masking, x != 0) are those
        of x on the whole path, the baseline included. 'follow': x and the baseline each have a mask of their
        own.

    Notes
    -----
    Multipliers from the reference to the actual value of every tensor take the place of derivatives. At an
    elementwise function of one tensor: the slope of the secant (Rescale). At products, quotients, matrix
    products and maxima of two tensors that both depend on X: the Shapley value of the two, for a product the
    mean of the other factor; where something is divided by a norm that is 0 at one end, one of the two orders
    of change leads through huge values, and the other one counts alone. At max pooling and maxima over an
    axis: the cross-maximum rule. At softmax, log-softmax, the cross-entropies and sorted values: closed
    rules. At decisions that X takes part in: steps. At any other op: the mean of its Jacobian along the
    straight line.

    Attributions are the multipliers times (x - baseline) and sum to f(x) - f(baseline) up to rounding. Cost:
    1 gradient per row, and 1 evaluation of the baseline per run, or per row where each has its own; times the
    number of baselines. Where the weights are constants, as in a model that was not built in the session, the
    values of one shared baseline are kept from run to run.

    References
    ----------
    Shrikumar, Greenside, Kundaje (2017). Learning important features through propagating activation
    differences. arXiv:1704.02685

    Examples
    --------
    >>> de.explain(DeepLift(baseline=.1), T, X, xs, ys=[0, 1]).shape        # or 'deeplift', baseline=.1
    (2, 3)
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
        return model.relevance(self.book, self.name, self.on_unsupported)

    def attribute(self, sweep, xs, baselines):
        multipliers = sweep.once(lambda rows: [x[rows] for x in xs] + [take(b, rows) for b in baselines])
        return [m * (x - b) for m, x, b in zip(multipliers['relevance'], xs, baselines)]
