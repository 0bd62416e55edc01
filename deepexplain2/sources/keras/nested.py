"""Nested dicts, lists and tuples in the order of Keras."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any


def has_keys(structure: Any) -> bool:
    """Whether there is a dict in a structure."""
    return (isinstance(structure, Mapping)
            or (isinstance(structure, (list, tuple)) and any(map(has_keys, structure))))


def leaves(structure: Any, path: str = '', sort_all: bool = False) -> list[tuple[str, Any]]:
    """(path, leaf) of nested dicts, lists and tuples, in the order of TensorFlow and Keras: 'a/0', 'a/1',
    'b'.

    sort_all: whether the keys of an OrderedDict are sorted too, as TensorFlow does and Keras 3 does not.
    """
    if isinstance(structure, Mapping):
        in_order = isinstance(structure, OrderedDict) and not sort_all
        items = [(str(k), structure[k]) for k in (structure if in_order else sorted(structure, key=str))]
    elif isinstance(structure, tuple) and hasattr(structure, '_fields'):
        items = list(zip(structure._fields, structure))
    elif isinstance(structure, (list, tuple)):
        items = [(str(k), v) for k, v in enumerate(structure)]
    else:
        return [(path, structure)]
    return [leaf for key, value in items
            for leaf in leaves(value, f'{path}/{key}' if path else key, sort_all)]


def rebuilt(structure: Any, value: Callable[[str, Any], Any], path: str = '') -> Any:
    """The same structure with `value(path, leaf)` in place of every leaf."""
    def inner(key, part):
        return rebuilt(part, value, f'{path}/{key}' if path else str(key))
    if isinstance(structure, Mapping):
        kind = OrderedDict if isinstance(structure, OrderedDict) else dict
        return kind((k, inner(k, v)) for k, v in structure.items())
    if isinstance(structure, tuple) and hasattr(structure, '_fields'):
        return type(structure)(*(inner(k, v) for k, v in zip(structure._fields, structure)))
    if isinstance(structure, (list, tuple)):
        parts = [inner(k, v) for k, v in enumerate(structure)]
        return tuple(parts) if isinstance(structure, tuple) else parts
    return value(path, structure)


def symbolic_pairs(pattern: Any, given: Any) -> Iterator[tuple[Any, Any]]:
    """(symbolic tensor, tensor) of the arguments of a call. pattern: the arguments with Keras symbolic
    tensors."""
    if type(pattern).__name__ == 'KerasTensor':
        yield pattern, given
    elif isinstance(pattern, Mapping):
        for key in pattern:
            yield from symbolic_pairs(pattern[key], given[key])
    elif isinstance(pattern, (list, tuple)):
        for a, b in zip(pattern, given):
            yield from symbolic_pairs(a, b)
