"""Methods that are about a tensor between X and T, a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np

from ..engine.layers import layer_of
from ..engine.queries import NO_RULES
from ..errors import ParameterError, shown
from ..graph.cuts import is_cut
from ..graph.rulebook import EVALUATED
from ..parameters import Kind
from .base import Method


def one_layer(value: Any, name: str) -> Any:
    """Check what may stand for a tensor; the context, which knows the graph, finds it."""
    if isinstance(value, (list, tuple, set, dict)):
        raise ParameterError(f'{name} is a {type(value).__name__}: give one layer, a name, a tensor or a '
                             f'Keras symbolic tensor, and explain several layers one after the other')
    if not isinstance(value, str) and not hasattr(value, 'name'):
        raise ParameterError(f'{name} must be a name, a tensor or a Keras symbolic tensor, not '
                             f'{shown(value)}')
    return value


Layer = Annotated[Any, Kind('a name, a tensor or a Keras symbolic tensor', one_layer)]


@dataclass(frozen=True)
class LayerMethod(Method):
    """Base of methods whose attributions are those of a layer, a tensor between X and T, and shaped like it.

    A context replaces what is given as `layer` by the name of its tensor. Without a layer X itself is it.
    """

    layer: Layer | None = None

    def located(self, name_of):
        """This method with the name of the tensor as its layer."""
        if self.layer is None:
            return self
        name = name_of(self.layer)
        return self if isinstance(self.layer, str) and name == self.layer else replace(self, layer=name)

    def shaped_like(self, model):
        """The layer; None for X."""
        return None if self.layer is None else layer_of(model.path, self.layer)

    def layers(self, model) -> list[Any]:
        """The layer in a list, or the tensors of X."""
        return list(model.inputs) if self.layer is None else [self.shaped_like(model)]

    def promise(self, model):
        """The sum is kept where all that T takes of X flows through the layer."""
        return self.sums_to if self.sums_to and is_cut(model.path, self.layers(model)) else None

    @property
    def graph_key(self):
        """The layer, and the rules where there are some."""
        return self.layer, super().graph_key

    def audit(self, model):
        """What is upstream of the layer is evaluated."""
        found = super().audit(model)
        downstream = {t.name for t in model.treatments(NO_RULES, self.layers(model))}
        return [t if t.name in downstream else replace(t, treatment=EVALUATED, detail='', drops_input=False)
                for t in found]


def of_all_rows(totals: list[np.ndarray], answers: Sequence[np.ndarray], n: int) -> list[np.ndarray]:
    """Sums of n rows in float64, begun at the first answers."""
    return totals or [np.zeros((n, *a.shape[1:])) for a in answers]
