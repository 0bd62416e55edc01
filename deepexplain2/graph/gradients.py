"""What TensorFlow's gradients follow: which ops have a gradient, with respect to which inputs, and where
values of X are dropped."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from types import SimpleNamespace

import tensorflow as tf
from tensorflow.python.framework.ops import get_gradient_function

from .completed import COMPLETED
from .op_types import FUNCTION_CALLS, LIBRARY_SCOPE, SHAPE_ONLY

# Piecewise constant: a gradient function is registered, but it returns None or zeros.
OPS_WITHOUT_GRADIENT = {'Floor', 'Ceil', 'Round', 'Rint', 'FloorDiv', 'TruncateDiv', 'Sign'}
# Positions of inputs that the value of an op depends on and that TensorFlow's gradient does not follow.
# tests/graph/test_dropped_inputs.py calls all gradient functions.
INPUTS_WITHOUT_GRADIENT = {
    'Zeta': (0,), 'Polygamma': (0,), 'Betainc': (0, 1), 'MatrixSolveLs': (2,), 'NextAfter': (1,),
    'Range': (1,), 'ImageProjectiveTransformV2': (1,), 'ImageProjectiveTransformV3': (1, 3),
    'ScaleAndTranslate': (2, 3), 'QuantizeAndDequantizeV2': (1, 2), 'QuantizeAndDequantizeV3': (1, 2),
    'SparseMatrixAdd': (2, 3), 'SparseAdd': (6,), 'ReluGrad': (1,), 'Relu6Grad': (1,), 'LeakyReluGrad': (1,),
    'MaxPoolGrad': (0, 1), 'MaxPoolGradV2': (0, 1), 'MaxPoolGradGrad': (0, 1), 'MaxPool3DGrad': (0, 1),
    'MaxPool3DGradGrad': (0, 1)}
# Of these, the ops in which that input only chooses which entries of the other input pass, as the condition
# of a Select does: a derivative does not depend on it.
_CHOOSING = {'ReluGrad', 'Relu6Grad', 'LeakyReluGrad', 'MaxPoolGrad', 'MaxPoolGradV2', 'MaxPoolGradGrad',
             'MaxPool3DGrad', 'MaxPool3DGradGrad'}
_NORMALIZATIONS = {'FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'}
_INFERENCE_STATISTICS = (3, 4)          # inputs of a normalization for inference that no gradient follows
# Positions of outputs that no gradient comes back from.
OUTPUTS_WITHOUT_GRADIENT = {
    'LogMatrixDeterminant': (0,), 'CTCLoss': (1,), 'CTCLossV2': (1,),
    **dict.fromkeys(['BlockLSTM', 'BlockLSTMV2'], (0, 2, 3, 4, 5)), **dict.fromkeys(_NORMALIZATIONS, (1, 2))}
# casts between these types are differentiated, all others quantize
_CONTINUOUS = {tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.complex64, tf.complex128}
# The gradient type of ops that ask a rulebook. The suffix allows importing the module twice in a process.
RULE_GRADIENT = f'DeepExplain2Rule-{uuid.uuid4().hex}'
# Attributes of an IdentityN that keeps the gradient of a function (custom_gradients): the number of results,
# and of results and inputs together.
RESULTS_ATTR, KEPT_INPUTS_ATTR = '_deepexplain2_results', '_deepexplain2_inputs'


def can_carry(tensor: tf.Tensor) -> bool:
    """Whether a gradient can flow through a tensor: it holds numbers, or lists of numbers."""
    return tensor.dtype.is_floating or tensor.dtype.is_complex or tensor.dtype == tf.variant


def gradient_status(op: tf.Operation) -> str:
    """'known', 'none' (declared not differentiable), or 'unknown' to TensorFlow, which would fail."""
    if op.type in FUNCTION_CALLS:
        return 'known'
    if op.type in OPS_WITHOUT_GRADIENT or quantizes(op):
        return 'none'
    if op.type in COMPLETED:
        return 'known'
    try:
        return 'none' if get_gradient_function(op) is None else 'known'
    except LookupError:
        return 'unknown'


def inputs_with_gradient(op: tf.Operation) -> list[int]:
    """Positions of the inputs of `op` that a gradient flows back to, if they depend on X."""
    dropped: Collection[int] = ()
    if op.type in INPUTS_WITHOUT_GRADIENT and not has_override(op):
        dropped = INPUTS_WITHOUT_GRADIENT[op.type]
    elif op.type in _NORMALIZATIONS and not op.get_attr('is_training'):
        dropped = _INFERENCE_STATISTICS
    elif op.type == 'IdentityN' and has_override(op):
        # a function of tf.custom_gradient: its inputs are the results of the function, then the arguments
        attributes = op.node_def.attr
        if RESULTS_ATTR in attributes:
            return list(range(attributes[RESULTS_ATTR].i, attributes[KEPT_INPUTS_ATTR].i))
        # taken by the user's ops: what a gradient took before counts for nothing
        dropped = [k for k, o in enumerate(op.outputs)
                   if any(not c.name.startswith(LIBRARY_SCOPE) for c in o.consumers())] or [0]
    return [k for k in range(len(op.inputs)) if k not in dropped]


def outputs_with_gradient(op: tf.Operation, varying: Collection[int]) -> list[tf.Tensor]:
    """The outputs of `op` that a gradient flows back from to the inputs at the positions `varying`."""
    if op.type == 'IdentityN' and not _override(op):
        return [op.outputs[k] for k in varying]
    without = OUTPUTS_WITHOUT_GRADIENT.get(op.type, ())
    return [o for k, o in enumerate(op.outputs) if can_carry(o) and k not in without]


def drops_input(op: tf.Operation, varying: Collection[int], in_place: bool = False) -> bool:
    """Whether values of the inputs of `op` at the positions `varying` reach its outputs as numbers, but no
    gradient follows them. in_place: with TensorFlow's own gradients, without the completed ones."""
    numbers = [k for k in varying if can_carry(op.inputs[k])]
    if not numbers or op.type in SHAPE_ONLY or not any(map(can_carry, op.outputs)) or has_override(op):
        return False
    if gradient_status(op) == 'none' or any(op.outputs[k].consumers()
                                            for k in OUTPUTS_WITHOUT_GRADIENT.get(op.type, ())
                                            if k < len(op.outputs)):
        return True
    if in_place and op.type in COMPLETED:
        return not set(COMPLETED[op.type][1]).isdisjoint(numbers)
    followed = [k for k in numbers if k in inputs_with_gradient(op)]
    return len(followed) < len(numbers) and not (followed and op.type in _CHOOSING)


def quantizes(op: tf.Operation) -> bool:
    """Whether `op` is a cast that TensorFlow does not differentiate: from or to integers, booleans and floats
    of eight bits."""
    return op.type == 'Cast' and not {op.inputs[0].dtype.base_dtype,
                                      op.outputs[0].dtype.base_dtype} <= _CONTINUOUS


def has_override(op: tf.Operation) -> bool:
    """Whether `op` has a gradient other than that of its type, given by anybody but this library."""
    return _override(op) not in ('', RULE_GRADIENT) and op.type not in FUNCTION_CALLS


def is_custom_gradient(op: tf.Operation) -> bool:
    """Whether `op` wraps a function of tf.custom_gradient."""
    return op.type == 'IdentityN' and _override(op).startswith('CustomGradient-')


def _override(op: tf.Operation) -> str:
    """The gradient type that `op` is marked with, or ''."""
    try:
        return op.get_attr('_gradient_op_type').decode()
    except ValueError:
        return ''


def registered_gradient(op: tf.Operation) -> Callable:
    """The gradient function of the type of `op`, whatever gradient `op` is marked with; with respect to all
    inputs, where TensorFlow leaves some out."""
    registered = _gradient_of_type(op.type)
    if op.type in COMPLETED:
        return lambda op, g: COMPLETED[op.type][0](op, registered, tf.convert_to_tensor(g))
    return registered


def is_differentiable(op_type: str) -> bool:
    """Whether ops of a type have a gradient that is not 0 everywhere."""
    try:
        return op_type not in OPS_WITHOUT_GRADIENT and _gradient_of_type(op_type) is not None
    except LookupError:
        return False


def _gradient_of_type(op_type: str) -> Callable:
    """The gradient function registered for a type, None if it is declared not differentiable; LookupError for
    types that TensorFlow does not know."""
    def no_override(name):
        raise ValueError(name)
    return get_gradient_function(SimpleNamespace(type=op_type, inputs=[None], _gradient_function=None,
                                                 get_attr=no_override))
