"""Which axis of an image, sequence or volume holds the channels, as convolutions and their like say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from .copies import small_value
from .op_types import FUNCTION_CALLS
from .path import Path

# ops behind which an axis of the same number may be another one
MOVES_AXES = FUNCTION_CALLS | {'Reshape', 'MatMul', 'BatchMatMul', 'BatchMatMulV2', 'BatchMatMulV3', 'Einsum'}


def channel_axis(tensor: tf.Tensor) -> int | None:
    """The channel axis of a tensor, by the nearest op upstream that has a data format, through transpositions
    and ops that leave axes where they are; None where there is none."""
    axes = list(range(tensor.shape.rank or 0))          # the axes of `tensor`, by those of the tensor here
    for _ in range(64):
        op = tensor.op
        first = _is_first(op)
        if first is not None and len(axes) == tensor.shape.rank:
            return axes.index(1 if first else len(axes) - 1)
        if op.type == 'Transpose':
            perm = _permutation(op)
            if perm is None:
                return None
            axes = [perm[a] for a in axes]              # axis a of the output is axis perm[a] of the input
            tensor = op.inputs[0]
            continue
        before = [i for i in op.inputs if i.shape.rank == len(axes) and op.type not in MOVES_AXES]
        if not before:
            return None
        tensor = before[0]
    return None


def channel_axis_of_input(path: Path, x: tf.Tensor) -> int | None:
    """The channel axis of an X, by the first op downstream that has a data format; None where there is none
    that sees X with its axes transposed alone."""
    rank = x.shape.rank or 0
    known = {x.name: list(range(rank))}                 # axes of x, by those of each tensor
    for op in path.ops:
        here = [i for i in op.inputs if i.name in known]
        if not here:
            continue
        axes, first = known[here[0].name], _is_first(op)
        if first is None and op.type == 'ExpandDims':   # of a convolution of one dimension
            uses = [_is_first(c) for c in op.outputs[0].consumers()]
            first = next((u for u in uses if u is not None), None)
        if first is not None:
            return axes[1 if first else rank - 1]
        out = op.outputs[0] if op.outputs else None
        if op.type == 'Transpose':
            perm = _permutation(op)
            if perm is not None:
                known[op.outputs[0].name] = [axes[p] for p in perm]
        elif out is not None and out.shape.rank == rank and op.type not in MOVES_AXES:
            known[out.name] = axes
    return None


def _is_first(op: tf.Operation) -> bool | None:
    """Whether an op has its channels first; None for an op without a data format."""
    value = op.node_def.attr['data_format'].s if 'data_format' in op.node_def.attr else b''
    return value.startswith(b'NC') if value.startswith(b'N') else None


def _permutation(op: tf.Operation) -> Sequence[int] | None:
    """That of a transposition that leaves the batch first, where it is constant."""
    value = small_value(op.inputs[1])
    perm = None if value is None else [int(p) for p in np.ravel(value)]
    return perm if perm is not None and perm[0] == 0 else None
