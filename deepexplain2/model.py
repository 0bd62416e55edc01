"""T and X as questions to the graph: value, gradient, relevance under rules. The only holder of a session."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .checks import Feed, Weights, check_open
from .errors import ContextError, FeedError, TensorError, ValueRangeError
from .graph import clone
from .graph.clone import Rule
from .graph.linear import WINNER_TAKES_ALL, is_linear
from .graph.path import Path, learning_phases, placeholders

ROW_BUDGET = 4 << 20        # bytes of the widest tensor in one run: 256 rows of a small CNN cost 1.6 times more per row than 32


class Question:
    """Something to ask the graph: arrays for `feeds` in, one array per answer out.

    With `weights` the answers are gradients, and weights for the units of T are fed; without, the answer is T itself, and comes back
    as one number per row, summed over its units in float64.
    """

    def __init__(self, model: Model, feeds: Sequence[tf.Tensor], fetches: Sequence[tf.Tensor], weights: tf.Tensor | None):
        self._model, self._feeds, self._fetches, self._weights = model, list(feeds), list(fetches), weights
        self._callables: dict[tuple[str, ...], tuple[list[tf.Tensor], Callable]] = {}
        self._one_row_baseline = True

    def ask(self, arrays: Sequence[np.ndarray], rows: np.ndarray, weights: Weights, feeds: Mapping[str, Feed], per_row: bool,
            open_batch: bool) -> list[np.ndarray]:
        """The answers for one run. An array of one row among more stands for all rows."""
        check_open(self._model.session)
        extra, run = self._callable(feeds)
        w = weights.rows(rows)
        tail = [] if self._weights is None else [np.ones([], weights.dtype) if w is None else w]
        tail += [feeds[t.name].value[rows] if feeds[t.name].per_row else feeds[t.name].value for t in extra if t.name in feeds]
        tail += [np.zeros([], t.dtype.as_numpy_dtype) for t in extra if t.name not in feeds]
        full = [a if len(a) == len(rows) else np.broadcast_to(a, (len(rows), *a.shape[1:])) for a in arrays]
        if open_batch and self._one_row_baseline and not any(f.per_row for f in feeds.values()):
            try:
                answers = run(*arrays, *tail)
            except tf.errors.InvalidArgumentError:
                if all(len(a) == len(f) for a, f in zip(arrays, full)):
                    raise
                self._one_row_baseline = False      # a reshape that joins the batch with another axis: a row per sample fits
                answers = run(*full, *tail)
        else:
            answers = run(*full, *tail)
        return self._reduced(answers, w, len(rows), per_row)

    def _reduced(self, answers: list[np.ndarray], w: np.ndarray | None, n: int, per_row: bool) -> list[np.ndarray]:
        shape = answers[0].shape if self._weights is None else tuple(answers[-1])
        if per_row and (not shape or shape[0] != n):
            raise TensorError(f'T "{self._model.target.name}" has shape {tuple(map(int, shape))} for {n} rows of xs: its first axis is not '
                              'the batch. Reshape T to (batch, ...), or reduce it to one value per row')
        if self._weights is not None:
            for g, x in zip(answers, self._model.inputs):
                self._check_finite(g, f'the gradient of T "{self._model.target.name}" by X "{x.name}"')
            return answers[:-1]
        t = answers[0].astype(np.float64)
        t = t if w is None else t * w
        self._check_finite(t, f'T "{self._model.target.name}"')
        return [t.reshape(n, -1).sum(1) if per_row else t.reshape(1, -1).sum(1)]

    @staticmethod
    def _check_finite(answer: np.ndarray, what: str) -> None:
        finite = np.isfinite(answer)
        if not finite.all():
            where = tuple(int(i) for i in np.argwhere(~finite)[0])
            raise ValueRangeError(f'{what} is NaN or infinite, first at {where} of one run of {len(answer) if answer.ndim else 1} rows. '
                                  'Look for overflow, log(0) or division by zero in the model at this input')

    def _callable(self, feeds: Mapping[str, Feed]) -> tuple[list[tf.Tensor], Callable]:
        """The tensors to feed beside the question's own, and the run; prepared once per set of names."""
        key = tuple(feeds)
        if key not in self._callables:
            given = [f.tensor for f in feeds.values()]
            own = self._feeds + ([] if self._weights is None else [self._weights])
            cut = own + given
            phases = learning_phases(self._fetches, cut)
            missing = [t for t in placeholders(self._fetches, cut + phases)]
            if missing:
                raise FeedError(f'T "{self._model.target.name}" needs ' + ', '.join(f'"{t.name}" {t.dtype.name}' for t in missing)
                                + ', which nothing feeds. Give it in feed_dict={tensor: value}')
            needed = given + phases
            session = self._model.session
            if isinstance(session, tf.compat.v1.Session | tf.compat.v1.InteractiveSession):
                run = session.make_callable(self._fetches, [t for t in own + needed])
            else:                                   # monitored sessions and the like
                def run(*values):
                    return session.run(self._fetches, dict(zip(own + needed, values)))
            self._callables[key] = needed, run
        return self._callables[key]


class Model:
    """A target T, inputs X, and the session that holds the weights.

    value: T. gradient: of T by X. relevance: the gradient under rules, in a copy of the graph; with a reference, fed after X.
    """

    def __init__(self, session: Any, target: tf.Tensor, inputs: Sequence[tf.Tensor]):
        self.session, self.target, self.inputs = session, target, list(inputs)
        self.path = Path(target, inputs)
        self._gradient: Question | None = None
        self._relevances: dict[int, tuple[Question, Mapping[str, Rule]]] = {}     # with the rules, so that their id stays theirs
        self._value = Question(self, self.inputs, [target], None)
        self._lock = threading.Lock()

    def default_rows(self) -> int:
        """Rows for one run when nobody says: what keeps the widest tensor near ROW_BUDGET, 4 to 1024."""
        return int(np.clip(ROW_BUDGET // max(self.path.row_bytes(), 1), 4, 1024))

    def value(self) -> Question:
        """T; adds no op."""
        return self._value

    def gradient(self) -> Question:
        """The gradient of T by X; adds its ops the first time."""
        with self._lock:
            if self._gradient is None:
                self._may_add_ops()
                self.path.check_differentiable()
                graph = self.target.graph
                with graph.as_default(), graph.control_dependencies(None), graph.device(None), tf.name_scope('deepexplain2/gradient'):
                    weights = tf.compat.v1.placeholder_with_default(tf.ones([], self.target.dtype), None, 'weights')
                    grads = tf.gradients(self.target, self.inputs, clone.weigh(self.target, weights), stop_gradients=self.inputs)
                    fetches = [tf.convert_to_tensor(g) for g in grads] + [tf.shape(self.target, tf.int64)]
                self._gradient = Question(self, self.inputs, fetches, weights)
            return self._gradient

    def relevance(self, rules: Mapping[str, Rule], reference: bool, name: str) -> Question:
        """The gradient of T by X where ops with a rule (type -> rule) follow it; adds its ops the first time for these rules."""
        with self._lock:
            if id(rules) not in self._relevances:
                self._may_add_ops()
                self.path.check_differentiable()
                c = clone.build(self.path, rules, reference, f'deepexplain2/{name}')
                question = Question(self, self.inputs + c.baselines, [*c.relevances, c.target_shape], c.weights)
                self._relevances[id(rules)] = question, rules
            return self._relevances[id(rules)][0]

    def without_rule(self, rules: Mapping[str, Rule]) -> list[tf.Operation]:
        """The nonlinear ops between X and T that `rules` leaves to their plain gradient."""
        return [op for op in self.path.ops
                if op.type not in rules and op.type not in WINNER_TAKES_ALL and not is_linear(op, self.path)]

    def _may_add_ops(self) -> None:
        check_open(self.session)
        if self.target.graph.finalized:
            raise ContextError('the graph is finalized, and this method adds ops to it once. Call get_explainer before '
                               'graph.finalize(); explainer.run adds none')
