from __future__ import annotations

from dataclasses import dataclass

from ..base import at_input
from ..layer_method import LayerMethod
from ..registry import register


@register('layer_gradient_x_activation')
@dataclass(frozen=True)
class LayerGradientActivation(LayerMethod):
    """Gradient with respect to a layer times its values (Shrikumar et al. 2016). Method
    'layer_gradient_x_activation'.

    Parameters
    ----------
    layer : name, tensor or Keras symbolic tensor, optional
        A floating tensor between X and T with one entry per row, see DeepExplain.tensor for names. By
        default X itself.

    Notes
    -----
    h dT/dh with h the layer: shaped like it, (n, ...), in its dtype and in units of T. A row sums to f(x)
    where T is linear in the layer, without bias, and nowhere else. Cost: 1 gradient from T to the layer per
    row.

    Raises PathError for a layer that does not depend on X, that T does not depend on, or that is inside of a
    loop; TensorError for one whose first axis is not the batch.

    References
    ----------
    Shrikumar, Greenside, Shcherbina, Kundaje (2016). Not just a black box. arXiv:1605.01713

    Examples
    --------
    >>> hidden = T.op.inputs[0]
    >>> de.explain(LayerGradientActivation(hidden), T, X, xs, 'sum').shape      # or by its name, layer=hidden
    (2, 2)
    """

    def query(self, model):
        return model.at_layers(self.layers(model), self.name).at_x

    def attribute(self, sweep, xs, baselines):
        found = sweep.once(at_input(xs))
        return [g * h for g, h in zip(found['layer_gradient'], found['activation'])]
