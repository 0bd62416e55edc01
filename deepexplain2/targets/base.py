"""What a target is: a score per row, computed from outputs of a model and from data of the row."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from ..attribution.base import Method
from ..parametrized import Parametrized

# of these, equal ones are the same for good
KNOWN = (type(None), numbers.Number, np.generic, np.ndarray, str, bytes, type, set, frozenset, tf.DType,
         Parametrized)


@dataclass(frozen=True)
class Target(Parametrized):
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
    that are equal: of one class, with equal parameters and the same outputs. Other data add nothing. Where
    a function or another object among the parameters computes something else than before, as one that reads
    a global variable, that is another target.

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
    Closeness(outputs=..., scale=2.0)
    >>> de.explain('grad*input', Closeness(outputs=T), X, xs, np.zeros((2, 2))).shape
    (2, 3)
    """

    _: KW_ONLY
    outputs: Any = None

    #: Whether the score is made of probabilities by its definition: methods do not warn of them then.
    uses_probabilities: ClassVar[bool] = False
    #: Whether ys are by default the outputs at xs.
    uses_predictions: ClassVar[bool] = False
    #: What it means where T and all attributions of a row are 0, for a warning; '' where it means nothing.
    meaning_of_zero: ClassVar[str] = ''
    #: Whether ys must say which of several units of the score is meant, for targets without data.
    needs_ys: ClassVar[bool] = False

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

    def arrays(self, ys: Any, n: int, outputs: Any) -> Any:
        """The arrays that `data` specifies, made of ys in the forms in which people have them.

        Parameters
        ----------
        ys : any
            As given, None included.
        n : int
            The number of rows.
        outputs : tensor, or a list, tuple or dict of tensors
            As for `data`.

        Returns
        -------
        array, or list of arrays
            They are checked next. By default ys as they are.
        """
        return ys

    def check_method(self, method: Method) -> None:
        """Raise ParameterError where a method has nothing to say about this target."""

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

    def on(self, outputs: Any) -> Target:
        """This target with other outputs, in the structure that `build` takes.

        Parameters
        ----------
        outputs : tensor, name, or a list, tuple or dict of them
            As the parameter of that name.

        Returns
        -------
        Target
            Of the same class, with the same parameters.
        """
        return dataclasses.replace(self, outputs=outputs)

    @property
    def held(self) -> tuple[Any, ...]:
        """The functions and other objects among its parameters, which are known by which object they are, and
        may compute something else later."""
        values = [value for name, value in self.parameters.items() if name != 'outputs']
        return tuple(v for v in entries(values) if not isinstance(v, KNOWN))

    @property
    def kept(self) -> Target:
        """What of the target is kept when it is built."""
        return self

    @property
    def label(self) -> str:
        """What it is, for a message."""
        return f'target {type(self).__name__}'

    @property
    def said(self) -> str:
        """The target, for a message."""
        return f'target {self!r}'

    def part(self, name: str) -> str:
        """One of its methods, for a message."""
        return f'{self.said}: {name}'

    def hint(self, outputs: Any) -> str:
        """What follows the message where one of its methods fails."""
        return ''

    def __repr__(self) -> str:
        return Parametrized.__repr__(self.on(names_of(self.outputs)))


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


def names_of(outputs: Any) -> Any:
    """The outputs of a target with names in place of tensors."""
    return map_entries(lambda t: t.name if isinstance(t, tf.Tensor) and tf.is_symbolic_tensor(t) else t,
                       outputs)


def wide(dtype: tf.DType) -> tf.DType:
    """In which floats sums over many entries are computed: those of a dtype, float32 at least."""
    return dtype if dtype.size > 2 else tf.float32
