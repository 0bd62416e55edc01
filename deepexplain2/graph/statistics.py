"""Batch normalization by the statistics of the batch, in whatever function or branch it stands: no
attribution of a row has a meaning there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..errors import TensorError
from ..tensors import batch_of
from .constants import constant_value
from .functions import called_functions, function_library, functions_of, open_function
from .op_types import BRANCHES, CONTAINERS, FUNCTION_CALLS, LOOPS
from .passes.functionalize import conditionals_around
from .path import Path

Taken = Callable[[np.ndarray], bool]
Choices = list[tuple[tf.Tensor, Taken]]


@dataclass(frozen=True)
class Statistics:
    """choices: tensors of the user's graph and whether their values lead there. error: what to raise then."""
    choices: Choices
    error: TensorError


def batch_statistics(path: Path) -> list[Statistics]:
    """What stands in the branches of conditionals whose predicates can be evaluated; a branch that X decides
    on is left to the values of T.

    Raises TensorError where no conditional is in between.
    """
    library = {}
    if any(op.type in FUNCTION_CALLS | CONTAINERS for op in path.ops):
        library = function_library(path.target.graph)
    found = []
    around: Mapping[str, list[tuple[tf.Tensor, int]]] | None = None
    for op in path.ops:
        for inner, name in _inside(op, library, {i.name: i for i in op.inputs}, '', [], _hiding(library)):
            if around is None:
                around = conditionals_around(path)
            choices = [(t, lambda value, branch=branch: bool(value) == branch) for t,
                       branch in around.get(op.name, [])] + inner
            error = TensorError(f'op {path.name(op) if name is None else name} between X and T normalizes by '
                                f'the statistics of the batch, so the '
                                'rows of xs are not independent. Build the model for inference '
                                '(training=False)')
            if not choices:
                raise error
            if all(not path.varies(t) and path.target.graph.is_fetchable(t) for t, _ in choices):
                found.append(Statistics(choices, error))
    return found


def _hiding(library: Mapping) -> set[str]:
    """Names of the functions in which there is such an op, or a call of such a function."""
    found: set[str] = set()
    size = -1
    while size < len(found):
        size = len(found)
        for name, function in library.items():
            for node in function.node_def:
                called = called_functions(node)
                if (node.op.startswith('FusedBatchNorm') and ('is_training' not in node.attr
                                                              or node.attr['is_training'].b)) \
                        or found.intersection(called):
                    found.add(name)
    return found


def _inside(op: tf.Operation, library: Mapping, given: Mapping[str, tf.Tensor], prefix: str, choices: Choices,
            hiding: set[str]) -> Iterator[tuple[Choices, str | None]]:
    """(choices inside of functions, name there) of the ops that `op` is or holds. given: tensors of the
    user's graph by their names here."""
    if op.type.startswith('FusedBatchNorm'):
        # a single image holds no other rows: layer normalization by this op has the rows of its batch as
        # channels
        if op.get_attr('is_training') and batch_of(op.inputs[0]) != 1:
            yield choices, f'"{prefix}{op.name}" ({op.type})' if prefix else None
        return
    if op.type in FUNCTION_CALLS:
        called = [(op.node_def.attr['f'].func.name, op.inputs, choices)]
    elif op.type in LOOPS:
        called = [(functions_of(op.node_def)[1], op.inputs, choices)]
    elif op.type in BRANCHES:
        called = []
        names = functions_of(op.node_def)
        for k, name in enumerate(names):
            taken = _taken(op.type, k, len(names))
            decided = _known(op.inputs[0], given)
            if isinstance(decided, tf.Tensor):
                called.append((name, list(op.inputs)[1:], [*choices, (decided, taken)]))
            elif decided is not None and taken(decided):
                called.append((name, list(op.inputs)[1:], choices))
    else:
        return
    for name, inputs, inner in called:
        if name in hiding:
            body, flat = open_function(library[name], library)
            body.library.function.extend(library.values())
            for node in body.node:
                node.attr.pop('_gradient_op_type', None)
                node.attr.pop('_class', None)
            arguments = [f'{a.name}:0' for a in library[name].signature.input_arg]
            returned = [flat[library[name].ret[o.name]] for o in library[name].signature.output_arg]
            known = {a: t for k, (a, i) in enumerate(zip(arguments, inputs))
                     if (op.type not in LOOPS or returned[k] == a)
                     and isinstance(t := _known(i, given), tf.Tensor)}
            with tf.Graph().as_default() as graph:
                tf.graph_util.import_graph_def(body, name='')
                ops = graph.get_operations()
            for o in ops:
                yield from _inside(o, library, known, f'{prefix}{op.name}/', inner, hiding)


def _taken(op_type: str, k: int, branches: int) -> Taken:
    """Whether a value of the predicate leads to the k-th function of a conditional."""
    if op_type in ('If', 'StatelessIf'):
        return lambda value: bool(np.any(value)) == (k == 0)
    return lambda value: (int(value) if 0 <= int(value) < branches else branches - 1) == k


def _known(tensor: tf.Tensor, given: Mapping[str, tf.Tensor]) -> tf.Tensor | np.ndarray | None:
    """The tensor of the user's graph that this is, or its value; None where neither is known."""
    while tensor.name not in given and tensor.op.type == 'Identity':
        tensor = tensor.op.inputs[0]
    if tensor.name in given:
        return given[tensor.name]
    return constant_value(tensor) if tensor.op.type == 'Const' else None
