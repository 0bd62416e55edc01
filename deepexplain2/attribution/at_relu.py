"""What the methods with a rule at ReLU say of models that have none."""

from __future__ import annotations

from ..engine.model import Model
from ..errors import NonlinearOpWarning, RuleError, warn
from ..graph.rulebook import PLAIN, RULE
from .base import Method


def report_without_relu(method: Method, model: Model, on_unsupported: str) -> None:
    """Say that no Relu or Relu6 is between X and T, unless the ops without a rule are reported anyway."""
    found = {t.treatment for t in method.audit(model)}
    if on_unsupported == 'ignore' or found & {RULE, PLAIN}:
        return
    message = (f'{method.name}: there is no Relu or Relu6 between X and T ("{model.target.name}"), where the '
               'method is defined: the attributions are the plain gradient. Explain a model with ReLU, or '
               'choose another method')
    if on_unsupported == 'raise':
        raise RuleError(message)
    warn(message, NonlinearOpWarning)
