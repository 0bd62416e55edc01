"""The ops between X and T, and what can be said of them without running anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.ops import get_gradient_function

from ..errors import PathError

FUNCTION_CALLS = {'PartitionedCall', 'StatefulPartitionedCall'}     # differentiated by TensorFlow without a registered gradient
NEVER_A_GRADIENT = {'Floor', 'Ceil', 'Round', 'Rint', 'FloorDiv', 'TruncateDiv'}    # registered, but the function returns None
SHAPE_ONLY = {'Shape', 'ShapeN', 'Size', 'Rank', 'ZerosLike', 'OnesLike'}           # no value of the input reaches the output
V1_CONTROL_FLOW = {'Enter', 'Exit', 'Switch', 'Merge', 'NextIteration', 'LoopCond',
                   'RefEnter', 'RefExit', 'RefSwitch', 'RefMerge', 'RefNextIteration'}


class Path:
    """The part of a graph that leads from the tensors X to the tensor T.

    ops: the ops that depend on X and that T depends on, inputs before users.
    sources: the tensors that enter the path without depending on X (weights, constants, other inputs), without X.
    """

    def __init__(self, target: tf.Tensor, inputs: Sequence[tf.Tensor]):
        self.target, self.inputs = target, list(inputs)
        cut = {x.name for x in inputs}
        ancestors = _ancestors([target], cut)
        dependent = _reached(ancestors, cut, set())
        self._varying = _reached(ancestors, cut, SHAPE_ONLY)
        # An output of X's own op that is not X stays outside, unless the op hangs on another X.
        self.ops = [op for op in ancestors if any(i.name in dependent for i in op.inputs)]
        names = {op.name for op in self.ops}
        self.sources = list({i.name: i for op in self.ops for i in op.inputs
                             if i.op.name not in names and i.name not in cut}.values())
        for x in inputs:
            self._check_reaches(x)

    def varying_inputs(self, op: tf.Operation) -> list[int]:
        """Positions of the inputs of `op` that change with the values of X, not only with its shape."""
        return [k for k, i in enumerate(op.inputs) if i.name in self._varying]

    def row_bytes(self) -> int:
        """Bytes of the widest tensor on the path, per row; open axes other than the first count 1."""
        tensors = self.inputs + [o for op in self.ops for o in op.outputs if o.dtype.is_floating]
        return max(_row_size(t) * t.dtype.size for t in tensors)

    def check_differentiable(self) -> None:
        """Raise PathError, before any op is added, where a gradient of T by X would fail or be missing."""
        for x in self.inputs:
            if not x.dtype.is_floating:
                raise PathError(f'X "{x.name}" has dtype {x.dtype.name}: it cannot carry a gradient. For token ids, explain the '
                                'output of the embedding lookup: pass that tensor as X and its values as xs')
            carries, breaks = {x.name}, []
            for op in self.ops:
                if not any(i.name in carries for i in op.inputs):
                    continue
                if any(o.dtype.is_floating for o in op.outputs) and _has_gradient(op):
                    carries.update(o.name for o in op.outputs if o.dtype.is_floating)
                elif op.type not in SHAPE_ONLY:
                    breaks.append(f'"{op.name}" ({op.type})')
            if self.target.name not in carries and x is not self.target:
                raise PathError(f'T "{self.target.name}" depends on X "{x.name}" only through ops without a gradient: '
                                f'{", ".join(breaks[:5])}. Choose a T before them or an X behind them')

    def _check_reaches(self, x: tf.Tensor) -> None:
        if x is not self.target and not any(i.name == x.name for op in self.ops for i in op.inputs):
            raise PathError(f'T "{self.target.name}" does not depend on X "{x.name}". Choose an X on the way to T')


def placeholders(tensors: Iterable[tf.Tensor], cut: Iterable[tf.Tensor]) -> list[tf.Tensor]:
    """The placeholders that must be fed to compute `tensors`, control dependencies included, when those in `cut` are fed."""
    ops = _ancestors(tensors, {t.name for t in cut}, control=True)
    return [op.outputs[0] for op in ops if op.type in ('Placeholder', 'PlaceholderV2')]


def learning_phases(tensors: Iterable[tf.Tensor], cut: Iterable[tf.Tensor]) -> list[tf.Tensor]:
    """Keras learning-phase placeholders that `tensors` depend on."""
    return [op.outputs[0] for op in _ancestors(tensors, {t.name for t in cut}, control=True)
            if op.type in ('Placeholder', 'PlaceholderWithDefault') and 'keras_learning_phase' in op.name]


def split_weights(target: tf.Tensor) -> tuple[tf.Tensor, np.ndarray | None]:
    """(T, ys) for a target written `T * ys` with a constant ys, else (target, None).

    The constant keeps the number of rows that it was written with: T itself takes any number of rows, and is the same
    tensor, already compiled, the next time it is multiplied.
    """
    weights: np.ndarray | None = None
    while target.op.type == 'Mul':
        a, b = target.op.inputs
        factor, constant = (b, a) if a.op.type == 'Const' else (a, b)
        if constant.op.type != 'Const' or factor.op.type == 'Const' or not _only_weighs(factor.shape, constant.shape):
            break
        value = np.asarray(tf.get_static_value(constant))
        weights = value if weights is None else weights * value
        target = factor
    return target, weights


def _only_weighs(factor: tf.TensorShape, constant: tf.TensorShape) -> bool:
    """Whether multiplying by the constant leaves the shape of the factor, its open batch axis aside."""
    if factor.rank is None or constant.rank > factor.rank:
        return False
    axes = list(zip(reversed(factor.as_list()), reversed(constant.as_list())))
    return all(c == 1 or c == f or (k == factor.rank - 1 and f is None) for k, (f, c) in enumerate(axes))


def _ancestors(tensors: Iterable[tf.Tensor], cut: set[str], control: bool = False) -> list[tf.Operation]:
    """Ops that `tensors` are computed from, inputs before users, not looking behind the tensors in `cut`."""
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
                stack += [(c, False) for c in op.control_inputs if c.name not in seen]
    return order


def _reached(ops: Sequence[tf.Operation], start: set[str], barriers: set[str]) -> set[str]:
    """Names of the tensors that are computed from those in `start`, not through ops of a type in `barriers`; ops inputs first."""
    reached, size = set(start), -1
    while size < len(reached):              # twice, but for the back edges of TF1 loops
        size = len(reached)
        for op in ops:
            if op.type not in barriers and any(i.name in reached for i in op.inputs):
                reached.update(o.name for o in op.outputs)
    return reached


def _has_gradient(op: tf.Operation) -> bool:
    # No public call tells before `tf.gradients` has added half of its ops to the graph.
    if op.type in FUNCTION_CALLS or op.type in NEVER_A_GRADIENT:
        return op.type in FUNCTION_CALLS
    try:
        return get_gradient_function(op) is not None
    except LookupError:
        raise PathError(f'op "{op.name}" ({op.type}) between X and T has no gradient in TensorFlow. Choose a T before it or '
                        'an X behind it, or use a perturbation method (occlusion, shapley_sampling)') from None


def _row_size(tensor: tf.Tensor) -> int:
    shape = tensor.shape.as_list()[1:] if tensor.shape.rank else []
    return int(np.prod([d or 1 for d in shape], dtype=np.int64))
