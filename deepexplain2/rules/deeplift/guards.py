"""What rules do where values are infinite, or differences 0."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ...graph.passes.paired import ACTUAL

# An infinite value that the next op bounds, such as min(1/|x|, c) at x = 0: the two slopes are infinite and
# 0, their product is not. Both count the infinite value as FAR, and as nothing but these two see it, it drops
# out of the product.
POLES = frozenset('Rsqrt Reciprocal Inv Log Log1p RealDiv Div Pow'.split())
BOUNDED = frozenset('Minimum Maximum ClipByValue Relu Relu6 Elu Selu Sigmoid Tanh Softplus Softsign Atan Erf '
                    'Erfc Exp Rsqrt Reciprocal Inv'.split())
_MOVED = {'Identity', 'Reshape', 'ExpandDims', 'Squeeze', 'Transpose', 'BroadcastTo'}


def nonzero(d):
    """d with 1 in place of 0, for quotients that are not used where d is 0."""
    return tf.where(tf.equal(d, 0), tf.ones_like(d), d)


def weighed(m, slope):
    """m times a slope; 0 where m is 0, though f may be NaN or infinite there: the branch that a Select did
    not take."""
    return tf.math.multiply_no_nan(slope, m)


def finite(d):
    """d, NaN where it is infinite. Two sums of numbers: a choice between two tensors takes as long as
    eight."""
    return d + tf.math.squared_difference(d, d)


def finite_between(slope, a, b):
    """The slope, NaN where one of a and b is infinite: a slope of 0 would lose the difference, the answer
    must not hide that."""
    return tf.where(tf.math.is_inf(a - b), tf.constant(float('nan'), slope.dtype), slope)


def at_poles(op, reference, k, s, a, b):
    """The slope s from b to a, the values of input k alone, mended where the op or the one before it is
    infinite and the next is not."""
    y, y_ref = (tf.cast(o.outputs[0], s.dtype) for o in (op, reference))
    if op.type in POLES and all(op_type in BOUNDED for op_type in _users(op)):
        s = tf.where(tf.math.is_inf(y) | tf.math.is_inf(y_ref), (_far(y) - _far(y_ref)) / nonzero(a - b), s)
    z = op.inputs[k]
    while z.op.type in _MOVED:
        z = z.op.inputs[0]
    if op.type in BOUNDED and z.op.type in POLES:
        bounded = (tf.math.is_inf(a) | tf.math.is_inf(b)) & tf.math.is_finite(y) & tf.math.is_finite(y_ref)
        s = tf.where(bounded, (y - y_ref) / nonzero(_far(a) - _far(b)), s)
    return s


def _far(t):
    """t with numbers in place of infinity; 1e15 in float32, between the largest and the smallest numbers and
    1."""
    far = float(np.finfo(t.dtype.as_numpy_dtype).tiny) ** -.4
    return tf.clip_by_value(t, -far, far)


def _users(op):
    """The types of the ops of the path that take the output of `op`."""
    users: list[tf.Operation] = []
    stack = [op]
    while stack:
        for user in stack.pop().outputs[0].consumers():
            if user.name.startswith(ACTUAL):
                (stack if user.type in _MOVED else users).append(user)
    return [user.type for user in users] or ['']
