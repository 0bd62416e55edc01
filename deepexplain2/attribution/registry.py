"""The table of attribution methods: a method is registered by its file, looked up by its name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Sequence
from typing import Any

from ..errors import ParameterError, UnknownMethod, shown

METHODS: dict[str, type] = {}


def register(name: str):
    """Class decorator: make a Method known under `name`."""
    def add(cls):
        cls.name = name
        METHODS[name] = cls
        return cls
    return add


def methods() -> dict[str, str]:
    """Names of all attribution methods, each with one line on what it computes."""
    return {name: (inspect.getdoc(cls) or '').splitlines()[0] for name, cls in sorted(METHODS.items())}


def create(name: str, parameters: dict[str, Any], others: Sequence[str] = ()):
    """The method `name` with its parameters; errors that list what exists when either is unknown. others:
    names of options that a call takes beside the parameters, which could have been meant."""
    if not isinstance(name, str):
        raise UnknownMethod(f'no method {shown(name)}. Known: {", ".join(sorted(METHODS))}')
    if name not in METHODS:
        close = [m for m in sorted(METHODS) if m.startswith(name.lower()[:5])][:1] if name else []
        close = close or difflib.get_close_matches(name.lower(), METHODS, n=1, cutoff=.5)
        raise UnknownMethod(f'no method {shown(name)}.{_hint(close)} Known: {", ".join(sorted(METHODS))}')
    cls = METHODS[name]
    known = [p for p in inspect.signature(cls).parameters]
    for given in parameters:
        if given not in known:
            raise ParameterError(f'method "{name}" has no parameter {given!r}.'
                                 f'{_hint(difflib.get_close_matches(given, [*known, *others], n=1))} '
                                 f'It takes: {", ".join(known) or "none"}')
    return cls(**parameters)


def _hint(close: list[str]) -> str:
    return f' Did you mean "{close[0]}"?' if close else ''
