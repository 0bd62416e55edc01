"""Conditions and indices of X as factors: which only choose, and which pass values of X."""

from __future__ import annotations

from collections.abc import Collection

import tensorflow as tf

from .function_bodies import Body
from .gradients import can_carry
from .op_types import SHAPE_ONLY
from .path import Path

_WEIGHING = {'Mul', 'MulNoNan', 'MatMul', 'BatchMatMul', 'BatchMatMulV2', 'BatchMatMulV3', 'Einsum'}
_SCALING = {'Identity', 'Reshape', 'ExpandDims', 'Squeeze', 'Transpose', 'BroadcastTo', 'Tile', 'Cast',
            'StridedSlice', 'Neg', 'Sub', 'AddV2', 'Mul'}


def jumps(op: tf.Operation, varying: Collection[int], part: Path | Body) -> bool:
    """Whether a condition or an index changes at more than single points of X: not by an equality of numbers,
    as in a mask."""
    stack, seen = [op.inputs[k].op for k in varying], set()
    while stack:
        origin = stack.pop()
        if origin.name in seen:
            continue
        seen.add(origin.name)
        inputs = [origin.inputs[k] for k in part.varying_inputs(origin)]
        is_equality = (origin.type in ('Equal', 'NotEqual', 'Cast') and origin.outputs[0].dtype == tf.bool
                       and all(map(can_carry, inputs)))
        if any(i.dtype != tf.bool for i in inputs) and not is_equality:
            return True
        stack += [i.op for i in inputs if i.dtype == tf.bool]
    return False


def is_gated(op: tf.Operation, part: Path | Body) -> bool:
    """Whether a product has a condition of X for a factor, as x (x > 0) has: an activation by hand."""
    if op.type not in _WEIGHING:
        return False
    stack, seen = [op.inputs[k].op for k in part.varying_inputs(op)], set()
    while stack:
        factor = stack.pop()
        varying = part.varying_inputs(factor)
        if factor.name in seen or len(varying) != 1:
            continue
        seen.add(factor.name)
        before = factor.inputs[varying[0]]
        if factor.type == 'Cast' and not can_carry(before):
            if jumps(factor, varying, part):
                return True
        elif factor.type in _SCALING:
            stack.append(before.op)
    return False


def only_weighs(op: tf.Operation, part: Path | Body) -> bool:
    """Whether everything that takes the output of an op, through shapes, scales and shifts, multiplies it
    with other values of X."""
    stack, seen, target = list(op.outputs), set(), getattr(part, 'target', None)
    if any(o is target for o in stack):
        return False
    while stack:
        tensor = stack.pop()
        users = [user for user in tensor.consumers() if user.type not in SHAPE_ONLY]
        for user in users:
            varying = [user.inputs[k] for k in part.varying_inputs(user)]
            if user.type in _WEIGHING and len(varying) == 2 and any(i is not tensor for i in varying):
                continue
            if len(varying) != 1 or user.type not in _SCALING or user.outputs[0] is target:
                return False
            if user.name not in seen:
                seen.add(user.name)
                stack += user.outputs
        if not users:
            return False
    return True
