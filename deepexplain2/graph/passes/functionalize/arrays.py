"""TensorArrays of TF1 as TensorLists."""

from __future__ import annotations

from functools import cached_property

import tensorflow as tf

from .contexts import ARRAY_READS, ARRAY_WRITES, PASSING, Contexts, refused

# The shape of an element as the ops show it that write or read elements.
_ELEMENT_SHAPES = {'TensorArrayWriteV3': lambda op: op.inputs[2].shape,
                   'TensorArrayScatterV3': lambda op: op.inputs[2].shape[1:],
                   'TensorArrayReadV3': lambda op: op.outputs[0].shape}


class Arrays:
    """Builds the counterparts of ops on TensorArrays."""

    def __init__(self, contexts: Contexts):
        self._contexts = contexts

    def build(self, op: tf.Operation, inputs: list[tf.Tensor]) -> list[tf.Tensor]:
        """The outputs of the counterpart of `op`. inputs: counterparts of its inputs, the list for a flow."""
        raw, dtype, shape = tf.raw_ops, *self._elements(_array_of(op))
        if op.type == 'TensorArrayV3':
            made = raw.TensorListReserve(element_shape=shape, num_elements=inputs[0], element_dtype=dtype)
            return [made, made]
        flow = inputs[-1]
        if op.type == 'TensorArrayWriteV3':
            grows = _array_of(op).get_attr('dynamic_size')
            return [raw.TensorListSetItem(input_handle=flow, index=inputs[1], item=inputs[2],
                                          **{'resize_if_index_out_of_bounds': True} if grows else {})]
        if op.type == 'TensorArrayScatterV3':
            return [raw.TensorListScatterIntoExistingList(input_handle=flow, tensor=inputs[2],
                                                          indices=inputs[1])]
        if op.type == 'TensorArraySplitV3':
            return [raw.TensorListSplit(tensor=inputs[1], element_shape=shape, lengths=inputs[2])]
        if op.type == 'TensorArraySizeV3':
            return [raw.TensorListLength(input_handle=flow)]
        if op.type == 'TensorArrayConcatV3':
            return list(raw.TensorListConcatV2(
                input_handle=flow, element_shape=_shape_tensor(op.outputs[0].shape), element_dtype=dtype,
                leading_dims=tf.constant([], tf.int64)))
        if op.type == 'TensorArrayGatherV3':
            return [raw.TensorListGather(input_handle=flow, indices=inputs[1], element_dtype=dtype,
                                         element_shape=_shape_tensor(op.outputs[0].shape[1:]))]
        return [raw.TensorListGetItem(input_handle=flow, index=inputs[1], element_dtype=dtype,
                                      element_shape=_shape_tensor(op.outputs[0].shape))]

    def _elements(self, array: tf.Operation) -> tuple[tf.DType, tf.Tensor]:
        """(dtype, shape) of the elements of an array. If all elements have the same shape, what is written
        and read tells more about it."""
        shape = tf.TensorShape(array.get_attr('element_shape'))
        if array.get_attr('identical_element_shapes'):
            users = self._users.get(array.name, ())
            for seen in [_ELEMENT_SHAPES[op.type](op) for op in users if op.type in _ELEMENT_SHAPES]:
                if shape.is_compatible_with(seen):
                    shape = shape.merge_with(seen)
        return array.get_attr('dtype'), _shape_tensor(shape)

    @cached_property
    def _users(self) -> dict[str, list[tf.Operation]]:
        """The ops that write or read each array, by its name."""
        users: dict[str, list[tf.Operation]] = {}
        for op in self._contexts.ops:
            if op.type in ARRAY_READS | ARRAY_WRITES:
                users.setdefault(_array_of(op).name, []).append(op)
        return users


def _array_of(op: tf.Operation) -> tf.Operation:
    """The op that made the array that `op` works on."""
    array = op
    while array.type != 'TensorArrayV3':
        if array is not op and array.type not in PASSING:
            raise refused(op, f'on an array made by "{array.name}" ({array.type})')
        array = array.inputs[0].op
    return array


def _shape_tensor(shape: tf.TensorShape) -> tf.Tensor:
    """A shape as list ops take it: -1 for what is not known."""
    return tf.constant(-1 if shape.rank is None else [-1 if d is None else d for d in shape.as_list()],
                       tf.int32)
