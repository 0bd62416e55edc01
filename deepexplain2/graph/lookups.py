"""The embedding lookups that token ids go through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import tensorflow as tf
from tensorflow.python.ops.handle_data_util import get_resource_handle_data

from ..errors import PathError
from .copies import static_value
from .lookup_points import RESHAPES, point_of
from .op_types import SHAPE_ONLY
from .walks import ancestors, descendants

GATHERS = {'Gather', 'GatherV2', 'ResourceGather'}
_HANDS_ON = {'Identity', 'Cast', 'Snapshot', 'StopGradient', 'PreventGradient'}
# ops whose result at a place depends on their inputs at that place alone
_ELEMENTWISE = _HANDS_ON | {
    'Select', 'SelectV2', 'Maximum', 'Minimum', 'Add', 'AddV2', 'AddN', 'Sub', 'Mul', 'MulNoNan', 'FloorDiv',
    'FloorMod', 'Mod', 'Neg', 'Abs', 'Sign', 'Square', 'RealDiv', 'Div', 'TruncateDiv', 'TruncateMod',
    'Round', 'Rint', 'Floor', 'Ceil', 'ClipByValue', 'BitwiseAnd', 'BitwiseOr', 'BitwiseXor', 'LeftShift',
    'RightShift', 'Equal', 'NotEqual', 'Less', 'LessEqual', 'Greater', 'GreaterEqual', 'LogicalAnd',
    'LogicalOr', 'LogicalNot', 'LookupTableFindV2', 'EnsureShape', 'BroadcastTo', 'Relu', 'Relu6'}


class Lookup(NamedTuple):
    """An embedding lookup of token ids.

    Attributes
    ----------
    point : tf.Tensor
        The embedded tokens with the batch as first axis: the result of the lookup, or that reshaped.
    index : tf.Tensor
        The rows of the table that are read, before negative ones are wrapped as in Keras.
    size : int, optional
        How many rows the table has.
    widths : int
        How many axes at the end of `point` are those of an embedding.
    is_direct : bool
        Whether the rows that are read are the ids themselves.
    is_in_order : bool
        Whether entry i of `index`, counted flat, depends on the i-th id alone, where both have as many.
    has_batch : bool
        Whether the first axis of `point` is known to be the batch.
    """

    point: tf.Tensor
    index: tf.Tensor
    size: int | None
    widths: int
    is_direct: bool
    is_in_order: bool
    has_batch: bool

    @property
    def row(self) -> list[int | None]:
        """The shape of a row of `point`, None for an open axis."""
        return self.point.shape.as_list()[1:]


def lookups(target: tf.Tensor, ids: tf.Tensor, others: Iterable[str] = ()) -> list[Lookup]:
    """The embedding lookups through which T depends on `ids`; empty if there is none.

    `ids` are integers, or floats that reach T through lookups alone, as those of a Keras input without a
    dtype. What the model computes from comparisons of ids (masks, lengths, positions of what is not padding)
    keeps its value at the ids. Raises PathError if T depends on integers in another way too, which
    attributions at the lookups would not show, or if an embedding has no axis of the batch. others: names of
    other tensors X, where the walk ends too.
    """
    ops = ancestors([target], {ids.name, *others})
    dependent = descendants(ops, {ids.name}, SHAPE_ONLY)
    if target.name not in dependent or not any(op.type in GATHERS for op in ops):
        return []
    carried, found = _carried(ops, ids, dependent)
    if not found:
        return []
    outputs = {op.outputs[0].name for op in found}
    if _is_used_otherwise(target, carried, dependent, outputs):
        if not ids.dtype.is_integer:
            return []
        other = next(op for op in ancestors([target], {ids.name, *others} | outputs)
                     if op.outputs[0].dtype.is_floating and any(i.name in carried for i in op.inputs))
        raise PathError(f'T "{target.name}" depends on X "{ids.name}" not only through embedding '
                        f'lookups, but also through "{other.name}" ({other.type}), which turns the integers '
                        f'into numbers. Explain a tensor behind it, or use a perturbation method at the '
                        f'lookups: X=[tensor names]')
    return [_lookup(op, ops, ids, dependent) for op in found]


def all_lookups(target: tf.Tensor, inputs: Sequence[tf.Tensor]) -> list[list[Lookup]]:
    """The lookups of each tensor X, see `lookups`. Raises PathError where one of them reads what another X
    decides as well."""
    names = {x.name for x in inputs}
    found = [lookups(target, x, names - {x.name}) for x in inputs]
    for x, looks in zip(inputs, found):
        for look in looks:
            upstream = ancestors([look.point], {x.name})
            taken = {i.name for op in upstream for i in op.inputs} & (names - {x.name})
            if taken:
                raise PathError(f'the embedding "{look.point.name}" of X "{x.name}" depends on X '
                                + ', '.join(f'"{name}"' for name in sorted(taken))
                                + ' as well, so attributions there are not those of either. Explain one of '
                                  'them '
                                  'and give the others in feed_dict, or explain the embedding itself')
    return found


def _carried(ops: Sequence[tf.Operation], ids: tf.Tensor,
             dependent: set[str]) -> tuple[set[str], list[tf.Operation]]:
    """(names of the tensors that ids are computed into, not by comparison; the lookups that read rows of a
    table by them)."""
    carried, found, size = {ids.name}, {}, -1
    while size < len(carried):              # loops of TF1 have edges backwards
        size = len(carried)
        for op in ops:
            if op.type in SHAPE_ONLY or not any(i.name in carried for i in op.inputs):
                continue
            if op.type in GATHERS and op.outputs[0].dtype.is_floating and op.inputs[0].name not in dependent:
                found[op.name] = op
            elif not _compares(op):
                carried.update(o.name for o in op.outputs if not o.dtype.is_bool)
    return carried, list(found.values())


def _compares(op: tf.Operation) -> bool:
    """Whether an op is a sign of integers, as TF1 models count what is not padding."""
    return op.type == 'Sign' and op.outputs[0].dtype.is_integer


def _is_used_otherwise(target: tf.Tensor, carried: set[str], dependent: set[str], found: set[str]) -> bool:
    """Whether T depends on ids neither by lookups, whose outputs are `found`, nor by comparisons."""
    stack, seen = [target], {target.name}
    while stack:
        t = stack.pop()
        if t.name in carried:
            return True
        if t.name not in found and t.name in dependent and not t.dtype.is_bool and not _compares(t.op):
            stack += [i for i in t.op.inputs if i.name not in seen]
            seen.update(i.name for i in t.op.inputs)
    return False


def _lookup(op: tf.Operation, ops: Sequence[tf.Operation], ids: tf.Tensor, dependent: set[str]) -> Lookup:
    index, looked_up = _unwrapped(op.inputs[1], ids), op.outputs[0]
    axis = static_value(op.inputs[2]) if op.type == 'GatherV2' else 0
    batch_dims = op.get_attr('batch_dims') if op.type != 'Gather' else 0
    if looked_up.shape.rank is None or index.shape.rank is None or axis is None or int(axis) != batch_dims:
        raise PathError(f'the embedding lookup "{looked_up.name}" of X "{ids.name}" reads rows of a table '
                        f'along '
                        f'axis {"?" if axis is None else int(axis)}, for ids of rank {index.shape.rank}. '
                        f'Explain a tensor behind it whose first axis is the batch')
    way = [o for o in ancestors([index], {ids.name})
           if o.type not in SHAPE_ONLY and any(i.name in dependent for i in o.inputs)]
    is_in_order = all(o.type in _ELEMENTWISE | RESHAPES or _maps(o, dependent) for o in way)
    keeps_axes = is_in_order and index.shape.rank == ids.shape.rank \
        and not any(o.type in RESHAPES for o in way)
    widths = looked_up.shape.rank - index.shape.rank
    point, has_batch = (looked_up, True) if keeps_axes else point_of(op, ops, ids, widths)
    return Lookup(point, index, _size(op, int(axis)), widths, _is_direct(index, ids), is_in_order, has_batch)


def _maps(op: tf.Operation, dependent: set[str]) -> bool:
    """Whether an op reads integers out of a table by ids, one for each."""
    return op.type in GATHERS and op.inputs[0].name not in dependent and op.inputs[0].shape.rank == 1


def _size(op: tf.Operation, axis: int) -> int | None:
    """How many rows the table of a lookup has, if that is known."""
    shape = op.inputs[0].shape
    if op.type == 'ResourceGather':
        data = get_resource_handle_data(op.inputs[0])
        shape = tf.TensorShape(data.shape_and_type[0].shape if data is not None and data.shape_and_type
                               else None)
    return None if shape.rank is None else shape.as_list()[axis]


def _unwrapped(index: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """The rows that are read, before negative ones are wrapped as keras.ops.take does."""
    while index.name != ids.name:
        if index.op.type in _HANDS_ON:
            index = index.op.inputs[0]
        elif index.op.type in ('Select', 'SelectV2') and _wraps(*index.op.inputs):
            index = index.op.inputs[2]
        else:
            break
    return index


def _is_direct(index: tf.Tensor, ids: tf.Tensor) -> bool:
    """Whether the values of an index are those of ids."""
    while index.name != ids.name and index.op.type in _HANDS_ON | RESHAPES | {'Transpose'}:
        index = index.op.inputs[0]
    return index.name == ids.name


def _wraps(condition: tf.Tensor, wrapped: tf.Tensor, index: tf.Tensor) -> bool:
    """Whether this is where(index < 0, index + something, index), as keras.ops.take does."""
    return (condition.op.type == 'Less' and condition.op.inputs[0].name == index.name
            and wrapped.op.type in ('Add', 'AddV2')
            and wrapped.op.inputs[0].name == index.name)
