"""Signs and scale of maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kinds_of_values import choice
from .maps import Array, mapped


def positive(maps: Any) -> Any:
    """The positive part of maps, max(a, 0): what speaks for T.

    Parameters
    ----------
    maps : array (n, ...), list of arrays or Explanation
        Attributions. NaN stays NaN.

    Returns
    -------
    like maps
        a = positive(a) - negative(a).

    Examples
    --------
    >>> positive(np.array([[2., -1.]])), negative(np.array([[2., -1.]]))
    (array([[2., 0.]]), array([[0., 1.]]))
    """
    return mapped(maps, lambda parts: [np.maximum(p, 0) for p in parts])


def negative(maps: Any) -> Any:
    """The negative part of maps as numbers >= 0, max(-a, 0): what speaks against T.

    Parameters
    ----------
    maps : array (n, ...), list of arrays or Explanation
        Attributions. NaN stays NaN.

    Returns
    -------
    like maps
        a = positive(a) - negative(a).

    Examples
    --------
    >>> negative(np.array([[2., -1.]]))
    array([[0., 1.]])
    """
    return mapped(maps, lambda parts: [np.maximum(-p, 0) for p in parts])


def normalize(maps: Any, by: str = 'max') -> Any:
    """Every row to the same scale, over all its inputs together.

    Parameters
    ----------
    maps : array (n, ...), list of arrays or Explanation
        Attributions. NaN stays NaN, and counts for nothing.
    by : str, default 'max'
        'max': a / max |a|, from -1 to 1, 0 and signs stay. 'sum': a / sum |a|. 'l2': a / sqrt(sum a^2).
        'range': (a - min a) / (max a - min a), from 0 to 1, and 0 does not stay.

    Returns
    -------
    like maps
        Without units. Rows that are 0, and for 'range' those with one value, become 0.

    Raises
    ------
    ParameterError
        For another `by`.

    Examples
    --------
    >>> normalize(np.array([[2., -4.], [0., 0.]]))
    array([[ 0.5, -1. ],
           [ 0. ,  0. ]])
    """
    choice(by, 'by', ['max', 'sum', 'l2', 'range'])

    def change(parts: list[Array]) -> list[Array]:
        flat = np.concatenate([p.reshape(len(p), -1) for p in parts], 1)
        low = np.zeros(len(flat))
        if by == 'range':
            low = np.where(np.isnan(flat), np.inf, flat).min(1)
            low = np.where(np.isinf(low), 0, low)
        shifted = np.nan_to_num(np.abs(flat - low[:, None]))
        largest = shifted.max(1)
        unit = np.where(largest > 0, largest, 1)
        relative = shifted / unit[:, None]          # sums of squares neither vanish nor overflow
        size = {'sum': relative.sum(1), 'l2': np.sqrt((relative ** 2).sum(1))}.get(by, np.ones(len(flat)))
        size = np.where(largest > 0, size, 1)

        def scaled(p: Array) -> Array:
            shape = (-1,) + (1,) * (p.ndim - 1)
            return (p - low.reshape(shape)) / unit.reshape(shape) / size.reshape(shape)
        return [scaled(p) for p in parts]
    return mapped(maps, change)
