"""Boxes of a detector, with maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..kinds_of_values import choice
from .bar import SERIES
from .figure import bare, grid
from .given import given, short
from .image import as_images, parts
from .picture import as_picture, checked, draw
from .scale import PERCENTILE, Scale


def detections(data: Any, boxes: Any, values: Any = None, *, labels: Sequence[Any] | None = None,
               scores: Any = None, box_format: str = 'xyxy', normalized: bool = False, ax: Any = None,
               columns: int = 4, style: str = 'overlay', channels: str | None = None, limits: Any = None,
               signed: bool | None = None, percentile: float = PERCENTILE, cmap: Any = None,
               alpha: float = .9,
               unit: str | None = None, title: str | None = None) -> np.ndarray:
    """Draw the boxes that a detector finds in an image, and a map for each of them.

    Parameters
    ----------
    data : array (height, width), (height, width, channels) or (channels, height, width)
        The image.
    boxes : array (k, 4)
        Boxes.
    values : Explanation of k rows, or array (k, ...), optional
        What explains each box: one panel per box, with one scale. Without it one panel has all boxes.
    labels : sequence of str, optional
        What each box is.
    scores : array (k,), optional
        How sure the detector is.
    box_format : {'xyxy', 'xywh', 'cxcywh'}
        Two corners, a corner and sizes, the centre and sizes.
    normalized : bool, default False
        Whether boxes are in shares of the width and height; else in pixels.
    columns : int, default 4
        Panels beside one another.
    ax : array of Axes, optional
        One for each panel, in rows of `columns`.
    style, channels, limits, signed, percentile, cmap, alpha, unit, title
        As for `image`.

    Returns
    -------
    array of Axes, one for each panel

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2 import plots
    >>> plots.detections(np.random.rand(32, 32, 3), [[2, 3, 10, 12]], labels=['cat'], scores=[.9]).shape
    (1,)
    """
    style = checked(style, alpha)
    picture = as_picture(data, channels, limits)
    corners = _corners(boxes, box_format, normalized, picture.shape[:2])
    for name, some in ('labels', labels), ('scores', scores):
        if some is not None and len(some) != len(corners):
            raise ShapeError(f'{name} holds {len(some)} entries, and there are {len(corners)} boxes')
    said = [' '.join([*([short(labels[k], 16)] if labels is not None else []),
                      *([f'{scores[k]:.2f}'] if scores is not None else [])]) for k in range(len(corners))]
    names = sorted({str(label) for label in labels}) if labels is not None else []
    colours = [SERIES[names.index(str(labels[k])) % len(SERIES)] if labels is not None else SERIES[0]
               for k in range(len(corners))]
    maps, scale = None, None
    if values is not None:
        found = given(values)
        if len(found.values) != len(corners):
            raise ShapeError(f'values have {len(found.values)} rows, and there are {len(corners)} boxes: a '
                             'map is needed for each')
        image = np.broadcast_to(np.asarray(data)[None], (len(corners), *np.shape(data)))
        found = as_images(found.values, image)._replace(adds_up=found.adds_up)
        maps = [parts(found, k, channels, limits, style)[0] for k in range(len(corners))]
        scale = Scale.of(maps, unit if unit is not None else getattr(values, 'unit', ''), signed, percentile,
                         cmap)
    panels = 1 if maps is None else len(maps)
    wide, tall = min(columns, panels), -(-panels // min(columns, panels))
    ratio = min(max(picture.shape[0] / picture.shape[1], .4), 2.5)
    if ax is not None and np.asarray(ax, object).size != wide * tall:
        raise ShapeError(f'ax holds {np.asarray(ax, object).size} axes, and {tall} rows of {wide} panels '
                         'are drawn')
    with grid(ax, tall, wide, (2.6 * wide + .6 * (maps is not None), 2.6 * ratio * tall + .3)) as found_axes:
        axes_ = found_axes.ravel()
        for k, axis in enumerate(axes_):
            if k >= panels:
                axis.axis('off')
            elif maps is None or scale is None:
                bare(axis)
                axis.imshow(picture)
                for j, corner in enumerate(corners):
                    _box(axis, corner, said[j], colours[j])
            else:
                draw(axis, maps[k], picture, scale, style, alpha)
                _box(axis, corners[k], said[k], colours[k])
        if title is not None:
            axes_[0].set_title(title, fontsize=9, wrap=True)
        if scale is not None:
            scale.bar(list(axes_), shrink=.8)
    return axes_[:panels]


def _corners(boxes: Any, box_format: str, normalized: bool, size: tuple[int, ...]) -> np.ndarray:
    """(k, 4): x1, y1, x2, y2 in pixels."""
    choice(box_format, 'box_format', ('xyxy', 'xywh', 'cxcywh'))
    b = np.asarray(boxes, np.float64)
    b = b[None] if b.ndim == 1 else b
    if b.ndim != 2 or b.shape[1] != 4 or not np.isfinite(b).all():
        raise ShapeError(f'boxes must be numbers of shape (k, 4), not {b.shape}')
    if normalized:
        b = b * np.array([size[1], size[0]] * 2)
    if box_format == 'cxcywh':
        b = np.column_stack([b[:, :2] - b[:, 2:] / 2, b[:, 2:]])
    if box_format != 'xyxy':
        b = np.column_stack([b[:, :2], b[:, :2] + b[:, 2:]])
    if not ((b[:, 2] >= b[:, 0]) & (b[:, 3] >= b[:, 1])).all():
        raise ShapeError(f'a box of format {box_format!r} ends before it begins: {b.tolist()}')
    return b


def _box(axis: Any, corner: np.ndarray, said: str, colour: str) -> None:
    from matplotlib.patches import Rectangle
    x, y = corner[:2] - .5
    axis.add_patch(Rectangle((x, y), *(corner[2:] - corner[:2]), fill=False, edgecolor='white', linewidth=3))
    axis.add_patch(Rectangle((x, y), *(corner[2:] - corner[:2]), fill=False, edgecolor=colour, linewidth=1.6))
    if said:
        axis.text(x, y, said.replace('$', r'\$'), fontsize=8, color='black', va='bottom', clip_on=False,
                  bbox={'facecolor': 'white', 'alpha': .8, 'linewidth': 0, 'pad': 1})
