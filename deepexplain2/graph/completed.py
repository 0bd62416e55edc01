"""Gradients of ops that TensorFlow differentiates by some of their inputs only, and that are linear in the others too."""

from __future__ import annotations

import tensorflow as tf


def rest_to(position: int):
    """All entries of the output come from the input 0 or from one number: a padding takes what does not go to the input."""
    def gradient(op, own, g):
        shares = own(op, g)
        shares = [*shares, *[None] * (len(op.inputs) - len(shares))]
        return [*shares[:position], tf.reduce_sum(g) - tf.reduce_sum(shares[0]), *shares[position + 1:]]
    return gradient


def one_hot(op, own, g):
    indices, depth = op.inputs[:2]
    taken = tf.reduce_sum(g * tf.one_hot(indices, depth, 1, 0, op.get_attr('axis'), g.dtype))
    return [None, None, taken, tf.reduce_sum(g) - taken]


def lin_space(op, own, g):
    """start + (stop - start) t."""
    t = tf.raw_ops.LinSpace(start=tf.zeros([], g.dtype), stop=tf.ones([], g.dtype), num=op.inputs[2])
    return [tf.reduce_sum(g * (1 - t)), tf.reduce_sum(g * t), None]


def steps(op, own, g):
    """start + k delta; the limit decides how many."""
    return [tf.reduce_sum(g), None, tf.reduce_sum(g * tf.cast(tf.range(tf.size(g)), g.dtype))]


# op type -> (its gradient, the positions of the inputs that TensorFlow leaves out)
COMPLETED = {
    'PadV2': (rest_to(2), (2,)), 'MatrixDiagV2': (rest_to(4), (4,)), 'MatrixDiagV3': (rest_to(4), (4,)),
    'MatrixDiagPartV2': (rest_to(2), (2,)), 'MatrixDiagPartV3': (rest_to(2), (2,)),
    'OneHot': (one_hot, (2, 3)), 'LinSpace': (lin_space, (0, 1)), 'Range': (steps, (0, 2)),
}
