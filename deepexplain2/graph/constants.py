"""Constants of a graph: their values, and those that are factors of T."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from .gradients import has_override

SMALL_CONSTANT = 64     # entries of a constant that may be a size, axis or shape; larger ones are weights


def constant_value(tensor: tf.Tensor) -> np.ndarray:
    """The value of a Const. (tf.get_static_value would forbid feeding the tensor from then on.)"""
    return tf.make_ndarray(tensor.op.get_attr('value'))


def split_weights(target: tf.Tensor, inputs: Sequence[tf.Tensor]) -> tuple[tf.Tensor, np.ndarray | None]:
    """(T, ys) for a target given as `T * ys` with a constant ys, else (target, None).

    The constant has a fixed number of rows. T itself takes any number of rows, and is the same tensor,
    already compiled, the next time it is multiplied by a constant.
    """
    weights: np.ndarray | None = None
    names = {x.name for x in inputs}
    while target.op.type == 'Mul' and target.name not in names and not has_override(target.op):
        a, b = target.op.inputs
        factor, constant = (b, a) if a.op.type == 'Const' else (a, b)
        if constant.op.type != 'Const' or factor.op.type == 'Const' \
                or not _keeps_shape(factor.shape, constant.shape):
            break
        value = constant_value(constant)
        weights = value if weights is None else weights * value
        target = factor
    return target, weights


def _keeps_shape(factor: tf.TensorShape, constant: tf.TensorShape) -> bool:
    """Whether multiplying by the constant leaves the shape of the factor, its open batch axis aside."""
    if factor.rank is None or constant.rank > factor.rank:
        return False
    axes = list(zip(reversed(factor.as_list()), reversed(constant.as_list())))
    return all(c == 1 or c == f or (k == factor.rank - 1 and f is None) for k, (f, c) in enumerate(axes))
