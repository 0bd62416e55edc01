"""A ConcreteFunction of TensorFlow as a graph, and the names of its inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.util import nest

from ..errors import SourceError, shown
from ..graph.op_types import SHAPE_ONLY
from ..graph.walks import descendants
from .freezing import freeze
from .source import Source


def from_concrete_function(concrete: Any, way: str, original: Callable | None = None) -> Source:
    """A Source of a ConcreteFunction. original: the function that was traced; by default `concrete`
    itself."""
    check_outputs(concrete, way)
    graph, inputs, outputs, _, places = freeze(concrete, way)
    names = [path for path, t in _leaves(concrete.structured_outputs) if t is not None]
    named = zip([names[k] for k in places], outputs) if len(names) == len(concrete.outputs) else ()
    output_names = [(name, t) for name, t in named if name]
    return Source(graph, inputs, outputs, list(zip(_argument_names(concrete, inputs), inputs)), output_names,
                  output_keys=[name for name, _ in output_names]
                  if isinstance(concrete.structured_outputs, Mapping) else [],
                  original=_flat_callable(concrete, places, original),
                  specs=[tf.TensorSpec(t.shape, t.dtype) for t in inputs], states=variable_handles(concrete))


def check_outputs(concrete: Any, way: str, named: int = 0) -> None:
    """Raise SourceError unless the model returns a number that depends on an input. named: how many tensors
    at the end of the outputs are returned only for their names, and are no outputs of the model."""
    captured = {t.name for t in concrete.graph.internal_captures}
    inputs = {t.name for t in concrete.inputs} - captured
    outputs = [t for t in concrete.outputs[:len(concrete.outputs) - named] if isinstance(t, tf.Tensor)]
    if not inputs:
        raise SourceError(f'{way}: the model has no input')
    if not outputs:
        raise SourceError(f'{way}: the model returns {shown(concrete.structured_outputs)}: it must return '
                          'tensors')
    numbers = [t for t in outputs if t.dtype.is_floating or t.dtype.is_integer or t.dtype.is_complex
               or t.dtype.is_bool]
    if not numbers:
        returned = ', '.join(f'"{t.name}" {t.dtype.name}' for t in outputs)
        raise SourceError(f'{way}: the model returns {returned}: it must return numbers')
    dependent = descendants(concrete.graph.get_operations(), inputs, SHAPE_ONLY)
    if not any(t.name in dependent for t in numbers):
        raise SourceError(f'{way}: no output of the model depends on the values of an input: '
                          + ', '.join(f'"{t.name}"' for t in outputs))


def variable_handles(concrete: Any) -> list[tf.Tensor]:
    """The handles of the variables that a function captures."""
    return [t for t in concrete.captured_inputs if t.dtype == tf.resource]


def _flat_callable(concrete: Any, places: Sequence[int],
                   original: Callable | None) -> Callable[..., list[tf.Tensor]]:
    """The function from a flat list of tensors to a flat list of the outputs at these places, called with the
    arguments it was traced with."""
    given = len(concrete.outputs)

    def call(*x):
        flat = iter(x)
        args, kwargs = nest.map_structure(lambda s: next(flat) if isinstance(s, tf.TensorSpec) else s,
                                          concrete.structured_input_signature)
        y = concrete(*args, **kwargs) if original is None else original(*args, **kwargs)
        found = [t for t in nest.flatten(y, expand_composites=True) if t is not None]
        return [t for k, t in enumerate(found) if k in places or k >= given]
    return call


def _leaves(structure: Any) -> list[tuple[str, Any]]:
    """(path, leaf) of a nested structure, in TensorFlow's order: 'a/0', 'a/1', 'b'."""
    return list(nest.flatten_with_joined_string_paths(structure, expand_composites=True))


def _argument_names(concrete: Any, inputs: Sequence[tf.Tensor]) -> list[str]:
    """The names of the inputs: those of the arguments, and for nested arguments the path in them
    ('x/left')."""
    arguments, keywords = concrete.structured_input_signature
    parameters = list(concrete.function_type.parameters) if concrete.function_type else []
    if len(parameters) < len(arguments):
        parameters = [str(k) for k in range(len(arguments))]
    nested = [f'{name}/{path}' if path else name
              for name, value in [*zip(parameters, arguments), *sorted(keywords.items())]
              for path, leaf in _leaves(value) if isinstance(leaf, tf.TensorSpec)]
    if any('/' in name for name in nested) and len(nested) == len(inputs):
        return nested
    # These are in the order of the inputs; the arguments of a SavedModel's signature may not be.
    keyword_names = concrete._arg_keywords or []
    return list(keyword_names) if len(keyword_names) == len(inputs) else [t.op.name for t in inputs]
