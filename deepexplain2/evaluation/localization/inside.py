"""Masks of what attributions should find."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from scipy.ndimage import binary_dilation

from ...errors import ParameterError, ShapeError, shown
from ...features.axes import AxesOfInput
from ...features.base import join
from ...parameters import Kind
from ..trial import Trial


def masks(value: Any, name: str) -> Any:
    """Check boolean arrays (or of 0 and 1), one per input, None for some."""
    given = value if isinstance(value, (list, tuple)) else [value]
    found: list[np.ndarray | None] = []
    for a in given:
        if a is None:
            found.append(None)
            continue
        if not isinstance(a, np.ndarray) or a.dtype.kind not in 'biuf' or not np.isin(a, (0, 1)).all():
            raise ParameterError(f'{name} must be an array of True and False, (n, ...), for several inputs a '
                                 f'list of arrays, not {shown(a)}')
        found.append(a.astype(bool))
    if not any(a is not None for a in found):
        raise ParameterError(f'{name} holds no array')
    return tuple(found)


Masks = Annotated[Any, Kind('a boolean array (n, ...), or a list of them', masks)]


def weights_and_masks(trial: Trial, given: Any, of: str, margin: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """((n, positions) attributions as they count, (n, positions) of booleans: inside).

    margin: how many entries around a mask are inside."""
    if len(given) != len(trial.xs):
        raise ShapeError(f'masks holds {len(given)} arrays, and X has {len(trial.xs)} tensors')
    whole, axes = [], []
    for mask, x in zip(given, trial.xs):
        if mask is None:
            mask = np.zeros(x.shape[:-1] if x.ndim > 2 else x.shape, bool)
        if mask.shape not in (x.shape, x.shape[:-1]) or mask.ndim < 2:
            raise ShapeError(f'masks have shape {mask.shape}, and xs {x.shape}. Give one value per entry, or '
                             f'per position along all axes but the last')
        # what a mask has no axis for belongs together
        axes.append(list(range(1, mask.ndim)))
        if mask.shape != x.shape:
            mask = np.broadcast_to(mask[..., None], x.shape)
        if margin:
            mask = _wider(mask, range(1, x.ndim - (x.ndim > 2 and len(axes[-1]) == x.ndim - 2)), margin)
        whole.append(mask.astype(float))
    positions = join([AxesOfInput(x.shape[1:], some, is_whole=True) for x, some in zip(trial.xs, axes)])
    inside = positions.totals(whole) > 0
    empty = np.flatnonzero(~inside.any(1))
    if len(empty):
        raise ParameterError(f'masks: nothing is inside in row {empty[0]}. Leave out rows without what is to '
                             f'be found')
    totals = positions.totals([np.nan_to_num(a) for a in trial.attributions])
    return np.abs(totals) if of == 'absolute' else np.maximum(totals, 0), inside


def _wider(mask: np.ndarray, axes: range, margin: int) -> np.ndarray:
    """A mask with all entries that are up to `margin` away along these axes, by the Euclidean distance."""
    size = [2 * margin + 1 if axis in axes else 1 for axis in range(mask.ndim)]
    at = np.indices(size) - np.array([s // 2 for s in size]).reshape(-1, *(1,) * mask.ndim)
    return binary_dilation(mask, (at ** 2).sum(0) <= margin ** 2)
