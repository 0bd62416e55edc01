"""What the methods with a rule at ReLU say of models that have other activations, or no ReLU."""

from __future__ import annotations

from ..engine.model import Model
from ..errors import ReluWarning, RuleError
from ..graph.rulebook import PLAIN, RULE
from .base import Method

SHOWN = 5


def report_beside_relu(method: Method, model: Model, on_unsupported: str) -> None:
    """Say once where a method that is defined at ReLU is the plain gradient. on_unsupported: 'warn', 'raise'
    or 'ignore'."""
    if on_unsupported == 'ignore':
        return
    found = method.audit(model)
    plain = [str(t) for t in found if t.treatment == PLAIN]
    has_relu = any(t.treatment == RULE for t in found)
    if has_relu and not plain:
        return
    parts = []
    if not has_relu:
        parts.append(f'there is none between X and T ("{model.target.name}"): the attributions are the plain '
                     'gradient')
    if plain:
        more = f' and {len(plain) - SHOWN} more' if len(plain) > SHOWN else ''
        parts.append(f'{len(plain)} nonlinear op(s) keep their gradient: {", ".join(plain[:SHOWN])}{more}')
    message = (f'{method.name} is defined at Relu and Relu6 alone, and {", and ".join(parts)}. Explain a '
               'model with ReLU, or choose another method')
    if on_unsupported == 'raise':
        raise RuleError(message)
    model.warn_once(method.name, message, ReluWarning)
