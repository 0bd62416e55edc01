"""Gradients that are built in the user's graph, because a copy of it could not hold them."""

from __future__ import annotations

from ..errors import PathError, RuleError
from ..graph.gradients import is_custom_gradient
from ..graph.op_types import CONTAINERS, FUNCTION_CALLS
from ..graph.path import Path


def must_stay(path: Path) -> bool:
    """Whether the gradient holds tensors of the user's graph, which a copy would lose."""
    return any(is_custom_gradient(op) for op in path.ops)


def check_in_place(path: Path, jit: bool, refusal: RuleError | None) -> None:
    """Raise PathError where the gradient cannot be built in the user's graph, or would harm it. refusal: why
    it has to be, other than a tf.custom_gradient function."""
    if jit:
        raise PathError(f'jit_compile: between X and T there is '
                        f'{refusal or "a tf.custom_gradient function"}, which is differentiated in its '
                        'place and cannot be compiled. Leave jit_compile out')
    path.check_differentiable()
    for op in path.ops:
        if op.type in FUNCTION_CALLS or op.type in CONTAINERS:
            raise PathError(f'between X and T there are both {path.name(op)} and '
                            f'{refusal or "a tf.custom_gradient function"}: TensorFlow '
                            'cannot differentiate them here without changing the graph. Use a '
                            'perturbation method')
        # imported control flow, which has lost what gradients need
        if op.type in ('Enter', 'Switch') and op._get_control_flow_context() is None:
            reason = refusal or f'op {path.name(op)} between X and T is TF1 control flow without its context'
            raise PathError(f'{reason}. TensorFlow has no gradient for it. Use a perturbation method')
    for x in path.inputs:
        if any(s.op is x.op and s is not x for s in [*path.sources, *path.inputs]):
            raise PathError(f'X "{x.name}" is one of several outputs of its op that T depends on. Put '
                            f'tf.identity behind it when '
                            'building the model, and explain that')
