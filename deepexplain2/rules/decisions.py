"""DeepLIFT's rules for decisions that X takes part in, their conditions given as numbers 0 and 1 (graph/decisions.py)."""

from __future__ import annotations

import tensorflow as tf

from ..graph.decisions import CHOICE, SELECT, STEP
from .again import summed_to, varying, whole
from .rescale import nonzero


def step(op, ms, reference):
    """c = [u > v], a step in u - v: Rescale, m_u = m (c - c')/((u - v) - (u' - v')), m_v = -m_u; 0 where the decision is the same."""
    c, u, v = op.inputs
    c_ref, u_ref, v_ref = reference.inputs
    share = ms[0] * (c - c_ref) / nonzero((u - v) - (u_ref - v_ref))
    return [None, summed_to(share, u), -summed_to(share, v)]


def select(op, m, reference):
    """y = c a + (1 - c) b as a product, for a and b: m_a = m (c + c')/2, m_b = m (1 - (c + c')/2)."""
    chosen = (_number(op, op.inputs[0], m) + _number(op, reference.inputs[0], m)) / 2
    shares = {1: chosen, 2: 1 - chosen}
    return whole(op, {k: summed_to(m * shares[k], op.inputs[k]) for k in varying(op, reference)})


def choice(op, ms, reference):
    """... and for c: m_c = m ((a - b) + (a' - b'))/2. y itself passes on to `select`."""
    m, y, y_ref = ms[0], op.inputs[0].op, reference.inputs[0].op
    c, c_ref = op.inputs[1], reference.inputs[1]
    both = ((y.inputs[1] - y.inputs[2]) + (y_ref.inputs[1] - y_ref.inputs[2])) / 2
    changed = tf.not_equal(_number(y, y.inputs[0], m), _number(y, y_ref.inputs[0], m))        # a branch not taken may hold infinities
    share = tf.where(changed, m * both, tf.zeros_like(m))
    if y.type == 'Select' and c.shape.rank == 1 and m.shape.rank != 1:
        return [m, tf.reduce_sum(share, list(range(1, m.shape.rank)))]
    return [m, summed_to(share, c + tf.zeros_like(c_ref))]


def _number(op, condition, m):
    """A condition of the Select `op` as 0 and 1, with the axes of its branches."""
    c = tf.cast(condition, m.dtype)
    if op.type == 'Select' and c.shape.rank == 1 and op.inputs[1].shape.rank != 1:
        c = tf.reshape(c, [-1] + [1] * (op.inputs[1].shape.rank - 1))
    return c


RULES = {STEP: step, SELECT: select, CHOICE: choice}
