"""How each op between X and T is treated, and which ops pass values of X that no gradient follows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import tensorflow as tf

from .custom_gradients import FORGONE
from .function_bodies import Body
from .gates import is_gated, jumps, only_weighs
from .gradients import INPUTS_WITHOUT_GRADIENT, can_carry, drops_input, gradient_status, has_override
from .op_types import CONTAINERS, FUNCTION_CALLS, SHAPE_ONLY
from .parts import Parts, Place, label
from .passes.decisions import CHOICE, kind_of
from .passes.stop_gradients import harmless
from .path import Path
from .rulebook import (
    BROKEN,
    CONDITION,
    GENERAL,
    LINEAR,
    OPENED,
    PASSED,
    PLAIN,
    REFUSED,
    RULE,
    UNUSED,
    Rulebook,
)


@dataclass(frozen=True)
class Treatment:
    """How an op between X and T is treated.

    treatment: one of the words of rulebook.py. detail: the family of the rule, or the reason. name: what
        messages call the op. type: its type. drops_input: whether it passes values of X that no gradient
        follows. layer: the layer that it belongs to; '' where the model has none. may_be_end: whether
        it is a linear op with weights and the book asks if it is the first or last one, which is not known.
    """
    treatment: str
    detail: str
    name: str
    type: str
    drops_input: bool = False
    layer: str = ''
    may_be_end: bool = False

    @property
    def label(self) -> str:
        """The name alone, without the type."""
        return label(self.name)

    def __str__(self) -> str:
        return (self.name + (f' of layer "{self.layer}"' if self.layer else '')
                + (f', {self.detail}' if self.detail else ''))


def treatments(parts: Parts, book: Rulebook,
               constants: Mapping[str, tf.compat.v1.NodeDef]) -> list[Treatment]:
    """How a book treats every op of a copy that depends on X, bodies of loops and conditionals included.

    constants: names of the tensors that enter the path and are constants -> the Const that each is.

    Raises RuleError where x and its reference could take different ways through a loop or conditional.
    """
    found: dict[str, Treatment] = {}
    unknown_ends = parts.unknown_ends(book.ends) if book.ends else ()
    for part in parts:
        harmless_stops = _harmless(part, constants)
        for op in part.ops:
            if kind_of(op) in (op.type, CHOICE) and part.varying_inputs(op):
                place = parts.place(op, part)
                treatment, detail = _treatment(place, book)
                if treatment == PASSED and is_gated(op, part):
                    treatment, detail = PLAIN, 'a condition as a factor'
                if op.name in harmless_stops:
                    detail = 'what it stops adds up to nothing'
                op_type = 'Select' if place.kind == CHOICE else op.type
                found.setdefault(part.name(op), Treatment(
                    treatment, detail, part.name(op), op_type, _is_lost(place, part, book, harmless_stops),
                    may_be_end=isinstance(part, Body) and place.name.startswith(unknown_ends)
                    and place.unit is not None))
    found |= {t.name: t for t in _unused_gradients(parts, book)}
    return list(found.values())


def lost(parts: Parts, book: Rulebook, constants: Mapping[str, tf.compat.v1.NodeDef]) -> list[Treatment]:
    """The ops of a copy that pass values of X and no gradient, and the functions whose own gradient is not
    used."""
    found = []
    for part in parts:
        harmless_stops = _harmless(part, constants)
        found += [Treatment(BROKEN, '', part.name(op), op.type, True) for op in part.ops
                  if _is_lost(parts.place(op, part), part, book, harmless_stops)]
    return found + _unused_gradients(parts, book)


def lost_in_place(path: Path) -> list[Treatment]:
    """The ops of a path that pass values of X and no gradient of TensorFlow's own."""
    constants = {t.name: t.op.node_def for t in path.sources if t.op.type == 'Const'}
    fine = harmless([op.node_def for op in path.ops], constants)
    return [Treatment(BROKEN, '', path.name(op), op.type, True) for op in path.ops
            if op.name in path.differentiated - fine
            and (_drops_input(op, path) or drops_input(op, path.varying_inputs(op), in_place=True))]


def has_rule(place: Place, book: Rulebook) -> bool:
    """Whether an op without a gradient has a rule that compares its values: a Sign, as a step."""
    op = place.op
    return (book.reference and gradient_status(op) == 'none' and not op.inputs[0].dtype.is_complex
            and book.entry(place) is not None)


def _treatment(place: Place, book: Rulebook) -> tuple[str, str]:
    """(treatment, detail) of an op."""
    op, varying = place.op, place.varying
    if place.kind != op.type:
        return RULE, 'decisions'
    entry = book.entry(place)
    if place.is_linear:
        if varying and op.type not in SHAPE_ONLY and not any(map(can_carry, op.outputs)):
            return BROKEN, 'an index or a condition'
        return (LINEAR, '') if entry is None else (RULE, entry.family)
    if entry is not None:
        return RULE, entry.family
    if op.type in book.passing:
        return PASSED, ''
    if has_override(op):
        return PLAIN, 'a gradient of its own'
    if op.type in book.refused:
        return REFUSED, book.refused[op.type]
    if gradient_status(op) != 'known' or not any(can_carry(op.inputs[k]) for k in varying):
        return BROKEN, ''
    if book.fallback is None:
        return PLAIN, ''
    if not all(can_carry(op.inputs[k]) for k in varying):
        if op.type in ('Select', 'SelectV2'):
            return PLAIN, CONDITION
        return REFUSED, ('X decides on its indices: choose a T before it or an X behind it, or use a method '
                         'that follows gradients along a path')
    if any(k in INPUTS_WITHOUT_GRADIENT.get(op.type, ()) for k in varying):
        return REFUSED, ('TensorFlow has no gradient by one of its inputs that depend on X: choose a T '
                         'before it or an X behind it')
    return (PLAIN, 'times its input') if book.tells_fallback else (GENERAL, '')


def _unused_gradients(parts: Parts, book: Rulebook) -> list[Treatment]:
    """The functions of tf.custom_gradient whose gradient is not used, where the plain gradient is asked, or
    the book wants them named."""
    if not (book.is_plain or book.names_opened):
        return []
    how = UNUSED if book.is_plain else OPENED
    return [Treatment(how, f'function "{op.get_attr(FORGONE).decode()}"', part.name(op), op.type)
            for part in parts for op in part.ops if op.type == 'IdentityN' and part.varying_inputs(op)
            and FORGONE in op.node_def.attr and (isinstance(part, Body) or op.name in part.differentiated)]


def _harmless(part: Path | Body, constants: Mapping[str, tf.compat.v1.NodeDef]) -> set[str]:
    """Names of the StopGradients of a part that take nothing away."""
    if not any(op.type == 'StopGradient' for op in part.ops):
        return set()
    return harmless([op.node_def for op in part.ops], constants if isinstance(part, Path) else {})


def _is_lost(place: Place, part: Path | Body, book: Rulebook, harmless_stops: Collection[str]) -> bool:
    op = place.op
    return (_drops_input(op, part, has_rule(place, book), book.reference) and op.name not in harmless_stops
            and (isinstance(part, Body) or op.name in part.differentiated))


def _drops_input(op: tf.Operation, part: Path | Body, has_rule: bool = False,
                 reference: bool = False) -> bool:
    """Whether an op passes values of X as numbers, without a gradient or a rule. What a condition or an index
    adds counts for a reference, which compares values; a derivative does not see it where it only chooses, as
    in a Select or as a factor of 0 or 1."""
    varying = part.varying_inputs(op)
    if not varying or kind_of(op) != op.type or not any(map(can_carry, op.outputs)) \
            or op.type in SHAPE_ONLY | CONTAINERS | FUNCTION_CALLS:
        return False
    if any(can_carry(op.inputs[k]) for k in varying):
        return not has_rule and drops_input(op, varying)
    if op.type in ('Select', 'SelectV2') or op.outputs[0].dtype == tf.variant:
        return False
    if op.type in ('Cast', 'Bitcast') and op.inputs[0].dtype.is_integer:
        return True
    return reference or (jumps(op, varying, part) and not only_weighs(op, part))
