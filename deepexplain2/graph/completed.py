"""Gradients of linear ops whose gradient in TensorFlow leaves out some inputs, or takes for granted that no
index comes twice."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def rest_to(position: int):
    """Every entry of the output comes from input 0 or from one number, the input at a position, such as the
    value of a padding: it takes what does not go to input 0."""
    def gradient(op, own, g):
        shares = own(op, g)
        shares = [*shares, *[None] * (len(op.inputs) - len(shares))]
        return [*shares[:position], tf.reduce_sum(g) - tf.reduce_sum(shares[0]), *shares[position + 1:]]
    return gradient


def one_hot(op, own, g):
    """off + (on - off) [k = index]: to the value `on` what is there, to `off` the rest."""
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


def stitched(op, own, g):
    """Of what is written to one place more than once, only the last is there."""
    count = len(op.inputs) // 2
    shares = own(op, g)
    return [*shares[:count], *_written(list(op.inputs[:count]), shares[count:])]


def list_scattered(position: int):
    """The same for a list. position: of the input that is written; the indices follow it."""
    def gradient(op, own, g):
        shares = list(own(op, g))
        shares[position:position + 1] = _written([op.inputs[position + 1]], [shares[position]])
        return shares
    return gradient


def scattered(op, own, g):
    """The same for indices that are vectors."""
    indices = op.inputs[1]
    known = tf.get_static_value(indices)
    shares = own(op, g)
    if known is not None and len({*map(tuple, known.reshape(-1, known.shape[-1]))}) == known[..., 0].size:
        return shares
    depth, places = tf.shape(indices)[-1], tf.shape(indices)[:-1]
    numbers = tf.reshape(tf.range(tf.reduce_prod(places)), places)
    last = tf.tensor_scatter_nd_update(tf.zeros(tf.shape(g)[:depth], numbers.dtype), indices, numbers)
    return [shares[0], None, _where(tf.equal(tf.gather_nd(last, indices), numbers), shares[2])]


def _written(indices, shares):
    """The shares of what stays of all that is written to these places, one after the other."""
    known = [tf.get_static_value(i) for i in indices]
    if all(k is not None for k in known):
        places = np.concatenate([np.reshape(k, -1) for k in known])
        if len(np.unique(places)) == len(places):
            return shares
    numbers, start = [], 0
    for i in indices:
        numbers.append(tf.reshape(start + tf.range(tf.size(i)), tf.shape(i)))
        start += tf.size(i)
    last = tf.dynamic_stitch(indices, numbers)
    return [s if s is None else _where(tf.equal(tf.gather(last, i), k), s) for s, i,
            k in zip(shares, indices, numbers)]


def _where(stays, share):
    """The share of an input, 0 where what came from it does not stay."""
    shape = tf.concat([tf.shape(stays), tf.ones([tf.rank(share) - tf.rank(stays)], tf.int32)], 0)
    return tf.where(tf.reshape(stays, shape), share, tf.zeros_like(share))


# op type -> (its gradient, the positions of the inputs that TensorFlow leaves out)
COMPLETED = {
    'PadV2': (rest_to(2), (2,)), 'MatrixDiagV2': (rest_to(4), (4,)), 'MatrixDiagV3': (rest_to(4), (4,)),
    'MatrixDiagPartV2': (rest_to(2), (2,)), 'MatrixDiagPartV3': (rest_to(2), (2,)),
    'DynamicStitch': (stitched, ()), 'ParallelDynamicStitch': (stitched, ()),
             'TensorScatterUpdate': (scattered, ()),
    'TensorListScatter': (list_scattered(0), ()), 'TensorListScatterV2': (list_scattered(0), ()),
    'TensorListScatterIntoExistingList': (list_scattered(1), ()),
    'OneHot': (one_hot, (2, 3)), 'LinSpace': (lin_space, (0, 1)), 'Range': (steps, (0, 2)),
}
