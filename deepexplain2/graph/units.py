"""Units: a linear op with weights, and the biases, scales and normalizations by constants that are folded
into it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import tensorflow as tf

from .constants import constant_value
from .function_bodies import Body
from .linear import CONTRACTIONS, is_linear
from .op_types import CONTAINERS, SHAPE_ONLY
from .path import Path
from .unit_layout import Layout, channels_of, layout

SCALES = {'Mul', 'RealDiv', 'Div', 'Neg'}
SHIFTS = {'Add', 'AddV2', 'Sub', 'BiasAdd', 'BiasAddV1'}
NORMALIZATIONS = {'FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'}
PADS = {'Pad', 'PadV2', 'SpaceToBatchND'}
MOVES = PADS | {'Identity', 'Snapshot', 'EnsureShape', 'Squeeze', 'ExpandDims', 'Reshape', 'Transpose',
                'BatchToSpaceND'}

Axes = tuple[int, ...]


@dataclass(frozen=True)
class Unit:
    """A linear op with weights and what is folded into it, by names of ops in their graph.

    op: the linear op. layout: where its data and weights are.
    before, after: the ops between the input of the unit and the linear op, and between it and the output of
        the unit, in order; each is a scale, shift or normalization by constants along the channels, or moves
        entries. Padding in front belongs to the unit: what it adds is not seen as an input.
    before_axes, after_axes: of the tensor that each of these takes from X, the axes along which the constants
        run, in the order of those of the layout.
    """
    op: str
    layout: Layout
    before: tuple[str, ...] = ()
    before_axes: tuple[Axes, ...] = ()
    after: tuple[str, ...] = ()
    after_axes: tuple[Axes, ...] = ()


class Units:
    """The units of one part: of a path, or of the body of a loop or conditional.

    Attributes
    ----------
    of_op : dict from str to Unit
        The units by the name of their linear op.
    folded : set of str
        The scales, shifts and normalizations that are folded into one of them.
    first, last : set of str
        The linear ops that X reaches, or that reach T, through no other unit. Loops and conditionals count as
        units, and are named too where they come first or last; of what is inside of them it is not known.
    """

    def __init__(self, part: Path | Body):
        self._part = part
        ops = [op for op in part.ops if part.varying_inputs(op)]
        self._names = {op.name for op in ops}
        self._results = {part.target.name} if isinstance(part, Path) else part.results
        anchors = [op for op in ops if op.type in CONTRACTIONS and len(op.inputs) > 1     # Einsum may sum
                   and is_linear(op, part)]
        layouts = {op.name: layout(op, part.varying_inputs(op)[0]) for op in anchors}
        taken: set[str] = set()
        after = {op.name: _steps(self._after(op, layouts[op.name]), taken, MOVES) for op in anchors}
        before = {op.name: _steps(self._before(op, layouts[op.name], taken), taken, MOVES - PADS)
                  for op in anchors}
        self.of_op = {op.name: Unit(op.name, layouts[op.name], before[op.name][0][::-1],
                                    before[op.name][1][::-1], *after[op.name]) for op in anchors}
        self.folded = taken
        self.first: set[str] = set()
        self.last: set[str] = set()
        if isinstance(part, Path):
            self.first, self.last = self._ends(ops)

    def _users(self, tensor: tf.Tensor) -> list[tf.Operation]:
        """The ops of the part that take a tensor, one entry for each time that they do."""
        return [user for user in tensor.consumers() if user.name in self._names
                and user.type not in SHAPE_ONLY for i in user.inputs if i is tensor]

    def _after(self, op: tf.Operation, where: Layout) -> Iterator[tuple[tf.Operation, Axes]]:
        tensor, axes = op.outputs[0], where.output_axes
        while axes and tensor.name not in self._results:
            users = self._users(tensor)
            if len(users) != 1:
                return
            moved = self._through(users[0], axes)
            if moved is None:
                return
            yield users[0], axes
            tensor, axes = users[0].outputs[0], moved

    def _before(self, op: tf.Operation, where: Layout,
                taken: Collection[str]) -> Iterator[tuple[tf.Operation, Axes]]:
        tensor, axes = op.inputs[where.data], where.data_axes
        # tf.tensordot reshapes to a shape that is computed: the weights say how many columns that has
        sizes = [tensor.shape[a] or op.inputs[where.weights].shape[w]
                 for a, w in zip(axes, where.weights_of_data)] if tensor.shape.rank else []
        while axes and tensor.op.name in self._names - set(taken) and tensor.name not in self._results \
                and len(self._users(tensor)) == 1 and tensor.value_index == 0:
            origin = tensor.op
            varying = self._part.varying_inputs(origin)
            rank = origin.inputs[varying[0]].shape.rank
            if rank is None:
                return
            found = next((a for a in permutations(range(rank), len(axes))
                          if self._through(origin, a, sizes) == axes), None)
            if found is None:
                return
            yield origin, found
            tensor, axes = origin.inputs[varying[0]], found

    def _through(self, op: tf.Operation, axes: Axes, sizes: Sequence[int | None] = ()) -> Axes | None:
        """Where some axes of what an op takes from X are in its output; None where the op is no step of a
        unit along these axes. sizes: of the axes, where the output does not know them."""
        varying = self._part.varying_inputs(op)
        if len(varying) != 1 or not is_linear(op, self._part):
            return None
        shape = op.inputs[varying[0]].shape
        if shape.rank is None or any(a >= shape.rank or shape[a] is None for a in axes):
            return None
        if op.type in MOVES:
            return _moved(op, axes, sizes) if varying == [0] else None
        dims = operand_dims(op, varying[0])
        fits = dims is not None and all(d in (1, shape[a]) if a in axes else d == 1
                                        for a, d in enumerate(dims))
        return axes if fits else None

    def _ends(self, ops: Sequence[tf.Operation]) -> tuple[set[str], set[str]]:
        """(the first units, the last units)."""
        behind, first = set[str](), set[str]()
        for op in ops:
            is_unit = op.name in self.of_op or op.type in CONTAINERS
            reached = any(i.name in behind for i in op.inputs)
            if is_unit and not reached:
                first.add(op.name)
            if reached or is_unit:
                behind.update(o.name for o in op.outputs)
        ahead, last = set[str](), set[str]()
        for op in reversed(ops):
            reached = any(o.name in ahead for o in op.outputs)
            is_unit = op.name in self.of_op or op.type in CONTAINERS
            if is_unit and not reached:
                last.add(op.name)
            if reached or is_unit:
                ahead.update(op.inputs[k].name for k in self._part.varying_inputs(op))
        return first, last


def _steps(walked: Iterator[tuple[tf.Operation, Axes]],
           taken: set[str], idle: Collection[str]) -> tuple[tuple[str, ...], tuple[Axes, ...]]:
    """(names, axes) of the steps as far as the last one of a type that is not idle; those that are no moves
    are added to `taken`."""
    found = list(walked)
    while found and found[-1][0].type in idle:
        found.pop()
    taken.update(op.name for op, _ in found if op.type not in MOVES)
    return tuple(op.name for op, _ in found), tuple(axes for _, axes in found)


def operand_dims(op: tf.Operation, varying: int) -> list[int] | None:
    """The sizes of the constant that an op scales, shifts or normalizes by, one per axis of what it takes
    from X; None where the op does no such thing, or the sizes are not known."""
    rank = op.inputs[varying].shape.rank
    if op.type == 'Neg':
        return [1] * rank
    if op.type in NORMALIZATIONS or op.type in ('BiasAdd', 'BiasAddV1'):
        is_last = op.type == 'BiasAddV1' or op.get_attr('data_format').decode() in ('NHWC', 'NDHWC')
        # of BiasAdd with channels first the rank may be any
        axis = rank - 1 if is_last else channels_of(op) if op.type in NORMALIZATIONS else 1
        size = op.inputs[1].shape
        return [size[0] if a == axis else 1 for a in range(rank)] if size.is_fully_defined() else None
    if op.type not in SCALES | SHIFTS or (op.type in ('RealDiv', 'Div') and varying != 0):
        return None
    size = op.inputs[1 - varying].shape
    if not size.is_fully_defined() or size.rank > rank:
        return None
    return [1] * (rank - size.rank) + size.as_list()


def _moved(op: tf.Operation, axes: Axes, sizes: Sequence[int | None]) -> Axes | None:
    """Where some axes of the input of an op that moves entries are in its output."""
    given, made = op.inputs[0].shape, op.outputs[0].shape
    if op.type in ('Identity', 'Snapshot', 'EnsureShape'):
        return axes
    if made.rank is None:
        return None
    if op.type in ('Pad', 'PadV2', 'BatchToSpaceND', 'SpaceToBatchND'):
        if op.type == 'PadV2' and not _is_zero(op.inputs[2]):
            return None
        # what is not along the channels may have any size
        blocks = op.inputs[1].shape[0] or 0 if op.type not in ('Pad', 'PadV2') else 0
        fits = all(given[a] is not None and given[a] == made[a] and not 0 < a <= blocks for a in axes)
        return axes if fits and (op.type in ('Pad', 'PadV2') or (blocks and 0 not in axes)) else None
    if op.type == 'Transpose':
        order = _value(op.inputs[1])
        return None if order is None else tuple(order.tolist().index(a) for a in axes)
    if op.type == 'ExpandDims':
        axis = _value(op.inputs[1])
        if axis is None:
            return None
        new = int(axis.flat[0]) % made.rank
        return tuple(a + (a >= new) for a in axes)
    if op.type == 'Squeeze':
        gone = [a % given.rank for a in op.get_attr('squeeze_dims')]
        if not gone:
            if not given.is_fully_defined():
                return None
            gone = [a for a, size in enumerate(given) if size == 1]
        return None if set(gone) & set(axes) else tuple(a - sum(g < a for g in gone) for a in axes)
    # Reshape: along the last axes alone
    count = len(axes)
    if sorted(given.rank - a for a in axes) != list(range(1, count + 1)) or made.rank < count:
        return None
    moved = tuple(made.rank - given.rank + a for a in axes)
    known = [made[a] or (sizes[k] if sizes else None) for k, a in enumerate(moved)]
    return moved if None not in known and known == [given[a] for a in axes] else None


def _value(tensor: tf.Tensor) -> np.ndarray | None:
    return constant_value(tensor) if tensor.op.type == 'Const' else None


def _is_zero(tensor: tf.Tensor) -> bool:
    value = _value(tensor)
    return value is not None and not np.any(value)
