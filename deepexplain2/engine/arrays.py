"""What is done with many rows without many copies of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ..errors import ParameterError

LOOK = 1 << 17              # numbers that are looked through at once


def add_rows(total: np.ndarray, rows: np.ndarray, values: np.ndarray, weights: np.ndarray) -> None:
    """total[rows] += weights * values, in the precision of total; equal rows stand together."""
    bounds = np.flatnonzero(np.diff(rows, prepend=-1, append=-1))
    for start, stop in itertools.pairwise(bounds):
        total[rows[start]] += np.tensordot(weights[start:stop], values[start:stop].astype(total.dtype), 1)


def blocks(n: int, width: int) -> Iterator[slice]:
    """Slices of n rows of so many numbers each, which keep temporary arrays small."""
    step = max(1, LOOK // max(width, 1))
    return (slice(start, start + step) for start in range(0, n, step))


def differ(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where two arrays of one dtype differ in their bits: a model may tell 0. from -0., which are equal."""
    a, b = (np.ascontiguousarray(v)[..., None].view(f'u{min(v.itemsize, 8)}') for v in (a, b))
    return (a != b).any(-1)


def take(a: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
    """These rows of an array that has one entry per row, or a single one for all."""
    return a if len(a) == 1 else a[rows]


def faded(x: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """b + share (x - b), which is x and b to the bit where the share is 1 and 0. ParameterError for integers
    with another share."""
    if is_binary(share):
        return np.where(share == 1, x, b)
    if x.dtype.kind not in 'fV':
        raise ParameterError(f'X has dtype {x.dtype.name}, whose values cannot fade to those of the '
                             f'baseline. Take masks of 0 and 1 (features, interpolation="nearest"), or a '
                             f'floating X')
    share = share.astype(x.dtype, copy=False)
    found = np.asarray(share * (x - b), x.dtype)
    found += b
    np.copyto(found, x, where=share == 1)
    return found


def is_binary(share: np.ndarray) -> bool:
    """Whether all entries are 0 or 1."""
    first = share.reshape(-1)[:1]                       # most often says it
    return bool(((first == 0) | (first == 1)).all() and ((share == 0) | (share == 1)).all())
