from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...graph.rulebook import Rulebook, table
from ...rules.relu import RELUS, WITHOUT_WARNING, guided
from ..at_relu import report_beside_relu
from ..base import Method, at_input
from ..registry import register


@register('guided_backprop')
@dataclass(frozen=True)
class GuidedBackprop(Method):
    """Gradient that is positive at each ReLU (Springenberg et al. 2015). Method 'guided_backprop'.

    Parameters
    ----------
    on_unsupported : str, default 'warn'
        What to do about activations where the method is not defined, which keep their gradient: 'warn',
        'raise' or 'ignore'.

    Notes
    -----
    r_in = r [r > 0] f'(z) takes the place of r f'(z) at every Relu and Relu6, where f'(z) is 1 or 0
    (0 above the 6 of Relu6 too); all other ops have their gradient, and the forward pass is untouched.
    LeakyReLU, ELU, GELU, tanh and the like keep their gradient, and so does a ReLU written as
    tf.maximum(x, 0) or x * (x > 0): the papers define the rule at ReLU, and the graph does not say which of
    these are meant as one. A ReluWarning names these ops. A model without any ReLU gives the plain gradient,
    with that warning. A ReLU inside tf.custom_gradient has the rule; the gradient given there is not used,
    which a PathWarning says. Cost: 1 gradient per row.

    Not linear in T: a negative weight in ys turns the signs of r before they are rectified.

    References
    ----------
    Springenberg, Dosovitskiy, Brox, Riedmiller (2015). Striving for simplicity: the all convolutional net.
    arXiv:1412.6806, section 3.4

    Examples
    --------
    >>> de.explain(GuidedBackprop(), T, X, xs, ys=[0, 1]).shape        # or 'guided_backprop'
    (2, 3)
    """

    on_unsupported: Literal['warn', 'raise', 'ignore'] = 'warn'

    unit = ''
    linear_in_target = False                    # r is rectified
    book = Rulebook((table('guided_backprop', dict.fromkeys(RELUS, guided)),),
                    passing=WITHOUT_WARNING, names_opened=True)

    def query(self, model):
        report_beside_relu(self, model, self.on_unsupported)
        return model.relevance(self.book, self.name)

    def attribute(self, sweep, xs, baselines):
        return sweep.once(at_input(xs))['relevance']
