"""DeepLIFT's rules for Softmax, LogSoftmax and the cross-entropies.

With L = logsumexp(z) the secant of L along z_i has the closed form

    S_i = exp(max(z_i, z'_i) - max(L, L')) decay(|z_i - z'_i|) / decay(|L - L'|),    decay(d) = (1 - e^-d)/d:

the Rescale rule on e^z, on the logarithm, and the sum between them, in which no exponential leaves its range.
sum_i S_i (z_i - z'_i) = L - L'; where z = z' it is the softmax.
"""

from __future__ import annotations

import tensorflow as tf

from ..op_tools import repeated_to, whole
from .guards import finite_between
from .slopes import decay, exp


def log_softmax(op, m, reference):
    """log y_i = z_i - L: m_z = m - S sum(m)."""
    z, z_ref = _logits(op, reference)
    return tf.cast(_shared(tf.cast(m, z.dtype), z, z_ref), m.dtype)


def softmax(op, m, reference):
    """y = exp(log y): Rescale on the exponential, then the rule of LogSoftmax."""
    z, z_ref = _logits(op, reference)
    # which `_secant` computes too: TensorFlow shares them
    logs = (v - tf.reduce_logsumexp(v, -1, keepdims=True) for v in (z, z_ref))
    return tf.cast(_shared(tf.cast(m, z.dtype) * exp(op, *logs), z, z_ref), m.dtype)


def cross_entropy(op, ms, reference):
    """sum_i p_i (L - z_i), a product of p and -log y where the labels p depend on X too."""
    z, z_ref = _logits(op, reference)
    m, p, p_ref = (tf.cast(t, z.dtype) for t in (ms[0][..., None], op.inputs[1], reference.inputs[1]))
    shares = {0: -m * _shared((p + p_ref) / 2, z, z_ref)}
    if op.inputs[1] is not reference.inputs[1]:
        shares[1] = -m * (tf.nn.log_softmax(z) + tf.nn.log_softmax(z_ref)) / 2
    return whole(op, {k: tf.cast(share, op.inputs[k].dtype) for k, share in shares.items()})


def sparse_cross_entropy(op, ms, reference):
    """L - z_k for the class k."""
    z, z_ref = _logits(op, reference)
    classes = tf.one_hot(op.inputs[1], tf.shape(z)[-1], dtype=z.dtype)
    return whole(op, {0: ms[0][..., None] * -tf.cast(_shared(classes, z, z_ref), op.inputs[0].dtype)})


def _logits(op, reference):
    """In float64: far from the reference 1 - S falls below the digits of float32."""
    return tf.cast(op.inputs[0], tf.float64), tf.cast(repeated_to(reference.inputs[0], op.inputs[0]),
                                                      tf.float64)


def _shared(m, z, z_ref):
    return finite_between(m - _secant(z, z_ref) * tf.reduce_sum(m, -1, keepdims=True), z, z_ref)


def _secant(z, z_ref):
    total, total_ref = (tf.reduce_logsumexp(v, -1, keepdims=True) for v in (z, z_ref))
    share = tf.math.multiply_no_nan(decay(tf.abs(z - z_ref)),
                                    tf.exp(tf.maximum(z, z_ref) - tf.maximum(total, total_ref)))
    return share / decay(tf.abs(total - total_ref))


RULES = {'Softmax': softmax, 'LogSoftmax': log_softmax, 'SoftmaxCrossEntropyWithLogits': cross_entropy,
         'SparseSoftmaxCrossEntropyWithLogits': sparse_cross_entropy}
