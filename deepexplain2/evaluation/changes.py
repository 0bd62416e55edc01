"""Changes of x that the caller gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from ..errors import ParameterError, ShapeError, shown
from ..parameters import Kind


def changes(value: Any, name: str) -> Any:
    """Check arrays (changes, rows or 1, ...), a list for several inputs."""
    arrays = value if isinstance(value, (list, tuple)) else [value]
    if not arrays or not all(isinstance(a, np.ndarray) and a.ndim > 1 and len(a) and a.dtype.kind in 'iuf'
                             and np.isfinite(a).all() for a in arrays):
        raise ParameterError(f'{name} must be an array (changes, rows or 1, ...) of finite numbers, what is '
                             f'subtracted from x, for several inputs a list of arrays, not {shown(value)}')
    return tuple(a.copy() for a in arrays)


Changes = Annotated[Any, Kind('an array (changes, rows or 1, ...), or a list of them', changes)]


def fitted(given: Sequence[np.ndarray], xs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Checked changes in the dtypes of xs, one array per input; ShapeError where they do not fit."""
    if len(given) != len(xs):
        raise ShapeError(f'changes holds {len(given)} arrays, and X has {len(xs)} tensors')
    for c, x in zip(given, xs):
        if c.shape[2:] != x.shape[1:] or c.shape[1] not in (1, len(x)) or len(c) != len(given[0]):
            raise ShapeError(f'changes have shape {c.shape}, and xs {x.shape}. Give (changes, rows or 1) + '
                             f'the shape of a row')
    return [c.astype(x.dtype) for c, x in zip(given, xs)]


def check_floating(name: str, xs: Sequence[np.ndarray]) -> None:
    """Raise ParameterError where x takes no noise."""
    for x in xs:
        if x.dtype.kind not in 'fV':                    # V: bfloat16
            raise ParameterError(f'{name} adds noise to x, and X has dtype {x.dtype.name}. Explain a '
                                 f'floating tensor behind it: of token ids the embedding')
