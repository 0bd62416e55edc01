"""DeepLIFT's rules for decisions that X takes part in, their conditions given as numbers 0 and 1
(graph/decisions.py)."""

from __future__ import annotations

import tensorflow as tf

from ...graph.passes.decisions import CHOICE, SELECT, STEP
from ..op_tools import summed_to, varying, whole
from .guards import nonzero


def step(op, ms, reference):
    """c = [u > v], a step in u - v: Rescale, m_u = m (c - c')/((u - v) - (u' - v')), m_v = -m_u; 0 where the
    decision is the same."""
    c, u, v = op.inputs
    c_ref, u_ref, v_ref = reference.inputs
    share = ms[0] * (c - c_ref) / nonzero((u - v) - (u_ref - v_ref))
    share = tf.where(tf.equal(c, c_ref), tf.zeros_like(share), share)           # u or v may be infinite
    return [None, summed_to(share, u), -summed_to(share, v)]


def select(op, m, reference):
    """y = c a + (1 - c) b as a product, for a and b: m_a = m (c + c')/2, m_b = m (1 - (c + c')/2)."""
    shares = dict(zip((1, 2), _weights(op, reference, m)))
    return whole(op, {k: summed_to(m * shares[k], op.inputs[k]) for k in varying(op, reference)})


def choice(op, ms, reference):
    """... and for c what is left: m_c = m ((a - b) + (a' - b'))/2. y itself passes on to `select`."""
    m, y, y_ref = ms[0], op.inputs[0].op, reference.inputs[0].op
    c, c_ref = op.inputs[1], reference.inputs[1]
    left = op.inputs[0] - reference.inputs[0]
    for k, weight in zip((1, 2), _weights(y, y_ref, m)):
        left -= tf.math.multiply_no_nan(y.inputs[k] - y_ref.inputs[k], weight)
    jump = _number(y, y.inputs[0], m) - _number(y, y_ref.inputs[0], m)
    share = tf.where(tf.equal(jump, 0), tf.zeros_like(m), m * (jump * left))
    if y.type == 'Select' and c.shape.rank == 1 and m.shape.rank != 1:
        return [m, tf.reduce_sum(share, list(range(1, m.shape.rank)))]
    return [m, summed_to(share, c + tf.zeros_like(c_ref))]


def _weights(op, reference, m):
    """The weights of the two branches. One that is NaN or infinite where it is not taken has none where the
    decision changes: the other one changes first then, and the decision takes the rest."""
    c, c_ref = _number(op, op.inputs[0], m), _number(op, reference.inputs[0], m)
    changed = tf.not_equal(c, c_ref)
    a, b = (tf.math.is_finite(op.inputs[k]) & tf.math.is_finite(reference.inputs[k]) for k in (1, 2))
    half = (c + c_ref) / 2

    def weight(mean, mine, other):
        return tf.where(changed & ~(mine & other), tf.cast(mine, m.dtype), mean)
    return weight(half, a, b), weight(1 - half, b, a)


def _number(op, condition, m):
    """A condition of the Select `op` as 0 and 1, with the axes of its branches."""
    c = tf.cast(condition, m.dtype)
    if op.type == 'Select' and c.shape.rank == 1 and op.inputs[1].shape.rank != 1:
        c = tf.reshape(c, [-1] + [1] * (op.inputs[1].shape.rank - 1))
    return c


RULES = {STEP: step, SELECT: select, CHOICE: choice}
