"""Walks through a graph: which ops tensors are computed from, which tensors are computed from others, and
what is found on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import tensorflow as tf

from .functions import called_functions, function_library
from .op_types import (
    LIBRARY_SCOPE,
    PLACEHOLDERS,
    PYTHON_FUNCTIONS,
    RANDOM_PREFIXES,
    SEED_PREFIXES,
    SHAPE_ONLY,
    UPDATES,
    WRITES,
)


def ancestors(tensors: Iterable[tf.Tensor], boundary: set[str], control: bool = False) -> list[tf.Operation]:
    """The ops that `tensors` are computed from, inputs before users, not upstream of the tensors named in
    `boundary`.

    control: also the ops that these wait for. TensorFlow does not run a placeholder in `boundary` that an op
    waits for, but it runs any other op, even when the output of that op is fed.
    """
    order: list[tf.Operation] = []
    seen: set[str] = set()
    stack = [(t.op, False) for t in tensors if t.name not in boundary]
    while stack:
        op, done = stack.pop()
        if done:
            order.append(op)
        elif op.name not in seen:
            seen.add(op.name)
            stack.append((op, True))
            stack += [(i.op, False) for i in op.inputs if i.name not in boundary and i.op.name not in seen]
            if control:
                stack += [(c, False) for c in op.control_inputs if c.name not in seen
                          and not (c.type in PLACEHOLDERS and c.outputs[0].name in boundary)]
    return order


def descendants(ops: Sequence[tf.Operation], start: set[str], barriers: set[str]) -> set[str]:
    """Names of the tensors that are computed from those named in `start`, which are included, not through ops
    of a type in `barriers`. `ops` holds inputs before users."""
    found, size = set(start), -1
    while size < len(found):                # two rounds, except where loops of TF1 have edges backwards
        size = len(found)
        for op in ops:
            if op.type not in barriers and any(i.name in found for i in op.inputs):
                found.update(o.name for o in op.outputs)
    return found


def placeholders(tensors: Iterable[tf.Tensor], boundary: Iterable[tf.Tensor]) -> list[tf.Tensor]:
    """The placeholders that must be fed to compute `tensors` when those in `boundary` are fed, control
    dependencies included."""
    ops = ancestors(tensors, {t.name for t in boundary}, control=True)
    return [op.outputs[0] for op in ops if op.type in PLACEHOLDERS]


def learning_phases(tensors: Iterable[tf.Tensor], boundary: Iterable[tf.Tensor]) -> list[tf.Tensor]:
    """The learning-phase placeholders of Keras that `tensors` depend on when those in `boundary` are fed."""
    return [op.outputs[0] for op in ancestors(tensors, {t.name for t in boundary}, control=True)
            if op.type in ('Placeholder', 'PlaceholderWithDefault') and 'keras_learning_phase' in op.name]


def user_placeholders(graph: tf.Graph) -> list[tf.Tensor]:
    """The placeholders of a graph, without those that the library added."""
    return [op.outputs[0] for op in graph.get_operations() if op.type == 'Placeholder'
            and not op.name.startswith(LIBRARY_SCOPE)]


def explainable(graph: tf.Graph, inputs: Sequence[tf.Tensor] | None = None) -> list[tf.Tensor]:
    """The inputs, by default the placeholders, and the floating tensors that depend on them; not those that
    the library added."""
    ops = [op for op in graph.get_operations() if not op.name.startswith(LIBRARY_SCOPE)]
    if inputs is None:
        inputs = user_placeholders(graph)
    names = {x.name for x in inputs}
    found = descendants(ops, names, SHAPE_ONLY)
    return [o for op in ops for o in op.outputs
            if o.name in names or (o.name in found and o.dtype.is_floating)]


def random_ops(tensors: Iterable[tf.Tensor], boundary: Iterable[tf.Tensor]) -> list[tuple[str, str]]:
    """(name, type) of the ops that draw random numbers for `tensors` when those in `boundary` are fed, in the
    functions that are called too."""
    return [(name, kind) for name, kind in unforeseen_ops(tensors, boundary) if kind not in PYTHON_FUNCTIONS]


def unforeseen_ops(tensors: Iterable[tf.Tensor], boundary: Iterable[tf.Tensor]) -> list[tuple[str, str]]:
    """As `random_ops`, with the calls of Python functions, which may draw random numbers."""
    return _ops_of_types(ancestors(tensors, {t.name for t in boundary}), lambda kind: kind in PYTHON_FUNCTIONS
                         or (kind.startswith(RANDOM_PREFIXES) and not kind.startswith(SEED_PREFIXES)))


def writing_ops(tensors: Iterable[tf.Tensor], boundary: Iterable[tf.Tensor]) -> list[tuple[str, str]]:
    """(name, type) of the ops that may write variables when `tensors` are computed and those in `boundary`
    are fed, in the functions that are called too."""
    return _ops_of_types(ancestors(tensors, {t.name for t in boundary}, control=True),
                         lambda kind: bool(WRITES.match(kind) or UPDATES.match(kind)))


def _ops_of_types(ops: Sequence[tf.Operation], wanted: Callable[[str], bool]) -> list[tuple[str, str]]:
    """(name, type) of the ops of wanted types, in the functions that are called too."""
    nodes = [op.node_def for op in ops if op.type != 'Const']           # constants may be large
    functions = function_library(ops[0].graph) if any(map(called_functions, nodes)) else {}
    found: dict[str, str] = {}
    seen: set[str] = set()

    def look(nodes, prefix):
        for node in nodes:
            if wanted(node.op):
                found[prefix + node.name] = node.op
            for name in called_functions(node):
                if name in functions and name not in seen:
                    seen.add(name)
                    look(functions[name].node_def, f'{prefix}{node.name}/')
    look(nodes, '')
    return list(found.items())
