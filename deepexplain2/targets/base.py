"""What a target is: a score per row, computed from outputs of a model and from data of the row."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, TypeVar

import tensorflow as tf

from ..attribution.parameters import check_all, comparable
from ..errors import shown

Structure = TypeVar('Structure')


@dataclass(frozen=True)
class Target:
    """What is explained: one score per row, computed from outputs of a model and from data of the row.

    A target is a frozen dataclass that derives from this one. Its fields are its parameters, checked by the
    kinds of their annotations as those of a method are. It is given in place of T, and its data in place of
    ys: `de.explain(method, BoxScore(), X, xs, boxes)`.

    Parameters
    ----------
    outputs : tensor, name, or a list, tuple or dict of them, by keyword, optional
        The tensors that the target is about, in the structure in which `build` takes them. By default the
        output of the model, or the list of its outputs where it has several.

    Notes
    -----
    The ops of a target are added to the graph when it is first used with a session, once for all targets
    that are equal: of one class, with equal parameters and the same outputs. Other data add nothing.

    `build` is called twice: first in a graph of its own, with placeholders for the outputs, where errors
    leave no trace in the graph of the model; then in that graph.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Closeness(Target):
    ...     '''Minus the squared distance between the output and a point, one point per row.'''
    ...     scale: float = 1.
    ...
    ...     def data(self, outputs):
    ...         return tf.TensorSpec(outputs.shape, outputs.dtype)
    ...
    ...     def build(self, outputs, ys):
    ...         return -tf.reduce_sum((outputs - ys) ** 2, 1) / self.scale
    >>> Closeness(outputs=T, scale=2.)
    Closeness(scale=2.0, outputs=...)
    >>> de.explain('grad*input', Closeness(outputs=T), X, xs, np.zeros((2, 2))).shape
    (2, 3)
    """

    _: KW_ONLY
    outputs: Any = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for special in '__eq__', '__hash__', '__repr__':        # those of @dataclass cannot compare arrays
            if special not in vars(cls):
                setattr(cls, special, vars(Target)[special])

    def __post_init__(self) -> None:
        check_all(self)

    def data(self, outputs: Any) -> tf.TensorSpec | Sequence[tf.TensorSpec] | None:
        """What `ys` are: a specification, a list of them where they are several arrays, or None.

        Parameters
        ----------
        outputs : tensor, or a list, tuple or dict of tensors
            Those that the target is about, to read shapes and dtypes from.

        Returns
        -------
        tf.TensorSpec, list of tf.TensorSpec, or None
            Shapes begin with None, the batch axis. With None, the target takes no data, and ys choose or
            weigh the units of the score, as those of any T.
        """
        return None

    def build(self, outputs: Any, ys: Any) -> tf.Tensor:
        """Add the ops of the score to the default graph.

        Parameters
        ----------
        outputs : tensor, or a list, tuple or dict of tensors
            Those that the target is about.
        ys : tensor, or a list of tensors
            The data of the rows, as `data` says; None without data.

        Returns
        -------
        tf.Tensor
            Floating, (batch,), or (batch,) + units, of which ys or their sum choose. The score of a row must
            not depend on other rows.
        """
        raise NotImplementedError

    def key(self, outputs: Any) -> Hashable:
        """What is equal for targets that are the same for a session. outputs: its tensors."""
        names = map_entries(lambda t: t.name, outputs)
        return self._parameters(), _comparable(names)

    def _parameters(self) -> Hashable:
        return type(self), *(_comparable(getattr(self, f.name)) for f in dataclasses.fields(self)
                             if f.name != 'outputs')

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, Target) and self._parameters() == other._parameters()
                and _comparable(self.outputs) == _comparable(other.outputs))

    def __hash__(self) -> int:
        return hash((self._parameters(), _comparable(self.outputs)))

    def __repr__(self) -> str:
        given = [f'{f.name}={shown(map_entries(_readable, getattr(self, f.name)))}'
                 for f in sorted(dataclasses.fields(self), key=lambda f: f.name == 'outputs')
                 if _comparable(getattr(self, f.name)) != _comparable(f.default)]
        return f'{type(self).__name__}({", ".join(given)})'


def map_entries(function: Callable[[Any], Any], structure: Any) -> Any:
    """A list, tuple or dict with a function applied to every entry; of anything else, its answer alone."""
    if isinstance(structure, Mapping):
        return {name: map_entries(function, value) for name, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)([map_entries(function, value) for value in structure])
    return function(structure)


def entries(structure: Any) -> list[Any]:
    """The entries of a list, tuple or dict, in order."""
    found: list[Any] = []
    map_entries(found.append, structure)
    return found


def _comparable(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        return 'dict', *((name, _comparable(v)) for name, v in value.items())
    if isinstance(value, (list, tuple)):
        return type(value).__name__, *map(_comparable, value)
    return ('tensor', value.ref()) if isinstance(value, tf.Tensor) else comparable(value)


def _readable(value: Any) -> Any:
    return value.name if isinstance(value, tf.Tensor) else value
