"""Methods that are about a tensor between X and T, a layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from ..errors import ParameterError, shown
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
    """Base of methods that are about a layer, a tensor between X and T. A context replaces what is given as
    `layer` by the name of its tensor."""

    layer: Layer | None = None

    def located(self, name_of):
        """This method with the name of the tensor as its layer."""
        if self.layer is None:
            return self
        name = name_of(self.layer)
        return self if isinstance(self.layer, str) and name == self.layer else replace(self, layer=name)
