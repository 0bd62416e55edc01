"""What parameters may be: one table of kinds, for errors and documentation.

A parameter is a field of a dataclass, and its annotation is its kind: `samples: Count = 5`,
`tolerance: Positive | None = None`, `masks: Literal['keep', 'follow'] = 'keep'`,
`average: bool | None = None`.
"""

from __future__ import annotations

import dataclasses
import numbers
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from .errors import ParameterError, shown
from .kinds_of_values import choice, flag, integer, positive, sequence


class Kind(NamedTuple):
    """A kind of value: how it is called, and the check that returns the value as it is kept."""

    label: str
    check: Callable[[Any, str], Any]


Count = Annotated[int, Kind('an integer >= 1', lambda value, name: integer(value, name, 1))]
Seed = Annotated[int, Kind('an integer >= 0', lambda value, name: integer(value, name, 0))]
Positive = Annotated[float, Kind('a number > 0', positive)]


def own(value: Any, name: str) -> Any:
    """Copy arrays, in lists too, so that what the caller writes into them later changes no method."""
    if isinstance(value, (list, tuple)) and any(isinstance(v, np.ndarray) for v in value):
        return type(value)(own(v, name) for v in value) if type(value) in (list, tuple) else value
    if type(value) is not np.ndarray or not value.ndim:
        return value
    copy = value.copy()
    copy.setflags(write=False)
    return copy


def each(check: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """A check of one value for all inputs, or of a list with one per input.

    A list of at least two entries, some of which are lists, is one per input. Inputs may have None.
    """
    def checked(value: Any, name: str) -> Any:
        is_list = isinstance(value, (list, tuple)) and len(value) > 1
        if is_list and any(isinstance(v, (list, tuple)) for v in value):
            return PerInput(None if v is None else check(v, name) for v in value)
        return check(value, name)
    return checked


class PerInput(tuple):
    """Values of a parameter, one per tensor of X."""

    __slots__ = ()


def per_input(value: Any, count: int, name: str) -> list[Any]:
    """The value of a parameter for each of `count` tensors of X."""
    if not isinstance(value, PerInput):
        return [value] * count
    if len(value) != count:
        raise ParameterError(f'{name} is a list of {len(value)}, but X has {count} tensors. Give one for all '
                             f'inputs, or one per input')
    return list(value)


Baseline = Annotated[Any, Kind('a number, an array, a list of them or a function of xs', own)]

References = Annotated[Any, Kind('arrays (k, ...) or (n, k, ...), a list of them or a function of xs', own)]


def counts(value: Any, name: str) -> int | tuple[int, ...]:
    """Check an integer >= 1, or one per feature axis; None is 1, as in DeepExplain."""
    if value is None:
        return 1
    if not isinstance(value, (list, tuple, np.ndarray)):
        return integer(value, name, 1)
    example = 'with one integer per feature axis, e.g. [3, 3]'
    return tuple(integer(v, f'each entry of {name}', 1) for v in sequence(value, name, example))


def axes(value: Any, name: str) -> tuple[int, ...]:
    """Check a list of axes of X, the batch axis 0 left out, none of them twice."""
    entries = sequence(value, name, 'of axes of X, e.g. [1, 2]')
    result = sorted(integer(axis, f'each entry of {name}', 1) for axis in entries)
    if len(set(result)) < len(result):
        raise ParameterError(f'{name} names an axis twice: {result}')
    return tuple(result)


Counts = Annotated[int | tuple[Any, ...],
                   Kind('an integer >= 1, or one per feature axis; or a list of these, one per input',
                        each(counts))]
Axes = Annotated[tuple[Any, ...],
                 Kind('a list of axes of X, without the batch axis 0; or a list of these, one per input',
                      each(axes))]


def number(value: Any, name: str) -> float:
    """Check a finite number."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    if not is_number or not np.isfinite(value):
        raise ParameterError(f'{name} must be a number, not {shown(value)}')
    return float(value)


def whole_number(value: Any, name: str) -> int:
    """Check an integer of any sign."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise ParameterError(f'{name} must be an integer, not {shown(value)}')
    return int(value)


def share(value: Any, name: str) -> float:
    """Check a number between 0 and 1, both left out."""
    found = number(value, name)
    if not 0 < found < 1:
        raise ParameterError(f'{name} must be a number > 0 and < 1, not {shown(value)}')
    return found


def not_negative(value: Any, name: str) -> float:
    """Check a number >= 0."""
    found = number(value, name)
    if found < 0:
        raise ParameterError(f'{name} must be a number >= 0, not {shown(value)}')
    return found


Share = Annotated[float, Kind('a number between 0 and 1', share)]
NotNegative = Annotated[float, Kind('a number >= 0', not_negative)]


def text(value: Any, name: str) -> str:
    """Check a string."""
    if not isinstance(value, str):
        raise ParameterError(f'{name} must be a string, not {shown(value)}')
    return value


PLAIN_KINDS = {bool: Kind('True or False', flag), int: Kind('an integer', whole_number),
               float: Kind('a number', number), str: Kind('a string', text)}


def kind_of(annotation: Any) -> tuple[Kind | None, bool]:
    """The kind of an annotation, and whether None is allowed beside it; (None, ...) where nothing is known of
    it."""
    if typing.get_origin(annotation) is Annotated:
        return next((m for m in annotation.__metadata__ if isinstance(m, Kind)), None), False
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        parts = [a for a in typing.get_args(annotation) if a is not type(None)]
        return (kind_of(parts[0])[0] if len(parts) == 1
                else None), len(parts) < len(typing.get_args(annotation))
    if typing.get_origin(annotation) is Literal:
        known = list(typing.get_args(annotation))
        return Kind('one of ' + ', '.join(map(repr, known)),
                    lambda value, name: choice(value, name, known)), False
    return (PLAIN_KINDS.get(annotation) if isinstance(annotation, type) else None), False


def kinds(cls: Any) -> dict[str, tuple[Kind | None, bool]]:
    """The kind of every field of a method, and whether None is allowed; read once per class."""
    if '_kinds' not in vars(cls):
        hints = typing.get_type_hints(cls, include_extras=True)
        cls._kinds = {f.name: kind_of(hints[f.name]) for f in dataclasses.fields(cls)}
    return vars(cls)['_kinds']
