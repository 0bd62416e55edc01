"""Maps in a larger size."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ParameterError
from ..kinds_of_values import choice, integer
from .maps import Array, axes_of, mapped


def upsample(maps: Any, size: Any, interpolation: str = 'linear', axes: Any = None) -> Any:
    """Maps in the size of what they explain, along one axis or several.

    Parameters
    ----------
    maps : array (n, ...), list of arrays or Explanation
        Attributions.
    size : int or tuple of int
        The new size of every spatial axis, at least what it is, e.g. (224, 224) for images.
    interpolation : str, default 'linear'
        'linear' (bilinear, trilinear) or 'nearest'; both never leave the range of a map.
    axes : int or tuple of int, optional
        The spatial axes, as many as `size` has numbers; by default the first ones after that of the rows:
        give (2, 3) for images with channels first.

    Returns
    -------
    like maps
        In the new size. Entry i of size m takes the place (i + .5) size / m - .5 of the map, whose edge goes
        on, as in tf.image.resize: these are means, and sums of rows change.

    Raises
    ------
    ParameterError
        For a size below that of the map, and axes that do not fit.
    ValueRangeError
        For NaN or infinity.

    Examples
    --------
    >>> upsample(np.array([[0., 4.]]), 4)
    array([[0., 1., 3., 4.]])
    """
    choice(interpolation, 'interpolation', ['linear', 'nearest'])
    given = size if isinstance(size, (list, tuple, np.ndarray)) else [size]
    sizes = [integer(s, 'each of size', 1) for s in given]

    def change(p: Array) -> Array:
        along = axes_of(tuple(range(1, len(sizes) + 1)) if axes is None else axes, p.ndim)
        if len(along) != len(sizes):
            raise ParameterError(f'size has {len(sizes)} numbers, and there are {len(along)} axes. Give one '
                                 f'size per axis')
        for axis, m in zip(along, sizes):
            if m < p.shape[axis]:
                raise ParameterError(f'size {m} of axis {axis} is less than the {p.shape[axis]} of the maps, '
                                     f'of shape {p.shape}: maps are not made smaller')
            p = _along(p, axis, m, interpolation == 'nearest')
        return p
    return mapped(maps, lambda parts: [change(p) for p in parts], finite=True)


def _along(p: Array, axis: int, m: int, is_nearest: bool) -> Array:
    """p with size m along an axis."""
    size = p.shape[axis]
    if is_nearest:
        return p.take((2 * np.arange(m) + 1) * size // (2 * m), axis)
    place = np.clip((np.arange(m) + .5) * size / m - .5, 0, size - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, size - 1)
    share = (place - low).reshape((-1,) + (1,) * (p.ndim - 1 - axis))
    return p.take(low, axis) * (1 - share) + p.take(high, axis) * share
