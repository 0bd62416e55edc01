"""What a plot is given: an Explanation, or arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import ParameterError, ShapeError, ValueRangeError
from .tables import names_of_columns


class Given(NamedTuple):
    """Attributions of the rows of one input, in float64, and what goes with them.

    values, data: (n, ...). names: of the features of a row, or None. signed: True where the method has a sum
    to keep, None where the values tell. adds_up: whether the attribution of several entries is the sum of
    theirs.
    """

    values: np.ndarray
    data: np.ndarray | None
    names: list[str] | None
    unit: str
    title: str
    signed: bool | None = None
    adds_up: bool = True

    @property
    def features(self) -> list[str]:
        """The names of the features, by default 'feature 3'."""
        count = self.values[0].size
        return self.names if self.names is not None else [f'feature {k}' for k in range(count)]


def is_explanation(values: Any) -> bool:
    """Whether this is an Explanation (this package knows its attributes, not its class)."""
    return hasattr(values, 'arrays') and hasattr(values, 'input_names')


def given(values: Any, data: Any = None, names: Sequence[Any] | None = None, *, by_feature: bool = False,
          single: Any = False, what: str = 'values') -> Given:
    """Attributions with a batch axis, of an Explanation or an array.

    single: the rank of one row; an array of this rank is a batch of one. by_feature: where an Explanation has
    attributions by feature, take those. Columns of tables name the features.
    """
    columns = names_of_columns(values, data)
    if is_explanation(values):
        found = _of_explanation(values, by_feature)
    else:
        found = Given(numbers(values, what), None, None, '', '')
        if single and found.values.ndim in np.atleast_1d(single):
            found = found._replace(values=found.values[None])
            data = None if data is None else np.asarray(data)[None]
    if data is not None:
        found = found._replace(data=np.asarray(data))
    if names is not None:
        found = found._replace(names=[str(name) for name in names])
    if found.values.ndim == 0 or not found.values.size:
        raise ShapeError(f'{what} has shape {found.values.shape}, and nothing to draw')
    if found.names is None and columns is not None and len(columns) == found.values[0].size:
        found = found._replace(names=columns)
    if found.data is not None and len(found.data) != len(found.values):
        raise ShapeError(f'data has {len(found.data)} rows, and {what} {len(found.values)}')
    if found.names is not None and len(found.names) != found.values[0].size:
        raise ShapeError(f'feature_names holds {len(found.names)} names, and a row of {what} has '
                         f'{found.values[0].size} attributions')
    return found


def _of_explanation(e: Any, by_feature: bool) -> Given:
    about = Given(np.zeros((1, 1)), None, None, e.unit, e.title, True if e.delta is not None else None,
                  e.adds_up)
    if by_feature and e.by_feature is not None:
        names = e.by_feature_names
        return about._replace(values=numbers(e.by_feature, 'by_feature'), adds_up=True,
                              names=None if names is None else list(map(str, names)))
    if len(e.arrays) > 1 and not by_feature:
        raise ShapeError(f'the Explanation has {len(e.arrays)} inputs '
                         f'({", ".join(map(str, e.input_names))}), '
                         f'and this plot shows one: give explanation.of_input({e.input_names[0]!r})')
    flat = [numbers(a, 'values') for a in e.arrays]
    xs = e.xs if isinstance(e.xs, list) else [e.xs]
    if len(flat) == 1:
        named = e.feature_names is not None and e.feature_names[0] is not None
        return about._replace(values=flat[0], data=xs[0], names=list(map(str, e.features(0))) if named
                              else None)
    names = [f'{name}: {feature}' for k, name in enumerate(e.input_names) for feature in e.features(k)]
    same = len(xs) == len(flat) and all(x.shape == a.shape for x, a in zip(xs, flat))
    return about._replace(values=np.concatenate([a.reshape(len(a), -1) for a in flat], 1), names=names,
                          data=np.concatenate([x.reshape(len(x), -1) for x in xs], 1) if same else None)


def numbers(values: Any, what: str) -> np.ndarray:
    """An array in float64; ValueRangeError for infinity. NaN may be there: what no window covers."""
    found = None
    try:
        if np.asarray(values).dtype.kind in 'biufV':
            found = np.asarray(values).astype(np.float64)
    except (TypeError, ValueError):                         # rows of different lengths
        pass
    if found is None:
        raise ParameterError(f'{what} must be an array of numbers, or an Explanation, not '
                             f'{type(values).__name__}')
    if np.isinf(found).any():
        raise ValueRangeError(f'{what} holds {np.isinf(found).sum()} infinite values, which no plot can show')
    return found


def one_row(found: Given, what: str, instead: str) -> Given:
    """The row of a batch of one; ShapeError for more."""
    if len(found.values) != 1:
        raise ShapeError(f'{what} shows one row, and values have {len(found.values)}: shape '
                         f'{found.values.shape}. Give one of them, explanation[0] or values[0], or use '
                         f'{instead}')
    return found


def flat(found: Given, asked: bool = True) -> Given:
    """Rows with one axis, for plots of features. asked: whether the caller gave data, which then must fit;
    the xs of an Explanation do not where attributions are of a layer or by feature."""
    data = found.data
    if data is not None and not asked and data.size != found.values.size:
        data = None
    if data is not None:
        if data.size != found.values.size:
            raise ShapeError(f'data has shape {data.shape}, and values {found.values.shape}: one entry is '
                             f'needed for every attribution')
        data = data.reshape(len(data), -1)
    return found._replace(values=found.values.reshape(len(found.values), -1), data=data)


def short(name: Any, length: int = 32) -> str:
    """A name that fits a tick."""
    said = str(name)
    return said if len(said) <= length else said[:length - 1] + '…'


def count(name: str, value: Any) -> int:
    """The value as a positive whole number, or ParameterError."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ParameterError(f'{name} must be a whole number of at least 1, not {value!r}')
    return int(value)
