"""Frozen objects with checked parameters, which compare by them: methods, targets and metrics."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import math
import numbers
from collections.abc import Hashable
from functools import cached_property
from typing import Any

import numpy as np

from .errors import ParameterError
from .parameters import kinds


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

    @property
    def __signature__(cls) -> inspect.Signature:
        """The parameters and their defaults, for help and editors."""
        found = inspect.signature(cls.__init__)  # type: ignore[misc]
        return found.replace(parameters=list(found.parameters.values())[1:],
                             return_annotation=inspect.Signature.empty)

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
