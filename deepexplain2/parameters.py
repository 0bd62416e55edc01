"""Objects with parameters, and what parameters may be: one table of kinds, for errors and documentation.

A parameter is a field of a dataclass, and its annotation is its kind: `samples: Count = 5`,
`tolerance: Positive | None = None`, `masks: Literal['keep', 'follow'] = 'keep'`,
`average: bool | None = None`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import numbers
import types
import typing
from collections.abc import Callable, Hashable
from functools import cached_property
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


def check_all(method: Any) -> None:
    """Check every field against its kind, and keep what the check returns."""
    for name, (kind, is_optional) in kinds(type(method)).items():
        value = getattr(method, name)
        if kind is not None and not (value is None and is_optional):
            object.__setattr__(method, name, kind.check(value, name))


def comparable(value: Any) -> Hashable:
    """A hashable stand-in for the value of a field, equal for equal values; arrays are compared by their
    bytes."""
    if isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_)):
        kind = 'integer' if isinstance(value, numbers.Integral) else 'float'
        return kind, value, math.copysign(1, value)             # 0. and -0. are equal, and are not the same
    if isinstance(value, (list, tuple)):
        return type(value).__name__, *map(comparable, value)
    if isinstance(value, (set, frozenset)):
        return type(value).__name__, frozenset(map(comparable, value))
    if isinstance(value, dict):
        return 'dict', *((comparable(k), comparable(v)) for k, v in value.items())
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.shape, value.dtype.str, value.tobytes()
    if hasattr(value, 'op'):
        return type(value).__name__, id(value)                  # a tensor, whose == adds an op
    try:
        hash(value)
    except TypeError:
        return object()                 # equal to nothing: it may change
    return type(value).__name__, value


def is_small(value: Any) -> bool:
    """Whether a value can be kept for long: no array and no function, which its owner may want to be gone."""
    if isinstance(value, tuple):
        return all(map(is_small, value))
    return value is None or isinstance(value, (numbers.Number, str, np.generic)) or getattr(value, 'is_small',
                                                                                            False)


class _Parameters(type):
    """Makes objects of dataclasses with parameters, and answers a misspelt one with the closest."""

    def __call__(cls, *values: Any, **given: Any) -> Any:
        if '__dataclass_fields__' not in vars(cls):
            raise ParameterError(f'{cls.__name__} is not a dataclass: put @dataclass(frozen=True) above the '
                                 f'class')
        fields = [f for f in dataclasses.fields(cls) if f.init]  # type: ignore[arg-type]
        known = [f.name for f in fields]
        for name in given:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                raise ParameterError(f'{cls.__name__} has no parameter {name!r}.'
                                     + (f' Did you mean "{close[0]}"?' if close else '')
                                     + f' It takes: {", ".join(known) or "none"}')
        placed = [f for f in fields if not f.kw_only][:len(values)]
        missing = [f.name for f in fields if f not in placed and f.name not in given
                   and f.default is f.default_factory]
        if missing:
            raise ParameterError(f'{cls.__name__} needs {", ".join(missing)}: '
                                 f'{cls.__name__}({missing[0]}=...)')
        return super().__call__(*values, **given)


class Parametrized(metaclass=_Parameters):
    """Base of frozen dataclasses whose fields are parameters: checked by their annotations, and comparable.

    `@dataclass(frozen=True)` makes methods that compare and print arrays badly; those of this class take
    their place.
    """

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for special in ('__eq__', '__hash__', '__repr__'):
            if special not in vars(cls):
                setattr(cls, special, getattr(cls, special))

    def __post_init__(self) -> None:
        check_all(self)
        self.check()

    def check(self) -> None:
        """Raise ParameterError where parameters do not fit one another."""

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name."""
        return {name: getattr(self, name) for name in kinds(type(self))}

    @cached_property
    def is_small(self) -> bool:
        """Whether the parameters hold no array and no function, so that the object can be kept as a cache
        key."""
        return all(map(is_small, self.parameters.values()))

    @cached_property
    def _key(self) -> Hashable:
        return type(self), *map(comparable, self.parameters.values())

    @cached_property
    def _hash(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Parametrized) and self._key == other._key)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        defaults = {f.name: f.default for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        given = [f'{name}={_short(value)}' for name, value in self.parameters.items()
                 if comparable(value) != comparable(defaults[name])]
        return f'{type(self).__name__}({", ".join(given)})'


def _short(value: Any) -> str:
    return f'<array {value.shape} {value.dtype}>' if isinstance(value, np.ndarray) else repr(value)
