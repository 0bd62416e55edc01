"""From maps with channels to one map."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..kinds_of_values import choice
from .maps import axis_of, mapped

HOW: dict[str, Any] = {'max': np.max, 'mean': np.mean, 'sum': np.sum,
                       'l2': lambda a, axis: np.sqrt(np.sum(a * a, axis))}


def channels(maps: Any, how: str = 'sum', axis: int = -1) -> Any:
    """One map from those of the channels.

    Parameters
    ----------
    maps : array (n, ..., channels), list of arrays or Explanation
        Attributions with an axis of channels beside rows and positions: at least three axes.
    how : str, default 'sum'
        'max' (the largest, with its sign), 'mean', 'sum' (what the attributions of a row sum to stays as it
        is), or 'l2' (the root of the sum of squares; never negative).
    axis : int, default -1
        The axis of the channels: -1 for channels last, 1 for channels first.

    Returns
    -------
    like maps
        Without that axis, in the dtype and, for 'l2' too, the units of the maps. An Explanation loses delta,
        std_error and the names of its features.

    Raises
    ------
    ShapeError
        For maps without an axis of channels.
    ParameterError
        For an axis that maps do not have, or that of the rows; for another `how`.

    Examples
    --------
    >>> channels(np.array([[[3., -4.], [0., 1.]]]), 'l2')
    array([[5., 1.]])
    """
    reduce = HOW[choice(how, 'how', list(HOW))]

    def change(parts):
        for p in parts:
            if p.ndim < 3:
                raise ShapeError(f'maps of shape {p.shape} have no axis of channels beside those of rows '
                                 f'and positions')
        return [reduce(p, axis=axis_of(axis, p.ndim)) for p in parts]
    return mapped(maps, change)
