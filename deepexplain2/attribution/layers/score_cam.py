from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...engine.arrays import take
from ...features.resize import resized
from ...parameters import Baseline, References
from ..base import Plan
from ..cam import ClassActivationMap, spatial, weighted
from ..registry import register


@register('score_cam')
@dataclass(frozen=True)
class ScoreCAM(ClassActivationMap):
    """Class activation map with channels weighed by what T is where they mask X (Wang et al. 2020). Method
    'score_cam'.

    Parameters
    ----------
    layer : name, tensor or Keras symbolic tensor, optional
        A floating tensor between X and T with channels and 1 to 3 spatial axes, see DeepExplain.tensor for
        names. By default the last one that T depends on through all paths; `explanation` tells which, among
        its parameters. Of a detector or a segmentation that is its output: give the layer before.
    weights : str, default 'softmax'
        'softmax': over the channels of the values of T, as the algorithm of the paper has it. 'increase': the
        values themselves, minus that at the baseline (definition 2 of the paper).
    baseline : number, array, list or function, optional
        What takes the place of what a mask hides, by default 0: a scalar; an array of the shape of one row;
        or an array with one row per row of xs. A function is called with xs and returns one of these. For
        several inputs a list of these. An array with another number of rows than xs is taken as references.
    references : array, list of arrays or function, optional
        Several baselines, whose maps are averaged: (k,) + the shape of one row, shared by all rows; (n, k) +
        that shape, k for each row of xs; or a function of xs that returns one of these. For several inputs a
        list of arrays. In place of baseline. Cost: k times as much.
    average : bool, optional
        Whether a baseline with rows is a set of references (True), or has one for each row of xs (False). By
        default one for each where it has as many rows as xs, with a BaselineWarning.
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
    relu(sum_c w_c A_c) with A the layer at x, and w_c from T at baseline + M_c (x - baseline): M_c is channel
    c at the size of X (linear), scaled to [0, 1] in each row; of a channel that is constant in a row
    M_c is 0. The softmax sees T as it is: of a T that is a probability it is nearly flat, explain logits.

    Shaped like X, with the same map in all channels, in the dtype of X; in units of the layer, with
    'increase' times those of T. Of several X each one that the layer depends on, and whose axes are those of
    the layer, is masked and has the map; the others stay as they are, and have 0. Cost: 1 evaluation up to
    the layer per row, and of T one per channel and baseline, with 'increase' one more.

    Raises PathError where no layer has spatial axes, or several X have one each; TensorError for a layer
    whose axes do not fit.

    References
    ----------
    Wang, Wang, Du, Yang, Zhang, Ding, Mardziel, Hu (2020). Score-CAM: score-weighted visual explanations for
    convolutional neural networks. arXiv:1910.01279

    Examples
    --------
    >>> image = tf.compat.v1.placeholder(tf.float32, (None, 8, 8, 1))
    >>> maps = tf.nn.relu(tf.nn.conv2d(image, tf.ones((3, 3, 1, 4)), 1, 'SAME'), name='maps')
    >>> score = tf.reduce_mean(maps, [1, 2])
    >>> de.explain('score_cam', score, image, np.ones((2, 8, 8, 1)), ys=[0, 1]).shape       # or ScoreCAM()
    (2, 8, 8, 1)
    """

    weights: Literal['softmax', 'increase'] = 'softmax'
    baseline: Baseline | None = None
    references: References | None = None
    average: bool | None = None

    unit = ''
    is_perturbation = True
    switches_features = False
    averages = True
    takes_gradient = False

    def plan(self, shapes):
        return Plan(None, list(shapes))         # the graph has the channels

    def attribute(self, sweep, xs, baselines):
        maps = []
        for start in range(0, sweep.n, sweep.size):         # the layer of a run is held, not of all rows
            some = slice(start, min(start + sweep.size, sweep.n))
            part = sweep.part(some.start, some.stop)
            maps.append(self._maps(part, [x[some] for x in xs],
                                   [b if len(b) == 1 else b[some] for b in baselines]))
        return self.shown(np.concatenate(maps), xs)

    def _maps(self, sweep, xs, baselines) -> np.ndarray:
        """(rows,) + grid."""
        a, grid = self.flat(sweep.once(lambda rows: [x[rows] for x in xs])['activation'][0])
        channels = a.transpose(0, 2, 1).reshape(len(a), -1, *grid)

        def masked(rows, ks):
            # the point behind the last channel is the baseline
            of_channel = np.where((ks < channels.shape[1]).reshape(-1, *[1] * len(grid)),
                                  channels[rows, np.minimum(ks, channels.shape[1] - 1)], 0)
            return [x[rows] if axis is None else mixed(x[rows], take(b, rows), of_channel, axis)
                    for x, b, axis in zip(xs, baselines, self.places.inputs)]

        values = np.zeros((len(a), channels.shape[1] + (self.weights == 'increase')))
        for rows, ks, answers in sweep.value(masked, values.shape[1]):
            values[rows, ks] = answers['value']
        if self.weights == 'increase':
            weights = values[:, :-1] - values[:, -1:]
        else:
            powers = np.exp(values - values.max(1, keepdims=True))
            weights = powers / powers.sum(1, keepdims=True)
        return weighted(a.astype(np.float64), weights).reshape(-1, *grid)


def mixed(x: np.ndarray, b: np.ndarray, maps: np.ndarray, axis: int) -> np.ndarray:
    """b + M (x - b), M the maps (points,) + grid at the size of X, each scaled to [0, 1]; 0 where it is
    constant. axis: of the channels of X."""
    mask = resized(maps, spatial(x.shape, axis), 'linear')
    flat = mask.reshape(len(mask), -1)
    low = flat.min(1, keepdims=True)
    size = np.ptp(maps.reshape(len(maps), -1), 1)[:, None]
    span = np.where(size > 0, flat.max(1, keepdims=True) - low, 0)
    flat = np.divide(flat - low, span, out=np.zeros_like(flat), where=span > 0)
    mask = flat.reshape(mask.shape)
    mask = mask if axis == -1 else np.expand_dims(mask, axis)
    return (b + mask * (x - b)).astype(x.dtype, copy=False)
