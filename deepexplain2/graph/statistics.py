"""Batch normalization by the statistics of the batch, in any function or branch: the attributions of a row
have no meaning there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..errors import TensorError
from ..tensors import batch_of
from .constants import constant_value
from .functions import called_functions, function_library, functions_of, import_body
from .op_types import BRANCHES, CONTAINERS, FUNCTION_CALLS, LOOPS
from .passes.functionalize import conditionals_around
from .path import Path

# whether a value of a predicate leads to a branch
Taken = Callable[[np.ndarray], bool]
Choices = list[tuple[tf.Tensor, Taken]]


@dataclass(frozen=True)
class Statistics:
    """An op that normalizes by the statistics of the batch if certain branches are taken.

    choices: the predicates in the user's graph, and whether their values lead to the op.
    error: what to raise then.
    """
    choices: Choices
    error: TensorError


def batch_statistics(path: Path) -> list[Statistics]:
    """The ops on the path that normalize by the statistics of the batch, in branches whose predicates can be
    evaluated. Where X decides which branch is taken, the values of T show it.

    Raises TensorError for an op that is in no branch.
    """
    library = {}
    if any(op.type in FUNCTION_CALLS | CONTAINERS for op in path.ops):
        library = function_library(path.target.graph)
    search, found = _Search(library), []
    around: Mapping[str, list[tuple[tf.Tensor, int]]] | None = None
    for op in path.ops:
        for inner, name in search.find(op, {i.name: i for i in op.inputs}, '', []):
            if around is None:
                around = conditionals_around(path)
            choices = [*((t, lambda value, branch=branch: bool(value) == branch)
                         for t, branch in around.get(op.name, [])), *inner]
            error = TensorError(f'op {path.name(op) if name is None else name} between X and T normalizes by '
                                f'the statistics of the batch, so the rows of xs are not independent. Build '
                                f'the model for inference (training=False)')
            if not choices:
                raise error
            if all(not path.varies(t) and path.target.graph.is_fetchable(t) for t, _ in choices):
                found.append(Statistics(choices, error))
    return found


class _Search:
    """Looks for such ops in functions too. library: the functions of the user's graph by name."""

    def __init__(self, library: Mapping):
        self._library = library
        self._holding = _holding(library)

    def find(self, op: tf.Operation, user_tensors: Mapping[str, tf.Tensor], prefix: str,
             choices: Choices) -> Iterator[tuple[Choices, str | None]]:
        """(choices, label) of each such op that `op` is or holds; the label is None outside functions.

        user_tensors: tensors of the user's graph by their names in the function that `op` is in.
        choices: those that lead to `op`.
        """
        if op.type.startswith('FusedBatchNorm'):
            # A batch of a single image has no other rows: layer normalization by this op has the rows of its
            # batch as channels.
            if op.get_attr('is_training') and batch_of(op.inputs[0]) != 1:
                yield choices, f'"{prefix}{op.name}" ({op.type})' if prefix else None
            return
        for name, inputs, inner in _calls(op, user_tensors, choices):
            if name in self._holding:
                body = import_body(self._library[name], self._library)
                known = {a: t for k, (a, i) in enumerate(zip(body.arguments, inputs))
                         if (op.type not in LOOPS or body.results[k] == a)
                         and isinstance(t := _known(i, user_tensors), tf.Tensor)}
                for o in body.graph.get_operations():
                    yield from self.find(o, known, f'{prefix}{op.name}/', inner)


def _holding(library: Mapping) -> set[str]:
    """Names of the functions that hold such an op, or call a function that does."""
    found: set[str] = set()
    size = -1
    while size < len(found):
        size = len(found)
        for name, function in library.items():
            for node in function.node_def:
                trains = node.op.startswith('FusedBatchNorm') and ('is_training' not in node.attr
                                                                   or node.attr['is_training'].b)
                if trains or found.intersection(called_functions(node)):
                    found.add(name)
    return found


def _calls(op: tf.Operation, user_tensors: Mapping[str, tf.Tensor],
           choices: Choices) -> Iterator[tuple[str, list[tf.Tensor], Choices]]:
    """(name, inputs, choices) of the functions that `op` calls, without branches that are known not to be
    taken and the conditions of loops."""
    if op.type in FUNCTION_CALLS:
        yield op.node_def.attr['f'].func.name, list(op.inputs), choices
    elif op.type in LOOPS:
        yield functions_of(op.node_def)[1], list(op.inputs), choices
    elif op.type in BRANCHES:
        names = functions_of(op.node_def)
        predicate = _known(op.inputs[0], user_tensors)
        for k, name in enumerate(names):
            taken = _taken(op.type, k, len(names))
            if isinstance(predicate, tf.Tensor):
                yield name, list(op.inputs)[1:], [*choices, (predicate, taken)]
            elif predicate is not None and taken(predicate):
                yield name, list(op.inputs)[1:], choices


def _taken(op_type: str, k: int, branches: int) -> Taken:
    """Whether a value of the predicate leads to the k-th function of a conditional."""
    if op_type in ('If', 'StatelessIf'):
        return lambda value: bool(np.any(value)) == (k == 0)
    return lambda value: (int(value) if 0 <= int(value) < branches else branches - 1) == k


def _known(tensor: tf.Tensor, user_tensors: Mapping[str, tf.Tensor]) -> tf.Tensor | np.ndarray | None:
    """The tensor of the user's graph that this is, or its value; None where neither is known."""
    while tensor.name not in user_tensors and tensor.op.type == 'Identity':
        tensor = tensor.op.inputs[0]
    if tensor.name in user_tensors:
        return user_tensors[tensor.name]
    return constant_value(tensor) if tensor.op.type == 'Const' else None
