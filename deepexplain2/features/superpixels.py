"""Superpixels of images as features, by scikit-image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from skimage import segmentation

from ..errors import ParameterError, ShapeError
from ..parameters import Kind
from ..parametrized import Parametrized
from .segments import Segments
from .windows import MOST_CHANNELS


@dataclass(frozen=True)
class Superpixels(Parametrized):
    """A function of images that returns the labels of their superpixels, see `superpixels`."""

    kind: Literal['slic', 'quickshift', 'felzenszwalb']
    options: Annotated[Any, Kind('a dict', lambda value, name: dict(value))]

    def __call__(self, images: Any) -> Any:
        """(n, h, w) integers for images (n, h, w) or (n, h, w, channels); of several inputs a list, with
        labels of their own."""
        given = images if isinstance(images, list) else [images]
        # numbers of their own for each input, whatever the other rows are
        found = [np.stack([labels_of_image(x, self.kind, self.options) for x in xs]) * len(given) + k
                 for k, xs in enumerate(given)]
        return found if len(found) > 1 else found[0]


def labels_of_image(image: np.ndarray, kind: str, parameters: Mapping[str, Any]) -> np.ndarray:
    """(height, width): the superpixels of one image, counted from 0. kind, parameters: see `superpixels`."""
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[-1] > MOST_CHANNELS):
        raise ShapeError(f'superpixels are those of images (height, width) or (height, width, '
                         f'channels), with at most {MOST_CHANNELS} channels; a row of X has shape '
                         f'{image.shape}. Give labels of your own: Segments')
    image = image.astype(float)
    image = (image - image.min()) / (np.ptp(image) or 1)            # colours in 0..1
    channels = image.shape[-1] if image.ndim == 3 else None
    options = dict(parameters)
    if kind == 'quickshift':
        image = image if channels == 3 else np.repeat(image.reshape(*image.shape[:2], -1)[..., :1], 3, -1)
        make: Callable = segmentation.quickshift
    else:
        make = getattr(segmentation, kind)
        options.setdefault('channel_axis', None if channels is None else -1)
        if kind == 'slic':
            options.setdefault('start_label', 0)
        if kind == 'slic' and channels not in (None, 3):
            options.setdefault('convert2lab', False)
    try:
        return np.asarray(make(image, **options), int)
    except TypeError as e:
        raise ParameterError(f'superpixels({kind!r}): {e}. Parameters are those of '
                             f'skimage.segmentation.{kind}') from None


def superpixels(kind: Literal['slic', 'quickshift', 'felzenszwalb'] = 'slic', /,
                **parameters: Any) -> Segments:
    """Superpixels of every image as features.

    Parameters
    ----------
    kind : 'slic', 'quickshift' or 'felzenszwalb', default 'slic'
        The function of skimage.segmentation that makes them. Images come as (height, width) or (height,
        width, channels), every one scaled to 0..1.
    **parameters
        Of that function, e.g. n_segments=50, compactness=10 of slic.

    Returns
    -------
    Segments
        With labels for every row of X. Rows may have different numbers of superpixels: what a row does not
        have is a feature without entries.

    Examples
    --------
    >>> from deepexplain2.features import superpixels
    >>> superpixels('slic', n_segments=40)
    Segments(labels=Superpixels(kind='slic', options={'n_segments': 40}))
    """
    return Segments(Superpixels(kind, parameters))


