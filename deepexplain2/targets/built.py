"""Targets in the graph of a model: their ops, and the placeholders of their data."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..engine.row_data import Feed, Weights
from ..errors import (
    ContextError,
    DeepExplainError,
    FeedError,
    ParameterError,
    ShapeError,
    TensorError,
    ValueRangeError,
    first_line,
    shown,
)
from ..graph.op_types import LIBRARY_SCOPE
from ..graph.walks import ancestors
from ..tensors import batch_of, shape_text
from ..values import as_array, as_numbers
from .base import Target, entries, map_entries


class BuiltTarget(NamedTuple):
    """A target in a graph. outputs: what it is about. placeholders: one for each array of its data.
    is_list: whether data are a list of arrays, or one array."""
    target: Target
    outputs: Any
    score: tf.Tensor
    placeholders: list[tf.Tensor]
    is_list: bool

    def feeds(self, ys: Any, n: int) -> dict[str, Feed]:
        """The data of n rows, checked, by the names of the placeholders."""
        what = f'ys of {self.target.label}'
        ys = self.target.arrays(ys, n, self.outputs)
        if ys is None:
            raise FeedError(f'{self.target.said} needs ys: {self._wanted(n)}, one entry per row of xs')
        arrays = ys if self.is_list else [ys]
        if not isinstance(arrays, (list, tuple)) or len(arrays) != len(self.placeholders):
            got = f'{len(ys)} arrays' if isinstance(ys, (list, tuple)) else type(ys).__name__
            raise ShapeError(f'{what} must be {self._wanted(n)}, not {got}')
        result = {}
        for array, p in zip(arrays, self.placeholders):
            what_of = f'{what}, {_text(p, n)},' if self.is_list else what
            given = as_numbers(array, p.dtype.name, what_of)
            if (given.dtype == bool) != p.dtype.is_bool or not p.shape.is_compatible_with(given.shape):
                raise ShapeError(f'{what} must be {self._wanted(n)}, not {given.shape} {given.dtype.name}')
            value = as_array(given, p.dtype, what_of)
            if given.dtype.kind in 'iu' and p.dtype.is_floating and not np.array_equal(given, value):
                raise ValueRangeError(f'{what_of} holds integers that {p.dtype.name} cannot tell from their '
                                      f'neighbours, as {given[given != value].flat[0]}. Give smaller numbers '
                                      f'(a difference, say), or floats')
            if len(value) != n:
                raise ShapeError(f'{what} has {len(value)} rows, shape {value.shape}, but xs has {n}: it '
                                 f'must be {self._wanted(n)}')
            result[p.name] = Feed(p, value, True)
        return result

    def _wanted(self, n: int) -> str:
        """What ys of n rows are, for a message."""
        arrays = ' and '.join(_text(p, n) for p in self.placeholders)
        return f'a list of {arrays}' if self.is_list else arrays

    def weights(self, ys: Any, n: int, per_row: bool) -> Weights:
        """The units of the score are summed: ys are data. per_row: whether it has one entry per row."""
        return Weights(None, None, (), per_row, self.score.dtype.as_numpy_dtype)


class Trial(NamedTuple):
    """A target in a graph of its own. specs: of its data; is_list: whether these are a list of arrays.
    computes: what tells its ops from those of another target."""
    target: Target
    specs: list[tf.TensorSpec]
    is_list: bool
    computes: Hashable


def tried(target: Target, outputs: Any) -> Trial:
    """Build a target in a graph of its own, where errors leave no trace in that of the model.

    Parameters
    ----------
    target : Target
        What to build.
    outputs : tensor of the graph of the model, or a list, tuple or dict of them
        The tensors that it is about.

    Raises
    ------
    TensorError, ParameterError
        Where `build` or `data` fail or return something else.
    """
    specs, is_list = _specifications(target, outputs)
    with tf.Graph().as_default() as graph:
        placed = map_entries(lambda t: tf.compat.v1.placeholder(t.dtype, t.shape), outputs)
        score, _ = _add(target, placed, specs, is_list)
        names = {p.op.name for p in entries(placed)}
        if not any(op.name in names for op in ancestors([score], set())):
            raise TensorError(f'{target.part("build")} returns what does not depend on outputs')
    return Trial(target, specs, is_list, (score.name, is_list, _written(graph)))


def _written(graph: tf.Graph) -> bytes:
    """What tells a graph from others that compute something else. Functions inside, such as bodies of loops,
    get other names in every graph."""
    definition = graph.as_graph_def()
    functions = {f.signature.name: f for f in definition.library.function}
    if not functions:
        return sha256(definition.SerializeToString(deterministic=True)).digest()
    # names of nodes begin with those of functions too
    longest_first = sorted(functions, key=len, reverse=True)
    pattern = re.compile('"(' + '|'.join(map(re.escape, longest_first)) + r')(?!\d)')
    order: dict[str, int] = {}                              # as they are named, from the nodes on
    definition.ClearField('library')
    texts = [str(definition)]
    for text in texts:                                      # which grows
        for name in pattern.findall(text):
            if name not in order:
                order[name] = len(order)
                texts.append(str(functions[name]))
    text = re.sub(r'"(Stateful)?PartitionedCall-\d+"', '"PartitionedCall"', '\n'.join(texts))
    return sha256(pattern.sub(lambda found: f'"function {order[found[1]]}', text).encode()).digest()


def build_target(trial: Trial, outputs: Any, graph: tf.Graph) -> BuiltTarget:
    """Add the ops of a target that was tried to the graph of the model.

    Parameters
    ----------
    trial : Trial
        What to build.
    outputs : tensor of the graph, or a list, tuple or dict of them
        The tensors that it is about.
    graph : tf.Graph
        The graph of the model.

    Returns
    -------
    BuiltTarget

    Raises
    ------
    ContextError
        Where the graph is finalized. The graph is then as it was.
    """
    target = trial.target
    if graph.finalized:
        raise ContextError(f'the graph is finalized, and {target.said} adds ops to it once. Use it with '
                           f'get_explainer before graph.finalize(); explainer.run adds none')
    with graph.as_default(), graph.control_dependencies(None), graph.device(None), graph.name_scope(None), \
            graph.name_scope(LIBRARY_SCOPE + re.sub('[^A-Za-z0-9_]', '_', type(target).__name__)):
        score, placeholders = _add(target, outputs, trial.specs, trial.is_list)
        return BuiltTarget(target.kept, outputs, tf.identity(score, 'score'), placeholders, trial.is_list)


def _specifications(target: Target, outputs: Any) -> tuple[list[tf.TensorSpec], bool]:
    """The specifications of the data, and whether they are a list."""
    given = _called(target, 'data', outputs)
    is_list = isinstance(given, (list, tuple))
    specs = [] if given is None else list(given) if is_list else [given]
    for spec in specs:
        if not isinstance(spec, tf.TensorSpec):
            raise ParameterError(f'{target.part("data")} must return a tf.TensorSpec, a list of them or '
                                 f'None, not {shown(given)}')
        if not spec.shape.rank or spec.shape.as_list()[0] is not None:
            raise ParameterError(f'{target.part("data")} returns shape {shape_text(spec.shape)}, which '
                                 f'must begin with None, the batch axis')
        if spec.dtype in (tf.string, tf.variant, tf.resource):
            raise ParameterError(f'{target.part("data")} returns dtype {spec.dtype.name}; ys are numbers '
                                 f'or booleans')
    return specs, is_list and bool(specs)


def _add(target: Target, outputs: Any, specs: Sequence[tf.TensorSpec],
         is_list: bool) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """The score of a target and the placeholders of its data, in the default graph."""
    placeholders = [tf.compat.v1.placeholder(s.dtype, s.shape, s.name or 'ys') for s in specs]
    ys = placeholders if is_list else placeholders[0] if placeholders else None
    score = _called(target, 'build', outputs, ys)
    if not isinstance(score, tf.Tensor) or not tf.is_symbolic_tensor(score):
        raise TensorError(f'{target.part("build")} must return a tensor, not {type(score).__name__}'
                          + (', a value that is not computed from the outputs'
                             if isinstance(score, tf.Tensor) else ''))
    if score.graph is not tf.compat.v1.get_default_graph():
        raise TensorError(f'{target.part("build")} returns "{score.name}" of another graph. Tensors of the '
                          f'model come in as outputs')
    if not score.dtype.is_floating or score.shape.rank == 0:
        raise TensorError(f'{target.part("build")} must return a floating tensor with one entry per row, '
                          f'(batch,), not {shape_text(score.shape)} {score.dtype.name}')
    fixed = {batch_of(t) for t in entries(outputs)}
    if None in fixed and batch_of(score) is not None:
        raise TensorError(f'{target.part("build")} returns shape {shape_text(score.shape)}, whose first '
                          f'axis is not the batch')
    return score, placeholders


def _called(target: Target, what: str, *arguments: Any) -> Any:
    """What a method of a target returns; TensorError where it raises."""
    try:
        return getattr(target, what)(*arguments)
    except DeepExplainError:
        raise
    except Exception as e:
        raise TensorError(f'{target.part(what)} raised {type(e).__name__}: {first_line(e).rstrip(".")}'
                          f'{_hint(e) or target.hint(arguments[0])}') from e


def _hint(error: Exception) -> str:
    """What to do about an error of TensorFlow, where that is known."""
    if 'same graph' in str(error):
        return '. Tensors of the model come in as outputs'
    if 'capture an EagerTensor' in str(error):
        return '. Give the value of an eager tensor or variable: .numpy()'
    return ''


def _text(placeholder: tf.Tensor, n: int) -> str:
    """What an array of the data is, for a message."""
    name = placeholder.op.name.rpartition('/')[2]
    shape = ', '.join([str(n), *('?' if d is None else str(d) for d in placeholder.shape.as_list()[1:])])
    return f'({shape}{"," if placeholder.shape.rank == 1 else ""}) {placeholder.dtype.name}' \
        + ('' if name.startswith('ys') else f' "{name}"')
