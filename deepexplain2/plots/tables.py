"""Tables of pandas as values and data of a plot: the names of rows and columns, and that they agree."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError


def names_of_columns(values: Any, data: Any) -> list[str] | None:
    """The names of the features, those of the columns of values or else of data; None where neither has any.

    Raises
    ------
    ShapeError
        Where both have names, of rows or columns, and these differ or stand in another order: each value
        would be paired with that of another feature or row.
    """
    first, second = _labels(values), _labels(data)
    for what, ours, theirs in zip(('rows', 'columns'), first, second):
        if ours is not None and theirs is not None and ours != theirs:
            place = next((k for k, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1]),
                         min(len(ours), len(theirs)))
            how = 'data.loc[values.index]' if what == 'rows' else 'data[list(values.columns)]'
            raise ShapeError(f'the {what} of data are not those of values, from position {place} on: '
                             f'{theirs[place:place + 3]} and {ours[place:place + 3]}. Give them in one '
                             f'order, {how} say, or as arrays if they mean the same')
    return first[1] if first[1] is not None else second[1]


def _labels(value: Any) -> tuple[list[str] | None, list[str] | None]:
    """The names of rows and of columns; a Series is a row."""
    if hasattr(value, 'arrays'):                            # an Explanation
        named = len(value.arrays) == 1 and value.feature_names and value.feature_names[0] is not None
        return (None if value.index is None else list(map(str, value.index)),
                list(map(str, value.features(0))) if named else None)
    if type(value).__module__.partition('.')[0] != 'pandas':
        return None, None
    if hasattr(value, 'columns'):
        return _said(value.index), _said(value.columns)
    return None, _said(value.index)


def _said(index: Any) -> list[str] | None:
    """The entries of an index; None where it only counts from 0."""
    if list(index) == list(range(len(index))):
        return None
    return [': '.join(map(str, e)) if isinstance(e, tuple) else str(e) for e in index]
