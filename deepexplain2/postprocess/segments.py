"""Maps that are constant on segments."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ParameterError, ShapeError
from .maps import Array, mapped


def segment_mean(maps: Any, segments: Any) -> Any:
    """Every entry becomes the mean of its segment.

    Parameters
    ----------
    maps : array (n, ...), list of arrays or Explanation
        Attributions.
    segments : integer array, or list of them with one per input
        The segment of every position: shaped like a row, the same for all rows, or with a row for each row
        of maps. The last axes of a row, its channels, may be left out: then every channel has its own means,
        and shapes that fit both ways are read as one for all rows. Entries with a negative label are in no
        segment, and stay.

    Returns
    -------
    like maps
        Of the same shapes and units; sums of rows stay.

    Raises
    ------
    ParameterError
        For labels that are no integers.
    ShapeError
        For segments that do not fit.
    ValueRangeError
        For NaN or infinity.

    Examples
    --------
    >>> segment_mean(np.array([[1., 3., 5., 7.]]), np.array([0, 0, 1, -1]))
    array([[2., 2., 5., 7.]])
    """
    is_list = isinstance(segments, (list, tuple)) and any(isinstance(s, np.ndarray) for s in segments)
    given = [_labels(s) for s in (segments if is_list else [segments])]

    def change(parts: list[Array]) -> list[Array]:
        if len(given) != len(parts):
            raise ShapeError(f'segments are for {len(given)} inputs, and there are {len(parts)} maps. Give a '
                             f'list with one array per input')
        return [_smoothed(p, s) for p, s in zip(parts, given)]
    return mapped(maps, change, finite=True)


def _labels(segments: Any) -> Array:
    try:
        labels = np.asarray(segments)
    except ValueError:
        raise ShapeError('segments is an uneven list. Give an array') from None
    if labels.dtype.kind not in 'iu':
        raise ParameterError(f'segments must be integers, and have dtype {labels.dtype}')
    return labels


def _smoothed(p: Array, labels: Array) -> Array:
    n, row = len(p), p.shape[1:]
    if labels.ndim and labels.shape == row[:labels.ndim]:
        own = np.broadcast_to(labels, (n, *labels.shape))
    elif labels.ndim > 1 and labels.shape == p.shape[:labels.ndim]:
        own = labels
    else:
        raise ShapeError(f'segments of shape {labels.shape} do not fit maps of shape {p.shape}. Give one '
                         f'label per position, {row} or its first axes, or that for each row')
    own, flat = own.reshape(n, -1), p.reshape(n, own[0].size, -1)
    found = np.empty_like(flat)
    for k in range(n):
        _, numbers = np.unique(own[k], return_inverse=True)
        numbers = numbers.reshape(-1)
        sizes = np.bincount(numbers)
        for c in range(flat.shape[2]):
            found[k, :, c] = (np.bincount(numbers, flat[k, :, c]) / sizes)[numbers]
    return np.where(own[..., None] < 0, flat, found).reshape(p.shape)
