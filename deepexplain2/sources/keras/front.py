"""The string and lookup layers in front of what is explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ...errors import SourceError
from ..raw import RawInput, raw_arrays
from ..strings import LOOKUP_LAYERS
from .nested import has_keys, leaves, rebuilt
from .nodes import arguments_of, flatten_of, is_legacy, layer_of, layers_and_nodes, operation_of, outputs_of
from .unchanged import unchanged

# Keras layers with weights that are no parameters: what they have seen of the data
STATISTICS = ('Normalization', 'Discretization')


def is_in_front(layer: Any) -> bool:
    """Whether this is a lookup layer, or a model or layer that holds some and has nothing to train. One that
    makes words of numbers is none: it is behind, and names classes."""
    if _looks_up(layer):
        return True
    if not hasattr(layer, '_flatten_layers'):                   # an op
        return False
    inside = [part for part in layers_and_nodes(layer)[0] if part is not layer]
    fixed = [v for part in inside if type(part).__name__ in STATISTICS + LOOKUP_LAYERS for v in part.weights]
    return any(map(_looks_up, inside)) and {id(v) for v in layer.weights} <= {id(v) for v in fixed}


def _looks_up(layer: Any) -> bool:
    kind = type(layer).__name__
    return kind in LOOKUP_LAYERS and not (kind == 'StringLookup' and layer.invert)


class Front(NamedTuple):
    """The layers in front. preprocess: from what the model takes to what the context takes. of_empty_rows:
    what they give for two rows of empty strings and zeros."""
    preprocess: Callable[[Any], list[np.ndarray]]
    of_empty_rows: Callable[[], list[Any]]


def front_of(model: Any, nodes: Sequence[Any], structure: Any, symbols: Sequence[Any]) -> Front:
    """The layers between what a functional model takes and what the context takes.

    Parameters
    ----------
    model : Keras model
        The model, which is not kept.
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

    def values(arrays: Sequence[np.ndarray]) -> list[Any]:
        with tf.init_scope():
            if not tf.executing_eagerly():
                raise SourceError('preprocess needs eager execution, in which the layers in front of the '
                                  'inputs are called')
            known = {id(t): tf.constant(a, t.dtype) for (_, t), a in zip(given, arrays)}
            return [value_of(symbol, known) for symbol in symbols]

    def of_empty_rows() -> list[Any]:
        return values([np.full([(1 if k else 2) if d is None else d for k, d in enumerate(i.shape)],
                               '' if i.dtype == tf.string else 0, i.dtype.as_numpy_dtype) for i in inputs])
    return Front(lambda raw: [np.asarray(v) for v in values(raw_arrays(raw, inputs, positions))],
                 of_empty_rows)


def seen(front: Front, model: Any, symbols: Sequence[Any]) -> list[tuple[tf.TensorShape, tf.DType]]:
    """The shape and dtype of each symbolic tensor, as the layers in front really give it for empty rows:
    those that Keras infers may be others.

    Raises SourceError where they give a mask too, which the part behind would not get.
    """
    told = [(tf.TensorShape(s.shape), tf.as_dtype(s.dtype)) for s in symbols]
    variables = [v for v in model.variables if not getattr(v, 'trainable', True)]
    before = [v.numpy() for v in variables]
    try:
        with unchanged(model):
            values = front.of_empty_rows()
            masked = [getattr(v, '_keras_mask', None) is not None for v in values]
            tensors = [tf.convert_to_tensor(v) for v in values]
    except Exception:                   # they do not take such rows
        return told
    finally:
        for variable, value in zip(variables, before):
            if not np.array_equal(variable.numpy(), value):
                variable.assign(value)
    for symbol, has_mask in zip(symbols, masked):
        if has_mask:
            raise SourceError(f'"{operation_of(symbol).name}" in "{model.name}" looks up what the model '
                              'takes and makes a mask of it, which the part behind would not get. Make the '
                              'mask behind it (keras.layers.Masking), or give from_keras the part behind')
    return [(shape if shape.is_compatible_with(v.shape) else tf.TensorShape([shape[0], *v.shape[1:]]),
             v.dtype) for (shape, _), v in zip(told, tensors)]
