"""DeepLIFT's rule for sorted values."""

from __future__ import annotations

import tensorflow as tf

from ..op_tools import repeated_to, whole
from .guards import nonzero


def sort(op, ms, reference):
    """y_k: the k-th largest of z. m_z = the mean of J(z)^T m along the straight line from z' to z, in closed
    form: z_i changes its rank only where it meets some z_j, at alpha = (z'_i - z'_j)/(d_j - d_i), d = z - z',
    so m_i = sum_s length_s m_(rank of i on s) over the stretches s between these points. n^2 numbers for n
    values.
    """
    n = tf.shape(op.inputs[0])[-1]
    z, m = (tf.reshape(t, [-1, tf.shape(t)[-1]]) for t in (op.inputs[0], ms[0]))
    z_ref = tf.reshape(repeated_to(reference.inputs[0], op.inputs[0]), [-1, n])
    m = tf.pad(m, [[0, 0], [0, n - tf.shape(m)[1]]])                # ranks that were not asked for
    # of z_j, of z_i: (rows, i, j)
    ahead, gain = (t[:, None, :] - t[:, :, None] for t in (z_ref, z - z_ref))
    earlier = tf.range(n)[None, :] < tf.range(n)[:, None]           # breaks ties, as the op does
    above = (ahead > 0) | (tf.equal(ahead, 0) & ((gain > 0) | (tf.equal(gain, 0) & earlier)))
    meets = (((ahead > 0) & (gain < 0)) | ((ahead < 0) & (gain > 0))) & (tf.abs(ahead) < tf.abs(gain))
    alpha = tf.where(meets, -ahead / nonzero(gain), tf.ones_like(gain))
    order = tf.argsort(alpha)
    change = tf.gather(tf.where(meets, tf.where(gain > 0, 1, -1), 0), order, batch_dims=2)
    ranks = tf.cumsum(tf.concat([tf.reduce_sum(tf.cast(above, tf.int32), 2, keepdims=True), change], 2), 2)
    alpha = tf.gather(alpha, order, batch_dims=2)
    lengths = tf.concat([alpha, tf.ones_like(alpha[..., :1])],
                        2) - tf.concat([tf.zeros_like(alpha[..., :1]), alpha], 2)
    ranks = tf.clip_by_value(ranks, 0, n - 1)                       # rounding of alpha can swap two meetings
    share = tf.reduce_sum(lengths * tf.gather(m, ranks, batch_dims=1), 2)
    return whole(op, {0: tf.reshape(share, tf.shape(op.inputs[0]))})


RULES = {'TopK': sort, 'TopKV2': sort}
