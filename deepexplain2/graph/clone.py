"""A copy of the path from X to T in which chosen ops have rules instead of gradients.

The copy is built and differentiated in a graph of its own and then imported into the user's graph in one step: the user's ops are
never touched, whatever fails before the import leaves no trace, and the weights stay live because the copy reads the user's tensors.
DeepLIFT needs the path twice, once for X and once for the baseline: `reference=True` copies it side by side, and a rule finds
the partner of its op by name. No rule has to know where the batch axis is, and a baseline shared by all rows takes one row.
"""

from __future__ import annotations

import contextvars
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from ..errors import RuleError
from .path import V1_CONTROL_FLOW, Path

Rule = Callable[..., tf.Tensor]         # (op, r) or (op, r, partner) -> relevance or multiplier of the input of op

# TensorFlow's gradient registry is for the whole process and forgets nothing: one name, registered once, and the rules of the
# graph that is being built reach it through a context variable. The suffix lets the module be imported a second time.
_RULED = f'DeepExplain2Rule-{uuid.uuid4().hex}'
_rulebook: contextvars.ContextVar[Callable[..., tf.Tensor]] = contextvars.ContextVar('deepexplain2_rulebook')


@tf.RegisterGradient(_RULED)
def _apply_rule(op, r):
    return _rulebook.get()(op, r)


@dataclass(frozen=True)
class Clone:
    """What the copy takes and gives, as tensors of the user's graph."""
    baselines: list[tf.Tensor]          # one placeholder per X; empty without a reference
    weights: tf.Tensor                  # weights of the units of T, broadcast to T; 1 unless fed
    relevances: list[tf.Tensor]         # one per X
    target_shape: tf.Tensor             # of T as computed


def build(path: Path, rules: Mapping[str, Rule], reference: bool, name: str) -> Clone:
    """Differentiate T by X under `rules` (op type -> rule) in a copy of the path; see Clone."""
    for op in path.ops:
        if op.type in V1_CONTROL_FLOW:
            raise RuleError(f'op "{op.name}" ({op.type}) between X and T is TF1 control flow, which the rules of "{name}" do not reach. '
                            'Build the loop with tf.compat.v1.enable_control_flow_v2(), or use intgrad')
    scratch = tf.Graph()
    with scratch.as_default():
        outside = {t.name: _stand_in(t, f'source_{k}') for k, t in enumerate(path.sources)}
        xs = {x.name: tf.compat.v1.placeholder(x.dtype, x.shape, f'x_{k}') for k, x in enumerate(path.inputs)}
        nodes = _nodes(path, rules)
        actual = _import(nodes, {**outside, **xs}, path, 'actual')
        for op in path.ops:
            for k, output in enumerate(op.outputs):             # what the user's set_shape added to the inferred shapes
                actual(op).outputs[k].set_shape(output.shape)
        bs: dict[str, tf.Tensor] = {}
        if reference:
            bs = {x.name: tf.compat.v1.placeholder(x.dtype, x.shape, f'baseline_{k}') for k, x in enumerate(path.inputs)}
            partner = _import(nodes, {**outside, **bs}, path, 'reference')
        target = xs.get(path.target.name)
        if target is None:
            target = actual(path.target.op).outputs[path.target.value_index]
        weights = tf.compat.v1.placeholder_with_default(tf.ones([], target.dtype), None, 'weights')

        def apply(op, r):
            rule = rules[op.type]
            return rule(op, r, partner_of(op)) if reference else rule(op, r)

        def partner_of(op):
            return partner(op.name.removeprefix('actual/'))

        token = _rulebook.set(apply)
        try:
            rs = tf.gradients(target, list(xs.values()), grad_ys=weigh(target, weights), stop_gradients=list(xs.values()))
        finally:
            _rulebook.reset(token)
        outputs = [tf.identity(r, f'relevance_{k}') for k, r in enumerate(rs)]
        outputs.append(tf.shape(target, tf.int64, name='target_shape'))
        mapped = {s.name: t for s, t in zip(outside.values(), path.sources) if s.op.type != 'Const'}
        mapped |= {xs[x.name].name: x for x in path.inputs}
        wanted = [*bs.values(), weights, *outputs]
        graph_def = _prune(scratch.as_graph_def(), wanted, {n.split(':')[0] for n in mapped})
    used = {i.split(':')[0] for n in graph_def.node for i in n.input}
    graph = path.target.graph
    with graph.as_default(), graph.control_dependencies(None), graph.device(None):
        found = tf.graph_util.import_graph_def(
            graph_def, name=name, input_map={n: t for n, t in mapped.items() if n.split(':')[0] in used},
            return_elements=[t.name for t in wanted])
    k = len(bs)
    return Clone(found[:k], found[k], found[k + 1:-1], found[-1])


def weigh(target: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """`weights` broadcast to the shape of `target`; fails when they do not fit."""
    return tf.ensure_shape(tf.broadcast_to(weights, tf.shape(target)), target.shape)


def _nodes(path: Path, rules: Mapping[str, Rule]) -> tf.compat.v1.GraphDef:
    """The path as a GraphDef: rules marked, no colocation or control dependency on ops that stay outside."""
    graph_def = tf.compat.v1.GraphDef()
    calls = False
    for op in path.ops:
        node = graph_def.node.add()
        node.CopyFrom(op.node_def)
        del node.input[:]
        node.input.extend(i.name for i in op.inputs)
        node.attr.pop('_class', None)
        override = node.attr['_gradient_op_type'].s.decode() if '_gradient_op_type' in node.attr else ''
        if op.type in rules:
            node.attr['_gradient_op_type'].s = _RULED.encode()
        elif override.startswith(('CustomGradient-', 'PartitionedCall-', 'StatefulPartitionedCall-')):
            # The gradient is a Python function that holds tensors of the user's graph. Without it the gradient is the one of the
            # ops inside, where the rules are wanted: tf.nn.silu hides a Sigmoid and a Mul behind such a function.
            del node.attr['_gradient_op_type']
        calls = calls or any(a.HasField('func') or a.list.func for a in node.attr.values())
    if calls:
        graph_def.library.CopyFrom(path.target.graph.as_graph_def().library)
    graph_def.versions.CopyFrom(tf.Graph().as_graph_def().versions)
    return graph_def


def _import(nodes: tf.compat.v1.GraphDef, given: Mapping[str, tf.Tensor], path: Path, name: str):
    """Import the path under `name`; returns a lookup of its ops by the user's op or op name."""
    graph = tf.compat.v1.get_default_graph()
    used = {i.name for op in path.ops for i in op.inputs}
    tf.graph_util.import_graph_def(nodes, name=name, input_map={n: t for n, t in given.items() if n in used})
    return lambda op: graph.get_operation_by_name(f'{name}/{op if isinstance(op, str) else op.name}')


def _stand_in(tensor: tf.Tensor, name: str) -> tf.Tensor:
    """What a tensor from outside the path is in the copy's own graph: a small constant itself, anything else a placeholder.

    Constants matter to the gradient functions: axes and shapes decide which ops they build.
    """
    small = tensor.shape.is_fully_defined() and tensor.shape.num_elements() <= 64
    if small and (tensor.op.type == 'Const' or tensor.dtype.is_integer or tensor.dtype.is_bool):
        value = tf.get_static_value(tensor)
        if value is not None:
            return tf.constant(value, tensor.dtype, tensor.shape, name)
    if tensor.dtype == tf.resource and tensor.op.type == 'VarHandleOp':     # with its handle: the type and shape of the variable
        graph_def = tf.compat.v1.GraphDef(node=[tensor.op.node_def])
        graph_def.node[0].name = name
        graph_def.node[0].attr.pop('_class', None)
        return tf.graph_util.import_graph_def(graph_def, name='', return_elements=[f'{name}:0'])[0]
    return tf.compat.v1.placeholder(tensor.dtype.base_dtype, tensor.shape, name)


def _prune(graph_def: tf.compat.v1.GraphDef, wanted: Sequence[tf.Tensor], outside: Iterable[str]) -> tf.compat.v1.GraphDef:
    """The nodes that `wanted` need, without the ones that stand for tensors of the user's graph and without the rule marks."""
    nodes = {n.name: n for n in graph_def.node}
    stack, kept = [t.op.name for t in wanted], set(outside)
    result = tf.compat.v1.GraphDef(versions=graph_def.versions, library=graph_def.library)
    while stack:
        name = stack.pop()
        if name in kept:
            continue
        kept.add(name)
        node = result.node.add()
        node.CopyFrom(nodes[name])
        node.attr.pop('_class', None)
        if node.attr['_gradient_op_type'].s == _RULED.encode() or not node.attr['_gradient_op_type'].s:
            del node.attr['_gradient_op_type']
        stack += [i.lstrip('^').split(':')[0] for i in node.input]
    return result
