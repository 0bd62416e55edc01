"""How much explanations depend on which data a model was trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..errors import ShapeError
from .correlation import spearman


class Stability(NamedTuple):
    """mege: how alike the explanations of models that agree are, 0 to 1, higher is better. reco: how far
    those of models that disagree are told from them, 0 to 1, higher is better; NaN where none do."""

    mege: float
    reco: float


def stability(maps: Sequence[np.ndarray], is_right: Sequence[np.ndarray],
              held_out: Sequence[np.ndarray]) -> Stability:
    """Mean generalizability and relative consistency of explanations over models of the same training (Fel et
    al. 2022).

    Parameters
    ----------
    maps : list of arrays (n, ...)
        For each of at least two models, trained alike on different folds, the attributions of the same rows.
    is_right : list of boolean arrays (n,)
        For each model whether it classifies a row rightly.
    held_out : list of boolean arrays (n,)
        For each model whether its training did not see a row.

    Returns
    -------
    Stability

    Raises
    ------
    ShapeError
        Where shapes do not fit, or no row is held out of one model, seen by another and rightly classified by
        both.

    Notes
    -----
    Of all pairs of models i, j and rows that i did not see and j did, d = sqrt(1 - |Spearman|) of their
    attributions. S= are those where both are right, S!= those where one is. MeGe = 1 / (1 + mean S=); ReCo =
    max over a threshold of the true positive rate plus the true negative rate - 1 of telling S!= (larger)
    from S=. Attributions that are all equal have distance 1.

    References
    ----------
    Fel, Vigouroux, Cadene, Serre (2022). How good is your explanation? Algorithmic stability measures to
    assess the quality of explanations for deep neural networks. arXiv:2009.04521

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2.evaluation.stability import stability
    >>> a = np.random.default_rng(0).normal(size=(4, 5))
    >>> folds = [np.array([1, 1, 0, 0], bool), np.array([0, 0, 1, 1], bool)]
    >>> stability([a, a], [np.ones(4, bool)] * 2, folds).mege
    1.0
    """
    flat = [np.asarray(m, np.float64).reshape(len(m), -1) for m in maps]
    right, held = (np.asarray(a, bool) for a in (is_right, held_out))
    n = len(flat[0]) if flat else 0
    if len(flat) < 2 or any(m.shape != flat[0].shape for m in flat) or right.shape != held.shape \
            or right.shape != (len(flat), n):
        raise ShapeError('maps, is_right and held_out hold one array for each of at least two models, of the '
                         'same rows')
    same, other = [], []
    for i in range(len(flat)):
        for j in range(len(flat)):
            if i != j:
                some = held[i] & ~held[j]
                distance = np.sqrt(1 - np.abs(np.nan_to_num(spearman(flat[i][some], flat[j][some]))))
                both = right[i][some] & right[j][some]
                same.append(distance[both])
                other.append(distance[right[i][some] != right[j][some]])
    alike, apart = np.concatenate(same), np.concatenate(other)
    if not len(alike):
        raise ShapeError('no row is held out of one model, seen by another, and rightly classified by both')
    mege = float(1 / (1 + alike.mean()))
    if not len(apart):
        return Stability(mege, float('nan'))
    thresholds = np.concatenate([alike, apart])
    rates = (apart >= thresholds[:, None]).mean(1) + (alike < thresholds[:, None]).mean(1) - 1
    return Stability(mege, float(max(rates.max(), 0)))
