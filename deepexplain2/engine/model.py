"""T and X as questions to the graph: value, gradient, relevance under rules. The only holder of a session."""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions

from ..errors import (
    ContextError,
    DeepExplainError,
    FeedError,
    NonlinearOpWarning,
    ParameterError,
    PathError,
    PathWarning,
    RuleError,
    RunError,
    ShapeError,
    TensorError,
    ValueRangeError,
    warn,
)
from ..graph import clone, integral
from ..graph.clone import Treatment
from ..graph.gradients import is_custom_gradient
from ..graph.masks import have_rows, masks
from ..graph.op_types import CONTAINERS, FUNCTION_CALLS, V1_CONTROL_FLOW
from ..graph.path import Path
from ..graph.rulebook import CONDITION, REFUSED, UNUSED, Rulebook
from ..graph.rulebook import PLAIN as PLAIN_GRADIENT
from ..graph.statistics import batch_statistics
from ..graph.walks import learning_phases, placeholders, random_ops
from ..kinds_of_values import integer
from ..session import check_open
from .memory import free_memory
from .row_data import Feed, Weights

_locks: weakref.WeakKeyDictionary[tf.Graph, threading.RLock] = weakref.WeakKeyDictionary()


def graph_lock(graph: tf.Graph) -> threading.RLock:
    """One for each graph: TensorFlow's graphs are not made for building in several threads."""
    return _locks.setdefault(graph, threading.RLock())


PLAIN = Rulebook()          # no rules: the plain gradient
# bytes of the widest tensor in one run: 256 rows of a small CNN cost 1.6 times more per row than 32
ROW_BUDGET = 4 << 20


class Query:
    """Something to ask the graph: arrays for `feeds` in, one array per answer out.

    With `weights` the answers are gradients, and weights for the units of T are fed; without, the answer is T
    itself, and comes back as one number per row, summed over its units in float64. one_row: whether baselines
    of one row may stand for all rows. plain: the same fetches by TensorFlow's own kernels, where XLA compiles
    the question, for every number of rows anew. kept: masks that are fed as they are at x, after X, which is
    another point (see `Model.asked`).
    """

    is_line_integral = False       # whether it takes lines with many points each
    SHARED = 0          # how many of the arrays, the last ones, stand for all rows

    def __init__(self, model: Model, feeds: Sequence[tf.Tensor], fetches: Sequence[tf.Tensor],
                 weights: tf.Tensor | None,
                 one_row: bool = False, plain: Sequence[tf.Tensor] = (), kept: Sequence[tf.Tensor] = ()):
        self._model, self._feeds, self._fetches, self._weights = model, [*feeds, *kept], list(fetches), weights
        self._kept = list(kept)
        self._one_row, self._compiled = one_row, bool(plain)
        # T itself too: the kernels check what XLA leaves out, such as a constant index that is out of range.
        # That of a line integral is among `plain`, at the points
        own = [] if weights is None or self.is_line_integral else [model.target]
        self._twin = Query(model, feeds, [*plain, *own], weights, kept=kept) if plain else None
        self._compared: set[tuple] = set()              # shapes that were compiled and compared
        self._callables: dict[tuple[str, ...], tuple[list[tf.Tensor], Callable]] = {}
        self._reference: ReferenceCache | None = None

    @property
    def keeps_masks(self) -> bool:
        return bool(self._kept)

    def hold(self, baselines: Sequence[tf.Tensor], tensors: Sequence[tf.Tensor]) -> None:
        """Keep what the rules take from one baseline for the next run with it."""
        self._reference = ReferenceCache(Query(self._model, [*self._model.inputs, *baselines], tensors, None),
                                    Query(self._model, [*self._feeds, *tensors], self._fetches,
                                          self._weights))

    def ask(self, arrays: Sequence[np.ndarray], rows: np.ndarray, weights: Weights, feeds: Mapping[str, Feed],
            per_row: bool,
            max_rows: int | None) -> list[np.ndarray]:
        """The answers for one run. An array of one row among more stands for all rows. room: how many rows a
        run may hold; None where the graph fixes them. Several threads may ask: what is learned from a run is
        replaced as a whole."""
        n, points = len(arrays[0]), max(1, len(rows) // len(arrays[0]))
        padding_rows = min(rounded(n), max_rows // points) - n if self._compiled and max_rows else 0
        if padding_rows <= 0:
            return self._ask(arrays, rows, weights, feeds, per_row, max_rows is not None)
        # the last row again and again, so that few numbers of rows are compiled
        end = len(arrays) - self.SHARED
        filled = [np.concatenate([a, np.broadcast_to(a[-1:], (padding_rows, *a.shape[1:]))]) if len(a) == n
                  else a for a in arrays[:end]]
        rows = np.concatenate([rows, np.tile(rows[-points:], padding_rows)])
        return [a[:n] for a in self._ask([*filled, *arrays[end:]], rows, weights, feeds, per_row, True)]

    def _ask(self, arrays: Sequence[np.ndarray], rows: np.ndarray, weights: Weights,
             feeds: Mapping[str, Feed], per_row: bool,
             open_batch: bool) -> list[np.ndarray]:
        n, k = len(rows), len(self._model.inputs)
        if self._kept:
            return self._run(arrays, arrays[:k], lambda: list(arrays[:k]), rows, weights, feeds, per_row)
        full = [a if len(a) == n else np.broadcast_to(a, (n, *a.shape[1:])) for a in arrays]
        if self._one_row and open_batch and not feeds and all(len(b) == 1 for b in arrays[k:]):
            reference = self._reference
            try:
                held = reference.values(arrays[:k], arrays[k:]) if reference else None
                if reference and held:
                    return reference.query._run([*arrays, *held], full[:k], lambda: full, rows, weights,
                                                feeds, per_row)
            except RunError:
                # the way without asks less of TensorFlow, and says what is wrong where it fails as well
                self._reference = None
            try:
                return self._run(arrays, full[:k], lambda: full, rows, weights, feeds, per_row)
            except RunError as e:
                # a reshape that joins the batch with another axis: a row per sample fits
                if not isinstance(e.__cause__, tf.errors.InvalidArgumentError):
                    raise
                answers = self._run(full, full[:k], lambda: full, rows, weights, feeds, per_row)
                self._one_row = False
                return answers
        return self._run(full, full[:k], lambda: full, rows, weights, feeds, per_row)

    def raw(self, arrays: Sequence[np.ndarray], feeds: Mapping[str, Feed] | None = None,
            rows: np.ndarray | None = None) -> list[np.ndarray]:
        """The values of the fetches, as they are, for these rows of xs; where gradients are asked, of all
        units of T."""
        rows = np.arange(len(arrays[0])) if rows is None else rows
        with reported(f'T "{self._model.target.name}" or what it takes from a baseline for {len(rows)} rows'):
            extra, run = self._callable(feeds or {})
            return run(*arrays, *([] if self._weights is None
                                  else [np.ones([], self._weights.dtype.as_numpy_dtype)]),
                       *self._model.fed(extra, feeds or {}, rows))

    def _run(self, arrays: Sequence[np.ndarray], xs: Sequence[np.ndarray],
             points: Callable[[], list[np.ndarray]], rows: np.ndarray,
             weights: Weights, feeds: Mapping[str, Feed], per_row: bool) -> list[np.ndarray]:
        """xs: what gradients are shaped like. points: x, and the baselines if any, at which the graph was
        evaluated."""
        check_open(self._model.session)
        w = weights.rows(rows)
        with reported(f'T "{self._model.target.name}" or its gradient for {len(rows)} rows'):
            extra, run = self._callable(feeds)
            tail = self._tail(extra, w, weights, rows, feeds)
            answers = run(*arrays, *tail)
        try:
            if self._twin is not None:
                self._twin._compare(answers, arrays, w, xs, rows, weights, feeds, per_row)
            return self._reduced(answers, w, xs, len(rows), per_row)
        except ValueRangeError as e:
            at, k = points(), len(self._model.inputs)
            raise ValueRangeError(
                f'{e}. {self._model.origin([at[:k], at[k:]], dict(zip(extra, tail[len(tail) - len(extra):])))}') from None

    def _compare(self, answers: list[np.ndarray], arrays: Sequence[np.ndarray], w: np.ndarray | None,
                 xs: Sequence[np.ndarray], rows: np.ndarray,
                 weights: Weights, feeds: Mapping[str, Feed], per_row: bool) -> None:
        """Compare the answers of XLA with these of TensorFlow's own kernels, the first time with arrays of
        these shapes."""
        what = f'T "{self._model.target.name}" or its gradient for {len(rows)} rows'
        with reported(what):
            extra, run = self._callable(feeds)
        tail = self._tail(extra, w, weights, rows, feeds)
        shapes = tuple(np.shape(a) for a in [*arrays, *tail])
        if shapes in self._compared:
            return

        def plain(given):
            with reported(what):
                return run(*given, *tail)[:len(answers)]
        expected = plain(arrays)
        self._reduced(expected, w, xs, len(rows), per_row)
        self._check_equal(answers, expected, plain, arrays)
        self._compared.add(shapes)

    def _tail(self, extra: Sequence[tf.Tensor], w: np.ndarray | None, weights: Weights, rows: np.ndarray,
              feeds: Mapping[str, Feed]) -> list:
        """What is fed after the question's own arrays: the weights of T, then what feed_dict gives, then what
        has a default."""
        tail = [] if self._weights is None else [np.ones([], weights.dtype) if w is None else w]
        return tail + self._model.fed(extra, feeds, rows)

    def _check_equal(self, answers: Sequence[np.ndarray], expected: Sequence[np.ndarray], plain: Callable,
                     arrays: Sequence[np.ndarray]) -> None:
        """Raise RunError where what XLA computed is not what TensorFlow's own kernels do, row by row, but for
        rounding.

        Rounding moves an answer far only where the function jumps (the gradient at a corner, a tie of
        maxima). There it also moves with inputs that are changed by their rounding alone, which is tried
        before the error is raised.
        """
        moved: list[list[np.ndarray]] = []
        for k, (a, e) in enumerate(zip(answers, expected)):
            if a.shape == e.shape and not np.issubdtype(e.dtype, np.floating):
                continue                        # the shape of T
            if a.shape == e.shape:
                far, size = _largest(a, e), _largest(e, 0)
                # 1e-3 in float32, of the largest entry in the row
                digits = 3 * float(np.finfo(e.dtype).eps) ** .5
                wrong = ~(far <= digits * (size + digits * size.max(initial=0)))
                if not wrong.any():
                    continue
                moved = moved or [plain(_rounded_otherwise(arrays, len(self._model.inputs), seed))
                                  for seed in range(3)]
                for m in moved:
                    wrong &= ~(far <= 100 * _largest(m[k], e))
                if not wrong.any():
                    continue
            raise RunError(f'jit_compile: what XLA computes of T "{self._model.target.name}" '
                           + ('' if self._weights is None else 'or its gradient ')
                           + (f'has shape {a.shape} where TensorFlow has {e.shape}' if a.shape != e.shape else
                              f'differs by {far[wrong].max():.2g} from what TensorFlow computes, of '
                              f'{size[wrong].max():.2g}, first in row '
                              f'{np.flatnonzero(wrong)[0]} of a run')
                           + ', more than rounding does: an op between X and T is not the same there. Leave '
                             'jit_compile out')

    def _reduced(self, answers: list[np.ndarray], w: np.ndarray | None, fed: Sequence[np.ndarray], n: int,
                 per_row: bool) -> list[np.ndarray]:
        model = self._model
        shape = answers[0].shape if self._weights is None else tuple(int(d) for d in answers[-1])
        if per_row:
            model.check_batch(shape, n)
        if w is not None and (w.ndim > len(shape) or (per_row and w.ndim != len(shape))
                              or np.broadcast_shapes(w.shape, shape) != shape):
            raise ShapeError(f'the weights of T have shape {w.shape}, but T "{model.target.name}" has shape '
                             f'{shape}')
        if self._weights is not None:
            for g, x, a in zip(answers, model.inputs, fed):
                if g.shape != a.shape:
                    raise TensorError(f'the gradient of T "{model.target.name}" by X "{x.name}" has shape '
                                      f'{g.shape} where {a.shape} was fed: '
                                      'the graph takes another number of rows, or mixes rows')
                check_finite(g, f'the gradient of T "{model.target.name}" by X "{x.name}"')
            # T itself, where asked
            return [*answers[:len(fed)], *(a if per_row else a.reshape(1, -1).sum(1)
                                           for a in answers[len(fed):-1])]
        t = answers[0].astype(np.float64)
        t = t if w is None else t * w
        check_finite(t, f'T "{model.target.name}"')
        return [t.reshape(n, -1).sum(1) if per_row else t.reshape(1, -1).sum(1)]

    def _callable(self, feeds: Mapping[str, Feed]) -> tuple[list[tf.Tensor], Callable]:
        """The tensors to feed beside the question's own, and the run; made once per set of names."""
        key = tuple(feeds)
        if key in self._callables:
            return self._callables[key]
        with graph_lock(self._model.target.graph):
            own = self._feeds + ([] if self._weights is None else [self._weights])
            needed = [f.tensor for f in feeds.values()]
            needed += learning_phases(self._fetches, own + needed)
            session, fed, fetched = self._model.session, [t.name for t in own
                                                          + needed], [t.name for t in self._fetches]
            # make_callable is session.run where something is fed, whose Python takes .3 ms
            direct = isinstance(session, tf.compat.v1.Session
                                | tf.compat.v1.InteractiveSession) and not set(fed) & set(fetched)
            if direct:
                run = session._make_callable_from_options(CallableOptions(feed=fed, fetch=fetched))
            else:                                   # monitored sessions and the like, and T that is X
                def run(*values):
                    return session.run(self._fetches, dict(zip(own + needed, values)))
            self._callables[key] = needed, run
            return needed, run


class ReferenceCache:
    """The values that a baseline of one row gives on the path of the reference; asked for when it comes for
    the second time in a row.

    ask: from X and baselines to the values. question: the same as without, but these are fed.
    """

    def __init__(self, ask: Query, query: Query):
        self._ask, self.query = ask, query
        # replaced as a whole: several threads may come
        self._last: tuple[list[tuple], list[np.ndarray] | None] = [], None

    def values(self, xs: Sequence[np.ndarray], baselines: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """xs: what is fed for X, which a weight may wait for by a control edge."""
        key = [(b.shape, b.tobytes()) for b in baselines]
        last, values = self._last
        if last != key:
            self._last = key, None
            return None
        if values is None:
            values = self._ask.raw([*xs, *baselines])
            self._last = key, values
        return values


class LineQuery(Query):
    """The weighted sums of gradients along lines. Into a run go the ends of lines, alphas and shares of the
    points, and the rows of xs that the points belong to, all points of a line before the next; out come as
    many sums as lines."""

    is_line_integral = True
    SHARED = 2

    def _ask(self, arrays, rows, weights, feeds, per_row, open_batch):
        k = len(self._model.inputs)
        xs, bs, (alphas, shares) = arrays[:k], arrays[k:-2], arrays[-2:]
        if not open_batch or self._model.path.held:
            bs = [np.broadcast_to(b, x.shape) for b, x in zip(bs, xs)]

        def points():
            return [np.swapaxes(b + alphas.reshape(-1, *[1] * x.ndim) * (x - b), 0,
                                1).reshape(-1, *x.shape[1:]).astype(x.dtype)
                    for b, x in zip(bs, xs)]
        return self._run([*xs, *bs, alphas, shares], xs, points, rows, weights, feeds, per_row)


def rounded(rows: int) -> int:
    """The number of rows that is compiled for so many: less than a quarter more."""
    return -(-rows // _step(rows)) * _step(rows)


def _step(rows: int) -> int:
    """Between the numbers that are compiled: 1 up to seven rows, then four of them to each doubling."""
    return 1 << max(rows.bit_length() - 3, 0)


@contextlib.contextmanager
def reported(what: str) -> Iterator[None]:
    """What TensorFlow raises while a session works, as a RunError that says what it could not compute."""
    try:
        yield
    except DeepExplainError:
        raise
    except (tf.errors.OpError, RuntimeError, ValueError, TypeError) as e:
        # beside the first, of a session that is closed, or of another kind
        message = e.message if isinstance(e, tf.errors.OpError) else str(e)
        raise RunError(f'TensorFlow could not compute {what}: {_cause(message) or type(e).__name__}'
                       + ('. Run the initializer of the variables, or restore a checkpoint, in this session'
                          if isinstance(e, tf.errors.FailedPreconditionError) else '')
                       + ('. XLA cannot compile this: leave jit_compile out' if 'tf2xla' in message
                          else '')) from e


@contextlib.contextmanager
def built(model: Model, method: str) -> Iterator[None]:
    """What TensorFlow raises while ops are copied and differentiated, as a PathError."""
    try:
        yield
    except DeepExplainError:
        raise
    except (tf.errors.OpError, RuntimeError, ValueError, TypeError, LookupError) as e:
        names = ', '.join(f'"{x.name}"' for x in model.inputs)
        raise PathError(f'{method} cannot follow the ops between X {names} and T "{model.target.name}". '
                        f'TensorFlow says: {str(e)[:500]}. Choose a T '
                        'before or an X behind what it names, or use a perturbation method') from e


def _cause(message: str) -> str:
    """The sentence in an error of TensorFlow that says what happened: it stands behind the last place in the
    graph that is named."""
    _, _, placed = message.partition('Node: ')
    lines = placed.splitlines()[1:] if placed else message.splitlines()
    said = [line for line in lines if line.strip() and '[[{{node' not in line]
    said = list(itertools.takewhile(lambda line: not line.strip().startswith(('The op is created at',
                                                                              'Stack trace', 'tf2xla')),
                                    said))
    return ' '.join(said)[:500]


def _largest(a: np.ndarray, b: np.ndarray | float) -> np.ndarray:
    """The largest |a - b| of each row, in float64."""
    d = np.abs(a.astype(np.float64) - b)
    return d.reshape(len(d), -1).max(1, initial=0) if d.ndim else d[None]


def _rounded_otherwise(arrays: Sequence[np.ndarray], k: int, seed: int) -> list[np.ndarray]:
    """The first k arrays with every entry moved by a few roundings of it, and of the largest one."""
    rng = np.random.default_rng(seed)
    result = list(arrays)
    for j, a in enumerate(arrays[:k]):
        if np.issubdtype(a.dtype, np.floating) and a.size:
            step = np.finfo(a.dtype).eps * rng.choice([-8., 8.], a.shape) * (np.abs(a.astype(np.float64))
                                                                             + np.abs(a).max() / 4)
            result[j] = (a + step).astype(a.dtype)
    return result


def check_finite(answer: np.ndarray, what: str) -> None:
    """Raise ValueRangeError where an answer of the graph is NaN or infinite."""
    finite = np.isfinite(answer)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueRangeError(f'{what} is NaN or infinite, first at {where} of a run of '
                              f'{len(answer) if answer.ndim else 1} rows')


class Model:
    """A target T, inputs X, and the session that holds the weights.

    held: masks on the way that stay as they are at x. value: T. gradient: of T by X. relevance: the gradient
    under rules; with a reference, fed after X. The last two are computed in a copy of the graph between X and
    T, made the first time. jit: whether XLA compiles that copy; T is then asked in one too.
    """

    def __init__(self, session: Any, target: tf.Tensor, inputs: Sequence[tf.Tensor],
                 layers: Mapping[str, tf.Tensor] | None = None,
                 jit: bool = False, held: Sequence[tf.Tensor] = ()):
        self.session, self.target, self.inputs, self.jit = session, target, list(inputs), jit
        self.path = Path(target, inputs, held=held)
        self._statistics = batch_statistics(self.path)      # TensorError where they are used whatever is fed
        self._layers = layers or {}
        self.plain_value = Query(self, self.inputs, [target], None)      # T of the user's graph
        # T at other points than x
        self.elsewhere = Query(self, self.inputs, [target], None, kept=held) if held else self.plain_value
        self._masks = Query(self, self.inputs, held, None)
        self._value: Query | None = None
        # What a run has shown of the rows of T, by the flags that were fed: None if no row changes with the
        # others, else the number of rows that the graph takes, and no other. See rows.py.
        self.rows_apart: dict[tuple, int | None] = {}
        # entries of attributions up to here need no second look
        self.usual = 1e6
        # whether a T that does not grow with X adds up over rows
        self.sums: dict[tuple, bool] = {}
        self.few: np.ndarray | None = None              # T of a few rows, of the run in which that was seen
        # whether T of a few rows were probabilities; None: not seen yet
        self.sums_to_one: bool | None = None
        self.shapes_of_all: dict[tuple, tuple[int, ...] | None] = {}
        self._fed: set[frozenset[str]] = set()          # names in feed_dict that were found to suffice
        self._line: Query | None = None
        # by what the book says; with it, for ids in that
        self._gradients: dict[Hashable, tuple[Query, Rulebook, list[Treatment]]] = {}
        # by kind of question: what finds the number of rows of a run
        self.tuners: dict[Hashable, Any] = {}
        self._warned: set[tuple[str, str]] = set()
        self.seen: dict[str, set] = {}                  # by method: what its explainers have looked at

    def warn_once(self, method: str, message: str, category: type[Warning]) -> None:
        """A warning that a method gives for this T and X the first time."""
        if (method, message) not in self._warned:
            warn(message, category)
            self._warned.add((method, message))

    def fed(self, tensors: Sequence[tf.Tensor], feeds: Mapping[str, Feed],
            rows: np.ndarray) -> list[np.ndarray]:
        """The values of other placeholders for these rows; a learning phase that nobody feeds is 0."""
        given = [feeds.get(t.name) for t in tensors]
        return [np.zeros([], t.dtype.as_numpy_dtype) if f is None else f.value[rows] if f.per_row
                else f.value for t, f in zip(tensors, given)]

    def check_batch(self, shape: tuple[int, ...], n: int) -> None:
        """Raise TensorError where T of n rows has this shape, and not n entries."""
        if not shape or shape[0] != n:
            raise TensorError(f'T "{self.target.name}" has shape {shape} for {n} rows of xs: its first axis '
                              f'is not the batch. Reshape T to '
                              '(batch, ...), or reduce it to one value per row')

    def evaluate(self, tensors: Sequence[tf.Tensor], arrays: Sequence[np.ndarray], feeds: Mapping[str, Feed],
                 rows: np.ndarray) -> list[np.ndarray]:
        """The values of tensors of the user's graph, as they are, for these rows of xs."""
        cut = self.inputs + [f.tensor for f in feeds.values()]
        extra = cut[len(self.inputs):] + learning_phases(tensors, cut)
        with reported(f'what is between X and T "{self.target.name}" for {len(rows)} rows'):
            return self.session.run(list(tensors),
                                    dict(zip(self.inputs + extra, [*arrays, *self.fed(extra, feeds, rows)])))

    def check_statistics(self, arrays: Sequence[np.ndarray], feeds: Mapping[str, Feed]) -> None:
        """Raise TensorError where a conditional leads to batch normalization by the statistics of the batch,
        with what is fed."""
        for found in self._statistics:
            values = self.evaluate([t for t, _ in found.choices], [a[:1] for a in arrays], feeds,
                                   np.zeros(1, int))
            if all(taken(value) for (_, taken), value in zip(found.choices, values)):
                raise found.error

    @cached_property
    def keeping_masks(self) -> Model:
        """This model with the masks that it makes of X by comparison as they are at x."""
        held = masks(self.path)
        return Model(self.session, self.target, self.inputs, self._layers, self.jit, held) if held else self

    def asked(self, query: Query, points: Sequence[np.ndarray], xs: Sequence[np.ndarray], rows: np.ndarray,
              *arguments: Any) -> list[np.ndarray]:
        """The answers of a question at points of these rows of xs, with the masks that it takes."""
        if query.keeps_masks:
            at = [np.asarray(x[rows], t.dtype.as_numpy_dtype) for x, t in zip(xs, self.inputs)]
            points = [*points, *self._masks.raw(at, arguments[1], rows)]
        return query.ask(points, rows, *arguments)

    def default_rows(self, memory_limit: int | None = None) -> int:
        """Rows for one run when nobody says: what keeps the widest tensor near ROW_BUDGET, 4 to 1024, and all
        of them within the limit (bytes;
        None: half of the memory that is free)."""
        rows = min(max(ROW_BUDGET // max(self.path.row_bytes, 1), 4), 1024)
        rows = min(rows, self.most_rows(memory_limit))
        return rows // _step(rows) * _step(rows) if self.jit else rows

    def most_rows(self, memory_limit: int | None = None) -> int:
        """Rows of which the tensors on the path take no more than the limit, see `default_rows`."""
        limit = free_memory() // 2 if memory_limit is None else integer(memory_limit, 'memory_limit', 1)
        if limit < self.path.row_total and memory_limit is not None:
            raise ParameterError(f'memory_limit is {limit} bytes, but one row takes about '
                                 f'{self.path.row_total} between X and T')
        return max(1, limit // max(self.path.row_total, 1))

    @cached_property
    def random_ops(self) -> list[tuple[str, str]]:
        """(name, type) of the ops that draw random numbers for T."""
        return random_ops([self.target], self.inputs)

    def check_fed(self, feeds: Mapping[str, Feed]) -> None:
        """Raise FeedError where T needs a placeholder that neither X nor `feeds` gives."""
        key = frozenset(feeds)
        if key not in self._fed:
            cut = self.inputs + [f.tensor for f in feeds.values()]
            missing = placeholders([self.target], cut + learning_phases([self.target], cut))
            if missing:
                raise FeedError(f'T "{self.target.name}" needs ' + ', '.join(f'"{t.name}" {t.dtype.name}'
                                                                             for t in missing)
                                + ', which nothing feeds. Give it in feed_dict={tensor: value}')
            self._fed.add(key)

    def value(self) -> Query:
        """T; adds no op where XLA does not compile it."""
        if self._value is None:
            self._value = self.elsewhere
            if self.jit:
                self._check_open()
                self._value = Query(self, self.inputs, [self._copy(PLAIN).install_value()], None,
                                    plain=[self.target], kept=self.path.held)
        return self._value

    def _copy(self, book: Rulebook) -> clone.Copy:
        return clone.Copy(self.path, book, self.jit)

    def gradient(self, method: str) -> Query:
        """The gradient of T with respect to X, for a method, which the warnings name."""
        return self.relevance(PLAIN, method)

    @cached_property
    def fixed_rows(self) -> clone.Copy | None:
        """A copy of the graph, to be asked for shapes, where an array written into T fixes the rows of an X
        that leaves them open."""
        if not self.path.may_fix_rows:
            return None
        try:
            copy = clone.Copy(self.path, PLAIN)
        except (RuleError, PathError):
            # control flow of TF1 that cannot be put into functions: seen when it runs
            return None
        return copy if copy.fixes_rows else None

    def line_integral(self, name: str) -> Query:
        """Sums of the gradient along lines, a LineQuestion; the plain gradient where the graph does not allow
        it."""
        if self._line is None:
            if self._must_stay() or not integral.fits(self.path) or not have_rows(self.path.held,
                                                                                  self.inputs):
                self._line = self.gradient(name)
                return self._line
            self._check_open()
            try:
                copy = self._copy(PLAIN)
            except RuleError:
                # control flow of TF1 that cannot be put into functions
                self._line = self.gradient(name)
                return self._line
            copy.check_differentiable()
            self._report(copy.lost, name, 'ignore')
            self._warn_of_masks(copy, name)
            c = integral.integral(copy, name)
            self._line = LineQuery(self, [*self.inputs, *c.baselines, c.alphas, c.shares],
                                   [*c.sums, c.target_shape], c.weights, plain=c.plain)
        return self._line

    def _check_open(self) -> None:
        check_open(self.session)
        if self.target.graph.finalized:
            raise ContextError('the graph is finalized, and this method adds ops to it once. Call '
                               'get_explainer before '
                               'graph.finalize(); explainer.run adds none')

    def relevance(self, book: Rulebook, name: str, on_unsupported: str = 'ignore',
                  with_value: bool = False) -> Query:
        """The gradient of T by X where ops follow the rules of a book. on_unsupported: what to do about
        nonlinear ops that have none. with_value: whether the answers end with T, weighted, one number per
        row."""
        if book.key in self._gradients:
            query, _, treatments = self._gradients[book.key]
            self._report(treatments, name, on_unsupported)
            return query
        self._check_open()
        treatments = []
        refusal = copy = None
        try:
            copy = None if book is PLAIN and self._must_stay() else self._copy(book)
        except RuleError as e:
            # control flow of TF1 that cannot be put into functions
            if book is not PLAIN:
                raise
            refusal = e
        if copy is None:
            self._check_in_place(refusal)
            treatments = clone.lost_in_place(self.path)
            self._report(treatments, name, on_unsupported)
            c = clone.in_place(self.path, 'gradient')
            query = Query(self, self.inputs, [*c.relevances, c.target_shape], c.weights, kept=self.path.held)
        else:
            copy.check_differentiable()
            treatments = copy.lost if book is PLAIN else copy.treatments
            self._report(treatments, name, on_unsupported)
            c = copy.install('gradient' if book is PLAIN else name, with_value)
            answers = [*c.relevances, *([] if c.value is None else [c.value]), c.target_shape]
            query = Query(self, self.inputs + c.baselines, answers, c.weights, copy.one_row_fits, c.plain,
                                kept=() if book.reference else self.path.held)
            if c.held:
                query.hold(c.baselines, c.held)
        self._gradients[book.key] = query, book, treatments
        return query

    def origin(self, points: Sequence[list[np.ndarray]], feeds: Mapping[tf.Tensor, Any]) -> str:
        """Where NaN or infinity begins, as a sentence: the first op on the way from X to T, or the weight,
        that is not finite. points: arrays for X, x first, then the baseline."""
        tensors = [t for t in self.path.sources + [o for op in self.path.ops for o in op.outputs]
                   if t.dtype.is_floating and self.target.graph.is_fetchable(t)
                   and t.op.type not in V1_CONTROL_FLOW]
        for what, arrays in zip(('x', 'the baseline'), points):
            for k in range(0, len(tensors) if arrays else 0, 16):
                try:
                    values = self.session.run(tensors[k:k + 16], {**dict(zip(self.inputs, arrays)), **feeds})
                except (tf.errors.OpError, RuntimeError):
                    continue
                for t, v in zip(tensors[k:k + 16], values):
                    if not np.isfinite(v).all():
                        if not self.path.varies(t):
                            return (f'It begins in a weight or constant: {self.path.name(t)} holds NaN or '
                                    f'infinity')
                        return (f'At {what} it begins at op {self.path.name(t.op)}: look for overflow, the '
                                f'logarithm of 0 or division by zero there')
        return ('All values on the way to T are finite: it is the derivative that is not, such as that of a '
                'square root at 0. Choose another X or T')

    def treatments(self, book: Rulebook) -> list[Treatment]:
        """How a book treats every op between X and T that depends on X; adds nothing to the graph."""
        return self._with_layers(clone.Copy(self.path, book).treatments)

    def _with_layers(self, treatments: list[Treatment]) -> list[Treatment]:
        """The treatments with the layer of each op: the first layer, inputs first, whose output is computed
        from it."""
        owner: dict[str, str] = {}
        for layer, output in self._layers.items() if treatments else ():
            stack = [output.op]
            while stack:
                op = stack.pop()
                if op.name not in owner:
                    owner[op.name] = layer
                    stack += [i.op for i in op.inputs]

        def layer_of(name):
            parts = name.split('/')                 # an op inside a function or loop is named after the call
            return next((owner[p] for k in range(len(parts), 0, -1) if (p := '/'.join(parts[:k])) in owner),
                        '')
        return [replace(t, layer=layer_of(t.label)) for t in treatments]

    def _must_stay(self) -> bool:
        """Whether the gradient holds tensors of the user's graph, which a copy would lose."""
        return any(is_custom_gradient(op) for op in self.path.ops)

    def _check_in_place(self, refusal: RuleError | None) -> None:
        """Raise PathError where the plain gradient cannot be built in the user's graph, or would harm it.
        refusal: why it has to be."""
        if self.jit:
            raise PathError(f'jit_compile: between X and T there is '
                            f'{refusal or "a tf.custom_gradient function"}, which is differentiated in its '
                            'place and cannot be compiled. Leave jit_compile out')
        self.path.check_differentiable()
        for op in self.path.ops:
            if op.type in FUNCTION_CALLS or op.type in CONTAINERS:
                raise PathError(f'between X and T there are both {self.path.name(op)} and '
                                f'{refusal or "a tf.custom_gradient function"}: TensorFlow '
                                'cannot differentiate them here without changing the graph. Use a '
                                'perturbation method')
            # imported, which loses what gradients need
            if op.type in ('Enter', 'Switch') and op._get_control_flow_context() is None:
                raise PathError(f'{refusal or f"op {self.path.name(op)} between X and T is TF1 control flow without its context"}. TensorFlow '
                                'has no gradient for it. Use a perturbation method')
        for x in self.inputs:
            if any(s.op is x.op and s is not x for s in [*self.path.sources, *self.inputs]):
                raise PathError(f'X "{x.name}" is one of several outputs of its op that T depends on. Put '
                                f'tf.identity behind it when '
                                'building the model, and explain that')

    def _warn_of_masks(self, copy: clone.Copy, name: str) -> None:
        """Warn of masks that follow from x to the baseline: T jumps on the way."""
        left = masks(copy.path)
        if left:
            self.warn_once(name, f'{name}: a mask that is made of X at '
                                 f'{_listed([copy.path.name(t) for t in left])} changes between the baseline '
                                 f'and '
                           "x, and T jumps there: attributions may not add up to f(x) - f(baseline). "
                           "masks='keep' explains the model with the mask "
                           'of x; it cannot reach into a tf.function in the graph of a session: open the '
                           'model by from_function or from_keras then',
                           PathWarning)

    def _report(self, treatments: list[Treatment], name: str, on_unsupported: str) -> None:
        """Raise RuleError for ops that a method refuses; warn of those without a rule, and of those that lose
        what depends on X."""
        treatments = self._with_layers([t for t in treatments if t.how in (REFUSED, PLAIN_GRADIENT, UNUSED)
                                        or t.loses])
        refused = [t for t in treatments if t.how == REFUSED]
        if refused:
            raise RuleError(f'{name} refuses op {refused[0]} between X and T')
        plain = [str(t) for t in treatments if t.how == PLAIN_GRADIENT]
        if plain and on_unsupported != 'ignore':
            masked = any(t.more == CONDITION for t in treatments)
            message = (f'{name} has no rule for {len(plain)} nonlinear op(s) between X and T and uses their '
                       f'plain gradient: {_listed(plain)}. '
                       'Attributions may not be complete. Choose T before them if you can, or use intgrad'
                       + (". For a mask that is made of X: masks='keep', or feed it, or take an X behind it"
                          if masked else ''))
            if on_unsupported == 'raise':
                raise RuleError(message)
            self.warn_once(name, message, NonlinearOpWarning)
        unused = [str(t) for t in treatments if t.how == UNUSED]
        if unused:
            self.warn_once(name, f'{name} does not use the gradient of tf.custom_gradient at '
                                 f'{_listed(unused)}, but that of the ops inside: a copy '
                           'of the graph cannot hold it. Give from_function or from_keras the Python '
                           'function or model that it is made in',
                           PathWarning)
        lost = [str(t) for t in treatments if t.loses]
        if lost:
            self.warn_once(name, f'part of what T depends on reaches X only through {_listed(lost)}, which '
                                 f'pass no gradient: it is missing from the '
                           'attributions. Choose an X behind or a T before them, or use a perturbation method', PathWarning)


def _listed(names: list[str]) -> str:
    return ', '.join(names[:10]) + (f' and {len(names) - 10} more' if len(names) > 10 else '')
