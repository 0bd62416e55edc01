"""Results as DataFrames of pandas."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import MissingPackageError


def pandas_for(instead: str) -> Any:
    """pandas; MissingPackageError where it is not there. instead: where to look then."""
    try:
        import pandas
    except ImportError as e:
        raise MissingPackageError(f'to_frame needs pandas, which is not installed: pip install pandas. '
                                  f'{instead}') from e
    return pandas


def frame_of(explanation: Any) -> Any:
    """The attributions of an Explanation, one row per row and one column per feature."""
    pandas = pandas_for('The attributions are in `values`')
    columns = [(name, feature) for k, name in enumerate(explanation.input_names)
               for feature in explanation.features(k)]
    flat = [a.reshape(len(explanation), -1) for a in explanation.arrays]
    # pandas knows no bfloat16
    flat = [a.astype(np.float32) if a.dtype.kind == 'V' else a for a in flat]
    if isinstance(explanation.values, list):
        labels = pandas.MultiIndex.from_tuples(columns, names=['input', 'feature'])
    else:
        labels = pandas.Index([feature for _, feature in columns], tupleize_cols=False)
    return pandas.DataFrame(np.concatenate(flat, 1), index=explanation.index, columns=labels)
