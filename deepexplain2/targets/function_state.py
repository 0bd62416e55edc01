"""What a Python function computes, as far as that is seen without calling it."""

from __future__ import annotations

import builtins
import dis
import types
from collections.abc import Hashable
from functools import lru_cache
from typing import Any

import numpy as np

from ..parametrized import comparable

# of these, what a name stands for does not change
PACKAGES = 'tensorflow', 'numpy', 'keras', 'tf_keras', 'math'
BUILTINS = frozenset('abs all any bool dict divmod enumerate filter float int isinstance len list map max '
                     'min pow range reversed round set slice sorted str sum tuple zip'.split())
ATOMS = (type(None), bool, int, float, complex, str, bytes, types.EllipsisType, np.generic)
LARGE = 1 << 20         # bytes of an array, above which its values are not compared


class Unclear(Exception):
    """What a function computes may change without a change that is seen."""


def state_of(function: Any) -> Hashable | None:
    """What a function is made of: its code, and the values of all names that it takes from elsewhere.
    Functions of equal states compute the same. None where that is not sure, as where an object with
    attributes is among the values."""
    try:
        return _state(function, {})
    except Unclear:
        return None


def _state(value: Any, seen: dict[int, int]) -> Hashable:
    """What a value is, to be compared. seen: functions that are being looked at, numbered."""
    if isinstance(value, ATOMS):
        return comparable(value)
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value).__name__, *(_state(v, seen) for v in value)
    if type(value) is dict:
        return 'dict', *((_state(k, seen), _state(v, seen)) for k, v in value.items())
    if type(value) is np.ndarray and value.dtype != object and value.nbytes <= LARGE:
        return comparable(value)
    if isinstance(value, types.ModuleType):
        if value.__name__.partition('.')[0] in PACKAGES:
            return 'module', value.__name__
    elif isinstance(value, types.FunctionType):
        return _of_function(value, seen)
    elif any(value is getattr(builtins, name) for name in BUILTINS):
        return 'builtin', value
    raise Unclear


def _of_function(function: types.FunctionType, seen: dict[int, int]) -> Hashable:
    if (function.__module__ or '').partition('.')[0] in PACKAGES:
        return 'function', function
    if id(function) in seen:                                # it calls itself
        return 'function', seen[id(function)]
    seen[id(function)] = len(seen)
    if vars(function):
        raise Unclear
    found: list[Hashable] = [function.__code__, _state(function.__defaults__, seen),
                             _state(function.__kwdefaults__, seen)]
    for cell in function.__closure__ or ():
        try:
            found.append(_state(cell.cell_contents, seen))
        except ValueError:                                  # nothing is bound yet
            raise Unclear from None
    for name in _global_names(function.__code__):
        if name in function.__globals__:
            found.append((name, _state(function.__globals__[name], seen)))
        elif name in BUILTINS:
            found.append((name, 'builtin'))
        else:
            raise Unclear
    return 'function', *found


@lru_cache(maxsize=1024)
def _global_names(code: types.CodeType) -> tuple[str, ...]:
    """The global names that code reads, that of functions inside too. Raises Unclear for code that imports or
    writes global names."""
    names: dict[str, None] = {}
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith(('IMPORT', 'STORE_GLOBAL', 'DELETE_GLOBAL')):
            raise Unclear
        if instruction.opname in ('LOAD_GLOBAL', 'LOAD_NAME'):
            names[instruction.argval] = None
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(dict.fromkeys(_global_names(constant)))
    return tuple(names)
