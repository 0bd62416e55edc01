"""Functions with a gradient that the user defined (tf.custom_gradient), in copies of their graph.

TensorFlow makes an IdentityN of such a function: its results, then its arguments. The Python gradient is
registered under a name in the process and holds tensors of the graph it was made in, so that a copy cannot
call it. When a function is frozen, that graph is at hand: the gradient is called once, and what it computes
is kept in an attribute of the node, as a GraphDef. Its inputs are the gradients of the results (d_0, ...) and
inputs of the node (kept_input_0, ...; other tensors that it takes are added to the inputs), its outputs the
gradients with respect to the arguments (share_0, ...). Elsewhere the gradient is that of the ops inside, and
the node is marked, so that a warning can name it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import ops
from tensorflow.python.framework.func_graph import FuncGraph

from .gradients import KEPT_INPUTS_ATTR, RESULTS_ATTR, is_custom_gradient
from .op_types import FUNCTION_CALLS

KEPT = f'DeepExplain2Kept-{uuid.uuid4().hex}'
BODY = '_deepexplain2_gradient'
FORGONE = '_deepexplain2_forgone'       # holds the name of a function whose gradient is not used
FUNCTION = '_deepexplain2_function'     # of one whose gradient is kept


@tf.RegisterGradient(KEPT)
def _kept(op, *ds):
    body = tf.compat.v1.GraphDef.FromString(op.get_attr(BODY))
    names = {node.name for node in body.node}
    sources = {f'd_{k}:0': d for k, d in enumerate(ds)}
    sources |= {f'kept_input_{k}:0': i for k, i in enumerate(op.inputs)}
    substitutes = {name: tf.identity(t) for name, t in sources.items()
                   if name[:-2] in names and t is not None}
    shares = [k for k in range(len(op.inputs)) if f'share_{k}' in names]
    found = tf.graph_util.import_graph_def(body, substitutes, [f'share_{k}:0' for k in shares],
                                           name='custom_gradient')
    found = dict(zip(shares, found))
    return [found.get(k) for k in range(len(op.inputs))]


def keep(graph_def: tf.compat.v1.GraphDef, graph: FuncGraph) -> None:
    """Keep the gradients of a traced function in its nodes, which have calls inlined, if the nodes hold all
    that the gradients take."""
    nodes = {node.name: node for node in graph_def.node}
    for prefix, op in _traced(graph, ''):
        node = nodes.get(prefix + op.name)
        if node is None or node.op != 'IdentityN' or is_known(node, nodes):
            continue
        made = _own(op)
        if made is None:
            continue
        grad_fn, results = made
        node.attr[FORGONE].s = grad_fn.__qualname__.split('.<locals>')[0].encode()
        kept = _body(op)
        if kept is None:
            continue
        body, captured = kept
        position = {t.name: k for k, t in reversed([*enumerate(op.inputs)])}
        added = [t for t in captured.values() if t.name not in position]
        if not all(prefix + t.op.name in nodes for t in added):
            continue
        node.attr[RESULTS_ATTR].i, node.attr[KEPT_INPUTS_ATTR].i = results, len(node.input)
        for t in added:
            position[t.name] = len(node.input)
            node.input.append(prefix + t.name)
            node.attr['T'].list.type.append(t.dtype.as_datatype_enum)
        names = {name: f'kept_input_{position[t.name]}' for name, t in captured.items()}
        for inner in body.node:
            inner.name = names.get(inner.name, inner.name)
            inner.input[:] = [_renamed(i, names) for i in inner.input]
        node.attr[FUNCTION].s = node.attr[FORGONE].s
        del node.attr[FORGONE]
        node.attr['_gradient_op_type'].s = KEPT.encode()
        node.attr[BODY].s = body.SerializeToString()


def drop(graph_def: tf.compat.v1.GraphDef, kept: bool) -> None:
    """Take gradients out of the nodes that a copy cannot call, and mark nodes that had one. kept: whether
    gradients that were kept as nodes stay."""
    for nodes in graph_def.node, *(f.node_def for f in graph_def.library.function):
        by_name = None
        for node in nodes:
            gradient = node.attr['_gradient_op_type'].s.decode() if '_gradient_op_type' in node.attr else ''
            if gradient == KEPT and not kept:
                end = node.attr[KEPT_INPUTS_ATTR].i
                del node.input[end:], node.attr['T'].list.type[end:]
                node.attr[FORGONE].s = node.attr[FUNCTION].s
                for key in BODY, FUNCTION, RESULTS_ATTR, KEPT_INPUTS_ATTR:
                    node.attr.pop(key, None)
            if gradient.startswith('CustomGradient-') and FORGONE not in node.attr:
                by_name = by_name or {n.name: n for n in nodes}
                if not is_known(node, by_name):
                    node.attr[FORGONE].s = node.name.encode()
            if gradient.startswith('CustomGradient-') or not gradient or (gradient == KEPT and not kept):
                node.attr.pop('_gradient_op_type', None)


def is_known(node: tf.compat.v1.NodeDef, nodes: dict[str, tf.compat.v1.NodeDef]) -> bool:
    """Whether a node is TensorFlow's swish, x sigmoid(beta x): its gradient is that of the ops inside."""
    def find(tensor):
        found = nodes.get(tensor.split(':')[0])
        while found is not None and found.op == 'Identity':
            found = nodes.get(found.input[0].split(':')[0])
        return found
    result = find(node.input[0]) if len(node.input) == 3 else None
    return result is not None and result.op == 'Mul' and any((s := find(i)) is not None and s.op == 'Sigmoid'
                                                             and (b := find(s.input[0])) is not None
                                                             and b.op == 'Mul' and node.input[1] in b.input
                                                             for i in result.input) \
        and node.input[1] in result.input


def _traced(graph: Any, prefix: str) -> Iterator[tuple[str, tf.Operation]]:
    """(prefix, op): the functions with a gradient that the user defined, in a graph and in the functions that
    it calls, and what the names of their nodes begin with."""
    for op in graph.get_operations():
        if is_custom_gradient(op):
            yield prefix, op
        elif op.type in FUNCTION_CALLS:
            inner = getattr(graph._get_function(op.get_attr('f').name), 'graph', None)
            if inner is not None:
                yield from _traced(inner, f'{prefix}{op.name}/')


def _own(op: tf.Operation) -> tuple[Any, int] | None:
    """(the Python gradient of an op, the number of its results); None if it may have been made for another
    op."""
    def free(function):
        return dict(zip(function.__code__.co_freevars, (c.cell_contents for c in function.__closure__ or ())))
    try:
        made = free(free(ops.get_gradient_function(op))['tape_grad_fn'])
        first = tf.nest.flatten(made['result'])[0]
        return ((made['grad_fn'], made['flat_result_len']) if first.graph is op.graph
                and first.name == op.inputs[0].name else None)
    except (LookupError, AttributeError, ValueError):
        return None


def _body(op: tf.Operation) -> tuple[tf.compat.v1.GraphDef, dict[str, tf.Tensor]] | None:
    """(what the gradient of an op computes, names in it -> the tensors of the op's graph that they are), or
    None where it takes anything else than tensors: variables, functions."""
    with op.graph.as_default():
        # tensors of the op's graph that it takes become its captures
        graph = FuncGraph('custom_gradient')
    try:
        with graph.as_default():
            ds = [tf.compat.v1.placeholder(o.dtype, o.shape, f'd_{k}') for k, o in enumerate(op.outputs)]
            for k, share in enumerate(ops.get_gradient_function(op)(op, *ds)):
                if share is not None:
                    tf.identity(tf.convert_to_tensor(share), f'share_{k}')
    except Exception:
        # what the user's function raises where its graph is not the default
        return None
    body = graph.as_graph_def()
    captured, values = {}, {}
    for outer, inner in graph.captures:
        if outer.dtype in (tf.resource, tf.variant, tf.string):
            return None
        if hasattr(outer, 'numpy'):
            values[inner.op.name] = outer.numpy()
        elif outer.graph is op.graph:
            captured[inner.op.name] = outer
        else:
            return None
    if body.library.function:
        return None
    for node in body.node:
        if node.name in values:
            dtype = node.attr['dtype'].type
            node.op = 'Const'
            node.attr.clear()
            node.attr['dtype'].type = dtype
            node.attr['value'].tensor.CopyFrom(tf.make_tensor_proto(values[node.name], dtype))
        node.attr.pop('_gradient_op_type', None)
        node.attr.pop('_class', None)
    return body, captured


def _renamed(tensor: str, names: dict[str, str]) -> str:
    control, name = tensor[:tensor.startswith('^')], tensor.lstrip('^')
    node, colon, k = name.partition(':')
    return f'{control}{names.get(node, node)}{colon}{k}'
