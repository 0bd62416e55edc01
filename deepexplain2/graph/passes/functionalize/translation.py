"""The path with While and If in place of the control flow of TF1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf
from tensorflow.python.framework.func_graph import FuncGraph

from ....errors import DeepExplainError, PathError
from ...constants import SMALL_CONSTANT
from ...copies import stand_in
from ...functions import called_functions
from ...op_types import V1_CONTROL_FLOW
from ...path import Path
from ...walks import ancestors
from .arrays import Arrays
from .conditionals import Conditionals
from .contexts import (
    ARRAY_READS,
    ARRAY_WRITES,
    ARRAYS,
    ENTER,
    EXIT,
    IDENTITY,
    MERGE,
    PASSING,
    SWITCH,
    Contexts,
    is_of_loop,
    refused,
)
from .loops import Loops
from .scopes import Scope, inner_name


@dataclass(frozen=True)
class FunctionalPath:
    """A path in a graph without control flow of TF1.

    ops: all ops that `target` needs there, inputs before users.
    stands_for: for the names of tensors there, the tensors of the user's graph that they stand for.
    sources: these tensors of the user's graph, without X.
    """
    graph: tf.Graph
    ops: list[tf.Operation]
    target: tf.Tensor
    stands_for: dict[str, tf.Tensor]
    sources: list[tf.Tensor]


def functionalize(path: Path) -> FunctionalPath:
    """The path with While and If in place of Enter, Switch and the like. Adds nothing to the user's graph.

    Raises RuleError where the ops do not form loops and conditionals, and for array ops without a
    counterpart. """
    contexts = Contexts(path.target)
    for tensor in (path.target, *path.inputs):
        if contexts.is_inside(tensor):
            raise PathError(f'{path.name(tensor)} is inside a loop or conditional of TF1, where it is '
                            f'computed any number of times. Choose a tensor outside')
    return _Translation(path, contexts).result()


def has_v1_control_flow(path: Path) -> bool:
    """Whether there is control flow of TF1, or one of its arrays, on the path."""
    return any(op.type in V1_CONTROL_FLOW | ARRAYS | ARRAY_READS for op in path.ops)


def conditionals_around(path: Path) -> dict[str, list[tuple[tf.Tensor, int]]]:
    """The conditionals of TF1 around each op, by its name: (predicate, its value for the branch of the
    op)."""
    if not any(op.type in V1_CONTROL_FLOW for op in path.ops):
        return {}
    contexts = Contexts(path.target)

    def outside(predicate):                 # a predicate that came in through the branch around it
        while predicate.op.type in IDENTITY | SWITCH and not is_of_loop(predicate.op):
            predicate = predicate.op.inputs[0]
        return predicate
    return {name: [(outside(contexts.predicates[p]), branch) for p, branch in context if branch >= 0]
            for name, context in contexts.of_op.items()}


class _Translation:
    """Makes the counterparts of the tensors of a path, from the target upstream."""

    def __init__(self, path: Path, contexts: Contexts):
        self._path, self._contexts = path, contexts
        self._on_path = {op.name for op in path.ops}
        self._loops, self._conditionals = Loops(contexts), Conditionals(contexts)
        self._arrays = Arrays(contexts)
        with tf.Graph().as_default():       # not the user's graph, whose collections a FuncGraph would share
            graph = FuncGraph('deepexplain2')
        for name in self._on_path:          # reserved for the copies of these ops
            graph.unique_name(name)
        self._root = Scope((), '', graph, None, {})
        self._sources: list[tf.Tensor] = []

    def result(self) -> FunctionalPath:
        path, root = self._path, self._root
        xs = {x.name for x in path.inputs}
        with root.graph.as_default():
            if any(called_functions(op.node_def) for op in self._contexts.ops):
                library = path.target.graph.as_graph_def().library
                tf.graph_util.import_graph_def(tf.compat.v1.GraphDef(library=library), name='')
            for x in path.inputs:
                self._enter(x, tf.compat.v1.placeholder(x.dtype, x.shape, x.op.name))
        try:
            target, = self._values([path.target], root)
        except (ValueError, TypeError, KeyError) as e:
            if isinstance(e, DeepExplainError):
                raise
            op = next(op for op in path.ops if op.type in V1_CONTROL_FLOW | ARRAYS | ARRAY_READS)
            raise refused(op, f'that TensorFlow does not take as a function: {e}') from e
        stands_for = {root.known[t.name].name: t for t in [*self._sources, *path.inputs]}
        ops = [op for op in ancestors([target], set(stands_for)) if f'{op.name}:0' not in stands_for]
        sources = [t for t in self._sources if t.name not in xs]
        return FunctionalPath(root.graph, ops, target, stands_for, sources)

    def _values(self, tensors: Sequence[tf.Tensor], scope: Scope) -> list[tf.Tensor]:
        """The counterparts in `scope` of tensors of the user's graph, made where there are none."""
        stack, waiting = list(tensors), set()
        while stack:
            tensor = stack[-1]
            missing = [] if tensor.name in scope.known else [t for t in self._needs(tensor, scope)
                                                             if t.name not in scope.known]
            if missing and tensor.name in waiting:
                raise refused(tensor.op, 'in an order that no loop or conditional has')
            if missing:
                waiting.add(tensor.name)
                stack += missing
                continue
            if tensor.name not in scope.known:
                with scope.graph.as_default(), scope.graph.name_scope(None):
                    self._make(tensor, scope)
            stack.pop()
        return [scope.known[t.name] for t in tensors]

    def _is_outside(self, tensor: tf.Tensor, scope: Scope) -> bool:
        """Whether the value comes from the scope around `scope`; around the root that is the user's graph."""
        if scope.outer is None:
            return tensor.op.name not in self._on_path and tensor.name not in self._contexts.arrays
        # gradient functions need the values of axes and shapes
        if tensor.op.type == 'Const' and tensor.shape.num_elements() <= SMALL_CONSTANT:
            return False
        return len(self._contexts.of(tensor)) < len(scope.context)

    def _needs(self, tensor: tf.Tensor, scope: Scope) -> list[tf.Tensor]:
        """Tensors that must have a counterpart in `scope` before `tensor` can get one."""
        op = tensor.op
        if self._is_outside(tensor, scope):
            return []
        if op.type != 'Const' and self._contexts.of(tensor) != scope.context:
            raise refused(op, f'used outside of its loop or conditional, in "{scope.label or "the graph"}"')
        if op.type in ENTER or (op.type in SWITCH and not is_of_loop(op)):
            return []
        if op.type in SWITCH:
            return [op.inputs[0]]
        if op.type in EXIT:
            return self._loops.left_by(op).entering
        if op.type in MERGE:
            return self._conditionals.ended_by(op).entering
        return list(op.inputs)[1:] if op.type in ARRAY_READS | ARRAY_WRITES else list(op.inputs)

    def _make(self, tensor: tf.Tensor, scope: Scope) -> None:
        """Make the counterpart of a tensor in `scope`, where those that it needs are known."""
        op, known = tensor.op, scope.known
        if self._is_outside(tensor, scope):
            if scope.outer is None:
                self._enter(tensor, stand_in(tensor, self._root.graph.unique_name(op.name, False)))
            else:
                known[tensor.name], = self._values([tensor], scope.outer)
        elif op.type in ENTER or (op.type in SWITCH and not is_of_loop(op)):
            if scope.outer is None or (op.type in ENTER and not op.get_attr('is_constant')):
                raise refused(op, 'that belongs to no loop')
            known[tensor.name], = self._values([op.inputs[0]], scope.outer)
        elif op.type in EXIT:
            self._loops.build(self._loops.left_by(op), scope, self._values)
        elif op.type in MERGE:
            self._conditionals.build(self._conditionals.ended_by(op), scope, self._values)
        elif op.type in SWITCH or (op.type in PASSING and tensor.name in self._contexts.arrays):
            known[tensor.name] = known[op.inputs[0].name]
        elif op.type in ARRAY_READS | ARRAYS:
            results = self._arrays.build(op, [known.get(i.name) for i in op.inputs])
            for output, result in zip(op.outputs, results):
                if output.name not in self._contexts.arrays:
                    result.set_shape(output.shape)
                known[output.name] = result
        else:
            self._copy(op, scope)
        if tensor.name not in known:
            raise refused(op, f'of which output {tensor.value_index} has no counterpart')

    def _enter(self, tensor: tf.Tensor, counterpart: tf.Tensor) -> None:
        """Let a tensor of the user's graph enter the root."""
        self._root.known[tensor.name] = counterpart
        self._sources.append(tensor)

    def _copy(self, op: tf.Operation, scope: Scope) -> None:
        """The same op in `scope`."""
        if op.type in V1_CONTROL_FLOW or any(i.name in self._contexts.arrays for i in op.inputs):
            raise refused(op, 'that a function cannot hold')
        attrs = {k: v for k, v in op.node_def.attr.items() if k != '_class'}
        # a name that ends in '/' is taken as it is
        name = f'{op.name}/' if scope.outer is None else inner_name(op.name, scope.label)
        copy = scope.graph.create_op(op.type.removeprefix('Ref') if op.type in IDENTITY else op.type,
                                     [scope.known[i.name] for i in op.inputs],
                                     [o.dtype.base_dtype for o in op.outputs], name=name, attrs=attrs)
        for counterpart, output in zip(copy.outputs, op.outputs):
            counterpart.set_shape(output.shape)
            scope.known[output.name] = counterpart
