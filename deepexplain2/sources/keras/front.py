"""The string and lookup layers in front of what is explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ...errors import SourceError
from ..raw import RawInput, raw_arrays
from ..strings import LOOKUP_LAYERS
from .nested import has_keys, leaves, rebuilt
from .nodes import arguments_of, flatten_of, is_legacy, layer_of, layers_and_nodes, operation_of, outputs_of

# Keras layers with weights that are no parameters: what they have seen of the data
STATISTICS = ('Normalization', 'Discretization')


def is_in_front(layer: Any) -> bool:
    """Whether this is a lookup layer, or a model or layer that holds some and has nothing to train."""
    if type(layer).__name__ in LOOKUP_LAYERS:
        return True
    if not hasattr(layer, '_flatten_layers'):                   # an op
        return False
    inside = [part for part in layers_and_nodes(layer)[0] if part is not layer]
    looks_up = [part for part in inside if type(part).__name__ in LOOKUP_LAYERS]
    fixed = [v for part in inside if type(part).__name__ in STATISTICS + LOOKUP_LAYERS for v in part.weights]
    return bool(looks_up) and {id(v) for v in layer.weights} <= {id(v) for v in fixed}


def preprocessing(model: Any, nodes: Sequence[Any], structure: Any,
                  symbols: Sequence[Any]) -> Callable[[Any], list[np.ndarray]]:
    """A function from what a functional model takes to what the context takes.

    Parameters
    ----------
    model : Keras model
        The model, which the function does not keep.
    nodes : list of nodes
        Those of the model.
    structure : nested symbolic tensors
        The inputs of the model.
    symbols : list of symbolic tensors
        What the context takes.
    """
    flatten = flatten_of(model)
    producers = {id(t): node for node in nodes for t in outputs_of(node)}
    given = [(path, t) for path, t in leaves(structure)]
    keyed = has_keys(structure)
    inputs = [RawInput(list(dict.fromkeys([*([path] if keyed else []), t.name, operation_of(t).name])),
                       tf.TensorShape(t.shape), tf.as_dtype(t.dtype)) for path, t in given]
    order = {id(t): k for k, (_, t) in enumerate(given)}
    positions = rebuilt(structure, lambda _, t: order[id(t)])

    def value_of(symbol: Any, known: dict[int, Any]) -> Any:
        if id(symbol) not in known:
            node = producers[id(symbol)]
            layer, (args, kwargs) = layer_of(node), arguments_of(node)

            def filled(_, part):
                return value_of(part, known) if id(part) in producers else part
            kwargs = rebuilt(dict(kwargs), filled)
            if is_legacy(layer):                # `training` of the call itself counts there
                kwargs = ({'training': False} if layer._expects_training_arg else {}) | kwargs
            elif getattr(layer, '_call_has_training_arg', False):
                kwargs = kwargs | {'training': False}
            outputs = layer(*rebuilt(tuple(args), filled), **kwargs)
            known.update({id(t): v for t, v in zip(outputs_of(node), flatten(outputs))})
        return known[id(symbol)]

    def apply(raw: Any) -> list[np.ndarray]:
        arrays = raw_arrays(raw, inputs, positions)
        with tf.init_scope():
            if not tf.executing_eagerly():
                raise SourceError('preprocess needs eager execution, in which the layers in front of the '
                                  'inputs are called')
            known = {id(t): tf.constant(a, t.dtype) for (_, t), a in zip(given, arrays)}
            return [np.asarray(value_of(symbol, known)) for symbol in symbols]
    return apply
