"""A function of tensors as a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ..errors import SourceError, shown
from ..kinds import is_keras_model, way_in
from .concrete_function import from_concrete_function
from .guards import attempt, require_eager
from .signature import as_signature
from .source import Source


def from_function(fn: Any, input_signature: Sequence[Any] | None) -> Source:
    """A tf.function, a ConcreteFunction or a Python function of tensors.

    Parameters
    ----------
    fn : callable
        The function.
    input_signature : list of tf.TensorSpec, optional
        One entry per argument, None for the batch. Not needed for a ConcreteFunction, or for a tf.function
        that has one.

    Raises
    ------
    SourceError
        If `fn` is no function, the signature is missing or does not fit, or tracing or freezing fails.
    """
    require_eager('from_function')
    if isinstance(fn, type) or not callable(fn) or is_keras_model(fn):
        raise SourceError(f'from_function takes a function of tensors, not {type(fn).__name__}{way_in(fn)}')
    if input_signature is not None:
        input_signature = as_signature(input_signature, 'from_function')
    if hasattr(fn, 'structured_input_signature'):
        if input_signature is not None and not _has_signature(fn, input_signature):
            raise SourceError('from_function: the ConcreteFunction has an input_signature of its own, and '
                              'another was given. Leave it out, or give the tf.function that it was made '
                              'from')
        return from_concrete_function(fn, 'from_function')
    if input_signature is None and getattr(fn, 'input_signature', None) is None:
        raise SourceError('from_function needs an input_signature: a list of tf.TensorSpec(shape, dtype), '
                          'with None for the batch')
    function = fn if hasattr(fn, 'get_concrete_function') else tf.function(fn)
    specs = list(input_signature or ())
    concrete = attempt(lambda: function.get_concrete_function(*specs),
                       f'from_function could not trace the model for inputs {shown(specs)}. It must be '
                       'callable with one tensor per input, and take no decision in Python on their values')
    return from_concrete_function(concrete, 'from_function', fn)


def _has_signature(concrete: Any, signature: Sequence[Any]) -> bool:
    """Whether a ConcreteFunction takes the shapes and dtypes of a signature."""
    def shape_and_dtype(t):
        return t.shape.as_list() if t.shape.rank is not None else None, t.dtype
    captured = {t.name for t in concrete.graph.internal_captures}
    return ([shape_and_dtype(t) for t in concrete.inputs if t.name not in captured]
            == [shape_and_dtype(s) for s in tf.nest.flatten(signature)])
