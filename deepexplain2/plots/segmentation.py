"""Maps of a zone of a segmentation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from .given import one_row
from .image import as_images, image, parts
from .picture import channels_last


def segmentation(values: Any, data: Any = None, zone: Any = None, *, ax: Any = None, **options: Any) -> Any:
    """Draw the attributions of a zone of an image, with the outline of the zone in black on white.

    Parameters
    ----------
    values : Explanation of one row, or array
        Attributions, as for `image`.
    data : array, optional
        The image; by default the xs of the Explanation.
    zone : array (height, width), optional
        What is explained: entries above 0 are in the zone; by default the ys of the Explanation, summed over
        classes, where their size is that of the image.
    ax : Axes, optional
        Where to draw.
    **options
        Of `image`.

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        Where the zone has another size than the image.

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2 import plots
    >>> zone = np.zeros((8, 8))
    >>> zone[2:5, 3:6] = 1
    >>> ax = plots.segmentation(np.random.randn(8, 8), np.random.rand(8, 8), zone)
    """
    if zone is None and getattr(values, 'ys', None) is not None and values.ys.ndim in (3, 4):
        zone = values.ys[0]
    if zone is None:
        raise ShapeError('zone is missing: give the (height, width) that is explained, 1 in it and 0 outside')
    inside = np.asarray(zone)
    if inside.ndim == 3:
        inside = np.abs(channels_last(inside, 'last', 'zone')).sum(-1)
    if inside.ndim != 2:
        raise ShapeError(f'zone has shape {inside.shape}, and must be (height, width)')
    found = one_row(as_images(values, data, single=True), 'image', 'plots.images')
    a, picture = parts(found, 0, options.get('channels'), options.get('limits'),
                       options.get('style', 'overlay'))
    height, width = (a if picture is None else picture).shape[:2]
    if inside.shape != (height, width):
        raise ShapeError(f'zone has shape {inside.shape}, and the image is {height} x {width}')
    axis = image(values, data, ax=ax, **options)
    framed = np.pad(inside > 0, 1).astype(float)            # so that a zone at the edge has an outline too
    at = np.arange(-1, inside.shape[1] + 1), np.arange(-1, inside.shape[0] + 1)
    for colour, thick in ('white', 2.6), ('black', 1.2):
        axis.contour(*at, framed, levels=[.5], colors=colour, linewidths=thick)
    return axis
