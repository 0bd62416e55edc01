"""Nodes as one function that XLA compiles when it is first run with a new number of rows.

XLA fuses elementwise ops and makes one machine loop of a While. It needs every size and the length of every
list as a constant, so constants that enter are taken inside the function. Its kernels raise no errors: an
index out of range reads another entry. They draw other random numbers, and a size that changes from one
iteration to the next is taken for constant, or fails. Paths where that could matter are refused here; what is
not foreseen is seen in the first run, which is compared with TensorFlow's own kernels (engine/xla_check.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager

import tensorflow as tf
from tensorflow.python.ops.control_flow_ops import XLAControlFlowContext

from ..errors import PathError
from .constants import SMALL_CONSTANT
from .copies import detached
from .function_bodies import Body
from .op_types import CONTAINERS, PYTHON_FUNCTIONS, SHAPE_ONLY, can_change, is_random
from .path import Path
from .walks import ancestors, descendants

INDEXED = ('Gather', 'ResourceGather', 'Scatter', 'TensorScatter', 'Slice', 'StridedSlice', 'DynamicStitch',
           'ParallelDynamicStitch', 'Segment',
           'UnsortedSegment', 'SparseToDense', 'ReverseSequence')
# Positions of the inputs that are sizes or places, which XLA wants as constants; those of StridedSlice are
# looked at one by one.
SIZES = {'Slice': [2], 'Range': [0, 1, 2], 'Fill': [0], 'Reshape': [1], 'Tile': [1], 'Pad': [1], 'PadV2': [1],
         'MirrorPad': [1], 'BroadcastTo': [1],
         'OneHot': [1], 'Split': [0], 'SplitV': [1, 2], 'LinSpace': [2], 'ConcatV2': [-1], 'Concat': [0],
         'MatrixDiagV2': [1, 2, 3],
         'MatrixDiagV3': [1, 2, 3], 'Sum': [1], 'Mean': [1], 'Max': [1], 'Min': [1], 'Prod': [1],
         'Cumsum': [1], 'Cumprod': [1], 'Transpose': [1],
         'ExpandDims': [1], 'ReverseV2': [1], 'ScatterNd': [2], 'TopKV2': [1], 'StatelessRandomUniform': [0],
         'ResizeBilinear': [1],
         'ResizeNearestNeighbor': [1]}
# Ops whose values decide on the size of what they give.
SIZED_BY_VALUES = {'Where', 'Unique', 'UniqueV2', 'UniqueWithCounts', 'UniqueWithCountsV2', 'ListDiff',
                   'DynamicPartition', 'Bincount',
                   'DenseBincount'}
DIVISIONS = {'RealDiv', 'Div', 'DivNoNan', 'Xdivy'}


@contextmanager
def differentiating():
    """While gradients are built that XLA is to compile: those of loops need the sizes of their lists
    beforehand."""
    context = XLAControlFlowContext()
    context.Enter()
    try:
        yield
    finally:
        context.Exit()


def place(nodes: tf.compat.v1.GraphDef, substitutes: Mapping[str, tf.Tensor], wanted: Sequence[str],
          name: str) -> list[tf.Tensor]:
    """The `wanted` tensors of these nodes in the default graph, from one op that XLA compiles. substitutes:
    name of a tensor of the nodes -> tensor of the default graph in its place."""
    for group in [nodes.node, *(f.node_def for f in nodes.library.function)]:
        for node in group:
            # XLA knows While and If, not what they are lowered to
            node.attr.pop('_lower_using_switch_merge', None)
        _keep_divisions(group, '' if group is nodes.node else ':output:0')
    fixed = {n: t for n, t in substitutes.items() if _is_small_constant(t)}
    constants = detached(ancestors(fixed.values(), set()))
    handed = {n: t for n, t in substitutes.items() if n not in fixed}

    def deepexplain2_compiled(*values):
        inside = tf.graph_util.import_graph_def(constants, name='constants',
                                                return_elements=[
                                                    t.name for t in fixed.values()]) if fixed else []
        return tf.graph_util.import_graph_def(nodes, name='', input_map={**dict(zip(handed, values)),
                                                                         **dict(zip(fixed, inside))},
                                              return_elements=list(wanted))
    with tf.name_scope(name):
        # traced before it is called: tf.config.run_functions_eagerly would have its ops here, not compiled
        function = tf.function(deepexplain2_compiled, jit_compile=True,
                               autograph=False).get_concrete_function(*handed.values())
        return list(function(*handed.values()))


def _keep_divisions(nodes, output: str) -> None:
    """Let XLA not rewrite a / b / c as a / (b c), which is 0 where b c overflows: softsign(z) / z was, from
    |z| = 2e19 on in float32. output: how a node's only output is named."""
    for node in [n for n in nodes if n.op in DIVISIONS]:
        for k, given in enumerate(node.input):
            if not given.startswith('^'):
                barrier = nodes.add(name=f'{node.name}/barrier_{k}', op='XlaOptimizationBarrier',
                                    input=[given])
                barrier.attr['T'].list.type.append(node.attr['T'].type)
                node.input[k] = barrier.name + output


def _is_small_constant(tensor: tf.Tensor) -> bool:
    """Whether a tensor is computed from small constants alone."""
    return all(not can_change(op) and op.type not in CONTAINERS and (op.type != 'Const'
                                                                     or (op.outputs[0].shape.num_elements()
                                                                         or 0) <= SMALL_CONSTANT)
               for op in ancestors([tensor], set()))


def check(path: Path, bodies: Iterable[Body], stand_ins: Mapping[str, tf.Tensor]) -> None:
    """Raise PathError for ops that give other answers under XLA. stand_ins: what the tensors that enter the
    path are, by their names in it."""
    fed = {n for n, t in stand_ins.items() if t.dtype.is_integer
           and any(map(can_change, ancestors([t], set())))}
    moving = descendants(path.ops, fed, SHAPE_ONLY)
    in_loops = any(i.name in moving for op in path.ops if op.type in CONTAINERS for i in op.inputs)
    parts: list[Path | Body] = [path, *bodies]
    for part in parts:
        for op in part.ops:
            if is_random(op) or op.type in PYTHON_FUNCTIONS \
                    or (op.op_def.is_stateful and op.type not in CONTAINERS | {'ReadVariableOp'}):
                raise PathError(f'jit_compile: op {part.name(op)} between X and T draws random numbers, '
                                f'checks values, calls Python or keeps a state, which XLA '
                                'does in its own way or not at all. Leave jit_compile out')
            body = part if isinstance(part, Body) else None
            by_values = op.type in SIZED_BY_VALUES and (
                part.varying_inputs(op) or (body and any(map(body.moves, op.inputs))))
            if by_values or (body and _moving_size(op, body)):
                raise PathError(f'jit_compile: op {part.name(op)} between X and T has a size that depends '
                                'on values or moves with the iterations of a loop, and XLA wants every size '
                                'as a constant. Leave jit_compile out')
            if not op.type.startswith(INDEXED):
                continue
            if any(op.inputs[k].dtype.is_integer for k in part.varying_inputs(op)) \
                    or (in_loops if body else any(i.name in moving for i in op.inputs)) \
                    or (body and not body.counted
                        and any(i.dtype.is_integer and body.moves(i) for i in op.inputs)):
                raise PathError(f'jit_compile: op {part.name(op)} between X and T takes indices that are fed '
                                'or that X decides on, and XLA would read another entry in silence where one '
                                'is out of range. Leave jit_compile out')


def _moving_size(op: tf.Operation, body: Body) -> bool:
    """Whether a size of an op changes from one iteration to the next. A place may: the slice of one entry at
    a counter, a list's entry."""
    if op.type != 'StridedSlice':
        return any(body.moves(op.inputs[k]) for k in SIZES.get(op.type, ()))

    def bound(k: int, axis: int) -> bool:
        """Whether the bound for an axis moves. The bounds are packed from one tensor each, or are one
        tensor."""
        t = op.inputs[k]
        return body.moves(t.op.inputs[axis] if t.op.type == 'Pack' and len(t.op.inputs) > axis else t)
    masks = [op.get_attr(name) for name in ('shrink_axis_mask', 'begin_mask', 'end_mask')]

    def moving(axis: int) -> bool:
        is_entry, from_first, to_last = (mask >> axis & 1 for mask in masks)
        return not is_entry and ((not from_first and bound(1, axis)) or (not to_last and bound(2, axis)))
    return body.moves(op.inputs[3]) or any(map(moving, range(op.inputs[1].shape[0])))
