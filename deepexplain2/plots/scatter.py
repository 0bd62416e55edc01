"""How attributions of a feature depend on its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ParameterError, ValueRangeError
from .beeswarm import VALUES, low_to_high, shades
from .figure import axes, plain
from .given import Given, flat, given, short


def scatter(values: Any, data: Any = None, feature: Any = 0, *, color: Any = None,
            feature_names: Sequence[Any] | None = None, ax: Any = None, unit: str | None = None,
            title: str | None = None) -> Any:
    """Draw the attributions of one feature over its values: how T depends on it, row by row.

    Parameters
    ----------
    values : Explanation, or array (n, ...)
        Attributions of many rows.
    data : array (n, ...), optional
        The values of the features; by default the xs of the Explanation.
    feature : int or str
        Which feature, by position or name.
    color : int or str, optional
        Another feature that colours the dots: where the two play together, colours separate.
    feature_names, ax, unit, title
        As for `bar`.

    Returns
    -------
    Axes

    Raises
    ------
    ParameterError
        For an unknown feature.
    ValueRangeError
        Where there are no values of the features, or they are no numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2 import plots
    >>> xs = np.random.randn(50, 2)
    >>> plots.scatter(xs * [1, 3], xs, 'age', feature_names=['age', 'area']).get_xlabel()
    'age'
    """
    found = flat(given(values, data, feature_names, by_feature=is_plain(values)), data is not None)
    if found.data is None:
        raise ValueRangeError('scatter needs the values of the features: give data')
    k = position(found, feature, 'feature')
    try:
        x = found.data[:, k].astype(np.float64)
    except (TypeError, ValueError):
        raise ValueRangeError(f'the values of {found.features[k]!r} are no numbers: '
                              f'{found.data[0, k]!r}') from None
    y = found.values[:, k]
    with axes(ax, (5.4 if color is None else 6, 3.6)) as axis:
        plain(axis)
        axis.axhline(0, color='0.3', linewidth=.8)
        if color is None:
            axis.scatter(x, y, 16, '#1f4fa3', alpha=.7, linewidths=0)
        else:
            j = position(found, color, 'color')
            shade = shades(found, j)
            axis.scatter(x[np.isnan(shade)], y[np.isnan(shade)], 16, '0.5', linewidths=0)
            axis.scatter(x, y, 16, shade, cmap=VALUES, vmin=0, vmax=1, linewidths=0, alpha=.85)
            low_to_high(axis, short(found.features[j]))
        said = unit if unit is not None else found.unit or 'attribution'
        axis.set_xlabel(short(found.features[k]), fontsize=9)
        axis.set_ylabel(said, fontsize=9)
        axis.tick_params(labelsize=8)
        axis.set_title(found.title if title is None else title, fontsize=9, wrap=True)
        left_out = int((~np.isfinite(x) | np.isnan(y)).sum())
        if left_out:
            axis.set_xlabel(f'{axis.get_xlabel()} ({left_out} of {len(x)} rows have none)')
    return axis


def is_plain(values: Any) -> bool:
    """Whether attributions by feature would have values beside them: only entries of X have."""
    return getattr(values, 'by_feature', None) is None


def position(found: Given, feature: Any, what: str) -> int:
    """Where a feature stands."""
    if isinstance(feature, str):
        if feature not in found.features:
            raise ParameterError(f'{what} {feature!r} is none of the features '
                                 f'{", ".join(found.features[:20])}')
        return found.features.index(feature)
    if isinstance(feature, bool) or not isinstance(feature, (int, np.integer)) \
            or not -len(found.features) <= feature < len(found.features):
        raise ParameterError(f'{what} must be the name of a feature or a position below '
                             f'{len(found.features)}, '
                             f'not {feature!r}')
    return int(feature) % len(found.features)
