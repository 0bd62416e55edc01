"""A map of an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from .figure import axes
from .given import Given, given, is_explanation, one_row
from .picture import as_map, as_picture, channels_last, check_sizes, checked, draw, fits
from .scale import PERCENTILE, Scale


def image(values: Any, data: Any = None, *, ax: Any = None, style: str = 'overlay',
          channels: str | None = None, limits: Any = None, signed: bool | None = None,
          percentile: float = PERCENTILE, cmap: Any = None, alpha: float = .9, colorbar: bool = True,
          unit: str | None = None, title: str | None = None) -> Any:
    """Draw the attributions of one image.

    Attributions are summed over channels, so that the map sums to what the attributions sum to.

    Parameters
    ----------
    values : Explanation of one row, or array
        (height, width), (height, width, channels) or (channels, height, width), with a batch axis of one row
        or without. A map that is smaller than its image, as of a layer, is enlarged. NaN, which no window
        covered, is hatched, and said below.
    data : array, optional
        The image; by default the xs of the Explanation.
    ax : Axes, optional
        Where to draw; a new figure where it is left out.
    style : {'overlay', 'outline', 'alpha', 'side by side', 'map'}
        The map over a pale grey image, the stronger the less transparent; the map with outlines of the image;
        the image, visible where attributions are large; both beside one another; the map alone.
    channels : {'first', 'last'}, optional
        Where the channels are; by default the last axis where it has 1, 3 or 4 entries, else the first where
        that has.
    limits : (low, high), optional
        What is black and what is white in `data`, numbers or one per channel: for inputs that were normalized
        by m and s, (-m / s, (1 - m) / s). By default seen from the values: 0 to 1, 0 to 255, -1 to 1, else
        from the smallest to the largest.
    signed : bool, optional
        Colours that are symmetric about 0, or from the smallest value up; by default signed where a value is
        negative, or where attributions sum to a difference or value of T.
    percentile : float, default 99.5
        The size of attribution that has full colour, as a percentile; what is larger is clipped, and the
        colour bar says so.
    cmap : colour map of matplotlib, optional
        Other colours.
    alpha : float, default 0.9
        How opaque the map is at most, over the image.
    colorbar : bool, default True
        Whether a bar says what colours mean.
    unit, title : str, optional
        What is said there; by default what the Explanation says.

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        For several rows, and where map and image do not fit.
    ParameterError, ValueRangeError
        For an unknown style, and for infinite values.
    MissingPackageError
        Without matplotlib.

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2 import plots
    >>> ax = plots.image(np.random.randn(8, 8, 3), np.random.rand(8, 8, 3), unit='share of the logit')
    >>> ax.get_title()
    ''
    """
    found = one_row(as_images(values, data, single=True), 'image', 'plots.images')
    style = checked(style, alpha)
    a, picture = parts(found, 0, channels, limits, style)
    scale = Scale.of([a], unit if unit is not None else found.unit,
                     found.signed if signed is None else signed, percentile, cmap)
    height, width = a.shape if picture is None else picture.shape[:2]
    wide = width * (2.05 if style == 'side by side' and picture is not None else 1)
    tall = 3.4 * min(max(height / width, .4), 2.) * (.9 if wide > width else 1)
    with axes(ax, (min(3.4 * max(wide / width, 1) + .8 * colorbar, 6.6), tall + .5)) as axis:
        draw(axis, a, picture, scale, style, alpha)
        title = found.title if title is None else title
        axis.set_title(title, fontsize=9, wrap=True)
        if colorbar:
            scale.bar(axis, shrink=.9)
    return axis


def as_images(values: Any, data: Any, single: bool = False) -> Given:
    """Maps with a batch axis, and their images. single: an array of up to three axes is one map."""
    found = given(values)
    if not is_explanation(values):
        a = found.values
        if single and a.ndim in (2, 3):
            found = found._replace(values=a[None])
            data = np.asarray(data)[None] if data is not None and np.ndim(data) < 4 else data
        elif a.ndim not in (3, 4):
            raise ShapeError(f'values have shape {a.shape}. Maps are (n, height, width) or (n, height, '
                             'width, channels), one map is (height, width) or (height, width, channels)')
    if data is None:
        return found
    pictures = np.asarray(data)
    if pictures.ndim == 0 or len(pictures) != len(found.values):
        raise ShapeError(f'data has shape {pictures.shape}, and values have {len(found.values)} rows: shape '
                         f'{found.values.shape}')
    return found._replace(data=pictures)


def parts(found: Given, row: int, channels: str | None, limits: Any,
          style: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The map of a row, (height, width), and its image or None."""
    a = found.values[row]
    if found.data is None or found.data.ndim < 3:
        return as_map(a, channels, found.adds_up), None
    data = found.data[row]
    picture = as_picture(data, channels if data.ndim == 3 else None, limits)
    if channels is None and a.ndim == 3:
        # in the layout of the image, or in the one that has its proportions, as those of a layer
        if a.shape == data.shape:
            channels = 'last' if picture.shape[:2] == a.shape[:2] else 'first'
        else:
            fitting = [c for c in ('last', 'first')
                       if fits(channels_last(a, c, 'values').shape, picture.shape)]
            channels = fitting[0] if len(fitting) == 1 else None
    a = as_map(a, channels, found.adds_up)
    if style == 'map':
        return a, None
    check_sizes(a, picture)
    return a, picture
