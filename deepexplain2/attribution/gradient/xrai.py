"""XRAI: regions of an image by their sum of attributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from skimage.morphology import dilation, disk

from ...errors import ShapeError
from ...features.superpixels import labels_of_image
from ...parameters import Count, Kind, positive, sequence
from ..registry import register
from ..wrapper import Inner, Wrapper


def numbers(value: Any, name: str) -> tuple[float, ...]:
    """Check a list of numbers > 0."""
    entries = sequence(value, name, 'of numbers, e.g. [50, 250]')
    return tuple(positive(v, f'each entry of {name}') for v in entries)


@register('xrai')
@dataclass(frozen=True)
class XRAI(Wrapper):
    """Regions of an image, ranked by the attributions in them (Kapishnikov et al. 2019). Method 'xrai'.

    Parameters
    ----------
    of : method or str, default 'intgrad'
        The method whose attributions are summed: an object with its parameters, or a name. The paper averages
        integrated gradients over a black and a white baseline: IntegratedGradients(references=...).
    scales : list of float, default [50, 100, 150, 250, 500, 1200]
        Scales of the segmentations by Felzenszwalb and Huttenlocher, whose segments are the regions; a larger
        one makes larger regions.
    smallest : int, optional
        Pixels that a region adds at least; by default 0.1 % of the image.
    dilation : int, optional
        By how many pixels regions are enlarged, so that they hold the edges of things; by default 1/45 of
        the shorter side.

    Notes
    -----
    Algorithm 1 of the paper: of all regions the one whose pixels, those that no region before has, have the
    largest mean attribution, summed over channels, is taken, and so on until none is left; a pixel gets that
    mean of the region with which it was taken, all channels the same, and what is in no region the mean of
    its own. Images are (height, width) or (height, width, channels), with at most 5 channels. Not linear in
    T, and promises no sum. Cost: that of the method inside, and segmentations in scikit-image.

    Raises ShapeError for an X that is no image, and for several.

    References
    ----------
    Kapishnikov, Bolukbasi, Viegas, Terry (2019). XRAI: better attributions through regions. arXiv:1906.02825
    Felzenszwalb, Huttenlocher (2004). Efficient graph-based image segmentation.
    doi:10.1023/B:VISI.0000022288.19776.77

    Examples
    --------
    >>> image = tf.compat.v1.placeholder(tf.float32, (None, 8, 8, 1))
    >>> score = tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(image, tf.ones((3, 3, 1, 4)), 1, 'SAME')), [1, 2])
    >>> de.explain('xrai', score, image, np.random.rand(2, 8, 8, 1), ys=[0, 1]).shape
    (2, 8, 8, 1)
    """

    of: Inner = 'intgrad'  # type: ignore[assignment]
    scales: Annotated[Any, Kind('a list of numbers > 0', numbers)] = (50., 100., 150., 250., 500., 1200.)
    smallest: Count | None = None
    dilation: Count | None = None

    adds_up = False
    needs_space = True
    takes_images = True
    is_by_feature = False
    linear_in_target = False
    zero_without_influence = False

    def unit_of(self, target):
        return f'mean of the region: {self.of.unit_of(target)}'

    def plan(self, shapes):
        if len(shapes) != 1 or len(shapes[0]) not in (3, 4):
            raise ShapeError(f'"{self.name}" takes one X of images, (n, height, width) or (n, height, width, '
                             f'channels), and xs have shapes {[tuple(s) for s in shapes]}')
        return super().plan(shapes)

    def spread(self, found, sweep, xs):
        """As they are."""
        return list(found)

    def attribute(self, sweep, xs, baselines):
        found, (images,) = self.of.spread(self.of.attribute(sweep, xs, baselines), sweep, xs)[0], xs
        maps = np.stack([self._of_image(image, a if a.ndim == 2 else a.sum(-1))
                         for image, a in zip(images, found.astype(np.float64))])
        maps = maps if images.ndim == 3 else maps[..., None]
        return [np.broadcast_to(maps, images.shape).copy()]

    def _of_image(self, image: np.ndarray, a: np.ndarray) -> np.ndarray:
        """The map of one image, (height, width), of its attributions."""
        smallest = self.smallest or max(1, round(a.size / 1000))
        around = disk(self.dilation or max(1, min(a.shape) // 45))
        regions = []
        for scale in self.scales:
            labels = labels_of_image(image, 'felzenszwalb', {'scale': scale, 'sigma': .8,
                                                             'min_size': max(2, smallest)})
            regions += [dilation(labels == k, around).ravel() for k in range(labels.max() + 1)]
        return by_regions(a.ravel(), np.unique(regions, axis=0), smallest).reshape(a.shape)


def by_regions(a: np.ndarray, regions: np.ndarray, smallest: int) -> np.ndarray:
    """(pixels,): the mean attribution of the region with which each pixel was taken. a: (pixels,). regions:
    (regions, pixels) of booleans."""
    sums, counts = regions @ a, regions.sum(1)
    left, found = np.ones(len(a), bool), np.zeros(len(a))
    while (counts >= smallest).any():
        means = np.where(counts >= smallest, sums / np.maximum(counts, 1), -np.inf)
        best = int(means.argmax())
        taken = regions[best] & left
        found[taken] = means[best]
        left &= ~taken
        sums, counts = sums - regions[:, taken] @ a[taken], counts - regions[:, taken].sum(1)
    if left.any():
        found[left] = a[left].mean()
    return found
