"""Maps of several images by several methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ParameterError, ShapeError
from ..kinds_of_values import choice
from ..names import short_method
from .figure import bare, grid
from .given import Given, count, is_explanation, short
from .image import as_images, parts
from .picture import as_picture, checked, draw
from .scale import PERCENTILE, Scale


def images(values: Any, data: Any = None, *, labels: Sequence[Any] | None = None, ax: Any = None,
           style: str = 'overlay', compare: str = 'rows', max_rows: int = 8, channels: str | None = None,
           limits: Any = None, signed: bool | None = None, percentile: float = PERCENTILE, cmap: Any = None,
           alpha: float = .9, colorbar: bool = True, unit: str | None = None) -> np.ndarray:
    """Draw the attributions of several images by one method or several: rows x methods.

    The first column has the images; each further one a method with its scale below it.

    Parameters
    ----------
    values : Explanation, array, list of Explanations, or dict of str to Explanation or array
        The maps, (n, height, width) or (n, height, width, channels), by method; channels may be first.
    data : array (n, ...), optional
        The images; by default the xs of the first Explanation.
    labels : sequence of str, optional
        What stands left of each row; by default the index of the Explanation where it has one.
    ax : array of Axes, optional
        (rows, methods), with one column more, the first, where there are images.
    compare : {'rows', 'all', 'none'}
        What shares a scale: the maps of a method, all maps, or none, where only places are compared. With
        'none' there are no colour bars, and a column says so.
    max_rows : int, default 8
        How many rows are shown; the figure says how many there are.
    style, channels, limits, signed, percentile, cmap, alpha, colorbar, unit
        As for `image`.

    Returns
    -------
    array of Axes, (rows, columns)

    Raises
    ------
    ShapeError
        Where methods have other rows, or maps and images do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2 import plots
    >>> maps = np.random.randn(2, 8, 8, 1)
    >>> plots.images({'gradient': maps, 'intgrad': maps / 2}, np.random.rand(2, 8, 8, 1)).shape
    (2, 3)
    """
    choice(compare, 'compare', ('rows', 'all', 'none'))
    style = checked(style, alpha)
    columns = {name: as_images(v, data) for name, v in named(values).items()}
    first = next(iter(columns.values()))
    for name, found in columns.items():
        if len(found.values) != len(first.values):
            raise ShapeError(f'{name!r} has {len(found.values)} rows, and {next(iter(columns))!r} '
                             f'{len(first.values)}: methods are compared on the same rows')
    rows = min(len(first.values), count('max_rows', max_rows))
    labels = _labels(values, labels, len(first.values))
    drawn = {name: [parts(found, k, channels, limits, style) for k in range(rows)]
             for name, found in columns.items()}
    scales = _scales(columns, drawn, compare, unit, signed, percentile, cmap)
    pictures = [p if p is not None else _picture(first, k, channels, limits)
                for k, (_, p) in enumerate(drawn[next(iter(columns))])]
    show = int(pictures[0] is not None)
    height, width = drawn[next(iter(columns))][0][0].shape if not show else pictures[0].shape[:2]
    side = 1.5
    size = side * (show + len(columns)) * min(max(width / height, .5),
                                              3) + .3, side * rows + .9 * colorbar + .3
    with grid(ax, rows, show + len(columns), size) as found:
        for k in range(rows):
            if show:
                bare(found[k, 0])
                found[k, 0].imshow(pictures[k])
                found[0, 0].set_title('input', fontsize=9)
            for j, name in enumerate(columns):
                axis = found[k, show + j]
                draw(axis, *drawn[name][k], scales[name][k], style, alpha)
                if k == 0:
                    axis.set_title(short(name, 24), fontsize=9)
            if labels is not None:
                found[k, 0].set_ylabel(short(labels[k], 20), fontsize=9)
        if rows < len(first.values):
            found[-1, 0].set_xlabel(f'{rows} of {len(first.values)} rows', fontsize=8)
        if colorbar and compare != 'none':
            for j, name in enumerate(columns):
                scales[name][0].bar(list(found[:, show + j]), orientation='horizontal', shrink=.85, pad=.02)
    return found


def named(values: Any) -> dict[str, Any]:
    """What is given by the name of its method."""
    if isinstance(values, Mapping):
        if not values:
            raise ParameterError('values is an empty dict: give maps by method')
        return {str(k): v for k, v in values.items()}
    if isinstance(values, (list, tuple)) and values and all(is_explanation(v) for v in values):
        found: dict[str, Any] = {}
        for v in values:
            name = short_method(v.method)
            found[name if name not in found else f'{name} ({len(found) + 1})'] = v
        return found
    return {short_method(getattr(values, 'method', '')) or 'attributions': values}


def _labels(values: Any, labels: Any, rows: int) -> list[Any] | None:
    first = next(iter(named(values).values()))
    if labels is None and getattr(first, 'index', None) is not None:
        labels = list(first.index)
    if labels is not None and len(labels) != rows:
        raise ShapeError(f'labels holds {len(labels)} names, and there are {rows} rows')
    return labels


def _scales(columns: dict[str, Given], drawn: dict, compare: str, unit: Any, signed: Any, percentile: float,
            cmap: Any) -> dict[str, list[Scale]]:
    """The scale of every map."""
    def one(names: Sequence[str], rows: slice) -> Scale:
        promised = True if any(columns[n].signed for n in names) else None
        units = {columns[n].unit for n in names}
        said = unit if unit is not None else units.pop() if len(units) == 1 else ''
        return Scale.of([a for n in names for a, _ in drawn[n][rows]], said,
                        promised if signed is None else signed, percentile, cmap)
    rows = len(next(iter(drawn.values())))
    if compare == 'all':
        together = one(list(columns), slice(None))
        return {name: [together] * rows for name in columns}
    if compare == 'rows':
        return {name: [one([name], slice(None))] * rows for name in columns}
    return {name: [one([name], slice(k, k + 1)) for k in range(rows)] for name in columns}


def _picture(found: Given, row: int, channels: Any, limits: Any) -> Any:
    if found.data is None:
        return None
    return as_picture(found.data[row], channels, limits)
