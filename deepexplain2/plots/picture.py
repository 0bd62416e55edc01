"""Images and maps as they are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ParameterError, ShapeError
from ..kinds_of_values import choice
from .figure import bare
from .scale import Scale

STYLES = 'overlay', 'outline', 'alpha', 'side by side', 'map'
COLOURED = 1, 3, 4          # channels of pictures


def channels_last(a: np.ndarray, channels: str | None, what: str) -> np.ndarray:
    """(height, width) or (height, width, c) of an image or map, whatever its layout.

    channels: 'first' or 'last'; by default last where the last axis has 1, 3 or 4 entries, else first where
    the first axis has 1 or 3, else the axis that leaves a square.
    """
    if channels is not None:
        choice(channels, 'channels', ('first', 'last'))
    if a.ndim == 4 and len(a) == 1:
        a = a[0]
    if a.ndim not in (2, 3):
        raise ShapeError(f'{what} has shape {a.shape}. An image is (height, width), (height, width, '
                         'channels) or (channels, height, width); for several of them there is `images`')
    if a.ndim == 2:
        return a
    if channels is None:
        n, h, w = a.shape
        channels = ('last' if w in COLOURED else 'first' if n in COLOURED[:2] and n != h
                    else 'last' if n == h else 'first' if h == w else None)
        if channels is None:
            raise ShapeError(f"{what} has shape {a.shape}, and it is not clear which axis holds its "
                             "channels: give channels='first' or 'last'")
    return a if channels == 'last' else np.moveaxis(a, 0, -1)


def as_map(values: np.ndarray, channels: str | None, adds_up: bool = True) -> np.ndarray:
    """(height, width): the sum over channels, or their mean where they do not add up; NaN where no channel
    has a value."""
    a = channels_last(values, channels, 'values')
    if a.ndim == 3:
        some = (~np.isnan(a)).sum(-1)
        a = np.where(some, np.nansum(a, -1) / (1 if adds_up else np.maximum(some, 1)), np.nan)
    return a


def as_picture(image: Any, channels: str | None, limits: Any = None) -> np.ndarray:
    """RGB (height, width, 3) in 0..1.

    limits: (what is black, what is white), numbers or one per channel. By default 0 and 1 or 0 and 255 where
    values are in there, -1 and 1 where they are, else the smallest and the largest value of the image.
    """
    a = np.asarray(image)
    if a.dtype.kind not in 'biufV':
        raise ParameterError(f'an image must be numbers, not {a.dtype}')
    a = channels_last(a.astype(np.float64), channels, 'image')
    a = a[..., None] if a.ndim == 2 else a
    if a.shape[-1] == 2 or a.shape[-1] > 4:
        a = a.mean(-1, keepdims=True)                       # no picture: how much there is
    low, high = _limits(a[..., :3], limits)
    a = np.clip((np.nan_to_num(a[..., :3], nan=0) - low) / np.where(high == low, 1, high - low), 0, 1)
    return np.broadcast_to(a, (*a.shape[:2], 3)) if a.shape[-1] == 1 else a


def _limits(a: np.ndarray, limits: Any) -> tuple[np.ndarray, np.ndarray]:
    if limits is None:
        least, most = float(np.nanmin(a)), float(np.nanmax(a))
        if least >= 0:
            return np.array(0.), np.array(1. if most <= 1 else 255. if most <= 255 else most)
        if least >= -1 and most <= 1:
            least, most = -1., 1.
        return np.array(least), np.array(most)
    try:
        low, high = (np.asarray(v, np.float64) for v in limits)
        np.broadcast_shapes(low.shape, high.shape, a.shape[-1:])
        fits = bool((low < high).all())
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise ParameterError(f'limits must be (what is black, what is white), two numbers or one each '
                             f'for the {a.shape[-1]} channels, the first below the second, not {limits!r}')
    return low, high


def grey(picture: np.ndarray) -> np.ndarray:
    """The luminance of a picture, (height, width)."""
    return picture @ np.array([.2126, .7152, .0722])


def fits(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether a map is as large as its image, or smaller by one factor in both axes, as that of a layer."""
    (h, w), (height, width) = small[:2], large[:2]
    # layers round sizes: an entry more or less in both axes
    alike = (h - 1) / height <= (w + 1) / width and (w - 1) / width <= (h + 1) / height
    return h <= height and w <= width and alike and (h == height) == (w == width)


def check_sizes(values: np.ndarray, picture: np.ndarray) -> None:
    """Raise ShapeError where a map does not fit its image."""
    if not fits(values.shape, picture.shape):
        raise ShapeError(f'the map is {values.shape[0]} x {values.shape[1]}, and its image '
                         f'{picture.shape[0]} x '
                         f'{picture.shape[1]}. Give them in the same layout, (height, width); a smaller map '
                         f'must have the proportions of the image')


def enlarged(a: np.ndarray, height: int, width: int) -> np.ndarray:
    """The map with every entry repeated until it is as large as its image."""
    rows, columns = (np.minimum(np.arange(size) * n // size, n - 1)
                     for size, n in zip((height, width), a.shape))
    return a[rows][:, columns]


def draw(ax: Any, values: np.ndarray, picture: np.ndarray | None, scale: Scale, style: str,
         alpha: float = .9) -> None:
    """One map, (height, width), with its image."""
    bare(ax)
    height, width = values.shape if picture is None else picture.shape[:2]
    extent = (-.5, width - .5, height - .5, -.5)
    colours, strength = scale.rgba(values), scale.strength(values)
    if style == 'overlay' and picture is not None:
        ax.imshow(np.repeat(.6 + .4 * grey(picture)[..., None], 3, 2), extent=extent)
        colours[..., 3] *= alpha * strength ** .6           # a tenth of the range gets a quarter of alpha
    elif style == 'alpha' and picture is not None:
        ax.imshow(np.dstack([picture, .06 + .94 * enlarged(strength, height, width)]), extent=extent)
        colours[..., 3] = 0
    elif style == 'side by side' and picture is not None:
        ax.imshow(picture, extent=extent)
        left, extent = extent[0], (width * 1.05 - .5, width * 2.05 - .5, *extent[2:])
    ax.imshow(colours, extent=extent, interpolation='nearest')
    if style == 'side by side' and picture is not None:
        ax.set_xlim(left, extent[1])
        for spine in ax.spines.values():
            spine.set_visible(False)
    if style == 'outline' and picture is not None:
        outline(ax, picture)
    hatch(ax, np.isnan(values), extent)


def checked(style: str, alpha: Any) -> str:
    """The style; ParameterError where it or alpha is none."""
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0 < alpha <= 1:
        raise ParameterError(f'alpha must be a number in (0, 1], not {alpha!r}')
    return choice(style, 'style', STYLES)


def outline(ax: Any, picture: np.ndarray) -> None:
    """Lines where the picture goes through the middle of its range."""
    a = grey(picture)
    if a.max() > a.min() and min(a.shape) > 1:
        ax.contour(np.arange(a.shape[1]), np.arange(a.shape[0]), a, levels=[(a.max() + a.min()) / 2],
                   colors='black', linewidths=.6)


def hatch(ax: Any, missing: np.ndarray, extent: tuple[float, ...]) -> None:
    """What has no value is hatched, and the axes say how much that is."""
    if not missing.any():
        return
    from matplotlib.collections import PolyCollection
    left, right, bottom, top = extent
    width, height = (right - left) / missing.shape[1], (bottom - top) / missing.shape[0]
    corners = [[(left + (c + x) * width, top + (r + y) * height) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))]
               for r, c in np.argwhere(missing)]
    ax.add_collection(PolyCollection(corners, facecolors='none', edgecolors='0.45', hatch='////',
                                     linewidths=0,
                                     label='no value'), autolim=False)
    ax.set_xlabel(f'hatched: no value ({missing.mean():.0%})', fontsize=8)
