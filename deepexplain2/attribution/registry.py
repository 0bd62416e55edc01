"""The table of attribution methods: a method is registered by its file, looked up by its name."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from html import escape
from typing import Any, TypeVar

from ..errors import ParameterError, UnknownMethod, shown
from ..parameters import kinds
from .base import Method

Cls = TypeVar('Cls', bound=type[Method])


PLAIN_TYPES = {type(None), str, bool, int, float}


class Methods(Mapping[str, type[Method]]):
    """All attribution methods: a mapping from name to class.

    Calling it gives name -> one line on what the method computes. `help(methods['intgrad'])` tells the rest;
    `methods['intgrad'](steps=50)` is a method to be handed to `explain` in place of its name.
    """

    def __init__(self) -> None:
        self._classes: dict[str, type[Method]] = {}

    def add(self, name: str, cls: type[Method]) -> None:
        """Make a class known under a name."""
        self._classes[name] = cls

    def __getitem__(self, name: Any) -> type[Method]:
        known = f'Known: {", ".join(self)}'
        if not isinstance(name, str):
            raise UnknownMethod(f'no method {shown(name)}. {known}')
        if name not in self._classes:
            close = difflib.get_close_matches(name.lower(), self, n=1, cutoff=.8)
            close = close or ([m for m in self if m.startswith(name.lower()[:5])][:1] if name else [])
            close = close or difflib.get_close_matches(name.lower(), self, n=1, cutoff=.5)
            raise UnknownMethod(f'no method {shown(name)}.{did_you_mean(close)} {known}')
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._classes))

    def __len__(self) -> int:
        return len(self._classes)

    def __call__(self) -> dict[str, str]:
        """The names of all methods, each with one line on what it computes."""
        return {name: _first_line(cls) for name, cls in self.items()}

    def _rows(self) -> list[tuple[str, str, str]]:
        return [(name, ', '.join(f'{f.name}={_default(f)}'
                                 for f in dataclasses.fields(cls)),  # type: ignore[arg-type]
                 _first_line(cls)) for name, cls in self.items()]

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        return '\n'.join(f'{name:{width}}  {line}\n{"":{width}}  {parameters or "no parameters"}'
                         for name, parameters, line in self._rows())

    def _repr_html_(self) -> str:
        body = ''.join('<tr>' + ''.join(f'<td>{escape(cell)}</td>' for cell in row) + '</tr>'
                       for row in self._rows())
        return f'<table><tr><th>method</th><th>parameters</th><th>computes</th></tr>{body}</table>'


methods = Methods()


def register(name: str) -> Callable[[Cls], Cls]:
    """Class decorator: make a method known under `name`. The class is a frozen dataclass that derives from
    Method.

    Raises ParameterError for any other class, and for a name that another class has.
    """
    def add(cls: Cls) -> Cls:
        if not (isinstance(cls, type) and issubclass(cls, Method) and dataclasses.is_dataclass(cls)
                and cls.__dataclass_params__.frozen):
            raise ParameterError(f'{cls.__name__} cannot be registered as "{name}": a method is a frozen '
                                 f'dataclass that '
                                 'derives from Method. Put @dataclass(frozen=True) below @register')
        known = methods._classes.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ParameterError(f'the name "{name}" belongs to {known.__module__}.{known.__qualname__}. '
                                 f'Choose another name')
        cls.name = name
        methods.add(name, cls)
        return cls
    return add


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


def did_you_mean(close: Sequence[str]) -> str:
    """A question to be added to a message, or nothing."""
    return f' Did you mean "{close[0]}"?' if close else ''


def _first_line(cls: type) -> str:
    return (inspect.getdoc(cls) or '').split('\n\n')[0].replace('\n', ' ')


def _default(field: dataclasses.Field) -> str:
    return '' if field.default is dataclasses.MISSING else repr(field.default)
