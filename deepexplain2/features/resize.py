"""Maps on a coarse grid brought onto a finer one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from skimage.transform import resize

ORDERS = {'nearest': 0, 'linear': 1, 'cubic': 3}


def resized(maps: np.ndarray, shape: Sequence[int], interpolation: str) -> np.ndarray:
    """Maps (n,) + grid as (n,) + shape.

    Both grids divide the same area, as pixels do: position i of `size` is at (i + .5) / size. Beyond the
    outermost centers the values at the edge go on. interpolation: 'nearest', 'linear' or 'cubic' (splines,
    which overshoot).
    """
    for axis, size in enumerate(shape, 1):
        if maps.shape[axis] != size:
            weights = _weights(maps.shape[axis], size, ORDERS[interpolation])
            weights = weights.astype(np.promote_types(maps.dtype, np.float32), copy=False)
            moved = np.moveaxis(maps, axis, -1)
            maps = np.moveaxis((moved.reshape(-1, moved.shape[-1]) @ weights).reshape(
                *moved.shape[:-1], size), -1, axis)
    return maps


def resized_back(values: np.ndarray, grid: Sequence[int], interpolation: str) -> np.ndarray:
    """Values (n,) + shape as (n,) + grid, by the transpose of `resized`: the gradient with respect to maps of
    a function whose gradient with respect to the resized ones is `values`."""
    for axis, size in enumerate(grid, 1):
        if values.shape[axis] != size:
            weights = _weights(size, values.shape[axis], ORDERS[interpolation])
            weights = weights.astype(values.dtype, copy=False)
            values = np.moveaxis(np.moveaxis(values, axis, -1) @ weights.T, -1, axis)
    return values


@lru_cache(maxsize=64)
def _weights(old: int, new: int, order: int) -> np.ndarray:
    """(old, new): what each old position gives to each new one; scikit-image's resize of every unit vector.
    The map is linear, so that all rows of a run are one product of matrices."""
    if old == 1:
        return np.ones((1, new))
    units = resize(np.eye(old), (new, old), order=order, mode='edge', anti_aliasing=False, clip=False)
    units = units.T.copy()
    units.setflags(write=False)
    return units
