"""The ops between X and T, and what can be said of them without running anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import tensorflow as tf

from ..errors import PathError
from ..tensors import batch_of
from .batch_axis import row_size
from .copies import small_value
from .gradients import gradient_status, inputs_with_gradient, outputs_with_gradient
from .op_types import FUNCTION_CALLS, NUMPY_FUNCTIONS, SHAPE_ONLY
from .walks import ancestors, descendants


class Path:
    """The part of a graph that leads from the tensors X to the tensor T.

    Parameters
    ----------
    target : tf.Tensor
        T.
    inputs : sequence of tf.Tensor
        X, one or several tensors.
    label : function from str to str, optional
        Maps names in this graph to the names that the user knows. By default they are the same.
    kept_masks : sequence of tf.Tensor, optional
        Tensors between X and T that keep their values at x, whatever X is: T depends on X only through other
        tensors. They are sources.

    Attributes
    ----------
    ops : list of tf.Operation
        The ops that depend on X and that T depends on, inputs before users.
    sources : list of tf.Tensor
        The tensors that enter the path without depending on the values of X (weights, constants, other
        inputs), without X.
    shape_defaults : list of tf.Tensor
        The sources, or what they are computed from, that are placeholders with a default of the shape of X.

    Raises
    ------
    PathError
        If T does not depend on the values of one of the tensors X.
    """

    def __init__(self, target: tf.Tensor, inputs: Sequence[tf.Tensor], label: Callable[[str], str] = str,
                 kept_masks: Sequence[tf.Tensor] = ()):
        self.target, self.inputs, self._label, self.kept_masks = target, list(inputs), label, list(kept_masks)
        cut = {x.name for x in inputs}
        ends = cut | {t.name for t in kept_masks}
        upstream = ancestors([target], ends)
        used = {i.name for op in upstream for i in op.inputs} | {target.name}
        dependent = descendants(upstream, ends, set())
        self._varying = descendants(upstream, cut, SHAPE_ONLY)
        # A default that takes only its shape from X is a source, so that a feed in its place counts.
        self.shape_defaults = [op.outputs[0] for op in upstream if op.type == 'PlaceholderWithDefault'
                               and op.outputs[0].name in dependent - self._varying - ends]
        if self.shape_defaults:
            upstream = ancestors([target], ends | {t.name for t in self.shape_defaults})
            dependent = descendants(upstream, ends, set())
        # An output of X's own op that is not X stays outside, unless the op depends on another X.
        self.ops = [op for op in upstream if any(i.name in dependent for i in op.inputs)]
        names = {op.name for op in self.ops}
        self.sources = list({i.name: i for op in self.ops for i in op.inputs
                             if i.op.name not in names and i.name not in cut}.values())
        for x in inputs:
            if x.name not in used or target.name not in self._varying:
                swapped = target.op in ancestors([x], set())
                raise PathError(f'T {self.name(target)} does not depend on X {self.name(x)}' + (
                    ', but X on T. The order is: method, T, X, xs' if swapped
                    else '. Choose an X on the way to T'))

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

    @property
    def _floats(self) -> list[tf.Tensor]:
        return self.inputs + [o for op in self.ops for o in op.outputs if o.dtype.is_floating]

    @cached_property
    def row_bytes(self) -> int:
        """Bytes per row of the widest tensor on the path; open axes other than the first count 1."""
        return max(row_size(t) * t.dtype.size for t in self._floats)

    @cached_property
    def row_total(self) -> int:
        """Bytes per row of all tensors on the path, which a gradient keeps; open axes other than the first
        count 1."""
        return sum(row_size(t) * t.dtype.size for t in self._floats)

    @cached_property
    def black_boxes(self) -> list[tf.Operation]:
        """The calls of Python functions of NumPy arrays, where T depends on the values of X through them
        alone; else none."""
        found = [op for op in self.ops if op.type in NUMPY_FUNCTIONS and self.varying_inputs(op)]
        beside = found and descendants(self.ops, {x.name for x in self.inputs}, SHAPE_ONLY | NUMPY_FUNCTIONS)
        return [] if self.target.name in beside else found

    @cached_property
    def computed_again(self) -> set[str]:
        """Names of the tensors that T depends on and that a copy of the path does not read from the user's
        graph: what takes only the shape of X is computed again, small integers that are made of constants are
        constants."""
        fixed = ancestors([s for s in self.sources if small_value(s) is not None], set())
        return {o.name for op in [*self.ops, *fixed] for o in op.outputs if not self.varies(o)}

    @cached_property
    def may_fix_rows(self) -> bool:
        """Whether an array with a fixed number of rows may be joined to a tensor with an open batch axis, as
        in T * ys: some op has an output with a closed first axis and a varying input with an open one, or is
        hidden in a function."""
        def closed(tensor):
            return batch_of(tensor) not in (None, 1)

        def is_open(tensor):
            return self.varies(tensor) and tensor.shape.rank != 0 and batch_of(tensor) is None
        return any(op.type in FUNCTION_CALLS
                   or (any(map(closed, op.outputs)) and any(map(is_open, op.inputs))) for op in self.ops)

    @cached_property
    def differentiated(self) -> set[str]:
        """Names of the ops that a gradient of T flows back through, not into functions with a gradient of
        their own."""
        wanted, found = {self.target.name}, set()
        for op in reversed(self.ops):
            if any(o.name in wanted for o in op.outputs):
                found.add(op.name)
                positions = inputs_with_gradient(op) if op.type == 'IdentityN' else range(len(op.inputs))
                wanted.update(op.inputs[k].name for k in positions)
        return found

    def check_differentiable(self, has_rule: Callable[[tf.Operation], bool] = lambda op: False) -> None:
        """Raise PathError, before any op is added, where a gradient of T with respect to X would fail or be
        missing.

        has_rule: whether an op has a rule, which takes the place of its gradient.
        """
        for x in self.inputs:
            if not x.dtype.is_floating:
                raise PathError(f'X {self.name(x)} has dtype {x.dtype.name}: it cannot carry a gradient. For '
                                f'token ids, explain the output of the embedding lookup: pass that tensor as '
                                f'X and its values as xs')
            carrying, breaks = self._carrying(x, has_rule)
            if self.target.name not in carrying:
                raise PathError(f'T {self.name(self.target)} depends on X {self.name(x)} only through ops '
                                f'without a gradient: {", ".join(breaks[:5])}. Choose a T before them or an '
                                f'X behind them')
            wanted = {self.target.name}
            for op in reversed(self.ops):
                if any(o.name in wanted for o in op.outputs):
                    if gradient_status(op) == 'unknown':
                        raise PathError(f'op {self.name(op)} between X and T has no gradient in TensorFlow. '
                                        f'Choose a T before it or an X behind it, or use a perturbation '
                                        f'method')
                    wanted.update(op.inputs[k].name for k in inputs_with_gradient(op)
                                  if op.inputs[k].name in carrying)

    def _carrying(self, x: tf.Tensor,
                  has_rule: Callable[[tf.Operation], bool]) -> tuple[set[str], list[str]]:
        """(names of the tensors whose gradients reach x, labels of the ops where no gradient passes)."""
        carrying, breaks = {x.name}, []
        for op in self.ops:
            positions = [k for k, i in enumerate(op.inputs) if i.name in carrying]
            outputs = outputs_with_gradient(op, positions)
            if not set(positions).isdisjoint(inputs_with_gradient(op)) and outputs \
                    and (gradient_status(op) != 'none' or has_rule(op)):
                carrying.update(o.name for o in outputs)
            elif positions and op.type not in SHAPE_ONLY:
                breaks.append(self.name(op))
        return carrying, breaks
