"""Which axis of an image, sequence or volume holds the channels, as convolutions and their like say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from .copies import small_value
from .functions import FunctionBody, function_library, functions_of, import_body
from .op_types import CONTAINERS, FUNCTION_CALLS, LOOPS
from .path import Path

# ops behind which an axis of the same number may be another one
MOVES_AXES = FUNCTION_CALLS | CONTAINERS | {'Reshape', 'MatMul', 'BatchMatMul', 'BatchMatMulV2',
                                            'BatchMatMulV3', 'Einsum'}
FARTHEST = 256          # how many ops are looked at

Axes = Sequence[int | None]     # of one tensor, by those of another; None where it has no such axis


def channel_axis(tensor: tf.Tensor) -> int | None:
    """The channel axis of a tensor, by the nearest op upstream that has a data format, through
    transpositions, axes of size 1 that come or go, ops that leave axes where they are, and functions; None
    where there is none."""
    return _Upstream(tensor.graph).axis(tensor, list(range(tensor.shape.rank or 0)), ())


def channel_axis_of_input(path: Path, x: tf.Tensor) -> int | None:
    """The channel axis of an X, by the first op downstream that has a data format; None where there is none
    that sees X with its axes moved alone."""
    known: dict[str, Axes] = {x.name: list(range(x.shape.rank or 0))}
    return _downstream(path.ops, known, _Bodies(x.graph))


class _Bodies:
    """The functions that a graph calls, as graphs."""

    def __init__(self, graph: tf.Graph):
        self._graph = graph
        self._library: Mapping | None = None
        self._made: dict[str, FunctionBody] = {}

    def __call__(self, op: tf.Operation) -> tuple[list[FunctionBody], int]:
        """(the functions that a call, loop or conditional runs, the input of the op that is their first
        argument)."""
        if self._library is None:
            self._library = function_library(self._graph)
        node = op.node_def
        names = [node.attr['f'].func.name] if op.type in FUNCTION_CALLS else functions_of(node)
        names = names[1:] if op.type in LOOPS else names
        for name in names:
            if name not in self._made:
                self._made[name] = import_body(self._library[name], self._library)
        return [self._made[name] for name in names], int(op.type in CONTAINERS - LOOPS)


class _Upstream:
    """A search for the nearest op with a data format, backwards."""

    def __init__(self, graph: tf.Graph):
        self._bodies, self._seen = _Bodies(graph), set[tuple]()

    def axis(self, tensor: tf.Tensor, axes: Axes,
             calls: tuple[tuple[tf.Operation, FunctionBody, int], ...]) -> int | None:
        """The answer here and before. axes: of `tensor`, by those of the tensor that is asked for. calls: the
        functions around it, the innermost last."""
        key = tensor.name, *(op.name for op, _, _ in calls)
        if len(self._seen) > FARTHEST or key in self._seen or tensor.shape.rank is None:
            return None
        self._seen.add(key)
        op = tensor.op
        first = _is_first(op)
        if first is not None:
            channel = 1 if first else tensor.shape.rank - 1
            return axes.index(channel) if channel in axes else None
        if calls and tensor.name in calls[-1][1].arguments:
            call, body, start = calls[-1]
            return self.axis(call.inputs[start + body.arguments.index(tensor.name)], axes, calls[:-1])
        if op.type in FUNCTION_CALLS | CONTAINERS:
            bodies, start = self._bodies(op)
            results = ((b.graph.get_tensor_by_name(b.results[tensor.value_index]), b) for b in bodies)
            return _first_of(self.axis(r, axes, (*calls, (op, b, start))) for r, b in results)
        moved = _moved(op)
        if moved is not None:
            return self.axis(op.inputs[0], [None if a is None else moved[a] for a in axes], calls)
        if op.type in MOVES_AXES:
            return None
        return _first_of(self.axis(i, axes, calls) for i in op.inputs if i.shape.rank == tensor.shape.rank)


def _downstream(ops: Iterable[tf.Operation], known: dict[str, Axes], bodies: _Bodies) -> int | None:
    """The channel axis by the first of these ops that has a data format. known: names of tensors -> the axes
    of X by those of the tensor; what is found is added."""
    for op in ops:
        here = [i for i in op.inputs if i.name in known]
        if not here:
            continue
        axes, first = known[here[0].name], _is_first(op)
        if first is not None:
            return axes[1 if first else len(axes) - 1]
        if op.type in FUNCTION_CALLS | CONTAINERS:
            functions, start = bodies(op)
            for body in functions:
                inside = {name: known[i.name] for name, i in zip(body.arguments, list(op.inputs)[start:])
                          if i.name in known}
                found = _downstream(body.graph.get_operations(), inside, bodies)
                if found is not None:
                    return found
                known |= {o.name: inside[r] for o, r in zip(op.outputs, body.results) if r in inside}
            continue
        moved = _moved(op)
        if moved is not None:
            known[op.outputs[0].name] = [None if a is None else axes[a] for a in moved]
        elif op.type not in MOVES_AXES:
            known |= {o.name: axes for o in op.outputs if o.shape.rank == len(axes)}
    return None


def _first_of(found: Iterable[int | None]) -> int | None:
    return next((f for f in found if f is not None), None)


def _is_first(op: tf.Operation) -> bool | None:
    """Whether an op has its channels first; None for an op without a data format."""
    value = op.node_def.attr['data_format'].s if 'data_format' in op.node_def.attr else b''
    return value.startswith(b'NC') if value.startswith(b'N') else None


def _moved(op: tf.Operation) -> Axes | None:
    """The axes of the first input, by those of the output, of an op that moves whole axes and leaves the
    batch first, or adds or drops some of size 1; None for other ops."""
    rank = op.inputs[0].shape.rank if len(op.inputs) else None
    if rank is None:
        return None
    if op.type == 'Transpose':
        value = small_value(op.inputs[1])
        perm = None if value is None else [int(p) for p in np.ravel(value)]
        return perm if perm is not None and perm[0] == 0 else None
    if op.type == 'ExpandDims':
        value = small_value(op.inputs[1])
        if value is None:
            return None
        at = int(np.ravel(value)[0]) % (rank + 1)
        return [*range(at), None, *range(at, rank)]
    if op.type == 'Squeeze':
        dropped = {d % rank for d in op.get_attr('squeeze_dims')}
        dropped = dropped or {k for k, d in enumerate(op.inputs[0].shape.as_list()) if d == 1}
        return [k for k in range(rank) if k not in dropped]
    return None
