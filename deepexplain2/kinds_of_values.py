"""Parameters and options of a few kinds: integers, positive numbers, choices, flags, sequences."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import ParameterError, shown


def integer(value: Any, name: str, least: int) -> int:
    """Check an integer that is at least `least`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        raise ParameterError(f'{name} must be an integer >= {least}, not {shown(value)}')
    return int(value)


def positive(value: Any, name: str) -> float:
    """Check a finite number above 0."""
    number = not isinstance(value, (bool, np.bool_)) and isinstance(value, (int, float, np.integer,
                                                                            np.floating))
    if not number or not 0 < value <= sys.float_info.max:
        raise ParameterError(f'{name} must be a number > 0, not {shown(value)}')
    return float(value)


def choice(value: Any, name: str, known: Sequence[str]) -> str:
    """Check one of some strings."""
    if not isinstance(value, str) or value not in known:
        raise ParameterError(f'{name} must be one of {", ".join(map(repr, known))}, not {shown(value)}')
    return value


def flag(value: Any, name: str) -> bool:
    """Check True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ParameterError(f'{name} must be True or False, not {shown(value)}')
    return bool(value)


def sequence(value: Any, name: str, example: str) -> list[Any]:
    """The entries of a list, tuple or array of one axis that is not empty."""
    if not isinstance(value, (list, tuple, np.ndarray)) or (isinstance(value, np.ndarray)
                                                            and value.ndim != 1) or not len(value):
        raise ParameterError(f'{name} must be a list {example}, not {shown(value)}')
    return list(value)
