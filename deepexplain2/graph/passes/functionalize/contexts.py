"""In which loops and branches of TF1 the ops and tensors of a graph are."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ....errors import RuleError

ENTER, EXIT, SWITCH, MERGE, NEXT, IDENTITY = (
    {name, f'Ref{name}'} for name in ('Enter', 'Exit', 'Switch', 'Merge', 'NextIteration', 'Identity'))
PASSING = ENTER | EXIT | SWITCH | MERGE | NEXT | IDENTITY
ARRAY_WRITES = {'TensorArrayWriteV3', 'TensorArrayScatterV3', 'TensorArraySplitV3'}     # these give a flow
ARRAY_READS = {'TensorArrayReadV3', 'TensorArrayGatherV3', 'TensorArraySizeV3', 'TensorArrayConcatV3'}
ARRAYS = {'TensorArrayV3'} | ARRAY_WRITES

# Around a tensor, outermost first: (frame, -1) for a loop, (predicate, branch) for a branch.
Context = tuple[tuple[str, int], ...]


class Contexts:
    """The contexts of all that a tensor is computed from.

    A context is a stack: an Enter pushes its frame and an Exit pops it, a Switch pushes (predicate, branch)
    and a Merge pops it.

    ops: the ops that `target` is computed from, control dependencies included, inputs before users except for
        the edges back in loops.
    of_op: the context around each op, by its name.
    predicates: the predicates of the conditionals, by name.
    arrays: names of the tensors that stand for a TensorArray: handles and flows.
    """

    def __init__(self, target: tf.Tensor):
        self.ops = _upstream(target)
        self.of_op: dict[str, Context] = {}
        self.predicates: dict[str, tf.Tensor] = {}
        self.arrays: set[str] = set()
        self._of_tensor: dict[str, Context] = {}
        for op in self.ops:
            self._locate(op)

    def of(self, tensor: tf.Tensor) -> Context:
        """The context of a tensor that `target` depends on."""
        return self._of_tensor[tensor.name]

    def is_inside(self, tensor: tf.Tensor) -> bool:
        """Whether a tensor, which `target` need not depend on, is known to be in a loop or branch."""
        return bool(self._of_tensor.get(tensor.name))

    def upstream(self, tensors: Sequence[tf.Tensor],
                 contexts: Sequence[Context]) -> tuple[list[tf.Operation], list[tf.Tensor]]:
        """(ops, entering): the ops inside one of `contexts` that `tensors` are computed from, and the tensors
        that these ops take from outside of it."""
        ops, entering, stack = {}, {}, list(tensors)
        while stack:
            tensor = stack.pop()
            if not any(self.of(tensor)[:len(c)] == c for c in contexts):
                entering[tensor.name] = tensor
            elif tensor.op.name not in ops:
                ops[tensor.op.name] = tensor.op
                stack += tensor.op.inputs
        return list(ops.values()), list(entering.values())

    def _locate(self, op: tf.Operation) -> None:
        """Find the context of `op` and of its outputs from those of its inputs."""
        around = max([self._of_tensor.get(i.name, ()) for i in op.inputs if i.op.type not in NEXT]
                     + [self.of_op.get(c.name, ()) for c in op.control_inputs], key=len, default=())
        self.of_op[op.name] = around
        after = [around] * len(op.outputs)
        if op.type in ENTER:
            after = [(*around, (op.get_attr('frame_name').decode(), -1))]
        elif op.type in EXIT:
            after = [around[:-1]]
        elif op.type in SWITCH and not is_of_loop(op):
            predicate = _origin(op.inputs[1])
            self.predicates[predicate.name] = predicate
            after = [(*around, (predicate.name, k)) for k in (0, 1)]
        elif op.type in MERGE and not is_of_loop(op):
            after = [_common([self.of(i) for i in op.inputs])] * 2
        if op.type not in ENTER | SWITCH:
            self.of_op[op.name] = after[0] if after else around
        self._of_tensor.update((o.name, c) for o, c in zip(op.outputs, after))
        if op.type in ARRAYS or (op.type in PASSING and any(i.name in self.arrays for i in op.inputs)):
            self.arrays.update(o.name for o in op.outputs)


def is_of_loop(op: tf.Operation) -> bool:
    """Whether a Switch or Merge belongs to a loop, not to a conditional."""
    if op.type in SWITCH:
        return op.inputs[1].op.type == 'LoopCond'
    return any(i.op.type in NEXT for i in op.inputs)


def refused(op: tf.Operation, what: str) -> RuleError:
    """The error for control flow that has no counterpart."""
    return RuleError(f'op "{op.name}" ({op.type}) between X and T is TF1 control flow {what}. Build the '
                     f'model with tf.compat.v1.enable_control_flow_v2()')


def _upstream(tensor: tf.Tensor) -> list[tf.Operation]:
    """Ops that `tensor` is computed from, control dependencies included, inputs before users except for the
    edges back in loops."""
    order: list[tf.Operation] = []
    seen: set[str] = set()
    roots = [tensor.op]
    while roots:
        stack = [(roots.pop(), False)]
        while stack:
            op, done = stack.pop()
            if done:
                order.append(op)
            elif op.name not in seen:
                seen.add(op.name)
                stack.append((op, True))
                for needed in [*(i.op for i in op.inputs), *op.control_inputs]:
                    if needed.type in NEXT:
                        roots.append(needed)
                    else:
                        stack.append((needed, False))
    return order


def _origin(predicate: tf.Tensor) -> tf.Tensor:
    """The predicate before identities and before it entered a loop."""
    while predicate.op.type in IDENTITY or (predicate.op.type in ENTER
                                            and predicate.op.get_attr('is_constant')):
        predicate = predicate.op.inputs[0]
    return predicate


def _common(contexts: Sequence[Context]) -> Context:
    """The longest context around all of `contexts`."""
    k = 0
    while all(len(c) > k for c in contexts) and len({c[k] for c in contexts}) == 1:
        k += 1
    return contexts[0][:k]
