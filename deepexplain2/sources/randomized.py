"""A model with other weights: those of some layers permuted, or drawn anew, in a graph of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import ParameterError, SourceError, first_line
from ..graph.walks import ancestors, descendants
from .freezing import imported_graph
from .node_walks import VARIABLES
from .source import Source


def frozen(session: Any, outputs: Sequence[tf.Tensor]) -> tf.compat.v1.GraphDef:
    """The graph of a session with the values of its variables as constants; the session is only read."""
    graph_def = session.graph.as_graph_def()
    if not any(node.op in VARIABLES for node in graph_def.node):
        return graph_def
    try:
        return tf.compat.v1.graph_util.convert_variables_to_constants(
            session, graph_def, [t.op.name for t in outputs])
    except Exception as e:
        raise SourceError(f'the variables of the session cannot be read as constants. TensorFlow says: '
                          f'{first_line(e)}') from e


def weights_by_layer(inputs: Sequence[tf.Tensor], targets: Sequence[tf.Tensor],
                     layer_of: Callable[[str], str]) -> dict[str, list[str]]:
    """The floating constants of more than one number that meet X on the way to T: their names by the layer of
    the op that takes them, or its scope, layers nearest to T first.

    layer_of: from the name of an op to the label of its layer, '' where it has none.
    """
    ops = ancestors(targets, set())
    names_of_x = {x.name for x in inputs}
    dependent = descendants(ops, names_of_x, set())
    found: dict[str, list[str]] = {}
    seen: set[str] = set()
    for op in reversed(ops):                            # inputs before users
        if not any(o.name in dependent and o.name not in names_of_x for o in op.outputs):
            continue
        for source in ancestors([i for i in op.inputs if i.name not in dependent], set()):
            if source.type == 'Const' and source.name not in seen and _is_weight(source.outputs[0]):
                seen.add(source.name)
                layer = layer_of(op.name) or op.name.rpartition('/')[0] or op.name
                found.setdefault(layer, []).append(source.name)
    return found


def _is_weight(t: tf.Tensor) -> bool:
    return t.dtype.is_floating and (t.shape.num_elements() or 0) > 1


def randomized(graph_def: tf.compat.v1.GraphDef, names: Iterable[str], how: str, seed: int) -> tf.Graph:
    """The graph with other values of these constants.

    how: 'permute': the entries of each, in another order; 'normal': drawn from the normal distribution with
    their mean and standard deviation. Constant k is drawn from default_rng([seed, k]).
    """
    copy = tf.compat.v1.GraphDef()
    copy.CopyFrom(graph_def)
    wanted = set(names)
    for node in copy.node:
        if node.name in wanted:
            old = tf.make_ndarray(node.attr['value'].tensor)
            # by its name: the same whichever others are changed
            rng = np.random.default_rng([seed, *node.name.encode()])
            flat = old.reshape(-1)
            drawn = rng.permutation(flat) if how == 'permute' else rng.normal(
                flat.astype(np.float64).mean(), flat.astype(np.float64).std(), flat.size)
            node.attr['value'].tensor.CopyFrom(tf.make_tensor_proto(
                drawn.reshape(old.shape).astype(old.dtype), node.attr['dtype'].type, old.shape))
    return imported_graph(copy)


def source_in(graph: tf.Graph, source: Source | None, inputs: Sequence[tf.Tensor],
              outputs: Sequence[tf.Tensor]) -> Source:
    """The names of a model in a copy of its graph. Tensors that the copy lacks are left out."""
    def there(t: tf.Tensor | None) -> tf.Tensor | None:
        try:
            return None if t is None else graph.get_tensor_by_name(t.name)
        except (KeyError, ValueError):
            return None

    def named(pairs: Sequence[tuple[str, tf.Tensor]]) -> list[tuple[str, tf.Tensor]]:
        return [(name, copied) for name, t in pairs if (copied := there(t)) is not None]

    def all_of(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        return [copied for t in tensors if (copied := there(t)) is not None]
    if source is None:
        return Source(graph, all_of(inputs), all_of(outputs))
    return Source(graph, all_of(source.inputs), all_of(source.outputs), named(source.input_names),
                  named(source.output_names), source.output_keys,
                  [replace(layer, tensor=there(layer.tensor)) for layer in source.layers],
                  {key: (symbolic, [(what, there(t)) for what, t in some])
                   for key, (symbolic, some) in source.symbolic.items()},
                  preprocess=source.preprocess, config=source.config)


def chosen(layers: Any, known: Sequence[str]) -> list[str]:
    """Which layers are meant; ParameterError for a name that is none of them."""
    if layers is None:
        return list(known)
    given = [layers] if isinstance(layers, str) else list(layers)
    for name in given:
        if name not in known:
            raise ParameterError(f'layers names {name!r}, which has no weights between X and T. Layers with '
                                 f'weights, from T on: {", ".join(known)}')
    return given
