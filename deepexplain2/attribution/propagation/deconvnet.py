from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...graph.rulebook import Rulebook, table
from ...rules.relu import RELUS, WITHOUT_WARNING, deconvnet
from ..at_relu import report_beside_relu
from ..base import Method, at_input
from ..registry import register


@register('deconvnet')
@dataclass(frozen=True)
class DeconvNet(Method):
    """Gradient that is rectified itself at each ReLU (Zeiler and Fergus 2014). Method 'deconvnet'.

    Parameters
    ----------
    on_unsupported : str, default 'warn'
        What to do about activations where the method is not defined, which keep their gradient: 'warn',
        'raise' or 'ignore'.

    Notes
    -----
    r_in = r [r > 0] takes the place of r f'(z) at every Relu and Relu6, whatever z is; all other ops
    have their gradient (max pooling sends it to its winners), and the forward pass is untouched.
    LeakyReLU, ELU, GELU, tanh and the like keep their gradient, and so does a ReLU written as
    tf.maximum(x, 0) or x * (x > 0): the papers define the rule at ReLU, and the graph does not say which of
    these are meant as one. A ReluWarning names these ops. A model without any ReLU gives the plain gradient,
    with that warning. A ReLU inside tf.custom_gradient has the rule; the gradient given there is not used,
    which a PathWarning says. Cost: 1 gradient per row.

    Not linear in T: a negative weight in ys turns the signs of r before they are rectified.

    References
    ----------
    Zeiler, Fergus (2014). Visualizing and understanding convolutional networks. arXiv:1311.2901, section 2.1

    Examples
    --------
    >>> de.explain(DeconvNet(), T, X, xs, ys=[0, 1]).shape        # or 'deconvnet'
    (2, 3)
    """

    on_unsupported: Literal['warn', 'raise', 'ignore'] = 'warn'

    unit = ''
    linear_in_target = False                    # r is rectified
    book = Rulebook((table('deconvnet', dict.fromkeys(RELUS, deconvnet)),),
                    passing=WITHOUT_WARNING, names_opened=True)

    def query(self, model):
        report_beside_relu(self, model, self.on_unsupported)
        return model.relevance(self.book, self.name)

    def attribute(self, sweep, xs, baselines):
        return sweep.once(at_input(xs))['relevance']
