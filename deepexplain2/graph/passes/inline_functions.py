"""The path as a list of nodes, function calls replaced by the ops inside, also in the bodies of loops and
conditionals."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from ..functions import functions_of, open_function, rename_functions
from ..op_types import CONTAINERS, FUNCTION_CALLS
from ..path import Path
from .functionalize import Functional, functional, has_loops


def flatten(path: Path) -> tuple[tf.compat.v1.GraphDef, str, list[tf.Tensor]]:
    """(nodes, T, sources): the path as a GraphDef without calls of functions and control flow of TF1, the
    name of T in it, and the tensors of the user's graph that it takes beside X.

    Inputs are names of tensors; the sources and X are called as `outside` says. Loops and conditionals keep
    their functions, in the library. Colocation and control dependencies, which may point outside the path,
    are left out.
    """
    taken = functional(path) if has_loops(path) else Functional(path.target.graph, path.ops, path.target, {},
                                                                path.sources)
    graph_def = tf.compat.v1.GraphDef()
    functions = {}
    if any(_calls(op.node_def) for op in taken.ops):
        graph_def.library.CopyFrom(taken.graph.as_graph_def().library)
        functions = {f.signature.name: f for f in graph_def.library.function}
        for function in functions.values():
            _name_calls(function, functions)
    graph_def.versions.CopyFrom(tf.Graph().as_graph_def().versions)
    renamed: dict[str, str] = {}                # tensors that come out of a call -> the tensors inside
    entering = {t.name for t in [*taken.sources, *path.inputs]}
    scopes = {op.name[:k] for op in taken.ops for k, c in enumerate(op.name) if c == '/'}

    def add(node, inputs, prefix):
        # TF1 names the op after the function
        called = node.attr['f'].func.name if node.op in FUNCTION_CALLS else node.op
        if called in functions:
            call(node.name, functions[called], inputs, prefix)
            return
        new = graph_def.node.add()
        new.CopyFrom(node)
        new.name = prefix + node.name
        new.attr.pop('_class', None)
        del new.input[:]
        new.input.extend(renamed.get(i, i) for i in inputs)
        if new.attr['_gradient_op_type'].s.startswith(b'PartitionedCall-') or not new.attr['_gradient_op_type'].s:
            del new.attr['_gradient_op_type']

    def call(name, function, inputs, prefix):
        body, flat = open_function(function, functions)
        scope = f'{prefix}{name}'
        # an op of the user may be called as if it were inside of this call
        while scope in scopes:
            scope += '/inside'
        inside = f'{scope}/'
        arguments = {f'{a.name}:0': renamed.get(i, i) for a, i in zip(function.signature.input_arg, inputs)}
        for node in body.node:
            if f'{node.name}:0' not in arguments:
                add(node, [arguments.get(i, inside + i) for i in map(_output, node.input)
                           if not i.startswith('^')], inside)
        for k, output in enumerate(function.signature.output_arg):
            source = flat[function.ret[output.name]]
            source = arguments.get(source, inside + source)
            renamed[f'{prefix}{name}:{k}'] = renamed.get(source, source)

    def name(tensor):
        if taken.given:                         # a graph of our own, whose names are not those of the user
            return outside(taken.given[tensor.name]) if tensor.name in taken.given else tensor.name
        return outside(tensor) if tensor.name in entering else tensor.name

    for op in taken.ops:
        add(op.node_def, [name(i) for i in op.inputs], '')
    _open_calls(graph_def)
    rename_functions(graph_def)
    return graph_def, renamed.get(name(taken.target), name(taken.target)), taken.sources


def outside(tensor: tf.Tensor) -> str:
    """What nodes call a tensor of the user's graph that enters the path. No node can have this name: those of
    the path may be given any."""
    return f'outside {tensor.name}'


def _open_calls(graph_def: tf.compat.v1.GraphDef) -> None:
    """Replace the calls in the bodies of loops and conditionals, at any depth, by the ops inside: no rule
    reaches into a call, and TensorFlow's gradient of it is that of the user's function, which is wrong where
    a loop in it is called in a loop."""
    functions = {f.signature.name: f for f in graph_def.library.function}
    opened: set[str] = set()

    def visit(nodes):
        for node in nodes:
            for name in functions_of(node) if node.op in CONTAINERS else [
                node.attr['f'].func.name] if node.op in FUNCTION_CALLS else ():
                if name in functions and name not in opened:
                    opened.add(name)
                    visit(functions[name].node_def)
                    _open_calls_in(functions[name], functions)

    visit(graph_def.node)


def _open_calls_in(function, functions: Mapping) -> None:
    """The same in one function, where those that it calls are open. What waits for a call does not wait for
    what is inside."""
    taken = {node.name for node in function.node_def}
    renamed: dict[str, str] = {}                # results of calls -> the tensors inside
    nodes, calls = [], set()
    for node in function.node_def:
        called = functions.get(node.attr['f'].func.name) if node.op in FUNCTION_CALLS else None
        if called is None:
            nodes.append(copy.deepcopy(node))
            continue
        calls.add(node.name)
        scope = node.name
        while any(name.startswith(f'{scope}/') for name in taken):
            scope += '/inside'
        arguments = dict(zip((a.name for a in called.signature.input_arg),
                             (i for i in node.input if not i.startswith('^'))))

        def inside(tensor, arguments=arguments, scope=scope):
            if tensor.startswith('^'):
                return f'^{scope}/{tensor[1:]}' if tensor[1:] not in arguments else ''
            return arguments.get(tensor.split(':')[0], f'{scope}/{tensor}')

        for inner in called.node_def:
            new = copy.deepcopy(inner)
            new.name = f'{scope}/{inner.name}'
            new.attr.pop('_class', None)
            new.input[:] = [name for i in inner.input if (name := inside(i))]
            taken.add(new.name)
            nodes.append(new)
        renamed |= {f'{node.name}:output:{k}': inside(called.ret[o.name]) for k,
                    o in enumerate(called.signature.output_arg)}
    if not calls:
        return

    def source(tensor):
        while tensor in renamed:                # a call may hand on what another one gave
            tensor = renamed[tensor]
        return tensor

    for node in nodes:
        node.input[:] = [source(i) for i in node.input if i[1:] not in calls or not i.startswith('^')]
    del function.node_def[:]
    function.node_def.extend(nodes)
    for name, tensor in list(function.ret.items()):
        function.ret[name] = source(tensor)
    for name, node in list(function.control_ret.items()):
        if node in calls:
            del function.control_ret[name]
    function.signature.control_output[:] = [name for name in function.signature.control_output
                                            if name in function.control_ret]


def _name_calls(function, functions: Mapping) -> None:
    """Make PartitionedCalls of the calls in a function whose op type is the name of another one, as TF1 makes
    them: only these can be renamed."""
    renamed: dict[str, str] = {}
    for node in function.node_def:
        if node.op in functions:
            called = functions[node.op].signature
            renamed |= {f'{node.name}:{o.name}:0': f'{node.name}:output:{k}' for k,
                        o in enumerate(called.output_arg)}
            node.op = 'StatefulPartitionedCall' if called.is_stateful else 'PartitionedCall'
            node.attr.clear()
            node.attr['f'].func.name = called.name
            node.attr['Tin'].list.type.extend(a.type for a in called.input_arg)
            node.attr['Tout'].list.type.extend(a.type for a in called.output_arg)
    if renamed:
        for node in function.node_def:
            node.input[:] = [renamed.get(i, i) for i in node.input]
        for name, tensor in list(function.ret.items()):
            function.ret[name] = renamed.get(tensor, tensor)


def _output(name: str) -> str:
    """A tensor's name with its output's number, ':0' where it is left out."""
    return name if ':' in name or name.startswith('^') else f'{name}:0'


def _calls(node: tf.compat.v1.NodeDef) -> bool:
    return any(a.HasField('func') or a.list.func
               for a in node.attr.values()) or op_def_registry.get(node.op) is None
