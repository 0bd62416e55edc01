"""T and X as questions to the graph: value, gradient, relevance under rules. The only holder of a session."""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions

from .checks import Feed, Weights, check_open, free_memory, integer, warn
from .errors import (
    ContextError,
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
)
from .graph import clone, integral
from .graph.clone import Treatment
from .graph.masks import have_rows, masks
from .graph.pair import CONTAINERS
from .graph.path import FUNCTION_CALLS, V1_CONTROL_FLOW, Path, is_custom_gradient, learning_phases, placeholders
from .graph.rulebook import CONDITION, REFUSED, Rulebook
from .graph.rulebook import PLAIN as PLAIN_GRADIENT

_locks: weakref.WeakKeyDictionary[tf.Graph, threading.RLock] = weakref.WeakKeyDictionary()


def graph_lock(graph: tf.Graph) -> threading.RLock:
    """One for each graph: TensorFlow's graphs are not made for building in several threads."""
    return _locks.setdefault(graph, threading.RLock())


PLAIN = Rulebook()          # no rules: the plain gradient
ROW_BUDGET = 4 << 20        # bytes of the widest tensor in one run: 256 rows of a small CNN cost 1.6 times more per row than 32


class Question:
    """Something to ask the graph: arrays for `feeds` in, one array per answer out.

    With `weights` the answers are gradients, and weights for the units of T are fed; without, the answer is T itself, and comes back
    as one number per row, summed over its units in float64. one_row: whether baselines of one row may stand for all rows. kept: masks that
    are fed as they are at x, after X, which is another point (see `Model.asked`). compiled: whether
    XLA compiles it for every number of rows.
    """

    along = False       # whether it takes lines with many points each
    SHARED = 0          # how many of the arrays, the last ones, stand for all rows

    def __init__(self, model: Model, feeds: Sequence[tf.Tensor], fetches: Sequence[tf.Tensor], weights: tf.Tensor | None,
                 one_row: bool = False, compiled: bool = False, kept: Sequence[tf.Tensor] = ()):
        self._model, self._feeds, self._fetches, self._weights = model, [*feeds, *kept], list(fetches), weights
        self._kept = list(kept)
        self._one_row, self._compiled, self._untried = one_row, compiled, compiled
        self._callables: dict[tuple[str, ...], tuple[list[tf.Tensor], Callable]] = {}
        self._reference: Reference | None = None

    @property
    def keeps_masks(self) -> bool:
        return bool(self._kept)

    def hold(self, baselines: Sequence[tf.Tensor], tensors: Sequence[tf.Tensor]) -> None:
        """Keep what the rules take from one baseline for the next run with it."""
        self._reference = Reference(Question(self._model, baselines, tensors, None),
                                    Question(self._model, [*self._feeds, *tensors], self._fetches, self._weights))

    def ask(self, arrays: Sequence[np.ndarray], rows: np.ndarray, weights: Weights, feeds: Mapping[str, Feed], per_row: bool,
            room: int | None) -> list[np.ndarray]:
        """The answers for one run. An array of one row among more stands for all rows. room: how many rows a run may hold; None where the
        graph fixes them."""
        n, points = len(arrays[0]), max(1, len(rows) // len(arrays[0]))
        if self._untried:               # TensorFlow's kernels check what XLA leaves out, such as a constant index that is out of range
            with contextlib.suppress(ValueRangeError):
                self._model.plain_value.ask(arrays[:len(self._model.inputs)], rows[::points], weights, feeds, per_row, room)
            self._untried = False
        spare = min(rounded(n), room // points) - n if self._compiled and room else 0
        if spare <= 0:
            return self._ask(arrays, rows, weights, feeds, per_row, room is not None)
        end = len(arrays) - self.SHARED                 # the last row again and again, so that few numbers of rows are compiled
        filled = [np.concatenate([a, np.broadcast_to(a[-1:], (spare, *a.shape[1:]))]) if len(a) == n else a for a in arrays[:end]]
        rows = np.concatenate([rows, np.tile(rows[-points:], spare)])
        return [a[:n] for a in self._ask([*filled, *arrays[end:]], rows, weights, feeds, per_row, True)]

    def _ask(self, arrays: Sequence[np.ndarray], rows: np.ndarray, weights: Weights, feeds: Mapping[str, Feed], per_row: bool,
             open_batch: bool) -> list[np.ndarray]:
        n, k = len(rows), len(self._model.inputs)
        if self._kept:
            return self._run(arrays, arrays[:k], lambda: list(arrays[:k]), rows, weights, feeds, per_row)
        full = [a if len(a) == n else np.broadcast_to(a, (n, *a.shape[1:])) for a in arrays]
        if self._one_row and open_batch and not feeds and all(len(b) == 1 for b in arrays[k:]):
            try:
                if self._reference is not None:
                    held = self._reference.values(arrays[k:])
                    if held is not None:
                        return self._reference.question._run([*arrays, *held], full[:k], lambda: full, rows, weights, feeds, per_row)
                return self._run(arrays, full[:k], lambda: full, rows, weights, feeds, per_row)
            except RunError as e:               # a reshape that joins the batch with another axis: a row per sample fits
                if not isinstance(e.__cause__, tf.errors.InvalidArgumentError):
                    raise
                answers = self._run(full, full[:k], lambda: full, rows, weights, feeds, per_row)
                self._one_row = False
                return answers
        return self._run(full, full[:k], lambda: full, rows, weights, feeds, per_row)

    def raw(self, arrays: Sequence[np.ndarray], rows: np.ndarray | None = None, feeds: Mapping[str, Feed] | None = None) -> list[np.ndarray]:
        """The values of the fetches, as they are."""
        extra, run = self._callable(feeds or {})
        return run(*arrays, *_fed(extra, rows, feeds or {}))

    def _run(self, arrays: Sequence[np.ndarray], xs: Sequence[np.ndarray], points: Callable[[], list[np.ndarray]], rows: np.ndarray,
             weights: Weights, feeds: Mapping[str, Feed], per_row: bool) -> list[np.ndarray]:
        """xs: what gradients are shaped like. points: x, and the baselines if any, at which the graph was evaluated."""
        check_open(self._model.session)
        extra, run = self._callable(feeds)
        w = weights.rows(rows)
        tail = [] if self._weights is None else [np.ones([], weights.dtype) if w is None else w]
        tail += _fed(extra, rows, feeds)
        try:
            return self._reduced(run(*arrays, *tail), w, xs, len(rows), per_row)
        except ValueRangeError as e:
            given = {t: v for t, v in zip(extra, tail[len(tail) - len(extra):])}
            at, k = points(), len(self._model.inputs)
            raise ValueRangeError(f'{e}. {self._model.origin([at[:k], at[k:]], given)}') from None
        except tf.errors.OpError as e:
            raise RunError(f'TensorFlow could not compute T "{self._model.target.name}" or its gradient for {len(rows)} rows: {_cause(e)}'
                           + ('. Run the initializer of the variables, or restore a checkpoint, in this session'
                              if isinstance(e, tf.errors.FailedPreconditionError) else '')
                           + ('. XLA cannot compile this: leave jit_compile out' if 'tf2xla' in e.message else '')) from e

    def _reduced(self, answers: list[np.ndarray], w: np.ndarray | None, fed: Sequence[np.ndarray], n: int, per_row: bool) -> list[np.ndarray]:
        model = self._model
        shape = answers[0].shape if self._weights is None else tuple(int(d) for d in answers[-1])
        if per_row and (not shape or shape[0] != n):
            raise TensorError(f'T "{model.target.name}" has shape {shape} for {n} rows of xs: its first axis is not the batch. Reshape T to '
                              '(batch, ...), or reduce it to one value per row')
        if w is not None and (w.ndim > len(shape) or (per_row and w.ndim != len(shape)) or np.broadcast_shapes(w.shape, shape) != shape):
            raise ShapeError(f'the weights of T have shape {w.shape}, but T "{model.target.name}" has shape {shape}')
        if self._weights is not None:
            for g, x, a in zip(answers, model.inputs, fed):
                if g.shape != a.shape:
                    raise TensorError(f'the gradient of T "{model.target.name}" by X "{x.name}" has shape {g.shape} where {a.shape} was fed: '
                                      'the graph takes another number of rows, or mixes rows')
                check_finite(g, f'the gradient of T "{model.target.name}" by X "{x.name}"')
            return [*answers[:len(fed)], *(a if per_row else a.reshape(1, -1).sum(1) for a in answers[len(fed):-1])]     # T itself, where asked
        t = answers[0].astype(np.float64)
        t = t if w is None else t * w
        check_finite(t, f'T "{model.target.name}"')
        return [t.reshape(n, -1).sum(1) if per_row else t.reshape(1, -1).sum(1)]

    def _callable(self, feeds: Mapping[str, Feed]) -> tuple[list[tf.Tensor], Callable]:
        """The tensors to feed beside the question's own, and the run; made once per set of names."""
        key = tuple(feeds)
        if key not in self._callables:
            own = self._feeds + ([] if self._weights is None else [self._weights])
            needed = [f.tensor for f in feeds.values()]
            needed += learning_phases(self._fetches, own + needed)
            session, fed, fetched = self._model.session, [t.name for t in own + needed], [t.name for t in self._fetches]
            # make_callable is session.run where something is fed, whose Python takes .3 ms
            direct = isinstance(session, tf.compat.v1.Session | tf.compat.v1.InteractiveSession) and not set(fed) & set(fetched)
            if direct:
                run = session._make_callable_from_options(CallableOptions(feed=fed, fetch=fetched))
            else:                                   # monitored sessions and the like, and T that is X
                def run(*values):
                    return session.run(self._fetches, dict(zip(own + needed, values)))
            self._callables[key] = needed, run
        return self._callables[key]


def _fed(extra: Sequence[tf.Tensor], rows: np.ndarray | None, feeds: Mapping[str, Feed]) -> list[np.ndarray]:
    """What the tensors beside a question's own are fed with for these rows; learning phases with 0."""
    return [np.zeros([], t.dtype.as_numpy_dtype) if t.name not in feeds else feeds[t.name].value[rows] if feeds[t.name].per_row
            else feeds[t.name].value for t in extra]


class Reference:
    """The values that a baseline of one row gives on the path of the reference; asked for when it comes for the second time in a row.

    ask: from baselines to the values. question: the same as without, but these are fed.
    """

    def __init__(self, ask: Question, question: Question):
        self._ask, self.question = ask, question
        self._last: tuple[list[np.ndarray], list[np.ndarray] | None] = [], None

    def values(self, baselines: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        last, values = self._last
        if len(last) != len(baselines) or any(a.tobytes() != b.tobytes() for a, b in zip(last, baselines)):
            self._last = [b.copy() for b in baselines], None
            return None
        if values is None:
            values = self._ask.raw(baselines)
            self._last = last, values
        return values


class LineQuestion(Question):
    """The weighted sums of gradients along lines. Into a run go the ends of lines, alphas and shares of the points, and the rows of xs that the
    points belong to, all points of a line before the next; out come as many sums as lines."""

    along = True
    SHARED = 2

    def _ask(self, arrays, rows, weights, feeds, per_row, open_batch):
        k = len(self._model.inputs)
        xs, bs, (alphas, shares) = arrays[:k], arrays[k:-2], arrays[-2:]
        if not open_batch or self._model.path.held:
            bs = [np.broadcast_to(b, x.shape) for b, x in zip(bs, xs)]

        def points():
            return [np.swapaxes(b + alphas.reshape(-1, *[1] * x.ndim) * (x - b), 0, 1).reshape(-1, *x.shape[1:]).astype(x.dtype)
                    for b, x in zip(bs, xs)]
        return self._run([*xs, *bs, alphas, shares], xs, points, rows, weights, feeds, per_row)


def rounded(rows: int) -> int:
    """The number of rows that is compiled for so many: less than a quarter more."""
    return -(-rows // _step(rows)) * _step(rows)


def _step(rows: int) -> int:
    """Between the numbers that are compiled: 1 up to seven rows, then four of them to each doubling."""
    return 1 << max(rows.bit_length() - 3, 0)


def _cause(error: tf.errors.OpError) -> str:
    """The sentence in an error of TensorFlow that says what happened: it stands behind the last place in the graph that is named."""
    _, _, placed = error.message.partition('Node: ')
    lines = placed.splitlines()[1:] if placed else error.message.splitlines()
    said = [line for line in lines if line.strip() and '[[{{node' not in line]
    said = list(itertools.takewhile(lambda line: not line.strip().startswith(('The op is created at', 'Stack trace', 'tf2xla')), said))
    return ' '.join(said)[:500] or type(error).__name__


def check_finite(answer: np.ndarray, what: str) -> None:
    """Raise ValueRangeError where an answer of the graph is NaN or infinite."""
    finite = np.isfinite(answer)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueRangeError(f'{what} is NaN or infinite, first at {where} of a run of {len(answer) if answer.ndim else 1} rows')


class Model:
    """A target T, inputs X, and the session that holds the weights.

    held: masks on the way that stay as they are at x. value: T. gradient: of T by X. relevance: the gradient under rules; with a reference,
    fed after X. The last two are computed in a copy of the graph between X and T, made the first time. jit: whether XLA compiles that copy; T
    is then asked in one too.
    """

    def __init__(self, session: Any, target: tf.Tensor, inputs: Sequence[tf.Tensor], layers: Mapping[str, tf.Tensor] | None = None,
                 jit: bool = False, held: Sequence[tf.Tensor] = ()):
        self.session, self.target, self.inputs, self.jit = session, target, list(inputs), jit
        self.path = Path(target, inputs, held=held)
        self.path.check_rows_independent()
        self._layers = layers or {}
        self.plain_value = Question(self, self.inputs, [target], None)      # T of the user's graph
        self.elsewhere = Question(self, self.inputs, [target], None, kept=held) if held else self.plain_value      # T at other points than x
        self._masks = Question(self, self.inputs, held, None)
        self._value: Question | None = None
        self.rows_apart = False                         # whether a run has shown that T does not mix rows
        self._fed: set[frozenset[str]] = set()          # names in feed_dict that were found to suffice
        self._line: Question | None = None
        self._gradients: dict[int, tuple[Question, Rulebook, list[Treatment]]] = {}    # with the book, so that its id stays its own

    @cached_property
    def keeping_masks(self) -> Model:
        """This model with the masks that it makes of X by comparison as they are at x."""
        held = masks(self.path)
        return Model(self.session, self.target, self.inputs, self._layers, self.jit, held) if held else self

    def asked(self, question: Question, points: Sequence[np.ndarray], xs: Sequence[np.ndarray], rows: np.ndarray,
              *arguments: Any) -> list[np.ndarray]:
        """The answers of a question at points of these rows of xs, with the masks that it takes."""
        if question.keeps_masks:
            at = [np.asarray(x[rows], t.dtype.as_numpy_dtype) for x, t in zip(xs, self.inputs)]
            points = [*points, *self._masks.raw(at, rows, arguments[1])]
        return question.ask(points, rows, *arguments)

    def default_rows(self, memory_limit: int | None = None) -> int:
        """Rows for one run when nobody says: what keeps the widest tensor near ROW_BUDGET, 4 to 1024, and all of them within the limit (bytes;
        None: half of the memory that is free)."""
        rows = min(max(ROW_BUDGET // max(self.path.row_bytes, 1), 4), 1024)
        rows = min(rows, self.most_rows(memory_limit))
        return rows // _step(rows) * _step(rows) if self.jit else rows

    def most_rows(self, memory_limit: int | None = None) -> int:
        """Rows of which the tensors on the path take no more than the limit, see `default_rows`."""
        limit = free_memory() // 2 if memory_limit is None else integer(memory_limit, 'memory_limit', 1)
        if limit < self.path.row_total and memory_limit is not None:
            raise ParameterError(f'memory_limit is {limit} bytes, but one row takes about {self.path.row_total} between X and T')
        return max(1, limit // max(self.path.row_total, 1))

    def check_fed(self, feeds: Mapping[str, Feed]) -> None:
        """Raise FeedError where T needs a placeholder that neither X nor `feeds` gives."""
        key = frozenset(feeds)
        if key not in self._fed:
            cut = self.inputs + [f.tensor for f in feeds.values()]
            missing = placeholders([self.target], cut + learning_phases([self.target], cut))
            if missing:
                raise FeedError(f'T "{self.target.name}" needs ' + ', '.join(f'"{t.name}" {t.dtype.name}' for t in missing)
                                + ', which nothing feeds. Give it in feed_dict={tensor: value}')
            self._fed.add(key)

    def value(self) -> Question:
        """T; adds no op where XLA does not compile it."""
        if self._value is None:
            self._value = self.elsewhere
            if self.jit:
                self._check_open()
                self._value = Question(self, self.inputs, [self._copy(PLAIN).install_value()], None, compiled=True, kept=self.path.held)
        return self._value

    def _copy(self, book: Rulebook) -> clone.Copy:
        return clone.Copy(self.path, book, self.jit)

    def gradient(self) -> Question:
        """The gradient of T by X."""
        return self.relevance(PLAIN, 'gradient')

    def along_lines(self, name: str) -> Question:
        """Sums of the gradient along lines, a LineQuestion; the plain gradient where the graph does not allow it."""
        if self._line is None:
            if self._must_stay() or not integral.fits(self.path) or not have_rows(self.path.held, self.inputs):
                return self.gradient()
            self._check_open()
            try:
                copy = self._copy(PLAIN)
            except RuleError:                           # control flow of TF1 that cannot be put into functions
                return self.gradient()
            copy.path.check_differentiable()
            self._report(copy.lost, name, 'ignore')
            self._warn_of_masks(copy, name)
            c = integral.integral(copy, name)
            self._line = LineQuestion(self, [*self.inputs, *c.baselines, c.alphas, c.shares], [*c.sums, c.target_shape], c.weights, compiled=self.jit)
        return self._line

    def _check_open(self) -> None:
        check_open(self.session)
        if self.target.graph.finalized:
            raise ContextError('the graph is finalized, and this method adds ops to it once. Call get_explainer before '
                               'graph.finalize(); explainer.run adds none')

    def relevance(self, book: Rulebook, name: str, on_unsupported: str = 'ignore', with_value: bool = False) -> Question:
        """The gradient of T by X where ops follow the rules of a book. on_unsupported: what to do about nonlinear ops that have none. with_value:
        whether the answers end with T, weighted, one number per row."""
        if id(book) in self._gradients:
            question, _, treatments = self._gradients[id(book)]
            self._report(treatments, name, on_unsupported)
            return question
        self._check_open()
        treatments = []
        refusal = copy = None
        try:
            copy = None if book is PLAIN and self._must_stay() else self._copy(book)
        except RuleError as e:                          # control flow of TF1 that cannot be put into functions
            if book is not PLAIN:
                raise
            refusal = e
        if copy is None:
            self._check_in_place(refusal)
            c = clone.in_place(self.path, name)
            question = Question(self, self.inputs, [*c.relevances, c.target_shape], c.weights, kept=self.path.held)
        else:
            copy.path.check_differentiable()
            treatments = copy.lost if book is PLAIN else copy.treatments
            self._report(treatments, name, on_unsupported)
            c = copy.install(name, with_value)
            answers = [*c.relevances, *([] if c.value is None else [c.value]), c.target_shape]
            question = Question(self, self.inputs + c.baselines, answers, c.weights, copy.one_row_fits(), self.jit,
                                kept=() if book.reference else self.path.held)
            if c.held:
                question.hold(c.baselines, c.held)
        self._gradients[id(book)] = question, book, treatments
        return question

    def origin(self, points: Sequence[list[np.ndarray]], feeds: Mapping[tf.Tensor, Any]) -> str:
        """Where NaN or infinity begins, as a sentence: the first op on the way from X to T, or the weight, that is not finite. points: arrays
        for X, x first, then the baseline."""
        tensors = [t for t in self.path.sources + [o for op in self.path.ops for o in op.outputs]
                   if t.dtype.is_floating and self.target.graph.is_fetchable(t) and t.op.type not in V1_CONTROL_FLOW]
        for what, arrays in zip(('x', 'the baseline'), points):
            for k in range(0, len(tensors) if arrays else 0, 16):
                try:
                    values = self.session.run(tensors[k:k + 16], {**dict(zip(self.inputs, arrays)), **feeds})
                except tf.errors.OpError:
                    continue
                for t, v in zip(tensors[k:k + 16], values):
                    if not np.isfinite(v).all():
                        if not self.path.varies(t):
                            return f'It begins in a weight or constant: {self.path.name(t)} holds NaN or infinity'
                        return (f'At {what} it begins at op {self.path.name(t.op)}: look for overflow, the logarithm of 0 or division by zero there')
        return 'All values on the way to T are finite: it is the derivative that is not, such as that of a square root at 0. Choose another X or T'

    def treatments(self, book: Rulebook) -> list[Treatment]:
        """How a book treats every op between X and T that depends on X; adds nothing to the graph."""
        return self._with_layers(clone.Copy(self.path, book).treatments)

    def _with_layers(self, treatments: list[Treatment]) -> list[Treatment]:
        """The treatments with the layer of each op: the first layer, inputs first, whose output is computed from it."""
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
            return next((owner[p] for k in range(len(parts), 0, -1) if (p := '/'.join(parts[:k])) in owner), '')
        return [replace(t, layer=layer_of(t.label)) for t in treatments]

    def _must_stay(self) -> bool:
        """Whether the gradient holds tensors of the user's graph, which a copy would lose."""
        return any(is_custom_gradient(op) for op in self.path.ops)

    def _check_in_place(self, refusal: RuleError | None) -> None:
        """Raise PathError where the plain gradient cannot be built in the user's graph, or would harm it. refusal: why it has to be."""
        if self.jit:
            raise PathError(f'jit_compile: between X and T there is {refusal or "a tf.custom_gradient function"}, which is differentiated in its '
                            'place and cannot be compiled. Leave jit_compile out')
        self.path.check_differentiable()
        for op in self.path.ops:
            if op.type in FUNCTION_CALLS or op.type in CONTAINERS:
                raise PathError(f'between X and T there are both {self.path.name(op)} and {refusal or "a tf.custom_gradient function"}: TensorFlow '
                                'cannot differentiate them here without changing the graph. Use a perturbation method')
            if op.type in ('Enter', 'Switch') and op._get_control_flow_context() is None:       # imported, which loses what gradients need
                raise PathError(f'{refusal or f"op {self.path.name(op)} between X and T is TF1 control flow without its context"}. TensorFlow '
                                'has no gradient for it. Use a perturbation method')
        for x in self.inputs:
            if any(s.op is x.op and s is not x for s in [*self.path.sources, *self.inputs]):
                raise PathError(f'X "{x.name}" is one of several outputs of its op that T depends on. Put tf.identity behind it when '
                                'building the model, and explain that')

    def _warn_of_masks(self, copy: clone.Copy, name: str) -> None:
        """Warn of masks that follow from x to the baseline: T jumps on the way."""
        left = masks(copy.path)
        if left:
            warn(f'{name}: a mask that is made of X at {_listed([copy.path.name(t) for t in left])} changes between the baseline and x, and T jumps '
                 "there: attributions may not add up to f(x) - f(baseline). masks='keep' explains the model with the mask of x; it cannot reach "
                 'into a tf.function in the graph of a session: open the model by from_function or from_keras then', PathWarning)

    def _report(self, treatments: list[Treatment], name: str, on_unsupported: str) -> None:
        """Raise RuleError for ops that a method refuses; warn of those without a rule, and of those that lose what depends on X."""
        treatments = self._with_layers([t for t in treatments if t.how in (REFUSED, PLAIN_GRADIENT) or t.loses])
        refused = [t for t in treatments if t.how == REFUSED]
        if refused:
            raise RuleError(f'{name} refuses op {refused[0]} between X and T')
        plain = [str(t) for t in treatments if t.how == PLAIN_GRADIENT]
        if plain and on_unsupported != 'ignore':
            masked = any(t.more == CONDITION for t in treatments)
            message = (f'{name} has no rule for {len(plain)} nonlinear op(s) between X and T and uses their plain gradient: {_listed(plain)}. '
                       'Attributions may not be complete. Choose T before them if you can, or use intgrad'
                       + (". For a mask that is made of X: masks='keep', or feed it, or take an X behind it" if masked else ''))
            if on_unsupported == 'raise':
                raise RuleError(message)
            warn(message, NonlinearOpWarning)
        lost = [str(t) for t in treatments if t.loses]
        if lost:
            warn(f'part of what T depends on reaches X only through {_listed(lost)}, which pass no gradient: it is missing from the attributions. '
                 'Choose an X behind or a T before them, or use a perturbation method', PathWarning)


def _listed(names: list[str]) -> str:
    return ', '.join(names[:10]) + (f' and {len(names) - 10} more' if len(names) > 10 else '')
