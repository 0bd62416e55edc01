"""T as a function of the outputs of a model, and of data of the row."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import tensorflow as tf

from ..errors import DeepExplainError, ParameterError, shown
from ..kinds import is_keras_model
from ..parameters import Kind
from ..tensors import shape_text
from .base import Target, entries


def _checked_function(value: Any, name: str) -> Callable[..., Any]:
    if not is_function(value):
        raise ParameterError(f'{name} must be a function of the outputs, not {shown(value)}')
    return value


@dataclass(frozen=True)
class _Built:
    """In place of a function that was built and may go. label: the function, for a message."""
    label: str

    def __call__(self, *outputs: Any) -> Any:
        raise ParameterError(f'{self.label} is built, and is not called again')


@dataclass(frozen=True)
class FunctionTarget(Target):
    """What a function computes from the outputs of a model, and from data of the row.

    `T=lambda out: ...` is short for it. It says beforehand what ys are, or which tensors are the outputs.

    Parameters
    ----------
    function : function
        Of (out) or (out, ys): returns the score of every row, floating, (batch,), or (batch,) + units.
    spec : tf.TensorSpec or list of them, optional
        What ys are, as `Target.data`; by default of the shape and dtype of those that are given.
    outputs : tensor, name, or a list, tuple or dict of them, by keyword, optional
        `out` of the function. By default the output of the model, the list of its outputs, or the dict of
        them where they have keys; a single one with a key is given with or without it, as the function wants.

    Notes
    -----
    The function is called at every `explain` and `get_explainer`, in a graph of its own: what it computes,
    and not which object it is, decides whether ops are added to the graph of the model. A new lambda that
    computes the same adds nothing, and one whose variables have changed is another target. An explainer keeps
    what its function was.

    Examples
    --------
    >>> de.explain('saliency', lambda out: out[:, 1] - out[:, 0], X, xs).shape
    (2, 3)
    >>> closeness = FunctionTarget(lambda out, ys: -tf.reduce_sum((out - ys) ** 2, -1),
    ...                            tf.TensorSpec((None, 2), tf.float64), outputs=T)
    >>> de.get_explainer('saliency', closeness, X).run(xs, np.zeros((2, 2))).shape
    (2, 3)
    """

    function: Annotated[Any, Kind('a function', _checked_function)]
    spec: Any = None

    @property
    def takes_data(self) -> bool:
        """Whether the function takes ys."""
        return _takes_ys(self.function, self.label)

    @property
    def needs_spec(self) -> bool:
        """Whether ys have to say what they are."""
        return self.spec is None and self.takes_data

    @property
    def specs_key(self) -> Hashable:
        """What was said or seen of ys, to be compared."""
        if self.spec is None:
            return None
        is_list = isinstance(self.spec, (list, tuple))
        return is_list, *((shape_text(s.shape), s.dtype) for s in (self.spec if is_list else [self.spec]))

    def data(self, outputs: Any) -> tf.TensorSpec | Sequence[tf.TensorSpec] | None:
        """What was said of ys, or seen of them."""
        if self.spec is not None and not self.takes_data:
            raise ParameterError(f'{self.said} takes no ys, and spec says what they are: {shown(self.spec)}')
        return self.spec

    def build(self, outputs: Any, ys: Any) -> tf.Tensor:
        """What the function returns."""
        return self.function(outputs, ys) if self.takes_data else self.function(outputs)

    @property
    def kept(self) -> FunctionTarget:
        """The target without the function, and what that holds."""
        return replace(self, function=_Built(self.label))

    @property
    def label(self) -> str:
        """The function, for a message: its name and place."""
        if isinstance(self.function, _Built):
            return self.function.label
        code = getattr(self.function, '__code__', None)
        name = getattr(self.function, '__name__', type(self.function).__name__)
        return f'the function {name}' + (f' ({os.path.basename(code.co_filename)}, line '
                                         f'{code.co_firstlineno})' if code is not None else '')

    @property
    def said(self) -> str:
        """The target, for a message."""
        return f'T, {self.label},'

    def part(self, name: str) -> str:
        """What is called, for a message."""
        return self.said

    def hint(self, outputs: Any) -> str:
        """What the function was given, for a message."""
        def text(t):
            return f'{shape_text(t.shape)} {t.dtype.name}'
        if isinstance(outputs, Mapping):
            return f'. out is a dict: {", ".join(f"{k!r} {text(t)}" for k, t in outputs.items())}'
        if isinstance(outputs, (list, tuple)):
            return f'. out is a list of {len(outputs)} tensors: {", ".join(map(text, outputs))}'
        return f'. out is a tensor {text(outputs)}'

    def with_spec(self, spec: tf.TensorSpec | list[tf.TensorSpec]) -> FunctionTarget:
        """This target with what ys are."""
        return replace(self, spec=spec)

    def ways(self) -> Iterator[FunctionTarget]:
        """This target, then others that may be meant: ys in the dtype of the outputs, and a single output
        without its key."""
        outputs, specs = self.outputs, self.spec if isinstance(self.spec, (list, tuple)) else [self.spec]
        dtype = next((t.dtype for t in entries(outputs) if t.dtype.is_floating), None)
        has_one = isinstance(outputs, Mapping) and len(outputs) == 1
        for way in [outputs, *(outputs.values() if has_one else ())]:
            yield replace(self, outputs=way)
            # Python's floats come as float64; its integers may be meant as floats
            for kinds in ('is_floating',), ('is_floating', 'is_integer'):
                changed = [tf.TensorSpec(s.shape, dtype, s.name) if s is not None and dtype is not None
                           and any(getattr(s.dtype, kind) for kind in kinds) else s for s in specs]
                if changed != list(specs):
                    yield replace(self, outputs=way,
                                  spec=changed if isinstance(self.spec, (list, tuple)) else changed[0])

    def closest(self, refused: Sequence[tuple[FunctionTarget, DeepExplainError]]) -> DeepExplainError:
        """Of the errors of all ways the one to raise: that of the outputs as they are, but of a single one
        without its key, unless the function asked for another key."""
        first = refused[0][1]
        if isinstance(first.__cause__, KeyError) and isinstance(first.__cause__.args[0], str):
            return first
        return next((e for way, e in refused if isinstance(way.outputs, tf.Tensor)), first)


def is_function(value: Any) -> bool:
    """Whether a T is a function of outputs, and no class, model or layer."""
    return (callable(value) and not isinstance(value, (type, tf.Tensor, Target)) and not is_keras_model(value)
            and type(value).__module__.partition('.')[0] not in ('keras', 'tf_keras'))


def _takes_ys(function: Any, label: str) -> bool:
    """Whether a function is one of (out, ys), and not of (out)."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):             # written in C
        return False
    by_position = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for k, p in enumerate(by_position) if p.default is p.empty or (k == 1 and p.name == 'ys')]
    missing = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    is_open = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if missing or len(needed) > 2 or not (by_position or is_open):
        raise ParameterError(f'T, {label}, takes ({", ".join(map(str, parameters))}): it must take the '
                             f'outputs, (out), or the outputs and data of the rows, (out, ys)')
    return len(needed) == 2
