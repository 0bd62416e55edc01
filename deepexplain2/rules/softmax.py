"""DeepLIFT's rules for Softmax, LogSoftmax and the cross-entropies.

With L = logsumexp(z) the secant of L along z_i has the closed form

    S_i = exp(max(z_i, z'_i) - max(L, L')) decay(|z_i - z'_i|) / decay(|L - L'|),    decay(d) = (1 - e^-d)/d:

the Rescale rule on e^z, on the logarithm, and the sum between them, in which no exponential leaves its range. sum_i S_i (z_i - z'_i) =
L - L'; where z = z' it is the softmax.
"""

from __future__ import annotations

import tensorflow as tf

from .again import repeated_to, whole
from .rescale import decay, exp


def log_softmax(op, m, reference):
    """log y_i = z_i - L: m_z = m - S sum(m)."""
    z, z_ref = _logits(op, reference)
    return m - _secant(z, z_ref) * tf.reduce_sum(m, -1, keepdims=True)


def softmax(op, m, reference):
    """y = exp(log y): Rescale on the exponential, then the rule of LogSoftmax."""
    z, z_ref = _logits(op, reference)
    return log_softmax(op, m * exp(op, tf.nn.log_softmax(z), tf.nn.log_softmax(z_ref)), reference)


def cross_entropy(op, ms, reference):
    """sum_i p_i (L - z_i), a product of p and -log y where the labels p depend on X too."""
    m = ms[0][..., None]
    z, z_ref = _logits(op, reference)
    p, p_ref = op.inputs[1], reference.inputs[1]
    mean = (p + p_ref) / 2
    shares = {0: m * (_secant(z, z_ref) * tf.reduce_sum(mean, -1, keepdims=True) - mean)}
    if p is not p_ref:
        shares[1] = -m * (tf.nn.log_softmax(z) + tf.nn.log_softmax(z_ref)) / 2
    return whole(op, shares)


def sparse_cross_entropy(op, ms, reference):
    """L - z_k for the class k."""
    z, z_ref = _logits(op, reference)
    classes = tf.one_hot(op.inputs[1], tf.shape(z)[-1], dtype=z.dtype)
    return whole(op, {0: ms[0][..., None] * (_secant(z, z_ref) - classes)})


def _logits(op, reference):
    return op.inputs[0], repeated_to(reference.inputs[0], op.inputs[0])


def _secant(z, z_ref):
    total, total_ref = (tf.reduce_logsumexp(v, -1, keepdims=True) for v in (z, z_ref))
    return tf.exp(tf.maximum(z, z_ref) - tf.maximum(total, total_ref)) * decay(tf.abs(z - z_ref)) / decay(tf.abs(total - total_ref))


RULES = {'Softmax': softmax, 'LogSoftmax': log_softmax, 'SoftmaxCrossEntropyWithLogits': cross_entropy,
         'SparseSoftmaxCrossEntropyWithLogits': sparse_cross_entropy}
