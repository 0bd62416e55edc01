from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cam import ClassActivationMap, weighted
from ..registry import register


@register('eigen_cam')
@dataclass(frozen=True)
class EigenCAM(ClassActivationMap):
    """First principal component of the activations of a layer (Muhammad and Yeasin 2020). Method 'eigen_cam'.

    Parameters
    ----------
    layer : name, tensor or Keras symbolic tensor, optional
        A floating tensor between X and T with channels and 1 to 3 spatial axes, see DeepExplain.tensor for
        names. By default the last one that T depends on through all paths; `explanation` tells which, among
        its parameters. Of a detector or a segmentation that is its output: give the layer before.
    relu : bool, default True
        Whether what is negative becomes 0, as in the paper.
    interpolation : str, default 'linear'
        How the map comes to the size of X: 'linear', 'cubic' (splines; what they overshoot below 0 becomes 0
        with relu) or 'nearest'. Grids are aligned as pixels are, not at the centers of their corners.
    upsample : bool, default True
        False for the map of the layer, (n,) + its spatial axes.
    data_format : str, optional
        'channels_last' or 'channels_first', of the layer and X; by default as the convolutions, poolings and
        transpositions next to each of them say, else last. Say it where none of these do.

    Notes
    -----
    relu(A v), A the layer as a matrix (positions, channels) and v its first right singular vector, with the
    sign that makes the map sum to something positive; A is not centered. It does not depend on
    T, which chooses the default layer alone.

    Shaped like X, with the same map in all channels, in the dtype of X; in units of the layer.
    Of several X each one that the layer depends on, and whose axes are those of the layer, has the map, the
    others 0. Cost: 1 evaluation up to the layer per row, and the eigenvectors of a matrix of as
    many rows as the layer has positions or channels, whichever are fewer.

    Raises PathError where no layer has spatial axes, or several X have one each; TensorError for a layer
    whose axes do not fit.

    References
    ----------
    Muhammad, Yeasin (2020). Eigen-CAM: class activation map using principal components. arXiv:2008.00299

    Examples
    --------
    >>> image = tf.compat.v1.placeholder(tf.float32, (None, 8, 8, 1))
    >>> maps = tf.nn.relu(tf.nn.conv2d(image, tf.ones((3, 3, 1, 4)), 1, 'SAME'), name='maps')
    >>> score = tf.reduce_mean(maps, [1, 2])
    >>> de.explain('eigen_cam', score, image, np.ones((2, 8, 8, 1)), ys=[0, 1]).shape       # or EigenCAM()
    (2, 8, 8, 1)
    """

    unit = ''
    takes_gradient = False

    def map(self, a, g):
        a = a.astype(np.float64)
        turned = a.transpose(0, 2, 1)
        if a.shape[1] < a.shape[2]:                             # the smaller one of both matrices of products
            values, vectors = np.linalg.eigh(a @ turned)
            found = vectors[:, :, -1] * np.sqrt(np.maximum(values[:, -1:], 0))
        else:
            found = weighted(a, np.linalg.eigh(turned @ a)[1][:, :, -1])
        return np.where(found.sum(1, keepdims=True) < 0, -found, found)
