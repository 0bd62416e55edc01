"""Signals and time series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..kinds_of_values import choice
from .figure import grid, plain
from .given import Given, count, given, is_explanation, short
from .picture import hatch
from .scale import PERCENTILE, Scale
from .tables import names_of_columns


def series(values: Any, data: Any = None, *, times: Any = None, channel_names: Sequence[Any] | None = None,
           style: str = 'line', channels: str = 'last', max_channels: int = 8, max_rows: int = 3,
           ax: Any = None, signed: bool | None = None, percentile: float = PERCENTILE, cmap: Any = None,
           unit: str | None = None, title: str | None = None) -> np.ndarray:
    """Draw the attributions of series of one channel or several: a panel for each channel, a column for each
    row, one scale for all.

    Parameters
    ----------
    values : Explanation, or array (length,), (length, channels) or (n, length, channels)
        Attributions.
    data : array, optional
        The series, of the shape of `values`; by default the xs of the Explanation. Without it the
        attributions themselves are drawn over time.
    times : array (length,), optional
        Where the entries stand; by default 0, 1, ...
    channel_names : sequence of str, optional
        Names of the channels.
    style : {'line', 'strip'}
        The line of the series coloured by attribution; or a strip of colours below it.
    channels : {'last', 'first'}
        Which axis holds the channels.
    max_channels, max_rows : int, default 8 and 3
        How many panels; the channels with the largest attributions, the first rows. The figure says of how
        many.
    ax : array of Axes, optional
        (channels, rows).
    signed, percentile, cmap, unit, title
        As for `image`.

    Returns
    -------
    array of Axes, (channels, rows)

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2 import plots
    >>> plots.series(np.random.randn(100, 2), np.random.randn(100, 2), channel_names=['left', 'right']).shape
    (2, 1)
    """
    choice(style, 'style', ('line', 'strip'))
    choice(channels, 'channels', ('last', 'first'))
    found, a, x = _columns(values, data, channels)
    n, length, width = a.shape
    t = np.arange(length) if times is None else np.asarray(times)
    if t.shape != (length,):
        raise ShapeError(f'times has shape {t.shape}, and the series {length} entries')
    if channel_names is not None and len(channel_names) != width:
        raise ShapeError(f'channel_names holds {len(channel_names)} names, and there are {width} channels')
    names = [f'channel {k}' if channel_names is None else short(channel_names[k]) for k in range(width)]
    rows = min(n, count('max_rows', max_rows))
    scale = Scale.of([a[:rows]], unit if unit is not None else found.unit,
                     found.signed if signed is None else signed, percentile, cmap)
    largest = np.argsort(-np.nansum(np.abs(a[:rows]), (0, 1)), kind='stable')
    shown = np.sort(largest[:count('max_channels', max_channels)])
    size = 1.2 + (7 if rows == 1 else 4.5 * rows), 1.1 + 1.15 * len(shown)
    with grid(ax, len(shown), rows, size, sharex=True, sharey='row') as panels:
        for (j, row), axis in np.ndenumerate(panels):
            k = shown[j]
            plain(axis)
            _panel(axis, t, a[row, :, k], None if x is None else x[row, :, k], scale, style)
            if row == 0 and (len(names) > 1 or channel_names is not None):
                axis.set_ylabel(names[k], fontsize=8)
            axis.tick_params(labelsize=7)
        panels[0, 0].set_title(found.title if title is None else title, fontsize=9, wrap=True)
        said = [f'{rows} of {n} rows'] * (rows < n)
        if len(shown) < width:
            said.insert(0, f'the {len(shown)} of {width} channels with the largest attributions')
        if said:
            panels[-1, 0].set_xlabel(', '.join([*said, *filter(None, [panels[-1, 0].get_xlabel()])]),
                                     fontsize=8)
        scale.bar(list(panels.flat), shrink=.9, aspect=25)
    return panels


def _columns(values: Any, data: Any, channels: str) -> tuple[Given, np.ndarray, np.ndarray | None]:
    """What is given, attributions (n, length, channels), and the series of the same shape or None."""
    asked = data is not None
    names_of_columns(values, data)                          # which must agree
    if not is_explanation(values):
        values, data = np.asarray(values), None if data is None else np.asarray(data)
        if values.ndim < 3 and not (values.ndim == 2 and data is not None and data.ndim == 3):
            values, data = values[None], None if data is None else data[None]
    found = given(values, data)
    a, x = found.values, found.data
    if a.ndim not in (2, 3):
        raise ShapeError(f'values have shape {a.shape}. A series is (length,) or (length, channels)')
    if x is not None and x.shape != a.shape:
        if asked and x.shape != a.shape[:2]:
            raise ShapeError(f'data has shape {x.shape}, and values {a.shape}: they must be of one shape')
        x = np.repeat(x[..., None], a.shape[2], 2) if a.ndim == 3 and x.shape == a.shape[:2] else None
    a = a[..., None] if a.ndim == 2 else a
    x = None if x is None else np.asarray(x, np.float64).reshape(a.shape)
    if channels == 'first':
        a, x = a.swapaxes(1, 2), None if x is None else x.swapaxes(1, 2)
    return found, a, x


def _panel(axis: Any, t: np.ndarray, a: np.ndarray, x: np.ndarray | None, scale: Scale, style: str) -> None:
    line = a if x is None else x
    at = np.arange(len(t)) if t.dtype.kind not in 'iuf' else t.astype(np.float64)
    if x is None:
        axis.axhline(0, color='0.3', linewidth=.8)
    low, high = (float(np.nanmin(line)), float(np.nanmax(line))) if not np.isnan(line).all() else (0., 1.)
    wide = (high - low) or 1.
    bottom = low - .08 * wide
    edges = np.concatenate([at[:1], (at[1:] + at[:-1]) / 2, at[-1:]]) if len(at) > 1 else at + np.array([-.5,
                                                                                                         .5])
    if style == 'strip' and x is not None:
        axis.plot(t, line, color='0.15', linewidth=1)
        # a strip that is a quarter as high as the line
        axis.pcolormesh(edges, [low - .42 * wide, low - .12 * wide], scale.rgba(a)[None])
        bottom = low - .46 * wide
    else:
        from matplotlib.collections import LineCollection
        ends = np.interp(edges, at, line) if len(at) > 1 else np.repeat(line, 2)
        corners = np.stack([np.column_stack([edges[:-1], ends[:-1]]), np.column_stack([at, line]),
                            np.column_stack([edges[1:], ends[1:]])], 1)
        axis.plot(t, line, color='0.82', linewidth=4, zorder=1)         # white parts show on this
        axis.add_collection(LineCollection(list(corners), colors=scale.rgba(a), linewidths=2.4, zorder=2,
                                           capstyle='round'))
    axis.set_ylim(bottom, high + .08 * wide)
    hatch(axis, np.isnan(a)[None], (edges[0], edges[-1], bottom, high + .08 * wide))
