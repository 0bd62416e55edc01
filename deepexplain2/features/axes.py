"""Positions along some axes as features."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from ..errors import ParameterError
from .base import Arrays, Features


class Axes(Features):
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
    """

    def __init__(self, shape: tuple[int, ...], axes: Sequence[int] | None = None, name: str = 'X'):
        if not shape:
            raise ParameterError(f'{name} has no feature axis: it has one value per row, and nothing to '
                                 f'sample')
        chosen = list(range(1, len(shape) + 1) if axes is None else axes)
        if max(chosen) > len(shape):
            raise ParameterError(f'sampling_dims {chosen} names an axis that {name} does not have: a row has '
                                 f'shape {shape}, axes 1 to {len(shape)} hold features')
        self._shape = tuple(shape[a - 1] for a in chosen)
        self.shapes, self.count = [self._shape], prod(self._shape)
        self._mask_shape = tuple(s if a in chosen else 1 for a, s in enumerate(shape, 1))
        self._kept_together = tuple(a for a in range(1, len(shape) + 1) if a not in chosen)
        self.sizes = np.full(self.count, prod(shape) // max(self.count, 1))

    def changed(self, differs: Arrays) -> np.ndarray:
        return differs[0].any(self._kept_together).reshape(len(differs[0]), -1)

    def mix(self, xs: Arrays, baselines: Arrays, rows: np.ndarray, present: np.ndarray) -> list[np.ndarray]:
        (x,), (b,) = xs, baselines
        some = slice(rows[0], rows[0] + 1) if rows[0] == rows[-1] else rows         # rows ascend
        return [np.where(present.reshape((len(rows),) + self._mask_shape), x[some],
                         b if len(b) == 1 else b[some])]

    def spread(self, values: np.ndarray) -> list[np.ndarray]:
        return [values.reshape(len(values), *self._shape)]
