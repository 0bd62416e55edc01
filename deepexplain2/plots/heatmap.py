"""Rows by features, with like rows together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..kinds_of_values import choice
from .bar import displayed, mean_size
from .figure import axes
from .given import flat, given, short
from .picture import hatch
from .scale import PERCENTILE, Scale


def heatmap(values: Any, feature_names: Sequence[Any] | None = None, *, order: str = 'clusters',
            max_display: int = 12, ax: Any = None, signed: bool | None = None, percentile: float = PERCENTILE,
            cmap: Any = None, unit: str | None = None, title: str | None = None) -> Any:
    """Draw the attributions of many rows: a column per row, a line per feature, rows with like attributions
    beside one another.

    Parameters
    ----------
    values : Explanation, or array (n, ...)
        Attributions of many rows.
    order : {'clusters', 'output', 'given'}
        Rows in the order of the leaves of an agglomerative clustering (average linkage, Euclidean; up to 3000
        rows, beyond that by output); by the sum of their attributions; as they are.
    feature_names, max_display, ax, unit, title
        As for `bar`; the line of what is not shown is the sum.
    signed, percentile, cmap
        As for `image`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2 import plots
    >>> ax = plots.heatmap(np.random.randn(20, 3), ['age', 'area', 'floor'])
    >>> ax.get_xlabel()
    '20 rows, by likeness'
    """
    choice(order, 'order', ('clusters', 'output', 'given'))
    found = flat(given(values, None, feature_names, by_feature=True, single=1), False)
    a = found.values
    order = 'output' if order == 'clusters' and len(a) > 3000 else order
    rows = _order(a, order)
    shown, rest = displayed(found, mean_size(a), max_display)
    lines, names = a[rows][:, shown], [short(found.features[k]) for k in shown]
    if rest.size:
        lines = np.column_stack([lines, np.nansum(a[rows][:, rest], 1)])
        names.append(f'{rest.size} others, summed')
    scale = Scale.of([lines], unit if unit is not None else found.unit, found.signed if signed is None
                     else signed,
                     percentile, cmap)
    with axes(ax, (7, 1.2 + .3 * len(names))) as axis:
        axis.imshow(scale.rgba(lines.T), aspect='auto', interpolation='nearest')
        hatch(axis, np.isnan(lines.T), (-.5, len(a) - .5, len(names) - .5, -.5))
        axis.set_yticks(range(len(names)), [n.replace('$', r'\$') for n in names], fontsize=8)
        axis.tick_params(labelsize=8)
        axis.xaxis.get_major_locator().set_params(integer=True)
        said = {'clusters': 'by likeness', 'output': 'by the sum of their attributions', 'given': 'as given'}
        missing = axis.get_xlabel()
        axis.set_xlabel(f'{len(a)} rows, {said[order]}{"; " * bool(missing)}{missing}', fontsize=8)
        axis.set_title(found.title if title is None else title, fontsize=9, wrap=True)
        scale.bar(axis)
    return axis


def _order(a: np.ndarray, order: str) -> np.ndarray:
    if order == 'given' or len(a) < 3:
        return np.arange(len(a))
    a = np.nan_to_num(a)
    if order == 'output':
        return np.argsort(-a.sum(1), kind='stable')
    from scipy.cluster.hierarchy import leaves_list, linkage
    return leaves_list(linkage(a, 'average', optimal_ordering=len(a) <= 500))
