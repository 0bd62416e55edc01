"""Which axes of the weights of a linear op are those of its data and of its output."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Layout(NamedTuple):
    """The axes over which a factor or a summand of data or output can be folded into weights.

    data, weights: positions of the inputs. data_axes, output_axes: axes of data and output that are also axes
    of the weights. weights_of_data, weights_of_output: those axes of the weights, in the same order; of a
    depthwise convolution the last two axes of the weights are the one of the output.
    """
    data: int
    weights: int
    data_axes: tuple[int, ...] = ()
    weights_of_data: tuple[int, ...] = ()
    output_axes: tuple[int, ...] = ()
    weights_of_output: tuple[int, ...] = ()


FORWARD = {'Conv2D', 'Conv3D', 'DepthwiseConv2dNative'}
BACKWARD = {'Conv2DBackpropInput', 'Conv3DBackpropInputV2'}
CONVOLUTIONS = FORWARD | BACKWARD
MATRICES = {'MatMul', 'BatchMatMul', 'BatchMatMulV2', 'BatchMatMulV3'}


def layout(op: tf.Operation, data: int) -> Layout:
    """The layout of an op that is linear in its input at position `data`; without axes where they are not
    known."""
    if op.type in BACKWARD and data == 2:
        axis, rank = channels_of(op), op.inputs[1].shape.rank
        return Layout(2, 1) if rank is None else Layout(2, 1, (axis,), (rank - 1,), (axis,), (rank - 2,))
    if op.type in FORWARD and data == 0:
        axis, rank = channels_of(op), op.inputs[1].shape.rank
        if rank is None:
            return Layout(0, 1)
        of_output = (rank - 2, rank - 1) if op.type == 'DepthwiseConv2dNative' else (rank - 1,)
        return Layout(0, 1, (axis,), (rank - 2,), (axis,), of_output)
    weights = 1 - data if data < 2 else 0
    if op.type in MATRICES:
        return _of_matrices(op, data)
    if op.type == 'Einsum' and len(op.inputs) == 2:
        return _of_einsum(op, data)
    return Layout(data, weights)


def channels_of(op: tf.Operation) -> int:
    """The channel axis of data and output of an op with a data format."""
    return op.get_attr('data_format').decode().index('C')


def _of_matrices(op: tf.Operation, data: int) -> Layout:
    bare = Layout(data, 1 - data)
    ranks = [i.shape.rank for i in op.inputs[:2]]
    if ranks[data] is None or ranks[1 - data] != 2:
        return bare
    names = ('transpose_a', 'transpose_b') if op.type == 'MatMul' else ('adj_x', 'adj_y')
    turned = [op.get_attr(name) for name in names]
    last = ranks[data] - 1
    # (rows, inner) @ (inner, columns): which of the last two axes is the inner one
    inner = [int(not turned[0]), int(turned[1])]
    kept = last - 1 + (data == 0)                           # the axis of the output that is of the weights
    return Layout(data, 1 - data, (last - 1 + inner[data],), (inner[1 - data],), (kept,),
                  (1 - inner[1 - data],))


def _of_einsum(op: tf.Operation, data: int) -> Layout:
    bare = Layout(data, 1 - data)
    given, _, made = op.get_attr('equation').decode().replace(' ', '').partition('->')
    labels = given.split(',')
    x, w = labels[data], labels[1 - data]
    rank = op.inputs[data].shape.rank
    if '...' in w or rank is None or any(len(set(s)) < len(s.replace('...', ''))
                                         for s in (x.replace('...', ''), w, made.replace('...', ''))):
        return bare
    hidden = ''.join(chr(0x4e00 + k) for k in range(rank - len(x.replace('...', ''))))
    x, made = x.replace('...', hidden), made.replace('...', hidden)
    if set(x) & set(w) & set(made):                         # the weights differ from entry to entry
        return bare
    of_data = [label for label in w if label in x]
    of_output = [label for label in w if label in made]
    return Layout(data, 1 - data, tuple(map(x.index, of_data)), tuple(map(w.index, of_data)),
                  tuple(map(made.index, of_output)), tuple(map(w.index, of_output)))
