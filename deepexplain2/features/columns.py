"""Groups of the columns of a table as features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from ..errors import ParameterError, ShapeError, shown
from ..parameters import Kind
from .base import FeatureSet, Rows
from .segments import SegmentsOfInputs


def groups_of_columns(value: Any, name: str) -> dict[Any, tuple[Any, ...]]:
    """Check a mapping from the name of a group to its columns, or a list of groups."""
    if not isinstance(value, (Mapping, list, tuple)):
        raise ParameterError(f'{name} must be a dict of lists of columns, or a list of such lists, not '
                             f'{shown(value)}')
    pairs = value.items() if isinstance(value, Mapping) else (
        (', '.join(map(str, group)) if isinstance(group, (list, tuple)) else group, group) for group in value)
    found = {key: tuple(group) if isinstance(group, (list, tuple)) else (group,) for key, group in pairs}
    columns = [c for group in found.values() for c in group]
    twice = next((c for c in columns if columns.count(c) > 1), None)
    if twice is not None:
        raise ParameterError(f'{name}: column {twice!r} is in two groups. A column is in one feature')
    return found


@dataclass(frozen=True)
class Columns(FeatureSet):
    """Groups of the columns of a DataFrame as features; every other column is one by itself.

    Parameters
    ----------
    groups : dict or list
        The columns of each group by its name, {'place': ['lat', 'lon'], ...}, or lists of columns. Names are
        those of the DataFrame that is explained; numbers count the columns of an array from 0.

    Examples
    --------
    >>> from deepexplain2.features import Columns
    >>> Columns({'place': ['lat', 'lon']})
    Columns(groups={'place': ('lat', 'lon')})
    """

    groups: Annotated[Any, Kind('a dict of lists of columns, or a list of lists', groups_of_columns)]

    def of(self, rows):
        if len(rows.shapes) != 1 or len(rows.shapes[0]) != 2:
            raise ShapeError(f'Columns are those of one table, (rows, columns); X has shapes '
                             f'{[s[1:] for s in rows.shapes]}. Segments takes labels for any inputs')
        if rows.columns is None and any(isinstance(c, str) for g in self.groups.values() for c in g):
            return None
        labels = np.full(rows.shapes[0][1], -1)
        for k, places in enumerate(self._places(rows)):
            labels[places] = k
        return SegmentsOfInputs([labels], [rows.shapes[0][1:]])

    def names(self, rows):
        columns = self._columns(rows)
        return [*self.groups, *(columns[k] for k in self._alone(rows))]

    def _places(self, rows: Rows) -> list[list[int]]:
        """The columns of each feature by their places."""
        columns = self._columns(rows)
        found = [[columns.index(c) for c in group] for group in self.groups.values()]
        return [*found, *([k] for k in self._alone(rows))]

    def _alone(self, rows: Rows) -> list[int]:
        grouped = {c for group in self.groups.values() for c in group}
        return [k for k, c in enumerate(self._columns(rows)) if c not in grouped]

    def _columns(self, rows: Rows) -> list[Any]:
        columns = (rows.columns or [None])[0] or list(range(rows.shapes[0][1]))
        for group in self.groups.values():
            for c in group:
                if c not in columns:
                    raise ParameterError(f'groups name a column {c!r} that X does not have: its columns are '
                                         + ', '.join(map(repr, columns[:20]))
                                         + (', ...' if len(columns) > 20 else ''))
        return columns
