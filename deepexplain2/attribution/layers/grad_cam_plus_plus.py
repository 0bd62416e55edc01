from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cam import ClassActivationMap, weighted
from ..registry import register


@register('grad_cam++')
@dataclass(frozen=True)
class GradCAMPlusPlus(ClassActivationMap):
    """Class activation map with channels weighed by sums of their positive gradients (Chattopadhay et al.
    2018). Method 'grad_cam++'.

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
    relu(sum_c w_c A_c), w_c = sum_p alpha_cp relu(g_cp), alpha = g^2 / (2 g^2 + g^3 sum_q A_cq), 0 where g is
    0, with A the layer, g = dT/dA, and sums over all positions p, q. The paper explains
    exp(T), whose derivatives are these up to a positive factor of the row, which is left out.

    Shaped like X, with the same map in all channels, in the dtype of X; its scale means nothing.
    Of several X each one that the layer depends on, and whose axes are those of the layer, has the map, the
    others 0. Cost: 1 gradient from T to the layer per row.

    Raises PathError where no layer has spatial axes, or several X have one each; TensorError for a layer
    whose axes do not fit.

    References
    ----------
    Chattopadhay, Sarkar, Howlader, Balasubramanian (2018). Grad-CAM++: improved visual explanations for deep
    convolutional networks. arXiv:1710.11063

    Examples
    --------
    >>> image = tf.compat.v1.placeholder(tf.float32, (None, 8, 8, 1))
    >>> maps = tf.nn.relu(tf.nn.conv2d(image, tf.ones((3, 3, 1, 4)), 1, 'SAME'), name='maps')
    >>> score = tf.reduce_mean(maps, [1, 2])
    >>> de.explain('grad_cam++', score, image, np.ones((2, 8, 8, 1)), ys=[0, 1]).shape  # or GradCAMPlusPlus()
    (2, 8, 8, 1)
    """

    unit = ''

    def map(self, a, g):
        below = 2 + g * a.sum(1, keepdims=True)                 # of alpha, with g^2 divided out
        alpha = np.divide(1, below, out=np.zeros_like(g), where=(g > 0) & (below != 0))
        return weighted(a, (alpha * np.maximum(g, 0)).sum(1))
