"""Tensors of a graph that is not the default graph, with operators that work all the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache, wraps
from typing import Any

import numpy as np
import tensorflow as tf

from ..graph.op_types import LIBRARY_SCOPE
from ..parametrized import comparable

MADE = '_deepexplain2_operators'         # results by what they were computed of, kept at the graph
LARGE = 1 << 16         # bytes of an operand, above which its values are not compared

# what `t[:, 1]`, `t * 2` and the like call; == and != stay those of TensorFlow
BINARY = 'add sub mul truediv floordiv mod pow matmul'.split()
OPERATORS = ['__getitem__', '__neg__', '__abs__', '__lt__', '__le__', '__gt__', '__ge__',
             *(f'__{name}__' for name in BINARY), *(f'__r{name}__' for name in BINARY)]


def with_operators(tensor: tf.Tensor) -> tf.Tensor:
    """The tensor, the same object: while TensorFlow runs eagerly its operators, slices too, add ops to its
    graph, in place of an error. So do those of their results. Where TensorFlow does not allow that it is left
    as it is."""
    try:
        tensor.__class__ = _kind(type(tensor))  # type: ignore[arg-type]
    except TypeError:
        pass
    return tensor


@cache
def _kind(kind: type) -> type:
    """A kind of tensor with these operators."""
    if hasattr(kind, '_operators_of_deepexplain2'):
        return kind
    methods = {name: _in_graph(name, getattr(kind, name)) for name in OPERATORS if hasattr(kind, name)}
    said = {'__slots__': (), '__doc__': kind.__doc__, '__module__': kind.__module__}
    return type(kind.__name__, (kind,), {**said, **methods, '_operators_of_deepexplain2': True})


def _in_graph(name: str, operator: Callable[..., Any]) -> Callable[..., Any]:
    """An operator that adds its op to the graph of the tensor; the same again gives the same tensor."""
    @wraps(operator)
    def called(tensor, *others):
        if not tf.executing_eagerly():
            return operator(tensor, *others)
        made = getattr(tensor.graph, MADE, None)
        if made is None:
            made = {}
            setattr(tensor.graph, MADE, made)
        try:
            key = name, tensor.name, *map(_key, others)
            return made[key]
        except (TypeError, KeyError) as e:
            is_new = isinstance(e, KeyError)
        with tensor.graph.as_default(), tf.name_scope(f'{LIBRARY_SCOPE}T'):
            found = operator(tensor, *others)
        if not isinstance(found, tf.Tensor):
            return found
        if is_new:
            made[key] = found
        return with_operators(found)
    return called


def _key(value: Any) -> Hashable:
    """What an operand or an index is, to be compared; TypeError where that is not known."""
    if isinstance(value, (tuple, list)):
        return type(value), *map(_key, value)
    if isinstance(value, slice):
        return slice, *map(_key, (value.start, value.stop, value.step))
    if isinstance(value, tf.Tensor) and tf.is_symbolic_tensor(value):
        return tf.Tensor, value.name, id(value.graph)
    if value is None or value is Ellipsis or isinstance(value, (bool, int, float, np.generic)) \
            or (type(value) is np.ndarray and value.dtype != object and value.nbytes <= LARGE):
        return comparable(value)
    raise TypeError
