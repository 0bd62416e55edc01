"""Positions along some axes as features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ..errors import ParameterError
from ..parameters import Axes as AxesOfX
from ..parameters import per_input
from .base import Arrays, Features, FeatureSet, join


@dataclass(frozen=True)
class Axes(FeatureSet):
    """Positions along some axes of X as features; entries along its other axes belong together.

    Parameters
    ----------
    axes : list of int, optional
        Axes of X, without the batch axis 0: [1, 2] for the pixels of (n, h, w, c) with all their channels.
        By default all, so that every entry is a feature. For a list X also a list, one per input.

    Examples
    --------
    >>> from deepexplain2.features import Axes
    >>> Axes([1, 2])
    Axes(axes=(1, 2))
    """

    axes: AxesOfX | None = None

    def of(self, rows):
        chosen = per_input(self.axes, len(rows.shapes), 'axes')
        return join([AxesOfInput(shape[1:], axes, 'X' if len(rows.shapes) == 1 else f'X[{k}]', 'axes', True)
                     for k, (shape, axes) in enumerate(zip(rows.shapes, chosen))])


class AxesOfInput(Features):
    """Positions along the chosen axes of an input; entries along its other axes belong together.

    Parameters
    ----------
    shape : tuple of int
        The shape of a row.
    axes : sequence of int, optional
        Axes of the input, counted from 1 as the batch axis is 0. By default all of them, so that every entry
        is a feature.
    name : str, default 'X'
        What errors call the input.
    parameter : str
        What errors call the axes.
    is_whole : bool
        Whether results have the shape of a row, and not of the axes.
    """

    def __init__(self, shape: tuple[int, ...], axes: Sequence[int] | None = None, name: str = 'X',
                 parameter: str = 'sampling_dims', is_whole: bool = False):
        if not shape:
            raise ParameterError(f'{name} has no feature axis: it has one value per row, and nothing to '
                                 f'sample')
        chosen = list(range(1, len(shape) + 1) if axes is None else axes)
        if max(chosen) > len(shape):
            raise ParameterError(f'{parameter} {chosen} names an axis that {name} does not have: a row has '
                                 f'shape {shape}, axes 1 to {len(shape)} hold features')
        self._shape = tuple(shape[a - 1] for a in chosen)
        self.shapes, self.count = [shape if is_whole else self._shape], prod(self._shape)
        self._mask_shape = tuple(s if a in chosen else 1 for a, s in enumerate(shape, 1))
        self._kept_together = tuple(a for a in range(1, len(shape) + 1) if a not in chosen)
        self.sizes = np.full(self.count, prod(shape) // max(self.count, 1))

    def changed(self, differs: Arrays) -> np.ndarray:
        return differs[0].any(self._kept_together).reshape(len(differs[0]), -1)

    def totals(self, arrays: Arrays) -> np.ndarray:
        return arrays[0].sum(self._kept_together, dtype=np.float64).reshape(len(arrays[0]), -1)

    def mix(self, xs: Arrays, baselines: Arrays, rows: np.ndarray, present: np.ndarray) -> list[np.ndarray]:
        (x,), (b,) = xs, baselines
        some = slice(rows[0], rows[0] + 1) if rows[0] == rows[-1] else rows         # rows ascend
        return [np.where(present.reshape((len(rows),) + self._mask_shape), x[some],
                         b if len(b) == 1 else b[some])]

    def spread(self, values: np.ndarray) -> list[np.ndarray]:
        if self.shapes == [self._shape]:
            return [values.reshape(len(values), *self._shape)]
        return [np.broadcast_to(values.reshape(len(values), *self._mask_shape),
                                (len(values), *self.shapes[0])).copy()]
