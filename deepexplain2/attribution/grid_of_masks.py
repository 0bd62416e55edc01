"""What methods of sensitivity analysis share: features of a grid that fade, and designs of masks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from scipy.stats import qmc

from ..engine.arrays import faded, take
from ..engine.memo import evaluate
from ..engine.sweep import Sweep
from ..errors import ParameterError
from ..features.axes import AxesOfInput
from ..features.base import Features, Rows, join
from ..features.grid import Grid

CELLS = 8           # along each axis of a grid, where nothing else is said


def cells_or_entries(shapes: Sequence[tuple[int, ...]]) -> Features:
    """The cells of a grid, or the entries of inputs of shape (n, features)."""
    if all(len(shape) < 3 for shape in shapes):
        return join([AxesOfInput(shape[1:], name='X' if len(shapes) == 1 else f'X[{k}]')
                     for k, shape in enumerate(shapes)])
    return Grid(CELLS).of(Rows(shapes))


class QuasiRandom:
    """The points of a scrambled Sobol sequence in [0, 1), some after the other."""

    def __init__(self, dimensions: int, seed: int):
        if dimensions > qmc.Sobol.MAXDIM:
            raise ParameterError(f'a sequence of {dimensions} dimensions is wanted, and there are '
                                 f'{qmc.Sobol.MAXDIM}. Give coarser features')
        self._sequence = qmc.Sobol(dimensions, scramble=True, seed=np.random.default_rng(seed))

    def __call__(self, count: int) -> np.ndarray:
        """(count, dimensions): the next points."""
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', UserWarning)        # no power of 2: less even, and right
            return self._sequence.random(count)


def values_of_masks(sweep: Sweep, features: Features, xs: Sequence[np.ndarray],
                    baselines: Sequence[np.ndarray], masks: np.ndarray) -> np.ndarray:
    """(n, masks): T where features fade to the baseline, of masks (masks, features) in [0, 1]."""
    masks = masks.astype(np.result_type(np.float32, *(x.dtype for x in xs if x.dtype.kind == 'f')))

    def masked(rows, ks):
        spread = features.among(rows).spread(masks[ks])
        if features.uncovered:                                  # NaN: in no feature, and always x
            spread = [np.nan_to_num(m, nan=1.) for m in spread]
        return [faded(x[rows], take(b, rows), m) for x, b, m in zip(xs, baselines, spread)]
    found = np.empty((sweep.n, len(masks)))
    evaluate(sweep, masked, found, np.ones(found.shape, bool))
    return found
