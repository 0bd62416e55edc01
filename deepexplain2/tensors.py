"""T and X as tensors of the graph, and what their shapes say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from .errors import TensorError

INSTEAD_OF_A_TENSOR: dict[type, str] = {
    tf.Operation: '. Take one of its outputs: op.outputs[0]',
    str: '. A name becomes a tensor by de.tensor(name)',
    tf.Variable: '. Take a tensor that is computed from it',
    Mapping: '. Give the tensor, or a list of tensors',
    set: '. A set has no order: give a list of tensors',
}


def as_tensor(value: Any, graph: tf.Graph, what: str) -> tf.Tensor:
    """`value` as a tensor of `graph`; TensorError names `what` it was meant for."""
    if not isinstance(value, tf.Tensor):
        hint = next((h for kind, h in INSTEAD_OF_A_TENSOR.items() if isinstance(value, kind)), '')
        if type(value).__module__.partition('.')[0] in ('keras', 'tf_keras') and callable(value):
            hint = ('. What a layer gives has its name: de.tensor(layer.name); what the model gives is in '
                    'de.outputs')
        raise TensorError(
            f'{what} must be a tensor of the session\'s graph, not {type(value).__name__}{hint}')
    if not tf.is_symbolic_tensor(value):
        raise TensorError(f'{what} is an eager tensor, a value. Give a tensor of the graph: one of de.inputs '
                          f'or de.outputs, or its name; '
                          'values are for xs')
    if value.graph is not graph:
        raise TensorError(f'{what} "{value.name}" belongs to another graph than the session')
    return value


def as_target(value: Any, graph: tf.Graph) -> tf.Tensor:
    """T as a floating tensor of `graph`."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        raise TensorError(f'T is a list of {len(value)} tensors. Give one of them; or a function of all '
                          f'outputs of the model, lambda out: ...; to weigh several units of one use ys')
    t = as_tensor(value, graph, 'T')
    if not t.dtype.is_floating:
        raise TensorError(f'T "{t.name}" has dtype {t.dtype.name}, and an output to explain must be '
                          f'floating. '
                          'Take the scores before they become classes, e.g. the logits')
    return t


def as_inputs(value: Any, graph: tf.Graph) -> tuple[list[tf.Tensor], bool]:
    """X as a list of tensors, and whether it was one."""
    is_list = isinstance(value, (list, tuple))
    xs = [as_tensor(x, graph, 'X') for x in (value if is_list else [value])]
    if not xs:
        raise TensorError('X is an empty list. Give at least one tensor')
    if len({x.name for x in xs}) < len(xs):
        raise TensorError('X holds the same tensor twice: ' + ', '.join(x.name for x in xs))
    for x in xs:
        if x.shape.rank == 0:
            raise TensorError(f'X "{x.name}" is a scalar: it has no batch axis')
        if not graph.is_feedable(x):
            raise TensorError(f'X "{x.name}" cannot be fed. Choose a tensor just before or behind it')
        if not (x.dtype.is_floating or x.dtype.is_integer):
            raise TensorError(f'X "{x.name}" has dtype {x.dtype.name}; attributions need a numeric input')
    return xs, is_list


def sizes(tensor: tf.Tensor) -> tuple[int | None, ...]:
    """The sizes of the axes, None for an open one; () for an unknown rank. The same with and without
    TensorFlow's v2 behaviour."""
    shape = tensor.shape
    return tuple(shape.as_list()) if shape.rank is not None else ()


def batch_of(tensor: tf.Tensor) -> int | None:
    """The number of rows that a tensor fixes, if it does."""
    shape = tensor.shape
    return shape.as_list()[0] if shape.rank else None


def shape_text(shape: tf.TensorShape) -> str:
    """A shape as NumPy prints it, '?' for an open axis."""
    if shape.rank is None:
        return 'any shape'
    sizes = ['?' if d is None else str(d) for d in shape.as_list()]
    return '(' + ', '.join(sizes) + (',)' if len(sizes) == 1 else ')')
