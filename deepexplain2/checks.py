"""What the user gives, checked once at the door; the messages live here."""

from __future__ import annotations

import difflib
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from .errors import (
    ContextError,
    CopyError,
    FeedError,
    ParameterError,
    ShapeError,
    SourceError,
    TensorError,
    ValueRangeError,
    shown,
)
from .kinds import way_in

LOOK = 1 << 26          # bytes of a memmap that are looked through at once
_HERE = str(Path(__file__).parent)


class Live:
    """What holds a session, and lives in one process with it."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise CopyError(f'{type(self).__name__} cannot be pickled or copied: it holds the session of this '
                        f'process. Send the model (its path, '
                        'or its weights) and xs, and make a context there; attributions are NumPy arrays, '
                        'which can be sent')


def open_session(session: Any, graph: Any) -> tuple[Any, tf.Graph]:
    """The session to use and its graph; ContextError when there is none, or when it is not the graph asked
    for."""
    if isinstance(session, tf.Graph):                           # the order of DeepExplain: (graph, session)
        session, graph = graph, session
    session = tf.compat.v1.get_default_session() if session is None else session
    if session is None:
        raise ContextError('no session given and no default session is open. Use DeepExplain(session), or '
                           'enter '
                           '"with tf.compat.v1.Session(graph=graph):" first')
    if not callable(getattr(session, 'run', None)) or not isinstance(getattr(session, 'graph', None),
                                                                     tf.Graph):
        raise ContextError(f'session must be a tf.compat.v1.Session, not '
                           f'{type(session).__name__}{way_in(session)}')
    if graph is not None and not isinstance(graph, tf.Graph):
        raise ContextError(f'graph must be the tf.Graph of the session, or left out, not '
                           f'{type(graph).__name__}')
    if graph is not None and graph is not session.graph:
        raise ContextError('the session runs another graph than the one given as graph=. Give only the '
                           'session, or '
                           'tf.compat.v1.Session(graph=graph)')
    check_open(session)
    return session, session.graph


def check_open(session: Any) -> None:
    closed = getattr(session, '_closed', None)
    if closed is None and hasattr(session, 'should_stop'):      # monitored sessions
        closed = session.should_stop()
    if closed:
        raise ContextError('the session is closed. Explain while it is open')


INSTEAD_OF_A_TENSOR: dict[type, str] = {
    tf.Operation: '. Take one of its outputs: op.outputs[0]',
    str: '. A name becomes a tensor by de.tensor(name)',
    tf.Variable: '. Take a tensor that is computed from it',
    Mapping: '. Give the tensor, or a list of tensors',
    set: '. A set has no order: give a list of tensors',
}


def tensor(value: Any, graph: tf.Graph, what: str) -> tf.Tensor:
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


def target(value: Any, graph: tf.Graph) -> tf.Tensor:
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        raise TensorError('T is a list. Give one tensor; to weigh several of its units use ys')
    t = tensor(value, graph, 'T')
    if not t.dtype.is_floating:
        raise TensorError(f'T "{t.name}" has dtype {t.dtype.name}, and an output to explain must be '
                          f'floating. '
                          'Take the scores before they become classes, e.g. the logits')
    return t


def inputs(value: Any, graph: tf.Graph) -> tuple[list[tf.Tensor], bool]:
    """X as a list of tensors, and whether it was one."""
    is_list = isinstance(value, (list, tuple))
    xs = [tensor(x, graph, 'X') for x in (value if is_list else [value])]
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


def samples(xs: Any, tensors: Sequence[tf.Tensor], is_list: bool) -> list[np.ndarray]:
    """xs as one array per tensor of X, in its dtype, all with the same number of rows. A large memmap stays
    one, of its own dtype."""
    if is_list and not (isinstance(xs, (list, tuple)) and len(xs) == len(tensors)):
        raise ShapeError(f'X is a list of {len(tensors)} tensors, so xs must be a list of as many arrays'
                         + (f', not {len(xs)}' if isinstance(xs, (list, tuple))
                            else f', not {type(xs).__name__}')
                         + '. The order is that of X: ' + ', '.join(f'"{x.name}"' for x in tensors))
    arrays = [_sample(v, x.dtype, f'xs for X "{x.name}"') for v, x in zip(xs if is_list else [xs], tensors)]
    for a, x in zip(arrays, tensors):
        if a.ndim == 0 or not x.shape.is_compatible_with((None,) + a.shape[1:]):
            hint = ''
            if x.shape.rank is not None and x.shape[1:].is_compatible_with(a.shape):
                hint = '. Add the batch axis: xs[None] for a single sample'
            elif isinstance(xs, (list, tuple)) and not is_list and x.shape.is_compatible_with((None, *a.shape[2:])):
                hint = '. X is a single tensor: give its array, not a list of arrays'
            raise ShapeError(f'xs has shape {a.shape}, but X "{x.name}" takes {text(x.shape)}{hint}')
        if a.size == 0:
            raise ShapeError(f'xs for X "{x.name}" is an empty batch, shape {a.shape}')
    if len({len(a) for a in arrays}) > 1:
        raise ShapeError('the arrays in xs differ in their number of rows: '
                         + ', '.join(f'{len(a)} for "{x.name}"' for a, x in zip(arrays, tensors)))
    return arrays


def _sample(value: Any, dtype: tf.DType, what: str) -> np.ndarray:
    """As `array`; a large memmap is looked through in pieces and left where it is."""
    if not isinstance(value, np.memmap) or value.nbytes <= LOOK or not value.ndim:
        given = plain(value, dtype.name, what)
        if dtype.is_integer and given.dtype.kind == 'b':
            raise ShapeError(f'{what} is not an array of {dtype.name}: got booleans. If they stand for 0 and '
                             f'1 give xs.astype(int)')
        return array(given, dtype, what)
    step = max(1, LOOK // max(value[:1].nbytes, 1))
    for k in range(0, len(value), step):
        array(np.array(value[k:k + step]), dtype, f'{what}, from row {k} on,')
    return value


def plain(value: Any, wanted: str, what: str) -> np.ndarray:
    """`value` as a NumPy array of numbers, as it is; ShapeError for what NumPy would take apart or take for
    something else."""
    refuse(value, wanted, what)
    try:
        given = np.asarray(value)
    except Exception as e:          # ragged lists, and whatever the __array__ of other libraries raises
        raise ShapeError(f'{what} is not an array of {wanted}: got {type(value).__name__}'
                         + (' of uneven shape' if isinstance(value, (list, tuple)) else '')
                         + f' ({_first_line(e)})') from None
    # bfloat16 is of kind V too
    kind = given.dtype.kind if given.dtype.kind != 'V' or issubclass(given.dtype.type, np.void) else 'f'
    hint = NOT_NUMBERS.get(kind)
    if hint:
        raise ShapeError(f'{what} is not an array of {wanted}: got {type(value).__name__} of dtype '
                         f'{str(given.dtype)[:60]}. '
                         + (hint if given.ndim or given.dtype.kind != 'O' else 'Give a NumPy array or a list '
                                                                               'of numbers'))
    return given


NOT_NUMBERS = {         # kinds of dtypes
    'O': 'Give numbers of one type, e.g. .astype(float)',
    'U': 'Give numbers', 'S': 'Give numbers',
    'M': 'Give numbers: what a date means to the model only you know', 'm': 'Give numbers: what a time means '
                                                                            'to the model only you know',
    'V': 'Give one plain array: numpy.lib.recfunctions.structured_to_unstructured',
}


def refuse(value: Any, wanted: str, what: str) -> None:
    """Raise ShapeError for objects, in lists too, of which NumPy would drop something: masks, names of
    columns, where zeros are."""
    if isinstance(value, (list, tuple)):
        for one in {type(v): v for v in value}.values() if not isinstance(value[0] if value else None,
                                                                          (list, tuple)) else value:
            refuse(one, wanted, what)
        return
    kind, package = type(value).__name__, type(value).__module__.partition('.')[0]
    if isinstance(value, tf.Tensor):
        if tf.is_symbolic_tensor(value):
            raise ShapeError(f'{what} is the graph tensor "{value.name}"; give its values: a NumPy array')
        return
    hint = None
    if isinstance(value, np.ma.MaskedArray):
        hint = 'Its mask would be lost: give .filled(number), or the rows without masked entries'
    elif isinstance(value, tf.Variable) or (package in ('keras', 'tf_keras') and hasattr(value, 'assign')):
        hint = 'Give its values: variable.numpy(), or session.run(variable)'
    elif isinstance(value, (tf.RaggedTensor, tf.SparseTensor, tf.IndexedSlices)):
        hint = 'Give a dense array: .to_tensor().numpy(), or tf.sparse.to_dense(...).numpy()'
    elif package == 'pandas':
        hint = 'Give .to_numpy(), whose columns are in the order that the model was trained with'
    elif package == 'scipy' and hasattr(value, 'toarray'):
        hint = 'Give .toarray()'
    elif kind == 'KerasTensor':
        hint = 'It is symbolic: give its values'
    if hint:
        raise ShapeError(f'{what} is not an array of {wanted}: got {kind}. {hint}')


def array(value: Any, dtype: tf.DType, what: str) -> np.ndarray:
    """`value` as a finite array of `dtype`; `what` names it in errors. Not copied when nothing changes."""
    given = plain(value, dtype.name, what)
    if given.dtype.kind == 'c' and not dtype.is_complex:
        raise ShapeError(f'{what} is not an array of {dtype.name}: got complex numbers')
    with np.errstate(over='ignore', invalid='ignore'):
        result = given.astype(dtype.as_numpy_dtype, copy=False)
    for a in (given, result):
        if a.dtype.kind not in 'iub' and not np.isfinite(a).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(a))[0])
            raise ValueRangeError(f'{what} holds {np.count_nonzero(~np.isfinite(a))} values that are NaN or '
                                  f'infinite (in {a.dtype.name}), '
                                  f'the first at {where}')
    if (
        dtype.is_integer or dtype.is_bool) and given.dtype != result.dtype and not np.array_equal(given, result):
        raise ValueRangeError(
            f'{what} holds values that {dtype.name} cannot hold: fractions, or out of range')
    return result


class Feed(NamedTuple):
    """What feed_dict gives for one tensor; per_row: one entry for each row of xs."""
    tensor: tf.Tensor
    value: np.ndarray
    per_row: bool


class Weights:
    """Weights of the units of T, row by row: the floating ys, or one-hot rows of class indices, times those
    written into T.

    array: (n or 1,) + units, or None for 1; classes: (n,) or None, with the number of classes.
    """

    def __init__(self, ys: Any, constant_weights: np.ndarray | None, target: tf.Tensor, n: int,
                 per_row: bool):
        self.dtype = target.dtype.as_numpy_dtype
        self._per_row = per_row
        self.classes: np.ndarray | None = None
        self.array: np.ndarray | None = None
        rank = target.shape.rank
        if constant_weights is not None:
            constant_weights = array(constant_weights, target.dtype, 'the array that T is multiplied by')
            if n == 1 and per_row and ys is None and constant_weights.ndim == rank:
                # T of the one row, as often as the array has rows: all of it is about that row
                constant_weights = constant_weights.sum(0, keepdims=True)
            self.array = _with_rows(constant_weights, target, n, rank, 'the array that T is multiplied by',
                                    per_row)
        if ys is None:
            return
        given = plain(ys, target.dtype.name, 'ys')
        if given.dtype.kind == 'b' and per_row and rank == 1 and given.shape == (n,):
            raise ShapeError(f'ys holds booleans, but T "{target.name}" has one unit per row and no classes '
                             f'to choose from. Leave ys out (for the '
                             'other class of a binary model take -T), or give floats as weights')
        if given.dtype.kind not in 'iu':
            given = array(given, target.dtype, 'ys')
        if given.dtype.kind in 'iu' and per_row and given.shape == (n,) and rank != 1:
            self.classes = given
            self.units = self._units(target, rank)
            wrong = given[(given < 0) | (given >= self.units)]
            if wrong.size:
                raise ValueRangeError(f'ys holds class {wrong[0]}, but T "{target.name}" has {self.units} '
                                      f'units: 0 to {self.units - 1}'
                                      + ('. For a model with one score leave ys out' if self.units == 1
                                         else ''))
            return
        if given.ndim == 2 and given.shape[1] == 1 and rank == 2 and sizes(target)[1] != 1:
            raise ShapeError(f'ys has shape {given.shape}: for class indices give integers of shape ({n},), '
                             f'e.g. ys.ravel().astype(int); weights '
                             f'are shaped like T "{target.name}" {text(target.shape)}')
        if given.dtype.kind in 'iu' and per_row and rank == 1 and given.shape == (n,):
            raise ShapeError(f'ys holds integers, but T "{target.name}" has one unit per row and no classes '
                             f'to choose from. Leave ys out (for the '
                             'other class of a binary model take -T), or give floats as weights')
        if given.dtype.kind in 'iu' and given.ndim <= 1 and rank not in (0, 1):
            raise ShapeError(f'ys has shape {given.shape} and integers: class indices need one per row, '
                             f'shape ({n},); '
                             f'weights of the units of T "{target.name}" {text(target.shape)} need floats')
        if given.ndim == 1 and rank is not None and rank > 1 and given.shape == (n,) and (
            n > 1 or sizes(target)[-1] != 1):
            raise ShapeError(f'ys has shape {given.shape} and dtype {np.asarray(ys).dtype}. Give integers if '
                             f'these are class indices; weights for '
                             f'all rows have shape (1, units), weights of their own the shape of T '
                             f'"{target.name}" {text(target.shape)}')
        ys_array = _with_rows(array(given, target.dtype, 'ys'), target, n, rank, 'ys', per_row)
        if rank is not None and any(w == 1 and u not in (1, None) for w,
                                    u in zip(list(ys_array.shape)[1:], sizes(target)[1:])):
            raise ShapeError(f'ys has shape {given.shape}, but T "{target.name}" has {text(target.shape)}: '
                             f'only rows are repeated, not units')
        self.array = ys_array if self.array is None else self.array * ys_array

    def rows(self, rows: np.ndarray) -> np.ndarray | None:
        """The weights of these rows, to be broadcast to T; None for 1."""
        weights = self.array
        if weights is not None and self._per_row and len(weights) > 1:
            weights = weights[rows]
        if self.classes is None:
            return weights
        one_hot = (self.classes[rows][:, None] == np.arange(self.units)).astype(self.dtype)
        return one_hot if weights is None else one_hot * weights

    @staticmethod
    def _units(target: tf.Tensor, rank: int | None) -> int:
        units = sizes(target)[1] if rank == 2 else None
        if units is None:
            raise ShapeError(f'ys holds class indices, but T "{target.name}" has shape {text(target.shape)}: '
                             f'indices choose units of a T '
                             'of shape (batch, classes). Give weights shaped like T')
        return units


def baselines(given: Any, tensors: Sequence[tf.Tensor], is_list: bool) -> list[np.ndarray] | Callable:
    """One checked baseline per tensor of X: a scalar, or features, or rows of features; copied, to follow no
    later change. A callable is asked when xs is known."""
    if given is None:                       # as in DeepExplain
        given = 0
    if isinstance(given, type):
        raise ShapeError(f'baseline is the class {given.__name__}. Give a number, an array, or a function of '
                         f'xs that returns one')
    if callable(given):
        return given
    if is_list and isinstance(given, (list, tuple)):
        if len(given) != len(tensors):
            raise ShapeError(f'baseline is a list of {len(given)}, but X has {len(tensors)} tensors. Give '
                             f'one baseline per input')
        values = list(given)
    else:
        values = [given] * len(tensors)
        if is_list and plain(given, 'numbers', 'baseline').ndim:
            raise ShapeError(f'X is a list of {len(tensors)} tensors: give a list of as many baselines, or a '
                             f'scalar')
    checked = [np.array(array(v, x.dtype, f'baseline for X "{x.name}"')) for v, x in zip(values, tensors)]
    for v, b, x in zip(values, checked, tensors):
        if np.asarray(v).dtype.kind == 'b' and not b.ndim:
            raise ShapeError(f'baseline for X "{x.name}" is {v!r}. Give a number, or an array')
        if not b.size:
            raise ShapeError(f'baseline for X "{x.name}" is empty, shape {b.shape}. Give at least one')
        if b.ndim and x.shape.rank is not None:
            features = x.shape[1:]
            if not (features.is_compatible_with(b.shape) or (b.ndim == x.shape.rank
                                                             and features.is_compatible_with(b.shape[1:]))):
                raise ShapeError(f'baseline has shape {b.shape}, but X "{x.name}" takes {text(features)} per '
                                 f'row. Give a scalar, one '
                                 'baseline of that shape, or one per row with the batch axis in front')
    return checked


def baselines_of(function: Callable, xs: list[np.ndarray], tensors: Sequence[tf.Tensor],
                 is_list: bool) -> list[np.ndarray]:
    """What a function given as baseline returns for xs, checked as `baselines` is."""
    try:
        answer = function([x.copy() for x in xs] if is_list else xs[0].copy())
    except Exception as e:
        raise ParameterError(f'the function given as baseline cannot take xs: {shown(function)} raised '
                             f'{type(e).__name__}: {_first_line(e)}') from e
    if answer is None or callable(answer):
        raise ShapeError(f'the function given as baseline returned '
                         f'{"None" if answer is None else type(answer).__name__}, not an array. It is '
                         f'called with xs, and returns the baseline: {shown(function)}')
    found = baselines(answer, tensors, is_list)
    assert not callable(found)
    return found


def references(given: list[np.ndarray], shapes: Sequence[tuple[int, ...]], tensors: Sequence[tf.Tensor],
               average: bool | None,
               averages: bool) -> tuple[list[np.ndarray], int]:
    """(baselines with a batch axis, how many of them each row is compared with) for xs of these shapes.
    average: whether an array with rows is a set of references for every row, or holds one for each; None: the
    latter where it has as many rows as xs. averages: whether the method can."""
    n = shapes[0][0]
    found = [_rows_of(b, shape, x.name) for b, shape, x in zip(given, shapes, tensors)]
    counts = {len(b) for b in found} - {1}
    several = counts and (average or (average is None and counts != {n}))
    if not several:
        for b, shape, x in zip(found, shapes, tensors):
            if len(b) not in (1, n):
                raise ShapeError(_no_baseline(b, shape, x.name))
        return found, 1
    if not averages:
        worst = next(k for k, b in enumerate(found) if len(b) not in (1, n))
        raise ShapeError(_no_baseline(found[worst], shapes[worst], tensors[worst].name))
    if len(counts) > 1:
        raise ShapeError('the inputs have different numbers of baselines: ' + ', '.join(f'{len(b)} for '
                                                                                        f'"{x.name}"' for b, x in zip(found, tensors)))
    (k,) = counts
    return [np.broadcast_to(b, (k, *b.shape[1:])) for b in found], k


def _rows_of(baseline: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    """A checked baseline with a batch axis."""
    if baseline.ndim == 0:
        return np.full((1,) + shape[1:], baseline)
    if baseline.shape == shape[1:]:
        return baseline[None]
    if baseline.ndim == len(shape) and baseline.shape[1:] == shape[1:]:
        return baseline
    raise ShapeError(_no_baseline(baseline, shape, name))


def _no_baseline(baseline: np.ndarray, shape: tuple[int, ...], name: str) -> str:
    return (f'baseline has shape {baseline.shape}, but xs for X "{name}" has shape {shape}. Give one '
            f'baseline of shape {shape[1:]}, or one '
            'per row')


def feeds(given: Mapping[Any, Any] | None, graph: tf.Graph, tensors: Sequence[tf.Tensor],
          varies: Callable[[tf.Tensor], bool],
          n: int) -> dict[str, Feed]:
    """feed_dict by tensor name. A value for a tensor that leaves its first axis open, or fixes it as X does,
    has one entry per row of xs and goes with its rows (or a single one, for all); the value of any other
    tensor is the same in every run."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise FeedError(f'feed_dict must be a dict of tensors to values, not {type(given).__name__}')
    fixed = {batch_of(x) for x in tensors} - {None}
    result = {}
    for key, value in given.items():
        t = tensor(key, graph, 'a key of feed_dict')
        if t.name in {x.name for x in tensors}:
            raise FeedError(f'feed_dict feeds X "{t.name}", which xs already does')
        if varies(t):
            raise FeedError(f'feed_dict feeds "{t.name}", which lies between X and T: T would no longer '
                            f'depend on X through it')
        if t.op.type == 'Const' or not graph.is_feedable(t):
            raise FeedError(f'feed_dict feeds "{t.name}" ({t.op.type}), which cannot be fed. Feed a '
                            f'placeholder')
        v = _strings(value, t) if t.dtype == tf.string else array(value, t.dtype, f'feed_dict for "{t.name}"')
        rows = batch_of(t)
        per_row = t.shape.rank != 0 and v.ndim > 0 and (rows is None or (rows in fixed and len(v) == n))
        if not t.shape.is_compatible_with((None,) + v.shape[1:] if per_row else v.shape):
            raise FeedError(f'feed_dict gives shape {v.shape} for "{t.name}", which takes {text(t.shape)}')
        if per_row and len(v) not in (1, n):
            raise FeedError(f'feed_dict gives {len(v)} rows for "{t.name}" {text(t.shape)}, but xs has {n}. '
                            f'Give one entry per row; for a value '
                            'that is the same for all rows, give the placeholder a shape without an open '
                            'first axis')
        result[t.name] = Feed(t, v, per_row and len(v) == n)
    return result


def _strings(value: Any, tensor: tf.Tensor) -> np.ndarray:
    try:
        given = np.asarray(value)
    except Exception as e:
        raise ShapeError(f'feed_dict for "{tensor.name}" is not an array of strings: got '
                         f'{type(value).__name__} ({_first_line(e)})') from None
    if given.dtype.kind not in 'OUS' or not all(isinstance(v, (str, bytes)) for v in given.flat):
        raise ShapeError(f'feed_dict for "{tensor.name}" is not an array of strings: got '
                         f'{type(value).__name__} of dtype {given.dtype}')
    return given


def free_memory() -> int:
    """Bytes that are free, as far as the system tells."""
    try:
        return os.sysconf('SC_AVPHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    except (AttributeError, ValueError, OSError):
        return 4 << 30


def integer(value: Any, name: str, least: int) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        raise ParameterError(f'{name} must be an integer >= {least}, not {shown(value)}')
    return int(value)


def positive(value: Any, name: str) -> float:
    number = not isinstance(value, (bool, np.bool_)) and isinstance(value, (int, float, np.integer,
                                                                            np.floating))
    if not number or not 0 < value <= sys.float_info.max:
        raise ParameterError(f'{name} must be a number > 0, not {shown(value)}')
    return float(value)


def choice(value: Any, name: str, known: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ParameterError(f'{name} must be one of {", ".join(map(repr, known))}, not {shown(value)}')
    return value


def flag(value: Any, name: str) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise ParameterError(f'{name} must be True or False, not {shown(value)}')
    return bool(value)


def sequence(value: Any, name: str, example: str) -> list[Any]:
    """The entries of a list, tuple or array of one axis that is not empty."""
    if not isinstance(value, (list, tuple, np.ndarray)) or (isinstance(value, np.ndarray)
                                                            and value.ndim != 1) or not len(value):
        raise ParameterError(f'{name} must be a list {example}, not {shown(value)}')
    return list(value)


def run_options(batch_size: Any, memory_limit: Any, progress: Any, **flags: Any) -> None:
    """Raise ParameterError for options of `run` that are not of their kind."""
    for name, value in ('batch_size', batch_size), ('memory_limit', memory_limit):
        if value is not None:
            integer(value, name, 1)
    if progress is not None and not isinstance(progress, (bool, np.bool_)) and (isinstance(progress, type)
                                                                                or not callable(progress)):
        raise ParameterError(f'progress must be True, False or a function, not {shown(progress)}')
    for name, value in flags.items():
        flag(value, name)


def known_options(given: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Raise ParameterError for an option of another name."""
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise ParameterError(f'{where} has no option {name!r}.' + (f' Did you mean "{close[0]}"?'
                                                                       if close else '')
                                 + f' It takes: {", ".join(known)}. Parameters of a method belong to '
                                   f'get_explainer')


def signature(given: Any, way: str) -> list[Any]:
    """An input_signature as a list with one entry per argument, whose leaves are tf.TensorSpec; a single
    tf.TensorSpec is a list of one."""
    entries = [given] if isinstance(given, tf.TensorSpec) else given
    example = '[tf.TensorSpec((None, ...), tf.float32)], one entry per input, None for the batch'
    if not isinstance(entries, (list, tuple)):
        raise SourceError(f'{way}: input_signature must be a list of tf.TensorSpec, not {shown(given)}. Give '
                          f'{example}')
    if not entries:
        raise SourceError(f'{way}: input_signature is empty. Give {example}')
    for entry in entries:
        leaves = tf.nest.flatten(entry)
        if not leaves or not all(isinstance(leaf, tf.TensorSpec) for leaf in leaves):
            raise SourceError(f'{way}: input_signature holds {shown(entry)}, which is not a tf.TensorSpec. '
                              f'Give {example}')
        if any(leaf.dtype in (tf.variant, tf.resource) for leaf in leaves):
            raise SourceError(f'{way}: input_signature holds {shown(entry)}, which has no numbers. Give '
                              f'{example}')
    return list(entries)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def warn(message: str, category: type[Warning]) -> None:
    """A warning that points at the first line outside the library."""
    frame, depth = sys._getframe(1), 2
    while frame.f_back and frame.f_code.co_filename.startswith(_HERE):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, category, stacklevel=depth)


def sizes(tensor: tf.Tensor) -> tuple[int | None, ...]:
    """The sizes of the axes, None for an open one; () for an unknown rank. The same with and without
    TensorFlow's v2 behaviour."""
    return tuple(tensor.shape.as_list()) if tensor.shape.rank is not None else ()


def batch_of(tensor: tf.Tensor) -> int | None:
    """The number of rows that a tensor fixes, if it does."""
    return sizes(tensor)[0] if tensor.shape.rank else None


def _with_rows(value: np.ndarray, target: tf.Tensor, n: int, rank: int | None, what: str,
               per_row: bool) -> np.ndarray:
    """Weights with the rank of T; the first axis has n rows or 1 when T has one row per sample."""
    if rank is None:
        rank = value.ndim
    if value.ndim > rank:
        raise ShapeError(f'{what} has shape {value.shape}, but T "{target.name}" has {text(target.shape)}: '
                         f'too many axes')
    full = value.reshape((1,) * (rank - value.ndim) + value.shape)
    if per_row and rank and len(full) not in (1, n):
        raise ShapeError(f'{what} has {len(full)} rows, shape {value.shape}, but xs has {n}')
    free = 1 if per_row else 0          # the axis of T that grows with xs
    if not all(unit is None or int(full.shape[axis]) in (1, unit) for axis, unit in enumerate(sizes(target))
               if axis >= free):
        raise ShapeError(f'{what} has shape {value.shape}, but T "{target.name}" has {text(target.shape)}. '
                         'Give weights shaped like T, or class indices of shape (n,)')
    return full


def text(shape: tf.TensorShape) -> str:
    """A shape as NumPy prints it, '?' for an open axis."""
    if shape.rank is None:
        return 'any shape'
    sizes = ['?' if d is None else str(d) for d in shape.as_list()]
    return '(' + ', '.join(sizes) + (',)' if len(sizes) == 1 else ')')
