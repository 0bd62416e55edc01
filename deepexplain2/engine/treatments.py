"""How a method treats the ops between X and T: with their layers, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..errors import NonlinearOpWarning, PathWarning, RuleError
from ..graph.clone import Copy
from ..graph.layers import LayerOfOps
from ..graph.masks import masks
from ..graph.rulebook import CONDITION, OPENED, PLAIN, REFUSED, UNUSED
from ..graph.treatments import Treatment

Warn = Callable[[str, str, type[Warning]], None]        # method, message, category


def with_layers(treatments: Sequence[Treatment], layer_of: LayerOfOps) -> list[Treatment]:
    """The treatments with the layer of each op."""
    return [replace(t, layer=layer_of(t.label)) for t in treatments]


def report(treatments: Sequence[Treatment], layer_of: LayerOfOps, method: str,
           on_unsupported: str, warn: Warn) -> None:
    """Raise RuleError for ops that a method refuses; warn of those without a rule, and of those that drop
    values of X."""
    treatments = with_layers([t for t in treatments if t.treatment in (REFUSED, PLAIN, UNUSED, OPENED)
                              or t.drops_input or t.may_be_end], layer_of)
    refused = [t for t in treatments if t.treatment == REFUSED]
    if refused:
        raise RuleError(f'{method} refuses op {refused[0]} between X and T')
    plain = [str(t) for t in treatments if t.treatment == PLAIN]
    if plain and on_unsupported != 'ignore':
        masked = any(t.detail == CONDITION for t in treatments)
        message = (f'{method} has no rule for {len(plain)} nonlinear op(s) between X and T and uses their '
                   f'plain gradient: {_listed(plain)}. '
                   'Attributions may not be complete. Choose T before them if you can, or use a method that '
                   'follows the gradient along a path'
                   + (". For a mask that is made of X: masks='keep', or feed it, or take an X behind it"
                      if masked else ''))
        if on_unsupported == 'raise':
            raise RuleError(message)
        warn(method, message, NonlinearOpWarning)
    unused = [str(t) for t in treatments if t.treatment == UNUSED]
    if unused:
        warn(method, f'{method} does not use the gradient of tf.custom_gradient at {_listed(unused)}, but '
                     'that of the ops inside: a copy of the graph cannot hold it. Give from_function or '
                     'from_keras the Python function or model that it is made in', PathWarning)
    opened = [str(t) for t in treatments if t.treatment == OPENED]
    if opened:
        warn(method, f'{method} does not use the gradient of tf.custom_gradient at {_listed(opened)}, but '
                     'that of the ops inside, where it has its rules. Choose another method if the gradient '
                     'that was given is meant', PathWarning)
    inside = [t.label for t in treatments if t.may_be_end]
    if inside:
        warn(method, f'{method} does not know whether {_listed(inside)} is the first or the last linear op: '
                     'inside of loops and conditionals rules for first() and last() are not asked, but those '
                     'that come after them. Name such an op by in_layers() or named()', PathWarning)
    lost = [str(t) for t in treatments if t.drops_input]
    if lost:
        warn(method, f'part of what T depends on reaches X only through {_listed(lost)}, which pass no '
                     'gradient: it is missing from the attributions. Choose an X behind or a T before them, '
                     'or use a perturbation method', PathWarning)


def warn_of_masks(copy: Copy, method: str, warn: Warn) -> None:
    """Warn of masks that change from x to the baseline: T jumps on the way."""
    left = masks(copy.path)
    if left:
        warn(method, f'{method}: a mask that is made of X at {_listed([copy.path.name(t) for t in left])} '
                     'changes between the baseline and x, and T jumps there: attributions may not add up to '
                     "f(x) - f(baseline). masks='keep' explains the model with the mask of x; it cannot "
                     'reach into a tf.function in the graph of a session: open the model by from_function or '
                     'from_keras then', PathWarning)


def _listed(names: list[str]) -> str:
    return ', '.join(names[:10]) + (f' and {len(names) - 10} more' if len(names) > 10 else '')
