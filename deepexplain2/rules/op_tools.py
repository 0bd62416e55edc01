"""Tools for rules: an op again at other inputs, its vector-Jacobian product, shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from ..errors import RuleError
from ..graph.passes.paired import ACTUAL


def again(op: tf.Operation, changed: Mapping[int, tf.Tensor]) -> tf.Operation:
    """A new op like `op`, with TensorFlow's gradient and with other inputs at some positions; of their dtype
    if that is wider."""
    inputs = [changed.get(k, i) for k, i in enumerate(op.inputs)]
    attributes = {key: value for key, value in op.node_def.attr.items() if not key.startswith('_')}
    types = {op.inputs[k].dtype: t.dtype for k, t in changed.items() if op.inputs[k].dtype != t.dtype}
    for old, new in types.items():
        inputs = [tf.cast(i, new) if i.dtype == old else i for i in inputs]
        for key in 'T', 'dtype':
            if key in attributes and attributes[key].type == old.as_datatype_enum:
                attributes[key] = type(attributes[key])(type=new.as_datatype_enum)
    outputs = [types.get(o.dtype, o.dtype) for o in op.outputs]
    return tf.compat.v1.get_default_graph().create_op(op.type, inputs, outputs, attrs=attributes,
                                                      name=op.type)


def vjp(op: tf.Operation, ms: Sequence[tf.Tensor | None], positions: Sequence[int],
        name: str = '') -> list[tf.Tensor]:
    """The vector-Jacobian product of an op made by `again`: the gradient of its outputs, weighted by ms, with
    respect to its inputs at some positions. RuleError where TensorFlow has none. name: of the op that it is
    like."""
    pairs = [(y, m) for y, m in zip(op.outputs, ms) if isinstance(m, tf.Tensor) and y.dtype == m.dtype]
    gradients = tf.gradients([y for y, _ in pairs], [op.inputs[k] for k in positions], [m for _, m in pairs])
    if any(g is None for g in gradients):
        raise no_gradient(op, name)
    return [tf.convert_to_tensor(g) for g in gradients]


def no_gradient(op: tf.Operation, name: str) -> RuleError:
    """The error for an op without a gradient with respect to an input that depends on X."""
    return RuleError(f'op "{name.removeprefix(ACTUAL) or op.name}" ({op.type}) between X and T has no '
                     f'gradient in TensorFlow by an input that '
                     'depends on X: choose a T before it or an X behind it, or use a perturbation method')


def summed_to(t: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """t summed over the axes along which `like` was repeated to its shape."""
    if t.shape.is_fully_defined() and t.shape == like.shape:
        return t
    _, axes = tf.raw_ops.BroadcastGradientArgs(s0=tf.shape(t), s1=tf.shape(like))
    return tf.reshape(tf.reduce_sum(t, axes), tf.shape(like))


def stabilized(z: tf.Tensor, eps: float) -> tf.Tensor:
    """z + eps sign z, sign(0) = +1."""
    return z + tf.where(z >= 0, tf.constant(eps, z.dtype), tf.constant(-eps, z.dtype))


def repeated_to(t: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """t, which may have one row for all rows, with as many rows as `like`."""
    if t is like:
        return t
    repeated = tf.broadcast_to(t, tf.shape(like))
    repeated.set_shape(like.shape)
    return repeated


def varying(op: tf.Operation, reference: tf.Operation) -> list[int]:
    """Positions of the numbers among the inputs of `op` that can differ between x and its reference."""
    return [k for k, (i, i_ref) in enumerate(zip(op.inputs, reference.inputs))
            if i is not i_ref and (i.dtype.is_floating or i.dtype.is_complex)]


def whole(op: tf.Operation, shares: Mapping[int, tf.Tensor]) -> list[tf.Tensor | None]:
    """What a gradient function returns: one entry per input of `op`, None except at the positions in
    `shares`."""
    return [shares.get(k) for k in range(len(op.inputs))]
