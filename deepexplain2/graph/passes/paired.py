"""The nodes of a path in the scope ACTUAL: alone, or beside those of a reference in the scope REFERENCE.

Paired, every node is there twice. A loop becomes one loop over both sets of variables, whose body holds both
bodies, and a conditional likewise, so that a rule inside finds its partner in the same body. The number of
iterations and the branch are those of x; `function_bodies.inside` refuses paths where they could differ.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from ..op_types import BRANCHES, CONTAINERS, LOOPS, RANDOM_PREFIXES
from .context import Context

ACTUAL, REFERENCE = 'deepexplain2.actual/', 'deepexplain2.reference/'          # scopes that no user has


def alone(graph_def: tf.compat.v1.GraphDef, context: Context) -> tf.compat.v1.GraphDef:
    """The same nodes in the scope ACTUAL. X comes from outside even where a node has it as output."""
    names = {n.name for n in graph_def.node}
    result = tf.compat.v1.GraphDef(library=graph_def.library, versions=graph_def.versions)
    for node in graph_def.node:
        new = result.node.add()
        new.CopyFrom(node)
        new.name = ACTUAL + node.name
        new.input[:] = [ACTUAL + i if i.split(':')[0] in names and i not in context.inputs else i
                        for i in node.input]
    return result


def paired(graph_def: tf.compat.v1.GraphDef, context: Context) -> tf.compat.v1.GraphDef:
    """Both copies of the nodes, which see the same random numbers (an active dropout)."""
    baselines = context.references
    result = tf.compat.v1.GraphDef(versions=graph_def.versions, library=graph_def.library)
    functions = {f.signature.name: f for f in graph_def.library.function}
    made: dict[str, str] = {}                               # functions -> their paired ones
    sizes = {n.name: _outputs(n) for n in graph_def.node if n.op in CONTAINERS}
    names = {n.name for n in graph_def.node}

    def actual(i):
        return ACTUAL + i if i.split(':')[0] in names and i not in baselines else i

    def reference(i):
        node, _, k = i.partition(':')
        if node not in names or i in baselines:
            return baselines.get(i, i)
        return f'{ACTUAL}{node}:{int(k or 0) + sizes[node]}' if node in sizes else REFERENCE + i

    _pair(graph_def.node, result.node, actual, reference,
          lambda name, arguments: _function(name, arguments, functions, made, result.library))
    random = {n.name for n in result.node
              if n.name.startswith(REFERENCE) and n.op.startswith(RANDOM_PREFIXES)}
    for new in result.node if random else ():
        new.input[:] = [ACTUAL + i.removeprefix(REFERENCE) if i.split(':')[0] in random else i
                        for i in new.input]
    return result


def _pair(nodes, out, actual: Callable[[str], str], reference: Callable[[str], str],
          function: Callable[[str, bool], str]) -> None:
    for node in nodes:
        new = out.add()
        new.CopyFrom(node)
        new.name = ACTUAL + node.name
        inputs = [i for i in node.input if not i.startswith('^')]
        new.input[:] = [actual(i) for i in inputs]
        if node.op not in CONTAINERS:
            other = out.add()
            other.CopyFrom(node)
            other.name = REFERENCE + node.name
            other.input[:] = [reference(i) for i in inputs]
            other.attr.pop('_gradient_op_type', None)       # nothing flows back through the reference
            continue
        head = 0 if node.op in LOOPS else 1                 # the condition of a branch is there once
        for k, i in enumerate(inputs[head:]):
            other_input = reference(i)
            # the gradient of a branch is wrong for one of two equal inputs
            if other_input == actual(i) and node.op in BRANCHES:
                separate = out.add(name=f'{REFERENCE}{REFERENCE}{node.name}/input_{k}', op='Identity',
                                   input=[other_input])
                separate.attr['T'].type = node.attr['Tin'].list.type[k]
                # in functions x and its reference are different arguments
                other_input = f'{separate.name}:0'
            new.input.append(other_input)
        for key in ('T', 'Tin', 'Tout'):
            if key in new.attr:
                new.attr[key].list.type.extend(node.attr[key].list.type)
        if 'output_shapes' in new.attr:
            new.attr['output_shapes'].list.shape.extend(node.attr['output_shapes'].list.shape)
        if '_num_original_outputs' in new.attr:
            new.attr['_num_original_outputs'].i = 2 * _outputs(node)
        new.attr.pop('_read_only_resource_inputs', None)
        if node.op in LOOPS:
            new.attr['cond'].func.name = function(node.attr['cond'].func.name, True)
            new.attr['body'].func.name = function(node.attr['body'].func.name, False)
        elif 'branches' in node.attr:
            for f in new.attr['branches'].list.func:
                f.name = function(f.name, False)
        else:
            for key in ('then_branch', 'else_branch'):
                new.attr[key].func.name = function(node.attr[key].func.name, False)


def _function(name: str, condition: bool, functions, made: dict[str, str], library) -> str:
    """The function that takes both sets of arguments and gives both sets of results; a loop's condition looks
    at the actual ones."""
    if name in made:
        return made[name]
    old = functions[name]
    new = library.function.add()
    new.CopyFrom(old)
    new.signature.name = made[name] = f'{name}_paired'
    arguments = {a.name for a in old.signature.input_arg}
    suffix = _suffix({*arguments, *(a.name for a in old.signature.output_arg)})
    for k, a in enumerate(old.signature.input_arg):
        new.signature.input_arg.add().CopyFrom(a)
        new.signature.input_arg[-1].name = a.name + suffix
        if k in old.arg_attr:
            new.arg_attr[k + len(arguments)].CopyFrom(old.arg_attr[k])
    if condition:
        return new.signature.name
    del new.node_def[:]
    new.control_ret.clear()
    del new.signature.control_output[:]
    sizes = {n.name: _outputs(n) for n in old.node_def if n.op in CONTAINERS}

    def actual(i):
        return i if i.split(':')[0] in arguments else ACTUAL + i

    def reference(i):
        if i.split(':')[0] in arguments:
            return i + suffix
        node, _, rest = i.partition(':')
        if node in sizes:                                   # node:output:k
            output, _, k = rest.partition(':')
            return f'{ACTUAL}{node}:{output}:{int(k or 0) + sizes[node]}'
        return REFERENCE + i

    _pair(old.node_def, new.node_def, actual, reference,
          lambda n, c: _function(n, c, functions, made, library))
    for a in old.signature.output_arg:
        new.ret[a.name] = actual(old.ret[a.name])
    for a in old.signature.output_arg:
        new.signature.output_arg.add().CopyFrom(a)
        new.signature.output_arg[-1].name = a.name + suffix
        source = reference(old.ret[a.name])
        if a.type in (tf.float16.as_datatype_enum, tf.float32.as_datatype_enum, tf.float64.as_datatype_enum):
            stop = new.node_def.add(name=f'{REFERENCE}{REFERENCE}stop_{a.name}', op='StopGradient',
                                    input=[source])
            stop.attr['T'].type = a.type
            source = f'{stop.name}:output:0'
        new.ret[a.name + suffix] = source
    return new.signature.name


def _suffix(names: set[str]) -> str:
    """What makes other names of all these: the arguments x and x_reference may both be there."""
    return next(s for k in range(len(names) + 1) if not any(n + (s := '_reference' + k * '_') in names
                                                            for n in names))


def _outputs(node: tf.compat.v1.NodeDef) -> int:
    return len(node.attr['T' if node.op in LOOPS else 'Tout'].list.type)
