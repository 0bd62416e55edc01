"""DataFrames and Series of pandas as xs and ys: their numbers, the names of columns, the order of rows.

pandas is never imported: without it there is no DataFrame to take.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError, ValueRangeError, shown


def is_frame(value: Any) -> bool:
    """Whether a value is a pandas DataFrame."""
    pandas = sys.modules.get('pandas')
    return pandas is not None and isinstance(value, pandas.DataFrame)


def is_series(value: Any) -> bool:
    """Whether a value is a pandas Series."""
    pandas = sys.modules.get('pandas')
    return pandas is not None and isinstance(value, pandas.Series)


def are_chunks(value: Any) -> bool:
    """Whether a value gives DataFrames one by one, as pandas.read_csv(..., chunksize=1000) does."""
    return type(value).__module__.partition('.')[0] == 'pandas' and hasattr(value, '__next__')


def labels_of(index: Any) -> np.ndarray:
    """The labels of an index: numbers and dates as they are, anything else as strings."""
    array = index.to_numpy()
    return array if array.dtype.kind in 'biufMm' else np.array([str(label) for label in index.tolist()])


def frame_to_array(frame: Any, what: str) -> np.ndarray:
    """The numbers of a DataFrame, (rows, columns), with NaN for what is missing."""
    names, dtypes = frame.columns.tolist(), list(frame.dtypes)
    wrong = [f'{name!r} ({dtype})' for name, dtype in zip(names, dtypes) if not _is_number(dtype)]
    if wrong:
        raise ShapeError(f'{what} is a DataFrame with columns that are not numbers: {_listed(wrong)}. Encode '
                         f'them as the model was trained with, or leave them out')
    is_plain = all(isinstance(dtype, np.dtype) and dtype.kind in 'iufc' for dtype in dtypes)
    array = frame.to_numpy() if is_plain else frame.to_numpy(dtype=np.float64, na_value=np.nan)
    missing = [repr(names[k]) for k in np.flatnonzero(~np.isfinite(array).all(0))]
    if missing:
        raise ValueRangeError(f'{what} is a DataFrame with NaN or infinite values in the columns '
                              f'{_listed(missing)}. Fill them as the model was trained with')
    return array


def series_to_array(series: Any, index: Any, what: str) -> np.ndarray:
    """The numbers of a Series. Its index must be `index`, that of the DataFrame in xs; None is any index."""
    if not _is_number(series.dtype):
        raise ShapeError(f'{what} is a Series of dtype {series.dtype}. Give class indices as integers, as '
                         f'{what}.cat.codes of a categorical Series, or floats as weights')
    check_index(index, series.index, what)
    if isinstance(series.dtype, np.dtype):
        return series.to_numpy()
    if series.dtype.kind == 'b' and not series.isna().any():
        return series.to_numpy(dtype=bool)
    if series.dtype.kind in 'iu' and not series.isna().any():
        return series.to_numpy(dtype=np.int64)
    return series.to_numpy(dtype=np.float64, na_value=np.nan)


def check_index(wanted: Any, given: Any, what: str) -> None:
    """Raise ShapeError unless both indices have the same labels in the same order; None is any index."""
    if wanted is None or given is None or wanted.equals(given):
        return
    if len(wanted) != len(given):
        raise ShapeError(f'{what} has {len(given)} rows, and the DataFrame in xs {len(wanted)}')
    pairs = list(zip(wanted.tolist(), given.tolist()))
    at = next((k for k, (a, b) in enumerate(pairs) if a is not b and a != b), 0)
    raise ShapeError(f'{what} has another index than the DataFrame in xs: row {at} is {shown(pairs[at][1])}, '
                     f'and in xs {shown(pairs[at][0])}. Rows are taken in their order: give '
                     f'{what}.loc[xs.index], or {what}.to_numpy() if the order is right')


def check_columns(known: dict[str, list[Any]], given: Sequence[list[Any] | None], tensors: Sequence[Any],
                  what: str = 'xs') -> None:
    """Keep the columns of the first DataFrame for each tensor of X in `known`; raise ShapeError where those
    of a later DataFrame, which messages call `what`, differ, or are in another order."""
    for columns, x in zip(given, tensors):
        if columns is None or known.setdefault(x.name, columns) == columns:
            continue
        first = known[x.name]
        changes = {'new': [c for c in columns if c not in first],
                   'missing': [c for c in first if c not in columns]}
        said = [f'{how}: {_listed([repr(c) for c in some])}' for how, some in changes.items() if some]
        moved = [f'{c!r} was column {k} and is column {columns.index(c)}' for k, c in enumerate(first)
                 if not said and columns[k:k + 1] != [c]]
        raise ShapeError(f'the columns of {what} for X "{x.name}" are not those of the first DataFrame that '
                         f'was given ({"; ".join(said or moved[:3])}). Give {what}[columns] '
                         f'with the columns of the first, or {what}.to_numpy() if they mean the same')


def _listed(names: list[str]) -> str:
    return ', '.join(names[:5]) + (f' and {len(names) - 5} more' if len(names) > 5 else '')


def _is_number(dtype: Any) -> bool:
    """Whether a column of this dtype holds numbers or booleans."""
    return bool(sys.modules['pandas'].api.types.is_numeric_dtype(dtype))
