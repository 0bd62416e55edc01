"""The attributions of every feature over many rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .bar import by_size, finish, mean_size, say_left_out
from .figure import axes
from .given import Given, count, flat, given, short
from .scale import NEUTRAL

VALUES = 'cividis'          # from low to high values of a feature; for the colour-blind, and in grey


def beeswarm(values: Any, data: Any = None, feature_names: Sequence[Any] | None = None, *,
             max_display: int = 10, ax: Any = None, unit: str | None = None, title: str | None = None) -> Any:
    """Draw every attribution of every feature: a dot per row, coloured by the value of the feature.

    Features are in the order of the mean size of their attributions.

    Parameters
    ----------
    values : Explanation, or array (n, ...)
        Attributions of many rows.
    data : array (n, ...), optional
        The values of the features; by default the xs of the Explanation. Colours go from the 5th to the 95th
        percentile of each feature; a value that is NaN or no number is grey.
    feature_names, max_display, ax, unit, title
        As for `bar`; features beyond max_display are not drawn, and the axis says how many.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2 import plots
    >>> xs = np.random.randn(50, 2)
    >>> ax = plots.beeswarm(xs * [1, 3], xs, ['age', 'area'])
    >>> [t.get_text() for t in ax.get_yticklabels()]
    ['area', 'age']
    """
    found = flat(given(values, data, feature_names, by_feature=True), data is not None)
    a = found.values
    shown = by_size(mean_size(a))[:count('max_display', max_display)]
    names = [short(found.features[k]) for k in shown]
    with axes(ax, (6.4, 1. + .42 * len(names))) as axis:
        finish(axis, names, found, unit, title)
        for place, k in enumerate(shown):
            some = ~np.isnan(a[:, k])
            x, colour = a[some, k], shades(found, k)[some]
            y = place - .8 * spread(x)
            known = ~np.isnan(colour)
            size = 14 if len(x) <= 300 else 7
            axis.scatter(x[~known], y[~known], size, NEUTRAL, linewidths=0, alpha=.7)
            axis.scatter(x[known], y[known], size, colour[known], cmap=VALUES, vmin=0, vmax=1, linewidths=0)
        say_left_out(axis, found, len(shown))
        if found.data is not None:
            low_to_high(axis)
    return axis


def low_to_high(axis: Any, label: str = 'value of the feature') -> None:
    """The bar that says which colours are low and high."""
    from matplotlib.cm import ScalarMappable
    bar = axis.figure.colorbar(ScalarMappable(cmap=VALUES), ax=axis, ticks=[0, 1], aspect=30, pad=.02)
    bar.set_ticklabels(['low', 'high'], fontsize=8)
    bar.set_label(label, fontsize=8, labelpad=-12)
    bar.outline.set_visible(False)


def shades(found: Given, k: int) -> np.ndarray:
    """0 to 1 from low to high values of a feature, NaN where there is none."""
    n = len(found.values)
    if found.data is None:
        return np.full(n, np.nan)
    try:
        column = found.data[:, k].astype(np.float64)
    except (TypeError, ValueError):
        return np.full(n, np.nan)
    finite = column[np.isfinite(column)]
    if not finite.size:
        return np.full(n, np.nan)
    low, high = np.percentile(finite, [5, 95])
    if low == high:
        low, high = finite.min(), finite.max()
    column[~np.isfinite(column)] = np.nan
    return np.clip((column - low) / ((high - low) or 1), 0, 1) if low < high else column * 0 + .5


def spread(x: np.ndarray, bins: int = 80) -> np.ndarray:
    """Offsets in [-.5, .5] for dots at x, such that dots at one place stand beside one another."""
    if not len(x):
        return x
    low, wide = x.min(), np.ptp(x) or 1
    at = np.minimum((bins * (x - low) / wide).astype(int), bins - 1)
    found, most = np.zeros(len(x)), max(np.bincount(at).max(), 8)
    for b in np.unique(at):
        some = np.flatnonzero(at == b)
        place = np.arange(len(some))
        found[some] = (place + 1) // 2 * np.where(place % 2, 1, -1) / most
    return found
