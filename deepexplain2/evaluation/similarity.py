"""How alike two maps of every row are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
from skimage.metrics import structural_similarity

from ..errors import ParameterError, ShapeError, shown
from ..parameters import Kind
from .correlation import pearson, spearman
from .trial import flat

Maps = Sequence[np.ndarray]
WINDOW = 7              # of SSIM, as in scikit-image; less where an axis is shorter


def rank_correlation(a: Maps, b: Maps) -> np.ndarray:
    """(n,): Spearman's correlation of all attributions of a row; NaN where they are all equal."""
    return spearman(flat(a), flat(b))


def linear_correlation(a: Maps, b: Maps) -> np.ndarray:
    """(n,): Pearson's correlation of all attributions of a row; NaN where they are all equal."""
    return pearson(flat(a), flat(b))


def ssim(a: Maps, b: Maps) -> np.ndarray:
    """(n,): structural similarity (Wang et al. 2004), the mean over inputs.

    Entries along the last axis (channels) are summed, but in tables; each map is scaled to 0 ... 1; windows
    are 7 long along each axis, or the largest odd number that fits. Axes shorter than 3 are one with the next
    longer axis. NaN where a row has fewer than 3 positions.
    """
    return np.mean([[_of_row(_scaled(p), _scaled(q)) for p, q in zip(_summed(x), _summed(y))]
                    for x, y in zip(a, b)], 0)


def _summed(a: np.ndarray) -> np.ndarray:
    a = np.nan_to_num(a.astype(np.float64))
    return a.sum(-1) if a.ndim > 2 else a.reshape(len(a), -1)


def _scaled(a: np.ndarray) -> np.ndarray:
    span = np.ptp(a)
    return (a - a.min()) / span if span else np.zeros_like(a)


def _of_row(a: np.ndarray, b: np.ndarray) -> float:
    if min(a.shape) < 3:
        a, b = a.reshape(-1), b.reshape(-1)
    if a.size < 3:
        return float('nan')
    shortest = min(a.shape)
    window = min(WINDOW, shortest - 1 + shortest % 2)
    return float(structural_similarity(a, b, win_size=window, data_range=1.))


SIMILARITIES: dict[str, Callable[[Maps, Maps], np.ndarray]] = {
    'spearman': rank_correlation, 'pearson': linear_correlation, 'ssim': ssim}


def similarity(value: Any, name: str) -> Any:
    """Check the name of a similarity, or a function of two lists of maps."""
    is_name = isinstance(value, str) and value in SIMILARITIES
    if is_name or (callable(value) and not isinstance(value, type)):
        return value
    raise ParameterError(f'{name} must be one of {", ".join(map(repr, SIMILARITIES))}, or a function (a, b) '
                         f'of two arrays of attributions that gives a number per row, not {shown(value)}')


Similarity = Annotated[Any, Kind("'spearman', 'pearson', 'ssim' or a function (a, b)", similarity)]


def alike(kind: Any, a: Maps, b: Maps) -> np.ndarray:
    """(n,): how alike maps are, by a name or a function of the caller."""
    if isinstance(kind, str):
        return SIMILARITIES[kind](a, b)
    found = np.asarray(kind(*((a[0], b[0]) if len(a) == 1 else (list(a), list(b)))), np.float64)
    if found.shape != (len(a[0]),):
        raise ShapeError(f'the similarity {shown(kind)} returned shape {found.shape}, not one number for '
                         f'each of {len(a[0])} rows')
    return found
