"""Layers and nodes of Keras 3 and tf_keras models, read in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def functional_graph(model: Any) -> Any:
    """The graph of nodes of a Functional model, or of a Sequential model that is built; None for other
    models."""
    graph = getattr(model, '_functional', None) or model
    is_graph = (hasattr(graph, '_nodes_by_depth') and getattr(graph, 'inputs', None)
                and getattr(graph, 'outputs', None))
    return graph if is_graph else None


def layers_and_nodes(model: Any) -> tuple[list[Any], list[Any]]:
    """The layers of a model and of the models in it, and the nodes of the functional models among them."""
    layers: dict[int, Any] = {}
    nodes: dict[int, Any] = {}
    seen, stack = set(), [model]
    while stack:
        part = stack.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        graph = getattr(part, '_functional', None)
        if hasattr(part, '_flatten_layers'):
            layers[id(part)] = part
            stack += part._flatten_layers(include_self=False)
        if graph is not None:               # the graph of a Sequential model: called by it, not as a layer
            seen.add(id(graph))
            layers.pop(id(graph), None)
        for level in getattr(part if graph is None else graph, '_nodes_by_depth', {}).values():
            for node in level:
                nodes[id(node)] = node
                stack.append(layer_of(node))
    return list(layers.values()), list(nodes.values())


def position(node: Any) -> int:
    """Which call of its layer a node is, as Keras counts them."""
    return next(k for k, other in enumerate(layer_of(node)._inbound_nodes) if other is node)


def layer_of(node: Any) -> Any:
    """The layer or op that a node calls."""
    return node.operation if hasattr(node, 'operation') else node.layer


def operation_of(symbol: Any) -> Any:
    """The layer or op that a Keras symbolic tensor comes from."""
    history = symbol._keras_history
    return history.operation if hasattr(history, 'operation') else history.layer


def outputs_of(node: Any) -> list[Any]:
    """The symbolic tensors that a node returns."""
    return list(node.outputs) if hasattr(node, 'operation') else tf.nest.flatten(node.outputs)


def inputs_of(node: Any) -> list[Any]:
    """The symbolic tensors that a node takes."""
    if hasattr(node, 'operation'):
        return list(node.input_tensors)
    return [] if node.is_input else list(node.keras_inputs)


def arguments_of(node: Any) -> tuple[Any, Any]:
    """(args, kwargs) of the call that a node is, with symbolic tensors."""
    if hasattr(node, 'arguments'):
        return node.arguments.args, node.arguments.kwargs
    return node.call_args, node.call_kwargs


def is_legacy(model: Any) -> bool:
    """Whether this is a model of tf_keras, not of Keras 3."""
    return any(c.__module__.startswith('tf_keras') for c in type(model).__mro__)


def flatten_of(model: Any) -> Callable[[Any], list[Any]]:
    """The function by which the model's Keras makes a flat list of nested outputs."""
    if is_legacy(model):
        return tf.nest.flatten
    import keras
    return keras.tree.flatten
