"""The embedding lookups that integer inputs go through."""

from __future__ import annotations

import tensorflow as tf
from tensorflow.python.ops.handle_data_util import get_resource_handle_data

from ..errors import PathError
from .copies import static_value
from .op_types import SHAPE_ONLY
from .walks import ancestors, descendants

_HANDS_ON = {'Identity', 'Cast', 'Reshape', 'ExpandDims', 'Squeeze', 'Transpose', 'Snapshot', 'StopGradient',
             'PreventGradient'}
GATHERS = {'Gather', 'GatherV2', 'ResourceGather'}


def vocabulary(lookup: tf.Tensor, ids: tf.Tensor) -> int | None:
    """The number of ids that a lookup has rows for, if `ids` reach it as they are or with the negative ids
    wrapped as in Keras; else None."""
    op = lookup.op
    table = op.inputs[0]
    axis = static_value(op.inputs[2]) if op.type == 'GatherV2' else 0
    index = op.inputs[1]
    while index.name != ids.name:
        if index.op.type in _HANDS_ON:
            index = index.op.inputs[0]
        elif index.op.type in ('Select', 'SelectV2') and _wraps(*index.op.inputs):
            index = index.op.inputs[2]
        else:
            return None
    shape = table.shape
    if op.type == 'ResourceGather':
        data = get_resource_handle_data(table)
        shape = tf.TensorShape(data.shape_and_type[0].shape if data is not None and data.shape_and_type
                               else None)
    if shape.rank is None or axis is None or (op.type != 'GatherV2' and axis != 0):
        return None
    return shape.as_list()[int(axis)]


def _wraps(condition: tf.Tensor, wrapped: tf.Tensor, index: tf.Tensor) -> bool:
    """Whether this is where(index < 0, index + something, index), as keras.ops.take does."""
    return (condition.op.type == 'Less' and condition.op.inputs[0].name == index.name
            and wrapped.op.type in ('Add', 'AddV2')
            and wrapped.op.inputs[0].name == index.name)


def lookups(target: tf.Tensor, ids: tf.Tensor) -> list[tf.Tensor]:
    """The outputs of the embedding lookups through which T depends on `ids`; empty if there is none.

    `ids` are integers, or floats that are cast to integers first, as in a Keras input without a dtype.
    Comparisons of ids (masks) keep their values at the ids. Raises PathError if T depends on integers in
    another way too, which attributions at the lookups would not show; floats that are also used as numbers
    are not ids.
    """
    if not ids.dtype.is_integer and not any(c.type == 'Cast' and c.outputs[0].dtype.is_integer
                                            for c in ids.consumers()):
        return []
    ops = ancestors([target], {ids.name})
    integers = descendants(ops, {ids.name}, GATHERS | SHAPE_ONLY)
    found = [op.outputs[0] for op in ops
             if op.type in GATHERS and op.outputs[0].dtype.is_floating and op.inputs[1].name in integers
             and op.inputs[0].name not in integers]
    if not found:
        return []
    direct = {ids.name}
    for op in ops:
        if op.type in GATHERS or op.type in SHAPE_ONLY or not any(i.name in direct for i in op.inputs):
            continue
        if any(o.dtype.is_floating for o in op.outputs):
            if not ids.dtype.is_integer:
                return []
            raise PathError(f'T "{target.name}" depends on X "{ids.name}" not only through embedding '
                            f'lookups, but also through "{op.name}" ({op.type}), which turns the integers '
                            f'into numbers. Explain a tensor behind it, or use a perturbation method at the '
                            f'lookups: X=[tensor names]')
        direct.update(o.name for o in op.outputs if not o.dtype.is_bool)
    return found
