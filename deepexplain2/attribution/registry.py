"""The table of attribution methods: a method is registered by its file, looked up by its name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from ..errors import ParameterError, UnknownMethod
from ..parameters import kinds
from ..registry import Registry, did_you_mean
from .base import Method

PLAIN_TYPES = {type(None), str, bool, int, float}

methods: Registry[Method] = Registry('method', Method, UnknownMethod)
register = methods.register


def create(method: str | Method, parameters: Mapping[str, Any], others: Iterable[str] = ()) -> Method:
    """The method with its parameters.

    Parameters
    ----------
    method : str or Method
        A name with parameters, or a method, which has its own.
    parameters : mapping
        Parameters by name.
    others : iterable of str
        Names of options that the call takes beside the parameters, which could have been meant.

    Raises
    ------
    UnknownMethod, ParameterError
        With what exists and what is closest.
    """
    if isinstance(method, type) and issubclass(method, Method):
        raise UnknownMethod(f'{method.__name__} is a class. Give a method: {method.__name__}(...)')
    cls = type(method) if isinstance(method, Method) else methods[method]
    known = list(kinds(cls))
    for given in parameters:
        if given not in known or isinstance(method, Method):
            close = difflib.get_close_matches(given, [*(known if isinstance(method, str) else ()), *others],
                                              n=1)
            if isinstance(method, Method) and given in known:
                raise ParameterError(f'{given!r} is a parameter of "{cls.name}", and the method is given as '
                                     f'an object: '
                                     f'{cls.__name__}({given}=...)')
            instead = ' A set of baselines is given as references=.' if given == 'average' \
                and 'references' in known else ''
            raise ParameterError(f'method "{cls.name}" has no parameter {given!r}.{instead}'
                                 f'{"" if instead else did_you_mean(close)} '
                                 f'It takes: {", ".join(known) or "none"}')
    if isinstance(method, Method):
        return method
    if all(type(value) in PLAIN_TYPES for value in parameters.values()):
        return _made(cls, tuple(
            (name, type(value), repr(value), value) for name, value in parameters.items()))
    return cls(**parameters)


@lru_cache(maxsize=256)         # to make and check a method takes 20 us, a tenth of a small run
def _made(cls: Callable[..., Method], parameters: tuple[tuple[str, type, str, Any], ...]) -> Method:
    return cls(**{name: value for name, _, _, value in parameters})


def names_with(capability: str) -> str:
    """The names of the methods that have a capability (a class attribute of Method that is set), for a
    message: of those that explain any graph."""
    found = ((name, getattr(cls, capability)) for name, cls in methods.items() if cls.needs_space is not True)
    return ', '.join(name for name, value in found if value and not isinstance(value, property))
