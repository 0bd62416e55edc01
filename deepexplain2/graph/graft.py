"""Graft: ops once more, with other tensors in place of some of theirs. Nothing here is differentiated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf

from .functions import rename_functions
from .gradients import RULE_GRADIENT
from .op_types import CONTAINERS
from .passes.decisions import MARK
from .walks import ancestors


def graft(wanted: Sequence[tf.Tensor], substitutes: Mapping[str, tf.Tensor], name: str) -> list[tf.Tensor]:
    """Copy into the default graph what computes some tensors, with other tensors in place of theirs.

    Parameters
    ----------
    wanted : tensors of one graph
        What is to be computed again.
    substitutes : name of a tensor of that graph -> tensor of the default graph
        Ops upstream of these are not copied. The two graphs may be the same one.
    name : str
        The scope of the new ops.

    Returns
    -------
    list of tf.Tensor
        The new tensors, in the order of `wanted`, with the static shapes that the old ones have and those
        that TensorFlow infers from the substitutes.
    """
    ops = ancestors([t for t in wanted if t.name not in substitutes], set(substitutes))
    has_functions = any(op.type in CONTAINERS for op in ops)
    nodes = tf.compat.v1.GraphDef(library=wanted[0].graph.as_graph_def().library if has_functions else None,
                                  node=[op.node_def for op in ops])
    import_nodes(nodes, substitutes, name)
    made = tf.compat.v1.get_default_graph().get_tensor_by_name
    for op in ops:
        for output in op.outputs:
            made(f'{name}/{output.name}').set_shape(output.shape)
    return [substitutes[t.name] if t.name in substitutes else made(f'{name}/{t.name}') for t in wanted]


def import_nodes(nodes: tf.compat.v1.GraphDef, substitutes: Mapping[str, tf.Tensor], name: str = '') -> None:
    """Import nodes into the default graph, with `substitutes` in place of the tensors of these names; names
    that no node takes are left out, which TensorFlow would refuse."""
    used = {i if ':' in i else f'{i}:0' for n in nodes.node for i in n.input}
    tf.graph_util.import_graph_def(nodes, name=name,
                                   input_map={n: t for n, t in substitutes.items() if n in used})


def needed(graph: tf.Graph, wanted: Sequence[str],
           substitutes: Mapping[str, tf.Tensor]) -> tuple[tf.compat.v1.GraphDef, dict[str, tf.Tensor]]:
    """The nodes of a graph that the `wanted` tensors need, without those of the substitutes and without the
    marks of rules; and the substitutes that these nodes take."""
    nodes = _prune(graph.as_graph_def(), wanted, {n.split(':')[0] for n in substitutes})
    used = {i.split(':')[0] for n in nodes.node for i in n.input}
    return nodes, {n: t for n, t in substitutes.items() if n.split(':')[0] in used}


def _prune(graph_def: tf.compat.v1.GraphDef, wanted: Sequence[str],
           outside: Iterable[str]) -> tf.compat.v1.GraphDef:
    nodes = {n.name: n for n in graph_def.node}
    stack, seen = [t.split(':')[0] for t in wanted], set(outside)
    result = tf.compat.v1.GraphDef(versions=graph_def.versions, library=graph_def.library)
    while stack:
        name = stack.pop()
        if name not in seen:
            seen.add(name)
            result.node.add().CopyFrom(nodes[name])
            stack += [i.lstrip('^').split(':')[0] for i in nodes[name].input]
    rename_functions(result)
    for node in [*result.node, *(n for f in result.library.function for n in f.node_def)]:
        node.attr.pop('_class', None)
        node.attr.pop(MARK, None)
        if not node.attr['_gradient_op_type'].s or node.attr['_gradient_op_type'].s == RULE_GRADIENT.encode():
            del node.attr['_gradient_op_type']
    return result
