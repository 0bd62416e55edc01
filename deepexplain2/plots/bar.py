"""Features of one row, and of many, as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from .figure import axes, plain
from .given import Given, count, flat, given, is_explanation, numbers, one_row, short
from .scale import NEGATIVE, NEUTRAL, POSITIVE
from .tables import names_of_columns

# Paul Tol's bright colours, which all tell apart
SERIES = '#4477aa', '#ddaa33', '#aa3377', '#228833', '#66ccee', '#bbbbbb'


def bar(values: Any, feature_names: Sequence[Any] | None = None, *, data: Any = None, std_error: Any = None,
        max_display: int = 10, ax: Any = None, unit: str | None = None, title: str | None = None) -> Any:
    """Draw the attributions of one row as bars, the largest first; what is not shown is one bar, their sum.

    Parameters
    ----------
    values : Explanation of one row, or array (features,) or (1, ...)
        Attributions; several inputs of an Explanation stand together.
    feature_names : sequence of str, optional
        Names, one for each; by default those of the Explanation.
    data : array, optional
        What the features are, written beside their names; by default the xs of the Explanation.
    std_error : array, optional
        Standard errors, drawn as whiskers of one; by default those of the Explanation.
    max_display : int, default 10
        How many bars.
    ax, unit, title
        As for `image`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from deepexplain2 import plots
    >>> ax = plots.bar([2., -1., .5], ['rooms', 'age', 'floor'])
    >>> [t.get_text() for t in ax.get_yticklabels()]
    ['rooms', 'age', 'floor']
    """
    found = single_row(values, feature_names, data, 'plots.global_bar or plots.beeswarm')
    if std_error is None and is_explanation(values) and values.std_error is not None:
        std_error = np.concatenate([np.ravel(e) for e in (values.std_error
                                                          if isinstance(values.std_error, list)
                                                          else [values.std_error])])
        std_error = None if std_error.size != found.values.size else std_error
    errors = None if std_error is None else numbers(std_error, 'std_error').ravel()
    if errors is not None and errors.size != found.values.size:
        raise ShapeError(f'std_error has shape {np.shape(std_error)}, and values {found.values.shape}')
    a = found.values[0]
    shown, rest = displayed(found, a, max_display)
    names = [labelled(found, k) for k in shown]
    sizes = list(a[shown])
    if rest.size:
        names.append(f'{rest.size} others, summed')
        sizes.append(np.nansum(a[rest]))
    with axes(ax, (6, .8 + .32 * len(names))) as axis:
        whiskers = None if errors is None else [*errors[shown], *([np.nan] if rest.size else [])]
        places = np.arange(len(names))
        axis.barh(places, np.nan_to_num(sizes), xerr=whiskers, height=.7,
                  error_kw={'linewidth': .8, 'capsize': 2},
                  color=[NEUTRAL if rest.size and k == len(shown) else POSITIVE if s > 0 else NEGATIVE
                         for k, s in enumerate(sizes)])
        finish(axis, names, found, unit, title)
        if not found.adds_up:
            say_left_out(axis, found, len(names))
        beyond = np.zeros(len(sizes)) if whiskers is None else np.nan_to_num(whiskers)
        ends = [float(np.nan_to_num(s + np.copysign(e, s))) for s, e in zip(sizes, beyond)]
        for place, size, end in zip(places, sizes, ends):
            said = 'no value' if np.isnan(size) else f'{size:+.3g}'
            axis.annotate(said, (end, place), xytext=(-4 if size < 0 else 4, 0), textcoords='offset points',
                          fontsize=8, va='center', ha='right' if size < 0 else 'left')
        room(axis, ends)
    return axis


def global_bar(values: Any, feature_names: Sequence[Any] | None = None, *, max_display: int = 15,
               ax: Any = None, unit: str | None = None, title: str | None = None) -> Any:
    """Draw the importance of every feature: the mean size of its attributions over rows.

    Whiskers are standard errors of these means. Several methods stand beside one another.

    Parameters
    ----------
    values : Explanation, array (n, ...), or dict of str to these
        Attributions of many rows, by method where there are several.
    feature_names, max_display, ax, unit, title
        As for `bar`. What is not shown is summed, row by row, before the mean is taken.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2 import plots
    >>> ax = plots.global_bar(np.array([[1., 0.], [-3., 1.]]), ['area', 'age'])
    >>> [float(p.get_width()) for p in ax.patches]
    [2.0, 0.5]
    """
    several = dict(values) if isinstance(values, Mapping) else {'': values}
    rows = {name: flat(given(v, None, feature_names, by_feature=True, single=1), False) for name,
            v in several.items()}
    first = next(iter(rows.values()))
    for name, r in rows.items():
        if r.values.shape[1] != first.values.shape[1]:
            raise ShapeError(f'{name!r} has {r.values.shape[1]} features, and {next(iter(rows))!r} '
                             f'{first.values.shape[1]}')
        if None not in (r.names, first.names) and r.names != first.names:
            raise ShapeError(f'the features of {name!r} are not those of {next(iter(rows))!r}, or in another '
                             f'order: {r.features[:5]} and {first.features[:5]}')
    shown, rest = displayed(first, mean_size(first.values), max_display)
    names = [short(first.features[k]) for k in shown] + ([f'{rest.size} others, summed'] if rest.size else [])
    height = .8 / len(rows)
    with axes(ax, (6, .9 + .32 * len(names) * max(1, .6 * len(rows)))) as axis:
        for k, (name, r) in enumerate(rows.items()):
            sizes = np.abs(r.values[:, shown])
            if rest.size:
                sizes = np.column_stack([sizes, np.nansum(np.abs(r.values[:, rest]), 1)])
            n = np.maximum((~np.isnan(sizes)).sum(0), 1)
            mean = np.nansum(sizes, 0) / n
            spread = np.sqrt(np.nansum((sizes - mean) ** 2, 0) / np.maximum(n - 1, 1) / n)
            axis.barh(np.arange(len(names)) + (k - (len(rows) - 1) / 2) * height, mean, height * .92,
                      color=SERIES[k % len(SERIES)], xerr=spread if len(r.values) > 1 else None, label=name,
                      error_kw={'linewidth': .8})
        if len(rows) > 1:
            axis.legend(fontsize=8, frameon=False)
        said = unit if unit is not None else first.unit or 'attribution'
        if title is None and len(rows) > 1:
            title = ''
        finish(axis, names, first, f'mean size over {len(first.values)} rows: {said}', title)
        if not first.adds_up:
            say_left_out(axis, first, len(names))
    return axis


def mean_size(values: np.ndarray) -> np.ndarray:
    """The mean of |values| over rows, NaN left out."""
    n = np.maximum((~np.isnan(values)).sum(0), 1)
    return np.nansum(np.abs(values), 0) / n


def single_row(values: Any, feature_names: Any, data: Any, instead: str) -> Given:
    """One row with one axis of features."""
    found = one_row(given(values, None, feature_names, by_feature=True, single=1), 'this plot', instead)
    columns = names_of_columns(values, data)
    if columns is not None and found.names is None:
        found = found._replace(names=columns)
    if data is not None:
        found = found._replace(data=np.asarray(data, object).reshape(1, -1))
    return flat(found, data is not None)


def by_size(sizes: np.ndarray) -> np.ndarray:
    """Features, the largest first."""
    return np.argsort(-np.where(np.isnan(sizes), -1, np.abs(sizes)), kind='stable')


def largest(sizes: np.ndarray, shown: int) -> tuple[np.ndarray, np.ndarray]:
    """Which features are shown, the largest first, and which are not: at most `shown` bars, that of the rest
    included."""
    order = by_size(sizes)
    if len(order) <= shown:
        return order, order[:0]
    return order[:max(shown - 1, 1)], order[max(shown - 1, 1):]


def displayed(found: Given, sizes: np.ndarray, shown: Any) -> tuple[np.ndarray, np.ndarray]:
    """Which features are shown, and which are summed into one bar: none where they do not add up."""
    some, rest = largest(sizes, count('max_display', shown))
    return (some, rest) if found.adds_up else (by_size(sizes)[:shown], rest[:0])


def say_left_out(axis: Any, found: Given, shown: int) -> None:
    """Say how many features are neither shown nor in a sum."""
    left_out = found.values.shape[1] - shown
    if left_out > 0:
        axis.set_xlabel(f'{axis.get_xlabel()}; {left_out} more features are not shown', fontsize=8)


def labelled(found: Given, k: int) -> str:
    """The name of a feature, with what it is."""
    name = short(found.features[k])
    if found.data is None or found.names is None:
        return name
    value = found.data[0, k]
    return f'{name} = {value:.3g}' if isinstance(value,
                                                 (float, np.floating)) else f'{name} = {short(value, 12)}'


def finish(axis: Any, names: Sequence[str], found: Given, unit: Any, title: Any) -> None:
    """Names on the left, the first on top; a line at 0."""
    plain(axis)
    axis.set_yticks(range(len(names)), [n.replace('$', r'\$') for n in names], fontsize=8)
    axis.set_ylim(len(names) - .4, -.6)
    axis.axvline(0, color='0.3', linewidth=.8)
    axis.tick_params(axis='x', labelsize=8)
    axis.set_xlabel(unit if unit is not None else found.unit or 'attribution', fontsize=8)
    axis.set_title(found.title if title is None else title, fontsize=9, wrap=True)


def room(axis: Any, sizes: Sequence[float]) -> None:
    """Space for the numbers at the ends of bars, of 44 points on each side that has bars."""
    low, high = min(0, np.nanmin([*sizes, 0])), max(0, np.nanmax([*sizes, 0]))
    points = axis.get_window_extent().width / axis.figure.dpi * 72
    share = min(44 / points, .3)
    wide = ((high - low) or 1) / (1 - share * ((low < 0) + (high > 0)))
    axis.set_xlim(low - (share if low < 0 else .02) * wide, high + (share if high > 0 else .02) * wide)
