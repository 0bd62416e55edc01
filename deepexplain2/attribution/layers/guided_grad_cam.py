from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...engine.query import Joined
from ...errors import ParameterError
from ...graph.rulebook import Rulebook, table
from ...rules.relu import RELUS, WITHOUT_WARNING, guided
from ..at_relu import report_beside_relu
from ..base import Method
from ..cam import ClassActivationMap, mean_over_positions, weighted
from ..registry import register


@register('guided_grad_cam')
@dataclass(frozen=True)
class GuidedGradCAM(ClassActivationMap):
    """Guided backpropagation times the class activation map of mean gradients (Selvaraju et al. 2017). Method
    'guided_grad_cam'.

    Parameters
    ----------
    layer : name, tensor or Keras symbolic tensor, optional
        A floating tensor between X and T with channels and 1 to 3 spatial axes, see DeepExplain.tensor for
        names. By default the last one that T depends on through all paths; `explanation` tells which, among
        its parameters. Of a detector or a segmentation that is its output: give the layer before.
    relu : bool, default True
        Whether what is negative in the map becomes 0, as in the paper.
    interpolation : str, default 'linear'
        How the map comes to the size of X: 'linear', 'cubic' (splines; what they overshoot below 0 becomes 0
        with relu) or 'nearest'. Grids are aligned as pixels are, not at the centers of their corners.
    upsample : bool, default True
        The map is multiplied at the size of X: False is refused.
    data_format : str, optional
        'channels_last' or 'channels_first', of the layer and X; by default as the convolutions, poolings and
        transpositions next to each of them say, else last. Say it where none of these do.
    on_unsupported : str, default 'warn'
        What to do about activations where guided backpropagation is not defined, which keep their gradient:
        'warn', 'raise' or 'ignore'.

    Notes
    -----
    r M: r the gradient where r_in = r [r > 0] f'(z) takes the place of r f'(z) at every Relu and Relu6, and M
    the map relu(sum_c w_c A_c), w_c the mean over all positions of the plain gradient dT/dA_c, with A the
    layer (section 3.2). The map is the same for all channels of X, the product is signed.

    Shaped like X, in the dtype of X; its scale means nothing. Of several X each one that the layer depends
    on, and whose axes are those of the layer, has the product, the others 0. Not linear in T. Cost: 1
    gradient per row, and 1 from T to the layer.

    Raises PathError where no layer has spatial axes, or several X have one each; TensorError for a layer
    whose axes do not fit.

    References
    ----------
    Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra (2017). Grad-CAM: visual explanations from deep networks
    via gradient-based localization. arXiv:1610.02391

    Examples
    --------
    >>> image = tf.compat.v1.placeholder(tf.float32, (None, 8, 8, 1))
    >>> maps = tf.nn.relu(tf.nn.conv2d(image, tf.ones((3, 3, 1, 4)), 1, 'SAME'), name='maps')
    >>> score = tf.reduce_mean(maps, [1, 2])
    >>> de.explain('guided_grad_cam', score, image, np.ones((2, 8, 8, 1)), ys=[0, 1]).shape
    (2, 8, 8, 1)
    """

    on_unsupported: Literal['warn', 'raise', 'ignore'] = 'warn'

    unit = ''
    adds_up = True
    book = Rulebook((table('guided_grad_cam', dict.fromkeys(RELUS, guided)),),
                    passing=WITHOUT_WARNING, names_opened=True)

    def check(self):
        if not self.upsample:
            raise ParameterError('upsample=False: the map is multiplied with a gradient of the size of X. '
                                 'Leave it out, or explain with the class activation map alone')

    def query(self, model):
        report_beside_relu(self, model, self.on_unsupported)
        return Joined(super().query(model), model.relevance(self.book, self.name))

    def audit(self, model):
        return Method.audit(self, model)

    def map(self, a, g):
        return weighted(a, mean_over_positions(g))

    def attribute(self, sweep, xs, baselines):
        products = []
        for rows, _, answers in sweep(lambda rows, ks: [x[rows] for x in xs]):
            maps = self.shown(self.maps(answers), [x[rows] for x in xs])
            products.append([r * m for r, m in zip(answers['relevance'], maps)])
        return [np.concatenate(p) for p in zip(*products)]
