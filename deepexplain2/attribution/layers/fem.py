from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ParameterError
from ..cam import ClassActivationMap, weighted
from ..registry import register


@register('fem')
@dataclass(frozen=True)
class FEM(ClassActivationMap):
    """Where channels of a layer are unusually active, weighed by their means (Fuad et al. 2020). Method
    'fem'.

    Parameters
    ----------
    layer : name, tensor or Keras symbolic tensor, optional
        A floating tensor between X and T with channels and 1 to 3 spatial axes, see DeepExplain.tensor for
        names. By default the last one that T depends on through all paths; `explanation` tells which, among
        its parameters. Of a detector or a segmentation that is its output: give the layer before.
    k : float, default 2
        Standard deviations above its mean that a channel must reach at a position, at least 0. Among p
        positions none is more than sqrt(p - 1) above: 2 needs a map of at least 5.
    relu : bool, default True
        Whether what is negative becomes 0, as in the paper, where means are of activations after a ReLU.
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
    sum_c m_c [A_c >= m_c + k s_c], with m_c and s_c the mean and the standard deviation of channel c of the
    layer A over all positions; a channel that is constant marks nothing. It does not depend on
    T, which chooses the default layer alone.

    Shaped like X, with the same map in all channels, in the dtype of X; in units of the layer.
    Of several X each one that the layer depends on, and whose axes are those of the layer, has the map, the
    others 0. Cost: 1 evaluation up to the layer per row.

    Raises PathError where no layer has spatial axes, or several X have one each; TensorError for a layer
    whose axes do not fit.

    References
    ----------
    Fuad, Martin, Giot, Bourqui, Benois-Pineau, Zemmari (2020). Features understanding in 3D CNNs for actions
    recognition in video. IPTA 2020

    Examples
    --------
    >>> image = tf.compat.v1.placeholder(tf.float32, (None, 8, 8, 1))
    >>> maps = tf.nn.relu(tf.nn.conv2d(image, tf.ones((3, 3, 1, 4)), 1, 'SAME'), name='maps')
    >>> score = tf.reduce_mean(maps, [1, 2])
    >>> de.explain('fem', score, image, np.ones((2, 8, 8, 1)), ys=[0, 1]).shape       # or FEM()
    (2, 8, 8, 1)
    """

    k: float = 2.

    unit = ''
    takes_gradient = False
    remedy_for_zeros = 'a smaller k'

    def check(self):
        if self.k < 0:
            raise ParameterError(f'k must be a number >= 0, not {self.k}')

    def map(self, a, g):
        a = a.astype(np.float64)
        mean = a.mean(1, keepdims=True)
        is_marked = (a >= mean + self.k * a.std(1, keepdims=True)) & (np.ptp(a, 1) > 0)[:, None]
        return weighted(is_marked.astype(np.float64), mean[:, 0])
