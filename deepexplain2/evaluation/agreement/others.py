"""The attributions that others are compared with."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from ...errors import ParameterError, ShapeError, shown
from ...parameters import Kind
from ..trial import Trial


def other(value: Any, name: str) -> Any:
    """Check arrays, or an object with `arrays`, an Explanation."""
    value = getattr(value, 'arrays', value)
    found = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not found or not all(isinstance(a, np.ndarray) and a.dtype.kind in 'iuf' for a in found):
        raise ParameterError(f'{name} must be attributions, an array like xs, for several inputs a list of '
                             f'arrays, or an Explanation, not {shown(value)}')
    return found


Other = Annotated[Any, Kind('attributions: an array, a list of arrays or an Explanation', other)]


def others(trial: Trial, given: Any) -> list[np.ndarray]:
    """Checked against the attributions of a trial."""
    shapes = [a.shape for a in trial.attributions]
    if [a.shape for a in given] != shapes:
        raise ShapeError(f'other holds attributions of shapes {[a.shape for a in given]}, and those that are '
                         f'measured have {shapes}')
    return list(given)
