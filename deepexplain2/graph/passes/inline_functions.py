"""The path as nodes, with the ops inside in place of function calls, also in the bodies of loops and
conditionals."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping

import tensorflow as tf

from ..functions import called_functions, open_function, rename_functions
from ..op_types import CONTAINERS, FUNCTION_CALLS
from ..path import Path
from .functionalize import FunctionalPath, functionalize, has_v1_control_flow


def flatten(path: Path) -> tuple[tf.compat.v1.GraphDef, str, list[tf.Tensor], Callable[[str], str]]:
    """The path as nodes, without function calls and without control flow of TF1.

    Returns
    -------
    nodes : GraphDef
        Inputs are names of tensors; sources and X have the names that `outside` gives them. Loops and
        conditionals keep their functions, which are in the library. Colocation and control dependencies,
        which may point outside the path, are left out.
    target : str
        The name of T among the nodes.
    sources : list of tf.Tensor
        The tensors of the user's graph that the nodes take, without X.
    inside : function from str to str
        The name among the nodes of a tensor of the path: of a result of a call, that of the tensor inside.
    """
    functional = (functionalize(path) if has_v1_control_flow(path)
                  else FunctionalPath(path.target.graph, path.ops, path.target, {}, path.sources))
    graph_def = tf.compat.v1.GraphDef()
    if any(called_functions(op.node_def) for op in functional.ops):
        graph_def.library.CopyFrom(functional.graph.as_graph_def().library)
    graph_def.versions.CopyFrom(tf.Graph().as_graph_def().versions)
    stands_for = functional.stands_for
    entering = {t.name for t in [*functional.sources, *path.inputs]}

    def name(tensor):
        if stands_for:                          # a graph of our own, whose names are not those of the user
            return outside(stands_for[tensor.name]) if tensor.name in stands_for else tensor.name
        return outside(tensor) if tensor.name in entering else tensor.name

    inliner = _Inliner(graph_def, functional.ops)
    for op in functional.ops:
        inliner.add(op.node_def, [name(i) for i in op.inputs])
    _inline_in_bodies(graph_def)
    rename_functions(graph_def)
    return graph_def, inliner.source(name(functional.target)), functional.sources, inliner.source


class _Inliner:
    """Adds nodes to a GraphDef, in place of function calls the nodes of the functions in its library."""

    def __init__(self, graph_def: tf.compat.v1.GraphDef, ops: Iterable[tf.Operation]):
        self._nodes = graph_def.node
        self._functions = {f.signature.name: f for f in graph_def.library.function}
        for function in self._functions.values():
            _name_calls(function, self._functions)
        self._results: dict[str, str] = {}          # tensors that come out of a call -> the tensors inside
        self._scopes = {op.name[:k] for op in ops for k, c in enumerate(op.name) if c == '/'}

    def source(self, tensor: str) -> str:
        """The name of a tensor, of a result of a call the name of the tensor inside."""
        return self._results.get(tensor, tensor)

    def add(self, node: tf.compat.v1.NodeDef, inputs: Iterable[str], prefix: str = '') -> None:
        # TF1 names the op after the function
        called = node.attr['f'].func.name if node.op in FUNCTION_CALLS else node.op
        if called in self._functions:
            self._call(prefix + node.name, self._functions[called], inputs)
            return
        new = self._nodes.add()
        new.CopyFrom(node)
        new.name = prefix + node.name
        new.attr.pop('_class', None)
        new.input[:] = [self.source(i) for i in inputs]
        override = new.attr['_gradient_op_type'].s
        if not override or override.startswith(b'PartitionedCall-'):
            del new.attr['_gradient_op_type']

    def _call(self, name: str, function, inputs: Iterable[str]) -> None:
        body, flat = open_function(function, self._functions)
        scope = name
        # an op of the user may have a name as if it were inside this call
        while scope in self._scopes:
            scope += '/inside'
        inside = f'{scope}/'
        arguments = {f'{a.name}:0': self.source(i) for a, i in zip(function.signature.input_arg, inputs)}
        for node in body.node:
            if f'{node.name}:0' not in arguments:
                self.add(node, [arguments.get(i, inside + i) for i in map(_output, node.input)
                                if not i.startswith('^')], inside)
        for k, output in enumerate(function.signature.output_arg):
            result = flat[function.ret[output.name]]
            self._results[f'{name}:{k}'] = self.source(arguments.get(result, inside + result))


def outside(tensor: tf.Tensor) -> str:
    """What nodes call a tensor of the user's graph that enters the path. No node can have this name; those of
    the path may have any other."""
    return f'outside {tensor.name}'


def _inline_in_bodies(graph_def: tf.compat.v1.GraphDef) -> None:
    """Replace the calls in the bodies of loops and conditionals, at any depth, by the ops inside. No rule
    reaches into a call, and TensorFlow's gradient of a call is that of the user's function, which is wrong
    for a function with a loop that is called in a loop."""
    functions = {f.signature.name: f for f in graph_def.library.function}
    visited: set[str] = set()

    def visit(nodes):
        for node in nodes:
            for name in called_functions(node) if node.op in CONTAINERS | FUNCTION_CALLS else ():
                if name in functions and name not in visited:
                    visited.add(name)
                    visit(functions[name].node_def)
                    _inline_in(functions[name], functions)

    visit(graph_def.node)


def _inline_in(function, functions: Mapping) -> None:
    """The same in one function; the functions that it calls hold no calls any more. Ops that wait for a call
    do not wait for the ops inside."""
    names = {node.name for node in function.node_def}
    renamed: dict[str, str] = {}                # results of calls -> the tensors inside
    nodes, calls = [], set()
    for node in function.node_def:
        called = functions.get(node.attr['f'].func.name) if node.op in FUNCTION_CALLS else None
        if called is None:
            nodes.append(copy.deepcopy(node))
            continue
        calls.add(node.name)
        scope = node.name
        while any(name.startswith(f'{scope}/') for name in names):
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
            names.add(new.name)
            nodes.append(new)
        renamed |= {f'{node.name}:output:{k}': inside(called.ret[o.name])
                    for k, o in enumerate(called.signature.output_arg)}
    if not calls:
        return

    def source(tensor):
        while tensor in renamed:
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
    """Make PartitionedCalls of the calls in a function whose op type is the name of another function, as in
    TF1: only the function of a PartitionedCall can be renamed."""
    renamed: dict[str, str] = {}
    for node in function.node_def:
        if node.op in functions:
            called = functions[node.op].signature
            renamed |= {f'{node.name}:{o.name}:0': f'{node.name}:output:{k}'
                        for k, o in enumerate(called.output_arg)}
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
    """The name of a tensor with the number of the output, which is left out for output 0."""
    return name if ':' in name or name.startswith('^') else f'{name}:0'
