"""Attributions of several layers beside one another."""

from __future__ import annotations

from typing import Any

import numpy as np

from .bar import bar
from .figure import grid
from .given import given, is_explanation, one_row, short
from .image import parts
from .images import named
from .picture import draw
from .scale import PERCENTILE, Scale


def layers(values: Any, *, ax: Any = None, channels: str | None = None, signed: bool | None = None,
           percentile: float = PERCENTILE, cmap: Any = None, max_display: int = 8,
           title: str | None = None) -> np.ndarray:
    """Draw the attributions of one row at several layers: maps of those with places, bars of the others.

    Parameters
    ----------
    values : list of Explanations of one row, or dict of str to Explanation or array
        By layer, in order. An array is that of one row, without batch axis: (height, width, channels) or
        (units,). Each layer has a scale of its own, as their shares are spread over different numbers.
    max_display : int, default 8
        Bars of a layer without places.
    ax : array of Axes, optional
        One for each layer.
    channels, signed, percentile, cmap, title
        As for `image`.

    Returns
    -------
    array of Axes, one for each layer

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2 import plots
    >>> plots.layers({'conv': np.random.randn(6, 6, 8), 'dense': np.random.randn(16)}).shape
    (2,)
    """
    some = named(values)
    if isinstance(values, (list, tuple)):
        some = {(v.layer or ', '.join(map(str, v.input_names))): v for v in values}
    with grid(ax, 1, len(some), (3. * len(some) + .5, 3.)) as found:
        panels = found.ravel()
        for axis, (name, v) in zip(panels, some.items()):
            explained = given(v if is_explanation(v) else np.asarray(v)[None])
            row = one_row(explained, 'layers', 'plots.images')
            a = row.values[0]
            if a.ndim in (2, 3) and min(a.shape[:2]) > 1:
                a, _ = parts(row, 0, channels, None, 'map')
                scale = Scale.of([a], row.unit, row.signed if signed is None else signed, percentile, cmap)
                draw(axis, a, None, scale, 'map')
                scale.bar(axis, orientation='horizontal', shrink=.9)
            else:
                bar(a.ravel(), ax=axis, max_display=max_display, unit=row.unit or None)
            axis.set_title(short(name, 28), fontsize=9)
        if title is not None:
            panels[0].figure.suptitle(title, fontsize=10)
    return panels
