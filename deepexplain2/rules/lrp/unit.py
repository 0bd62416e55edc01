"""A unit as rules see it: y = A x + b, with whatever is folded into the weights of A and into b."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from ...errors import ParameterError
from ...graph.passes.paired import ACTUAL
from ...graph.unit_layout import Layout
from ...graph.units import MOVES, NORMALIZATIONS, Unit, operand_dims
from ..op_tools import again, vjp

_NONNEGATIVE = {'Relu', 'Relu6', 'Sigmoid', 'Softplus', 'Exp', 'Abs', 'Square', 'Softmax'}
_KEEPING_SIGNS = {'Identity', 'Snapshot', 'EnsureShape', 'Reshape', 'Squeeze', 'ExpandDims', 'Transpose',
                  'Pad', 'Slice', 'StridedSlice', 'MaxPool', 'MaxPoolV2', 'MaxPool3D', 'AvgPool', 'AvgPool3D',
                  'Mean', 'Sum', 'Max', 'SpaceToBatchND', 'BatchToSpaceND', 'ResizeNearestNeighbor', 'Tile'}


class Affine:
    """The linear op of a unit with what is folded into it, computed in float32 at least.

    op: the linear op. unit: what is known of it. varying: positions of the inputs of any op that depend on X.

    Attributes
    ----------
    x : tf.Tensor
        What the linear op takes from X, before scales and shifts that are folded.
    weights : tf.Tensor
        With the scales.
    """

    def __init__(self, op: tf.Operation, unit: Unit, varying):
        self.op, self._unit, self._layout, self._varying = op, unit, unit.layout, varying
        given = op.inputs[unit.layout.data]
        self.dtype = tf.float32 if given.dtype.size < 4 else given.dtype
        self._before = [op.graph.get_operation_by_name(name) for name in unit.before]
        self._after = [op.graph.get_operation_by_name(name) for name in unit.after]
        self._in, _ = self._folded(self._before, unit.before_axes)
        self._out, self._shift = self._folded(self._after, unit.after_axes)
        self._only_moves = all(step.type in MOVES for step in self._before)
        self._input = self._before[0].inputs[_position(self._before[0], varying)] if unit.before else given
        self.x = tf.cast(given, self.dtype) if self._only_moves else self.moved(self._input)
        scales = self._in, self._out
        self.weights = _scaled(tf.cast(op.inputs[unit.layout.weights], self.dtype), *scales, unit.layout, op)

    def __call__(self, x: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """weights applied to x."""
        return self._applied(x, weights).outputs[0]

    def back(self, r: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """The transposed weights applied to r."""
        made = self._applied(self.x, weights)
        return vjp(made, [r], [self._layout.data], self.op.name)[0]

    def _applied(self, x: tf.Tensor, weights: tf.Tensor) -> tf.Operation:
        return again(self.op, {self._layout.data: x, self._layout.weights: weights})

    def moved(self, t: tf.Tensor) -> tf.Tensor:
        """A tensor shaped like the input of the unit as the linear op would take it: only moved."""
        t = tf.cast(t, self.dtype)
        for step in self._before:
            if step.type in MOVES:
                t = again(step, {0: t}).outputs[0]
        return t

    def bound(self, value: Any, name: str) -> tf.Tensor:
        """A number, one per channel, wherever the channels are, or an array that broadcasts to the input of
        the unit, as the linear op would take it."""
        given = self._input
        bound = tf.constant(np.asarray(value), self.dtype)
        channels = self._unit.before_axes[0] if self._before else self._layout.data_axes
        if bound.shape.rank == 1 and len(channels) == 1 and given.shape.rank is not None:
            bound = tf.reshape(bound, [-1] + [1] * (given.shape.rank - 1 - channels[0]))
        elif bound.shape.rank and bound.shape.num_elements() != 1 and self._is_turned:
            raise ParameterError(f'{name} has shape {bound.shape}, but between X and op '
                                 f'"{self.op.name.removeprefix(ACTUAL)}" ({self.op.type}) the axes change '
                                 f'places: give a number or one per channel')
        try:
            rank = tf.broadcast_static_shape(bound.shape, given.shape).rank
        except ValueError:
            rank = None
        if rank != given.shape.rank or (bound.shape.rank == rank and bound.shape[0] != 1):
            raise ParameterError(f'{name} has shape {bound.shape}, which does not fit a row of what op '
                                 f'"{self.op.name.removeprefix(ACTUAL)}" ({self.op.type}) takes, '
                                 f'{given.shape}: give a number, one per channel or one per entry')
        return self.moved(tf.broadcast_to(bound, tf.shape(given)))

    @property
    def _is_turned(self) -> bool:
        """Whether the input of the unit is something whose axes changed places."""
        op = self._input.op
        while op.type in MOVES and op.type != 'Transpose':
            op = op.inputs[0].op
        return op.type == 'Transpose'

    @property
    def ones(self) -> tf.Tensor:
        """1 wherever x stands for an entry of the input of the unit, 0 at padding."""
        return self.moved(tf.ones_like(self._input)) if self._before else tf.ones_like(self.x)

    def output(self, with_bias: bool) -> tf.Tensor:
        """y, or A x alone."""
        y = tf.cast(self.op.outputs[0], self.dtype)
        y = y if self._out is None else y * self._spread(self._out)
        y = y if self._shift is None else y + self._spread(self._shift)
        return y if with_bias or self.bias is None else y - self.bias

    @cached_property
    def bias(self) -> tf.Tensor | None:
        """b, of a shape that broadcasts to y; None where there is none."""
        parts = [] if self._shift is None else [self._spread(self._shift)]
        if not self._only_moves:
            t = tf.zeros_like(self._input, self.dtype)
            for step in self._before:
                t = again(step, {_position(step, self._varying): t}).outputs[0]
            weights = tf.cast(self.op.inputs[self._layout.weights], self.dtype)
            parts.append(self(t, _scaled(weights, None, self._out, self._layout, self.op)))
        return tf.add_n([tf.broadcast_to(p, tf.shape(parts[-1])) for p in parts]) if len(parts) > 1 \
            else parts[0] if parts else None

    @cached_property
    def is_nonnegative(self) -> bool:
        """Whether x is surely nowhere negative."""
        return self._only_moves and _is_nonnegative(self.op.inputs[self._layout.data], self._varying)

    def _folded(self, steps: Sequence[tf.Operation],
                axes: Sequence[tuple[int, ...]]) -> tuple[tf.Tensor | None, tf.Tensor | None]:
        """(factor, summand) of some steps together, each with one axis for each of `axes`."""
        scale = shift = None
        for step, along in zip(steps, axes):
            if step.type not in MOVES:
                factor, summand = self._step(step, along)
                if factor is not None:
                    scale = factor if scale is None else scale * factor
                    shift = None if shift is None else shift * factor
                if summand is not None:
                    shift = summand if shift is None else shift + summand
        return scale, shift

    def _step(self, step: tf.Operation,
              axes: tuple[int, ...]) -> tuple[tf.Tensor | None, tf.Tensor | None]:
        """(factor, summand) of one step."""
        position = _position(step, self._varying)
        dims = operand_dims(step, position) or []

        def along(t):
            t = tf.reshape(tf.cast(t, self.dtype), [dims[a] for a in sorted(axes)])
            return tf.transpose(t, np.argsort(np.argsort(axes))) if len(axes) > 1 else t
        if step.type in NORMALIZATIONS:
            gamma, beta, mean, variance = map(along, step.inputs[1:5])
            factor = gamma * tf.math.rsqrt(variance + step.get_attr('epsilon'))
            return factor, beta - mean * factor
        minus = tf.constant(-1, self.dtype, [1] * len(axes))
        if step.type == 'Neg':
            return minus, None
        constant = along(step.inputs[1 - position])
        if step.type == 'Mul':
            return constant, None
        if step.type in ('RealDiv', 'Div'):
            return 1 / constant, None
        if step.type == 'Sub':
            return (None, -constant) if position == 0 else (minus, constant)
        return None, constant

    def _spread(self, t: tf.Tensor) -> tf.Tensor:
        """A factor or summand along the axes of the output, of the rank of the output."""
        return _placed(t, self._layout.output_axes, self.op.outputs[0].shape.rank)


def _position(step: tf.Operation, varying) -> int:
    """The input of a step that depends on X."""
    position, = varying(step)
    return position


def _placed(t: tf.Tensor, axes: Sequence[int], rank: int) -> tf.Tensor:
    """The axes of t as axes of a tensor with a rank."""
    order = np.argsort(axes)
    sizes = [1] * rank
    for k, axis in enumerate(axes):
        sizes[axis] = t.shape[k]
    return tf.reshape(tf.transpose(t, order) if len(order) > 1 else t, sizes)


def _scaled(weights: tf.Tensor, of_data: tf.Tensor | None, of_output: tf.Tensor | None, layout: Layout,
            op: tf.Operation) -> tf.Tensor:
    """Weights with the scales of data and output in them."""
    shape, rank = weights.shape, weights.shape.rank
    if of_output is not None:
        if op.type == 'DepthwiseConv2dNative' and of_output.shape[0] != 1:
            of_output = tf.reshape(of_output, shape[-2:])
        elif op.type == 'DepthwiseConv2dNative':
            of_output = tf.reshape(of_output, [1, 1])
        weights = weights * _placed(of_output, layout.weights_of_output, rank)
    if of_data is not None:
        axis = layout.weights_of_data[0] if layout.weights_of_data else 0
        inner = shape[axis]
        groups = of_data.shape[0] // inner if op.type in ('Conv2D', 'Conv3D') and of_data.shape[0] != 1 else 1
        if groups > 1:          # filter k sees the channels of group k // (filters per group)
            by_group = tf.reshape(of_data, [groups, inner])
            by_filter = tf.transpose(tf.repeat(by_group, shape[-1] // groups, 0))
            return weights * tf.reshape(by_filter, [1] * (rank - 2) + [inner, shape[-1]])
        weights = weights * _placed(of_data, layout.weights_of_data, rank)
    return weights


def _is_nonnegative(tensor: tf.Tensor, varying) -> bool:
    """Whether a tensor is nowhere negative by the ops that it comes from."""
    for _ in range(32):
        if tensor.op.type in _NONNEGATIVE:
            return True
        if tensor.op.type not in _KEEPING_SIGNS or 0 not in varying(tensor.op):
            return False
        tensor = tensor.op.inputs[0]
    return False
