"""Epsilon-LRP as a modified gradient."""

from __future__ import annotations

import tensorflow as tf

ACTIVATIONS = ('Relu', 'Elu', 'Sigmoid', 'Tanh', 'Softplus', 'LeakyRelu', 'Selu', 'Relu6', 'Softsign')


def epsilon(eps: float):
    """e-LRP on activations: r_in = r * f(z) / (z + eps * sign(z)), sign(0) = +1 (Bach et al. 2015; form of Ancona et al. 2018)."""
    def rule(op, r):
        exact = tf.float32 if r.dtype.size < 4 else r.dtype         # in float16 an epsilon below 6e-8 is 0
        z, a, r_out = (tf.cast(t, exact) for t in (op.inputs[0], op.outputs[0], r))
        return tf.cast(r_out * a / (z + eps * tf.where(z >= 0, tf.ones_like(z), -tf.ones_like(z))), r.dtype)
    return {op_type: rule for op_type in ACTIVATIONS}
