"""Which layer of a model an op belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import tensorflow as tf


class LayerOfOps:
    """The owner of an op: the first layer, inputs first, whose output is computed from the op.

    layers: label of a layer -> its output, the layers nearest to the inputs first.
    """

    def __init__(self, layers: Mapping[str, tf.Tensor] | None = None):
        self._layers = layers or {}

    def __call__(self, name: str) -> str:
        """The label of the layer that owns the op of this name; '' where none does. An op inside a function
        or loop is named after the call, and belongs to the layer of the call."""
        while name:
            if name in self._owner:
                return self._owner[name]
            name = name.rpartition('/')[0]
        return ''

    @cached_property
    def _owner(self) -> dict[str, str]:
        owner: dict[str, str] = {}
        for layer, output in self._layers.items():
            stack = [output.op]
            while stack:
                op = stack.pop()
                if op.name not in owner:
                    owner[op.name] = layer
                    stack += [i.op for i in op.inputs]
        return owner
