"""Tables of classes by name: each is registered by its file, and looked up by its name."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, Generic, TypeVar

from .errors import DeepExplainError, ParameterError, shown

T = TypeVar('T')
Cls = TypeVar('Cls', bound=type)


class Registry(Mapping[str, type[T]], Generic[T]):
    """All classes of a kind: a mapping from name to class.

    Calling it gives name -> one line on what the class computes. `help(methods['intgrad'])` tells the rest;
    `methods['intgrad'](steps=50)` is a method to be handed to `explain` in place of its name. Likewise
    metrics.

    Parameters
    ----------
    kind : str
        What they are called.
    base : class
        What they derive from.
    error : class
        Of the error for an unknown name.
    """

    def __init__(self, kind: str, base: type[T], error: type[DeepExplainError]):
        self._kind, self._base, self._error = kind, base, error
        self._classes: dict[str, type[T]] = {}

    def __getitem__(self, name: Any) -> type[T]:
        known = f'Known: {", ".join(self)}'
        if not isinstance(name, str):
            raise self._error(f'no {self._kind} {shown(name)}. {known}')
        if name not in self._classes:
            close = difflib.get_close_matches(name.lower(), self, n=1, cutoff=.8)
            close = close or ([m for m in self if m.startswith(name.lower()[:5])][:1] if name else [])
            close = close or difflib.get_close_matches(name.lower(), self, n=1, cutoff=.5)
            raise self._error(f'no {self._kind} {shown(name)}.{did_you_mean(close)} {known}')
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._classes))

    def __len__(self) -> int:
        return len(self._classes)

    def __call__(self) -> dict[str, str]:
        """The names of all, each with one line on what it computes."""
        return {name: _first_line(cls) for name, cls in self.items()}

    def register(self, name: str) -> Callable[[Cls], Cls]:
        """Class decorator: make a class known under `name`. It is a frozen dataclass that derives from the
        base.

        Raises ParameterError for any other class, and for a name that another class has.
        """
        base, kind = self._base.__name__, self._kind

        def add(cls: Cls) -> Cls:
            made: Any = cls
            if not (isinstance(cls, type) and issubclass(cls, self._base) and dataclasses.is_dataclass(cls)
                    and made.__dataclass_params__.frozen):
                raise ParameterError(f'{cls.__name__} cannot be registered as "{name}": a {kind} is a frozen '
                                     f'dataclass that derives from {base}. Put @dataclass(frozen=True) below '
                                     f'@register')
            known = self._classes.get(name)
            if known is not None and (known.__module__, known.__qualname__) != (cls.__module__,
                                                                                cls.__qualname__):
                raise ParameterError(f'the name "{name}" belongs to {known.__module__}.{known.__qualname__}. '
                                     f'Choose another name')
            made.name = name
            self._classes[name] = made
            return cls
        return add

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
        return f'<table><tr><th>{self._kind}</th><th>parameters</th><th>computes</th></tr>{body}</table>'


def did_you_mean(close: Sequence[str]) -> str:
    """A question to be added to a message, or nothing."""
    return f' Did you mean "{close[0]}"?' if close else ''


def _first_line(cls: type) -> str:
    return (inspect.getdoc(cls) or '').split('\n\n')[0].replace('\n', ' ')


def _default(field: dataclasses.Field) -> str:
    return '' if field.default is dataclasses.MISSING else repr(field.default)
