"""Whether the fields of an Explanation fit one another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import ShapeError


def check(explanation: Any, rows: Iterable[str]) -> None:
    """Raise ShapeError where the fields of an Explanation do not fit one another.

    rows: the fields with one entry per row.
    """
    for name in rows:
        check_rows(explanation, name)
    if len(explanation.input_names) != len(explanation.arrays):
        raise ShapeError(f'input_names of an Explanation holds {len(explanation.input_names)} names, and '
                         f'there are {len(explanation.arrays)} inputs')
    names = explanation.feature_names
    if names is not None and len(names) != len(explanation.arrays):
        raise ShapeError(f'feature_names of an Explanation must hold a list of names, or None, for each '
                         f'of the {len(explanation.arrays)} inputs')
    for a, some in zip(explanation.arrays, names or ()):
        if some is not None and len(some) != a[0].size:
            raise ShapeError(f'feature_names of an Explanation holds {len(some)} names for an input '
                             f'whose rows have {a[0].size} attributions')


def check_rows(explanation: Any, name: str) -> None:
    """Raise ShapeError where a field with one entry per row has other rows, or is no array."""
    given, several = getattr(explanation, name), name in ('values', 'xs', 'std_error')
    like_values = several and not (name == 'xs' and explanation.layer)
    if given is None and name not in ('values', 'xs'):
        return
    if like_values and isinstance(given, list) != isinstance(explanation.values, list):
        raise ShapeError(f'{name} of an Explanation must be '
                         + ('a list, as values is' if isinstance(explanation.values, list) else 'an array'))
    parts = given if several and isinstance(given, list) else [given]
    if like_values and len(parts) != len(explanation.arrays):
        raise ShapeError(f'{name} of an Explanation holds {len(parts)} arrays, and values '
                         f'{len(explanation.arrays)}')
    for part in parts:
        if not isinstance(part, np.ndarray):
            raise ShapeError(f'{name} of an Explanation must be NumPy arrays, not {type(part).__name__}')
        if part.ndim == 0 or len(part) != len(explanation):
            raise ShapeError(f'{name} of an Explanation has shape {part.shape}, and values '
                             f'{len(explanation)} '
                             f'rows. Give one entry per row')
    if not parts or not len(explanation):
        raise ShapeError('an Explanation has at least one row. Give values of shape (n, ...), n > 0')
