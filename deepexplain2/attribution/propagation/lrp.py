from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, get_args

from ...errors import ParameterError, shown
from ...parameters import Kind, Positive
from ...rules.lrp.book import book
from ...rules.lrp.composites import Composite, a_bound, named_composite
from ..base import Method, at_input
from ..magnitudes import check_epsilon, warn_of_size
from ..registry import register

# alpha_beta(2, 1) may multiply sizes by 3 at every layer
LARGE = 10 ** 6
ADVICE = 'a larger epsilon, or rules of one sign such as z_plus'

Names = Literal['epsilon', 'epsilon_plus', 'epsilon_plus_flat', 'epsilon_alpha2_beta1',
                'epsilon_alpha2_beta1_flat', 'epsilon_gamma_box', 'excitation_backprop']


def a_composite(value: Any, name: str) -> str | Composite:
    """Check a name, a Composite, or the pairs of one."""
    if isinstance(value, Composite) or (isinstance(value, str) and value in get_args(Names)):
        return value
    if isinstance(value, (list, tuple)):
        return Composite(value)
    raise ParameterError(f'{name} must be one of {", ".join(map(repr, get_args(Names)))} or a Composite of '
                         f'deepexplain2.lrp, not {shown(value)}')


Composed = Annotated[Any, Kind('the name of a composite, or a Composite', a_composite)]
Bound = Annotated[Any, Kind('a number or an array', a_bound)]


@register('lrp')
@dataclass(frozen=True)
class LRP(Method):
    """Layer-wise relevance propagation with a rule for each layer. Method 'lrp'.

    Parameters
    ----------
    composite : str or Composite, default 'epsilon'
        Which rule stands at which linear op with weights. 'epsilon': epsilon everywhere. 'epsilon_plus':
        z_plus at convolutions, epsilon at dense layers. 'epsilon_alpha2_beta1': alpha_beta(2, 1) at
        convolutions, epsilon at dense layers. 'epsilon_plus_flat', 'epsilon_alpha2_beta1_flat': as these,
        with flat at the first layers. 'epsilon_gamma_box': z_box at the first convolutions, gamma at the
        others, epsilon at dense layers. 'excitation_backprop': z_plus everywhere. Or a `Composite` of
        `deepexplain2.lrp`.
    epsilon : float, default 1e-6
        The stabilizer of all divisions, z + epsilon sign z, > 0.
    gamma : float, default 0.25
        Of the gamma rule of 'epsilon_gamma_box', > 0.
    low : float or array, optional
        Of 'epsilon_gamma_box': the least that X may be; a number, one per channel, or one per entry of a row.
    high : float or array, optional
        The same, the most.
    bias : str, default 'absorb'
        'absorb': a bias stands in the denominators and keeps its share. 'ignore': it takes nothing.
    products : str, default 'signal'
        As in elrp: 'signal': of two factors a gate takes nothing; 'uniform': half each.
    softmax : str, default 'constant'
        As in elrp: 'constant': a softmax that weighs values takes nothing; 'gradient': it counts as any
        factor.
    normalization : str, default 'constant'
        As in elrp: 'constant': a root of squares that divides takes nothing; 'uniform': it counts as any
        factor.
    on_unsupported : str, default 'warn'
        What to do about nonlinear ops without a rule, which pass their gradient times their input: 'warn',
        'raise' or 'ignore'.

    Notes
    -----
    Relevance begins as T, weights of ys included, and each op shares what it gets among its inputs. A linear
    op (MatMul, convolutions along 1 to 3 axes, depthwise and transposed ones, Einsum with weights) is one
    unit with the biases (BiasAdd, Add of a vector), scales and batch normalizations by constants before and
    behind it: the bounds of z_box are those of what enters a normalization in front. Activations pass
    relevance unchanged, sums and average pooling share it in the proportion of what is summed, maxima give it
    to the winner, attention, products and normalization are as in elrp. A bias or a normalization that cannot
    be folded into a unit absorbs its share, or with bias='ignore' passes all.

    With composite='epsilon' it differs from elrp in this: an activation passes all that it gets, also where
    f(0) is not 0, and what is stabilized are the sums of linear ops, not the inputs of activations. For
    networks of ReLUs without biases both equal gradient times input as epsilon goes to 0.

    Biases (with 'absorb') and epsilon absorb relevance; apart from them the attributions of a row sum to
    f(x), and `return_delta` tells what is missing; a MagnitudeWarning reports rows that sum in magnitude to
    more than 10^6 times f. Units in loops and conditionals never count as first or last; a PathWarning says
    so where a composite asks and they may be. Cost: 1 gradient per row, which takes 1.2 times as long under
    epsilon and 1.4 to 2.6 times under the
    other composites (benchmarks/rules.py).

    References
    ----------
    Bach, Binder, Montavon, Klauschen, Mueller, Samek (2015). On pixel-wise explanations for non-linear
    classifier decisions by layer-wise relevance propagation. doi:10.1371/journal.pone.0130140

    Montavon, Binder, Lapuschkin, Samek, Mueller (2019). Layer-wise relevance propagation: an overview.
    doi:10.1007/978-3-030-28954-6_10

    Examples
    --------
    >>> de.explain(LRP('epsilon_plus_flat'), T, X, xs, ys=[0, 1]).shape     # or 'lrp', composite=...
    (2, 3)
    """

    composite: Composed = 'epsilon'
    epsilon: Positive = 1e-6
    gamma: Positive = .25
    low: Bound | None = None
    high: Bound | None = None
    bias: Literal['absorb', 'ignore'] = 'absorb'
    products: Literal['uniform', 'signal'] = 'signal'
    softmax: Literal['constant', 'gradient'] = 'constant'
    normalization: Literal['constant', 'uniform'] = 'constant'
    on_unsupported: Literal['warn', 'raise', 'ignore'] = 'warn'

    sums_to = 'value'
    masks = 'keep'                              # at x they are those of x: what they choose is linear
    remedy_for_zeros = 'a smaller epsilon'

    def check(self):
        takes = self.composite == 'epsilon_gamma_box'
        if takes and (self.low is None or self.high is None):
            raise ParameterError("composite 'epsilon_gamma_box' needs low= and high=, the least and the most "
                                 'that X may be: numbers, or one per channel')
        if not takes and (self.low is not None or self.high is not None):
            raise ParameterError(f"low and high belong to composite='epsilon_gamma_box', not to "
                                 f'{self.composite!r}; in a Composite, to its rule z_box(low, high)')
        _ = self.book

    @cached_property
    def book(self):
        """The rules, with epsilon and the ways of sharing in them."""
        composite = self.composite if isinstance(self.composite, Composite) \
            else named_composite(self.composite, self.gamma, self.low, self.high)
        return book(composite, self.epsilon, self.bias == 'absorb', self.products, self.softmax,
                    self.normalization)

    def check_tensors(self, tensors):
        check_epsilon(self.epsilon, tensors)

    def query(self, model):
        return model.relevance(self.book, self.name, self.on_unsupported, with_value=True)

    def attribute(self, sweep, xs, baselines):
        answers = sweep.once(at_input(xs))
        warn_of_size(self.name, answers['relevance'], answers['value'], LARGE, ADVICE)
        return answers['relevance']
