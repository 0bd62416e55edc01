"""The ops between X and T, and what can be said of them without running anything."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.ops import get_gradient_function

from ..errors import PathError
from ..tensors import batch_of, sizes
from .completed import COMPLETED

# differentiated by TensorFlow without a registered gradient
FUNCTION_CALLS = {'PartitionedCall', 'StatefulPartitionedCall'}
# Piecewise constant: a gradient is registered, but the function returns None or zeros.
NEVER_A_GRADIENT = {'Floor', 'Ceil', 'Round', 'Rint', 'FloorDiv', 'TruncateDiv', 'Sign'}
# Positions of inputs that the value of an op depends on and TensorFlow's gradient does not follow.
# tests/test_lost_gradients.py calls all gradients.
WITHOUT_A_GRADIENT = {
    'Zeta': (0,), 'Polygamma': (0,), 'Betainc': (0, 1), 'MatrixSolveLs': (2,),
                      'ImageProjectiveTransformV2': (1,),
    'ImageProjectiveTransformV3': (1, 3), 'ScaleAndTranslate': (2, 3), 'QuantizeAndDequantizeV2': (1, 2),
                      'QuantizeAndDequantizeV3': (1, 2),
    'SparseMatrixAdd': (2, 3), 'SparseAdd': (6,), 'NextAfter': (1,), 'Range': (1,),
    'ReluGrad': (1,), 'Relu6Grad': (1,), 'LeakyReluGrad': (1,), 'MaxPoolGrad': (0, 1),
                      'MaxPoolGradV2': (0, 1), 'MaxPoolGradGrad': (0, 1),
    'MaxPool3DGrad': (0, 1), 'MaxPool3DGradGrad': (0, 1)}
# Those of them that only choose which entries of the other input pass, as the condition of a Select does: a
# derivative does not see them.
CHOOSING = {'ReluGrad', 'Relu6Grad', 'LeakyReluGrad', 'MaxPoolGrad', 'MaxPoolGradV2', 'MaxPoolGradGrad',
            'MaxPool3DGrad', 'MaxPool3DGradGrad'}
NORMALIZATIONS = {'FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'}
GIVEN_STATISTICS = (3, 4)               # of a normalization for inference: the same
# Positions of outputs that the gradient does not come back from.
OUTPUTS_WITHOUT = {'LogMatrixDeterminant': (0,), 'CTCLoss': (1,), 'CTCLossV2': (1,)} | dict.fromkeys(
    ['BlockLSTM', 'BlockLSTMV2'], (0, 2, 3, 4, 5)) | dict.fromkeys(NORMALIZATIONS, (1, 2))
CASTS = {tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.complex64, tf.complex128}      # others quantize
# No value of the input reaches the output; the last three tell finite values from others, which are errors
# wherever they appear.
SHAPE_ONLY = {'Shape', 'ShapeN', 'Size', 'Rank', 'ZerosLike', 'OnesLike', 'TensorListLength',
              'TensorListElementShape', 'IsFinite', 'IsInf',
              'IsNan'}
# the mark of an op that asks a rulebook; its end lets the module be imported twice
RULED = f'DeepExplain2Rule-{uuid.uuid4().hex}'
# of an IdentityN with a kept gradient: how many (custom_gradients)
RESULTS, KEPT_INPUTS = '_deepexplain2_results', '_deepexplain2_inputs'
SMALL = 64           # entries of a constant that may be a size, an axis or a shape; larger ones are weights
PLACEHOLDERS = {'Placeholder', 'PlaceholderV2'}
ROWS = 7919, 7907       # primes: an axis that has as many as are asked for is the batch
OURS = 'deepexplain2/'               # how the names of ops begin that the library adds to a graph
V1_CONTROL_FLOW = {'Enter', 'Exit', 'Switch', 'Merge', 'NextIteration', 'LoopCond',
                   'RefEnter', 'RefExit', 'RefSwitch', 'RefMerge', 'RefNextIteration'}
RANDOM = ('Random', 'TruncatedNormal', 'ParameterizedTruncatedNormal', 'StatelessRandom',
          'StatelessTruncatedNormal', 'StatelessParameterized',
          'StatelessMultinomial', 'StatelessShuffle', 'StatefulUniform', 'StatefulStandardNormal',
          'StatefulTruncatedNormal', 'StatefulRandom',
          'Multinomial')
SEEDS = ('StatelessRandomGet',)             # of random ops, draw nothing themselves


class Path:
    """The part of a graph that leads from the tensors X to the tensor T.

    ops: the ops that depend on X and that T depends on, inputs before users.
    sources: the tensors that enter the path without depending on X (weights, constants, other inputs),
        without X.

    held: tensors between X and T that stay as they are at x, whatever X is: T depends on X otherwise. They
        are sources.
    label: from names in this graph to the names that the user knows.

    Raises PathError when T does not depend on the values of one of X.
    """

    def __init__(self, target: tf.Tensor, inputs: Sequence[tf.Tensor], label: Callable[[str], str] = str,
                 held: Sequence[tf.Tensor] = ()):
        self.target, self.inputs, self._label, self.held = target, list(inputs), label, list(held)
        cut = {x.name for x in inputs}
        ends = cut | {t.name for t in held}
        before = ancestors([target], ends)
        dependent = reached(before, ends, set())
        self._varying = reached(before, cut, SHAPE_ONLY)
        # An output of X's own op that is not X stays outside, unless the op hangs on another X.
        self.ops = [op for op in before if any(i.name in dependent for i in op.inputs)]
        names = {op.name for op in self.ops}
        self.sources = list({i.name: i for op in self.ops for i in op.inputs
                             if i.op.name not in names and i.name not in cut}.values())
        used = {i.name for op in self.ops for i in op.inputs} | {target.name}
        for x in inputs:
            if x.name not in used or target.name not in self._varying:
                swapped = target.op in ancestors([x], set())
                raise PathError(f'T {self.name(target)} does not depend on X {self.name(x)}' + (
                    ', but X on T. The order is: method, T, X, xs' if swapped else '. Choose an X on the way '
                                                                                   'to T'))

    def name(self, thing: tf.Tensor | tf.Operation) -> str:
        """What a message calls a tensor, or an op with its type."""
        label = self._label(thing.name)
        return f'"{label}" ({thing.type})' if isinstance(thing, tf.Operation) else f'"{label}"'

    def varies(self, tensor: tf.Tensor) -> bool:
        """Whether `tensor` changes with the values of X, not only with its shape."""
        return tensor.name in self._varying

    def varying_inputs(self, op: tf.Operation) -> list[int]:
        """Positions of the inputs of `op` that vary."""
        return [k for k, i in enumerate(op.inputs) if self.varies(i)]

    @cached_property
    def given(self) -> set[str]:
        """Names of the tensors that the sources are computed from."""
        return {o.name for op in ancestors(self.sources, {x.name for x in self.inputs}) for o in op.outputs}

    @cached_property
    def row_bytes(self) -> int:
        """Bytes of the widest tensor on the path, per row; open axes other than the first count 1."""
        tensors = self.inputs + [o for op in self.ops for o in op.outputs if o.dtype.is_floating]
        return max(row_size(t) * t.dtype.size for t in tensors)

    @cached_property
    def row_total(self) -> int:
        """Bytes of all tensors on the path, per row, as a gradient keeps them; open axes other than the first
        count 1."""
        return sum(row_size(t) * t.dtype.size for t in self.inputs + [o for op in self.ops
                                                                      for o in op.outputs if o.dtype.is_floating])

    @cached_property
    def may_fix_rows(self) -> bool:
        """Whether an array with rows of its own may be joined to a tensor whose batch is open (T * ys and the
        like): some first axis is closed on the way, or is out of sight in a function."""
        def closed(tensor):
            return batch_of(tensor) not in (None, 1)
        return any(op.type in FUNCTION_CALLS or (any(map(closed, op.outputs))
                                                 and any(self.varies(i) and i.shape.rank != 0
                                                         and batch_of(i) is None
                                                                                      for i in op.inputs)) for op in self.ops)

    @cached_property
    def followed(self) -> set[str]:
        """Names of the ops on the way back from T, not into functions with a gradient of their own."""
        wanted, found = {self.target.name}, set()
        for op in reversed(self.ops):
            if any(o.name in wanted for o in op.outputs):
                found.add(op.name)
                ways = ways_back(op) if op.type == 'IdentityN' else range(len(op.inputs))
                wanted.update(op.inputs[k].name for k in ways)
        return found

    def check_differentiable(self, ruled: Callable[[tf.Operation], bool] = lambda op: False) -> None:
        """Raise PathError, before any op is added, where a gradient of T by X would fail or be missing.
        ruled: which ops have a rule in its place."""
        for x in self.inputs:
            if not x.dtype.is_floating:
                raise PathError(f'X {self.name(x)} has dtype {x.dtype.name}: it cannot carry a gradient. For '
                                f'token ids, explain the '
                                'output of the embedding lookup: pass that tensor as X and its values as xs')
            carries, breaks = {x.name}, []
            for op in self.ops:
                taken = [k for k, i in enumerate(op.inputs) if i.name in carries]
                ways = [k for k in taken if k in ways_back(op)]
                outputs = [o for k, o in enumerate(op.outputs) if can_carry(o)
                           and k not in OUTPUTS_WITHOUT.get(op.type, ())]
                if op.type == 'IdentityN' and not _override(op):
                    outputs = [op.outputs[k] for k in taken]
                if ways and outputs and (gradient_of(op) != 'none' or ruled(op)):
                    carries.update(o.name for o in outputs)
                elif taken and op.type not in SHAPE_ONLY:
                    breaks.append(self.name(op))
            if self.target.name not in carries:
                raise PathError(f'T {self.name(self.target)} depends on X {self.name(x)} only through ops '
                                f'without a gradient: '
                                f'{", ".join(breaks[:5])}. Choose a T before them or an X behind them')
            wanted = {self.target.name}
            for op in reversed(self.ops):
                if any(o.name in wanted for o in op.outputs):
                    if gradient_of(op) == 'unknown':
                        raise PathError(f'op {self.name(op)} between X and T has no gradient in TensorFlow. '
                                        f'Choose a T before it or '
                                        'an X behind it, or use a perturbation method (occlusion, '
                                        'shapley_sampling)')
                    wanted.update(op.inputs[k].name for k in ways_back(op) if op.inputs[k].name in carries)


def ways_back(op: tf.Operation) -> list[int]:
    """Positions of the inputs of `op` that a gradient goes back to, should they depend on X."""
    dropped: Collection[int] = ()
    if op.type in WITHOUT_A_GRADIENT and not has_override(op):
        dropped = WITHOUT_A_GRADIENT[op.type]
    elif op.type in NORMALIZATIONS and not op.get_attr('is_training'):
        dropped = GIVEN_STATISTICS
    elif op.type == 'IdentityN' and has_override(op):
        # results, then arguments, of a function with a gradient of its own
        attributes = op.node_def.attr
        if RESULTS in attributes:
            return list(range(attributes[RESULTS].i, attributes[KEPT_INPUTS].i))
        dropped = [k for k, o in enumerate(op.outputs) if o.consumers()] or [0]
    return [k for k in range(len(op.inputs)) if k not in dropped]


def loses(op: tf.Operation, varying: Collection[int], in_place: bool = False) -> bool:
    """Whether `op` hands on values of its varying inputs, as numbers, that no gradient follows. in_place: by
    TensorFlow's own gradients."""
    numbers = [k for k in varying if can_carry(op.inputs[k])]
    if not numbers or op.type in SHAPE_ONLY or not any(map(can_carry, op.outputs)) or has_override(op):
        return False
    if gradient_of(op) == 'none' or any(op.outputs[k].consumers() for k in OUTPUTS_WITHOUT.get(op.type, ())
                                        if k < len(op.outputs)):
        return True
    if in_place and op.type in COMPLETED:
        return not set(COMPLETED[op.type][1]).isdisjoint(numbers)
    followed = [k for k in numbers if k in ways_back(op)]
    return len(followed) < len(numbers) and not (followed and op.type in CHOOSING)


def quantizes(op: tf.Operation) -> bool:
    """Whether `op` is a cast that TensorFlow does not differentiate: to or from integers, booleans and floats
    of eight bits."""
    return op.type == 'Cast' and not {op.inputs[0].dtype.base_dtype, op.outputs[0].dtype.base_dtype} <= CASTS


def gradient_of(op: tf.Operation) -> str:
    """'known', 'none' (declared not differentiable), or 'unknown' to TensorFlow, which would fail."""
    if op.type in FUNCTION_CALLS:
        return 'known'
    if op.type in NEVER_A_GRADIENT or quantizes(op):
        return 'none'
    if op.type in COMPLETED:
        return 'known'
    try:
        return 'none' if get_gradient_function(op) is None else 'known'
    except LookupError:
        return 'unknown'


def is_custom_gradient(op: tf.Operation) -> bool:
    """Whether `op` wraps a function of tf.custom_gradient."""
    return op.type == 'IdentityN' and _override(op).startswith('CustomGradient-')


def has_override(op: tf.Operation) -> bool:
    """Whether somebody gave `op` a gradient other than that of its type."""
    return _override(op) not in ('', RULED) and op.type not in FUNCTION_CALLS


def own_gradient(op: tf.Operation) -> Callable:
    """The gradient function of the type of `op`, whatever override it carries; by all inputs where TensorFlow
    leaves some out."""
    own = gradient_of_type(op.type)
    if op.type in COMPLETED:
        return lambda op, g: COMPLETED[op.type][0](op, own, tf.convert_to_tensor(g))
    return own


def gradient_of_type(op_type: str) -> Callable:
    """The gradient function registered for a type, None where it is declared not differentiable. LookupError
    for unknown ones."""
    def no_override(name):
        raise ValueError(name)
    return get_gradient_function(SimpleNamespace(type=op_type, inputs=[None], _gradient_function=None,
                                                 get_attr=no_override))


def is_differentiable(op_type: str) -> bool:
    try:
        return op_type not in NEVER_A_GRADIENT and gradient_of_type(op_type) is not None
    except LookupError:
        return False


def placeholders(tensors: Iterable[tf.Tensor], cut: Iterable[tf.Tensor]) -> list[tf.Tensor]:
    """The placeholders that must be fed to compute `tensors`, control dependencies included, when those in
    `cut` are fed."""
    ops = ancestors(tensors, {t.name for t in cut}, control=True)
    return [op.outputs[0] for op in ops if op.type in PLACEHOLDERS]


def learning_phases(tensors: Iterable[tf.Tensor], cut: Iterable[tf.Tensor]) -> list[tf.Tensor]:
    """Keras learning-phase placeholders that `tensors` depend on."""
    return [op.outputs[0] for op in ancestors(tensors, {t.name for t in cut}, control=True)
            if op.type in ('Placeholder', 'PlaceholderWithDefault') and 'keras_learning_phase' in op.name]


def split_weights(target: tf.Tensor, inputs: Sequence[tf.Tensor]) -> tuple[tf.Tensor, np.ndarray | None]:
    """(T, ys) for a target written `T * ys` with a constant ys, else (target, None).

    The constant keeps the number of rows that it was written with: T itself takes any number of rows, and is
    the same tensor, already compiled, the next time it is multiplied.
    """
    weights: np.ndarray | None = None
    names = {x.name for x in inputs}
    while target.op.type == 'Mul' and target.name not in names and not has_override(target.op):
        a, b = target.op.inputs
        factor, constant = (b, a) if a.op.type == 'Const' else (a, b)
        if constant.op.type != 'Const' or factor.op.type == 'Const' or not _only_weighs(factor.shape,
                                                                                        constant.shape):
            break
        value = constant_value(constant)
        weights = value if weights is None else weights * value
        target = factor
    return target, weights


def own_placeholders(graph: tf.Graph) -> list[tf.Tensor]:
    """The placeholders of a graph, without those that the library added."""
    return [op.outputs[0] for op in graph.get_operations() if op.type == 'Placeholder'
            and not op.name.startswith(OURS)]


def explainable(graph: tf.Graph, inputs: Sequence[tf.Tensor] | None = None) -> list[tf.Tensor]:
    """Floating tensors that depend on the inputs (default: the placeholders), and the inputs; not the
    library's own."""
    ops = [op for op in graph.get_operations() if not op.name.startswith(OURS)]
    if inputs is None:
        inputs = own_placeholders(graph)
    names = {x.name for x in inputs}
    found = reached(ops, names, SHAPE_ONLY)
    return [o for op in ops for o in op.outputs if o.name in names or (o.name in found
                                                                       and o.dtype.is_floating)]


def constant_value(tensor: tf.Tensor) -> np.ndarray:
    """The value of a Const. (tf.get_static_value would forbid to feed the tensor, for ever.)"""
    return tf.make_ndarray(tensor.op.get_attr('value'))


def static_value(tensor: tf.Tensor) -> np.ndarray | None:
    """The value of a small integer or boolean tensor that is computed from constants alone, or None."""
    ops = ancestors([tensor], set())
    if len(ops) > 64 or any(map(can_change, ops)):
        return None
    with tf.Graph().as_default():
        copy, = tf.graph_util.import_graph_def(detached(ops), name='', return_elements=[tensor.name])
        return tf.get_static_value(copy)


def detached(ops: Iterable[tf.Operation]) -> tf.compat.v1.GraphDef:
    """Ops as nodes that point nowhere else: without control inputs, colocation and gradients of their own."""
    graph_def = tf.compat.v1.GraphDef(node=[op.node_def for op in ops])
    for node in graph_def.node:
        node.attr.pop('_class', None)
        node.attr.pop('_gradient_op_type', None)
        node.input[:] = [i for i in node.input if not i.startswith('^')]
    return graph_def


def stand_in(tensor: tf.Tensor, name: str) -> tf.Tensor:
    """What a tensor from outside the path is in a graph of the library's own: a small constant itself,
    anything else a placeholder.

    Constants matter to the gradient functions: axes and shapes decide which ops they build.
    """
    if tensor.shape.is_fully_defined() and tensor.shape.num_elements() <= SMALL:
        value = None
        if tensor.op.type == 'Const':
            value = constant_value(tensor)
        elif tensor.dtype.is_integer or tensor.dtype.is_bool:
            value = static_value(tensor)
        if value is not None:
            return tf.constant(value, tensor.dtype, tensor.shape, name)
    # with its handle: the type and shape of the variable
    if tensor.dtype == tf.resource and tensor.op.type == 'VarHandleOp':
        graph_def = tf.compat.v1.GraphDef(node=[tensor.op.node_def])
        graph_def.node[0].name = name
        graph_def.node[0].attr.pop('_class', None)
        return tf.graph_util.import_graph_def(graph_def, name='', return_elements=[f'{name}:0'])[0]
    return tf.compat.v1.placeholder(tensor.dtype.base_dtype, tensor.shape, name)


def _only_weighs(factor: tf.TensorShape, constant: tf.TensorShape) -> bool:
    """Whether multiplying by the constant leaves the shape of the factor, its open batch axis aside."""
    if factor.rank is None or constant.rank > factor.rank:
        return False
    axes = list(zip(reversed(factor.as_list()), reversed(constant.as_list())))
    return all(c == 1 or c == f or (k == factor.rank - 1 and f is None) for k, (f, c) in enumerate(axes))


def ancestors(tensors: Iterable[tf.Tensor], cut: set[str], control: bool = False) -> list[tf.Operation]:
    """Ops that `tensors` are computed from, inputs before users, not looking behind the tensors in `cut`.
    control: also what they wait for; where that is a placeholder in `cut`, TensorFlow does not run it, but
        any other op it does, though its output is fed."""
    order: list[tf.Operation] = []
    seen: set[str] = set()
    stack = [(t.op, False) for t in tensors if t.name not in cut]
    while stack:
        op, done = stack.pop()
        if done:
            order.append(op)
        elif op.name not in seen:
            seen.add(op.name)
            stack.append((op, True))
            stack += [(i.op, False) for i in op.inputs if i.name not in cut and i.op.name not in seen]
            if control:
                stack += [(c, False) for c in op.control_inputs if c.name not in seen
                          and not (c.type in PLACEHOLDERS and c.outputs[0].name in cut)]
    return order


def reached(ops: Sequence[tf.Operation], start: set[str], barriers: set[str]) -> set[str]:
    """Names of the tensors that are computed from those in `start`, not through ops of a type in `barriers`;
    ops inputs first."""
    found, size = set(start), -1
    while size < len(found):                # twice, but for the back edges of TF1 loops
        size = len(found)
        for op in ops:
            if op.type not in barriers and any(i.name in found for i in op.inputs):
                found.update(o.name for o in op.outputs)
    return found


def can_carry(tensor: tf.Tensor) -> bool:
    """Whether a gradient can flow through a tensor: numbers, or lists of them."""
    return tensor.dtype.is_floating or tensor.dtype.is_complex or tensor.dtype == tf.variant


def _override(op: tf.Operation) -> str:
    try:
        return op.get_attr('_gradient_op_type').decode()
    except ValueError:
        return ''


def is_random(op: tf.Operation) -> bool:
    return op.type.startswith(RANDOM)


def random_ops(tensors: Iterable[tf.Tensor], cut: Iterable[tf.Tensor]) -> list[tuple[str, str]]:
    """(name, type) of the ops that draw random numbers for `tensors`, in the functions that they call too,
    when those in `cut` are fed."""
    ops = ancestors(tensors, {t.name for t in cut})
    functions = function_library(ops[0].graph) if any(map(called_functions, (op.node_def for op in ops
                                                                             if op.type != 'Const'))) else {}
    found: dict[str, str] = {}
    seen: set[str] = set()

    def look(nodes, prefix):
        for node in nodes:
            if node.op.startswith(RANDOM) and not node.op.startswith(SEEDS):
                found[prefix + node.name] = node.op
            for name in called_functions(node):
                if name in functions and name not in seen:
                    seen.add(name)
                    look(functions[name].node_def, f'{prefix}{node.name}/')
    look((op.node_def for op in ops if op.type != 'Const'), '')
    return list(found.items())


def called_functions(node: tf.compat.v1.NodeDef) -> list[str]:
    return [f.name for a in node.attr.values() for f in ([a.func] if a.HasField('func') else a.list.func)]


def function_library(graph: tf.Graph) -> dict[str, Any]:
    """The functions of a graph by name, without its nodes."""
    graph_def = tf.compat.v1.GraphDef()
    try:
        graph._copy_functions_to_graph_def(graph_def, 0)
    except tf.errors.OpError:           # functions of TF1, whose names the process has already
        graph_def = graph.as_graph_def()
    return {f.signature.name: f for f in graph_def.library.function}


def can_change(op: tf.Operation) -> bool:
    """Whether a feed, a variable or another state can change what an op gives from run to run."""
    return op.op_def.is_stateful or op.type.startswith('Placeholder')


def row_size(tensor: tf.Tensor) -> int:
    """Numbers per row; open axes other than the first count 1."""
    return int(np.prod([d or 1 for d in sizes(tensor)[1:]], dtype=np.int64))
