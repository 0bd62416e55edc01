"""Composites of rules for LRP: which rule at which linear op with weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ParameterError, shown
from ...graph.predicates import Predicate, convolutions, first, weighted
from ...kinds_of_values import positive
from . import linear


@dataclass(frozen=True)
class LinearRule:
    """A rule at linear ops with weights, made by the functions of `deepexplain2.lrp`.

    name: the rule. values: its parameters; of `epsilon` the stabilizer, None for that of the method.
    """
    name: str
    values: tuple = ()

    def __repr__(self) -> str:
        return f'{self.name}({", ".join(map(str, self.values))})'

    def formula(self, eps: float, bias: bool) -> linear.Formula:
        """The formula, for a stabilizer and the treatment of biases of a method."""
        values = self.values
        if self.name == 'epsilon':
            return linear.epsilon(values[0] or eps, bias)
        if self.name in ('gamma', 'alpha_beta'):
            return getattr(linear, self.name)(*values, eps, bias)
        if self.name == 'z_box':
            low, high = map(np.array, values)
            return linear.z_box(low, high, eps)
        return {'z_plus': lambda: linear.alpha_beta(1., 0., eps, bias),
                'w_square': lambda: linear.w_square(eps, bias), 'flat': lambda: linear.flat(eps),
                'norm': lambda: linear.epsilon(eps, bias), 'passes': lambda: linear.passes,
                'zero': lambda: linear.zero}[self.name]()


def epsilon(epsilon: float | None = None) -> LinearRule:
    """R_i = sum_j x_i w_ij / (z_j + epsilon sign z_j) R_j (Bach et al. 2015).

    Parameters
    ----------
    epsilon : float, optional
        The stabilizer, > 0. By default that of the method.
    """
    return LinearRule('epsilon', (None if epsilon is None else positive(epsilon, 'epsilon'),))


def gamma(gamma: float = .25) -> LinearRule:
    """Favours positive contributions: w + gamma w+ in place of w where the output is positive, and the like
    with the negative ones where it is negative (Montavon et al. 2019; Andeol et al. 2021).

    Parameters
    ----------
    gamma : float, default 0.25
        How much, > 0.
    """
    return LinearRule('gamma', (positive(gamma, 'gamma'),))


def alpha_beta(alpha: float = 2., beta: float = 1.) -> LinearRule:
    """Positive and negative contributions apart, weighed by alpha and -beta (Bach et al. 2015).

    Parameters
    ----------
    alpha, beta : float, default 2 and 1
        alpha - beta is 1, beta >= 0.
    """
    for name, value in ('alpha', alpha), ('beta', beta):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < np.inf:
            raise ParameterError(f'{name} must be a number >= 0, not {shown(value)}')
    if abs(alpha - beta - 1) > 1e-9:
        raise ParameterError(f'alpha - beta must be 1, so that relevance is conserved, not {alpha} - {beta}')
    return LinearRule('alpha_beta', (float(alpha), float(beta)))


def z_plus() -> LinearRule:
    """Positive contributions alone: alpha_beta(1, 0) (Montavon et al. 2017)."""
    return LinearRule('z_plus')


def z_box(low: Any, high: Any) -> LinearRule:
    """For inputs between two bounds (Montavon et al. 2017). Scales and shifts of X that are folded into the
    op belong to it: the bounds are those of X.

    Parameters
    ----------
    low, high : float or array
        The bounds: a number, one per channel, or an array that broadcasts to one row.
    """
    found = [np.asarray(a_bound(value, name), float) for name, value in (('low', low), ('high', high))]
    try:
        fits = np.all(found[0] <= found[1])
    except ValueError:
        raise ParameterError(f'low has shape {found[0].shape} and high {found[1].shape}, which do not fit '
                             'one another') from None
    if not fits:
        raise ParameterError('low must not be above high')
    return LinearRule('z_box', tuple(map(_frozen, found)))


def a_bound(value: Any, name: str) -> Any:
    """Check a number or an array of numbers."""
    array = np.asarray(value)
    if array.dtype.kind not in 'iuf' or not array.size or not np.isfinite(array).all():
        raise ParameterError(f'{name} must be a number or an array of numbers, not {shown(value)}')
    return array if array.ndim else array.item()


def w_square() -> LinearRule:
    """In the shares of squared weights, for inputs without bounds (Montavon et al. 2017)."""
    return LinearRule('w_square')


def flat() -> LinearRule:
    """In equal shares to all that an output sees (Lapuschkin et al. 2019)."""
    return LinearRule('flat')


def norm() -> LinearRule:
    """In the shares of contributions: `epsilon` with the stabilizer of the method."""
    return LinearRule('norm')


def passes() -> LinearRule:
    """As it is: input and output have equal shapes."""
    return LinearRule('passes')


def zero() -> LinearRule:
    """Nothing goes on: the relevance ends here."""
    return LinearRule('zero')


def _frozen(array: np.ndarray) -> Any:
    """An array as nested tuples, which compare."""
    return tuple(map(_frozen, array)) if array.ndim else float(array)


@dataclass(frozen=True)
class Composite:
    """Which rule stands at which linear op with weights (dense, convolution, Einsum): the first pair whose
    predicate is true of the op. Ops for which none is true have `epsilon`.

    Parameters
    ----------
    rules : sequence of (predicate, rule)
        Predicates and rules of `deepexplain2.lrp`.

    Examples
    --------
    >>> from deepexplain2.lrp import *
    >>> Composite([(first(), flat()), (in_layers('block1*'), gamma(.25)), (convolutions(), z_plus())])
    Composite of 3 rules
    """
    rules: tuple[tuple[Predicate, LinearRule], ...]

    def __init__(self, rules: Iterable[tuple[Predicate, LinearRule]]):
        pairs = []
        for pair in rules if isinstance(rules, (list, tuple)) else [rules]:
            if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], Predicate)
                    and isinstance(pair[1], LinearRule)):
                raise ParameterError('a Composite takes pairs (predicate, rule) such as (first(), flat()), '
                                     f'not {shown(pair)}. Both are made by the functions of '
                                     'deepexplain2.lrp')
            pairs.append(tuple(pair))
        object.__setattr__(self, 'rules', tuple(pairs))

    def __repr__(self) -> str:
        return f'Composite of {len(self.rules)} rules'


def named_composite(name: str, gamma_of: float, low: Any, high: Any) -> Composite:
    """The composites of the field by name (as in zennit). gamma_of, low, high: of 'epsilon_gamma_box'."""
    start, conv = (first(), flat()), {'plus': z_plus, 'alpha2_beta1': alpha_beta}
    if name == 'epsilon':
        return Composite([])
    if name == 'excitation_backprop':
        return Composite([(weighted(), z_plus())])
    if name == 'epsilon_gamma_box':
        return Composite([(first() & convolutions(), z_box(low, high)), (convolutions(), gamma(gamma_of))])
    rule = conv[name.removeprefix('epsilon_').removesuffix('_flat')]
    return Composite([*([start] if name.endswith('_flat') else []), (convolutions(), rule())])
