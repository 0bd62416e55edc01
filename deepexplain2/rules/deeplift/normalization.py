"""DeepLIFT's rules for norms, and for a normalization by the statistics of the input itself, in one op."""

from __future__ import annotations

import tensorflow as tf

from ..op_tools import repeated_to, whole
from .mean_jacobian import mean_jacobian
from .slopes import rsqrt
from .two_factors import in_order


def normalize(op, ms, reference):
    """y = gamma u / sqrt(v), u = x - mean x, v = mean u^2 + epsilon: the rules of a product, a root and a
    square, one after the other."""
    # given statistics: a product of x, scale and root, where more than x depends on X
    if not op.get_attr('is_training'):
        return mean_jacobian(op, ms, reference)
    m = ms[0]
    x = op.inputs[0]
    x_ref = repeated_to(reference.inputs[0], x)
    axes, gamma, count = statistics(op)

    def mean(t):
        return tf.reduce_mean(t, axes, keepdims=True)
    u, u_ref = x - mean(x), x_ref - mean(x_ref)
    v, v_ref = mean(u ** 2) + op.get_attr('epsilon'), mean(u_ref ** 2) + op.get_attr('epsilon')
    m = m * gamma
    q, q_ref = tf.math.rsqrt(v), tf.math.rsqrt(v_ref)
    y, y_ref = u * q, u_ref * q_ref
    m_u = m * in_order((q + q_ref) / 2 + tf.zeros_like(u), (q, q_ref), u * q_ref, u_ref * q, y, y_ref)
    m_v = tf.reduce_sum(m * in_order((u + u_ref) / 2, (u, u_ref), u_ref * q, u * q_ref, y, y_ref), axes,
                        keepdims=True) * rsqrt(op, v, v_ref)
    m_u += m_v * (u + u_ref) / count
    return whole(op, {0: m_u - mean(m_u)})


def statistics(op):
    """(axes over which a fused normalization takes its statistics, gamma to be multiplied with x, number of
    values in a mean)."""
    x, gamma = op.inputs[0], op.inputs[1]
    first = op.get_attr('data_format') in (b'NCHW', b'NCDHW')
    axes = [k for k in range(x.shape.rank) if k != (1 if first else x.shape.rank - 1)]
    count = tf.cast(tf.size(x) // tf.size(gamma), x.dtype)
    return axes, tf.reshape(gamma, [1, -1] + [1] * (x.shape.rank - 2)) if first else gamma, count


def norm(op, m, reference):
    """|z|^2 - |z'|^2 = (z + z') (z - z'): the rules of a square, a sum and a root."""
    z, z_ref = op.inputs[0], repeated_to(reference.inputs[0], op.inputs[0])
    y, y_ref = (tf.raw_ops.EuclideanNorm(input=t, axis=op.inputs[1], keep_dims=True) for t in (z, z_ref))
    return whole(op, {0: tf.math.divide_no_nan(tf.reshape(m, tf.shape(y)) * (z + z_ref), y + y_ref)})


def modulus(op, m, reference):
    """The same for a complex number."""
    z, z_ref = op.inputs[0], repeated_to(reference.inputs[0], op.inputs[0])
    return whole(op, {0: (z + z_ref) * tf.cast(tf.math.divide_no_nan(m, tf.abs(z) + tf.abs(z_ref)), z.dtype)})


RULES = dict.fromkeys(['FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'],
                      normalize) | {'EuclideanNorm': norm, 'ComplexAbs': modulus}
