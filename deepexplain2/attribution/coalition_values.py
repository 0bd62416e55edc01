"""Exact Shapley values of the rows that have few features."""

from __future__ import annotations

import numpy as np

from ..engine.memo import Memo
from ..features.coalitions import Masks
from ..features.enumeration import masks_of_some, shapley_values

HELD = 1 << 22          # entries of the masks that are held at once


def exact_values(memo: Memo, rows: np.ndarray) -> np.ndarray:
    """(n, features): the Shapley values of these rows, (n,) of booleans, by all coalitions of the features
    that differ from the baseline; 0 in the other rows, of which nothing is evaluated."""
    n, m = memo.changed.shape
    found = np.zeros((n, m))
    # rows with the same features have the same coalitions
    for changed in np.unique(memo.changed[rows], axis=0):
        some = rows & (memo.changed == changed).all(1)
        masks = masks_of_some(changed)
        values = _values(memo, masks, some)
        if changed.any():
            found[np.ix_(some, changed)] = shapley_values(values)
    return found


def _values(memo: Memo, masks: np.ndarray, some: np.ndarray) -> np.ndarray:
    """(rows, coalitions): T of some rows for all of the masks."""
    if some.all():
        return memo(Masks(masks))
    step = max(1, HELD // (len(some) * masks.shape[1]))
    found = []
    for start in range(0, len(masks), step):
        part = masks[start:start + step]
        of_rows = np.where(some[:, None, None], part, False)        # elsewhere the baseline, once
        found.append(memo(Masks(of_rows))[some])
    return np.concatenate(found, 1)
