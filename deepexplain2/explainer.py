"""A method compiled for a target and inputs: Explainer."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from . import checks
from .errors import ParameterError, ShapeError, TensorError, ValueRangeError
from .methods.base import Method
from .model import Model, Question, graph_lock
from .sweep import Sweep


class Explainer:
    """One method, one target, compiled: `run` explains any number of batches and adds nothing to the graph.

    Made by DeepExplain.get_explainer. It can be used after the context was left, from several threads, and follows changes of the
    weights in the session.
    """

    def __init__(self, method: Method, model: Model, many: bool):
        self._method, self._model, self._many = method, model, many
        self._written: np.ndarray | None = None         # weights that T was multiplied by
        if method.perturbs and len(model.inputs) > 1:
            raise ParameterError(f'method "{method.name}" explains one input tensor, and X has {len(model.inputs)}. Explain them one '
                                 'at a time, the others given in feed_dict, or use a gradient method')
        self._baselines = checks.baselines(method.baseline, model.inputs, many)
        if all(x.shape.rank and x.shape[1:].is_fully_defined() for x in model.inputs):
            method.check_shapes([(1, *x.shape.as_list()[1:]) for x in model.inputs])
        self._compiled: list[Question] = []             # shared with the copies that `weighted` makes

    def compile(self) -> Question:
        """The question of the method; adds its ops to the graph the first time."""
        with graph_lock(self._model.target.graph):
            if not self._compiled:
                self._compiled.append(self._method.question(self._model))
        return self._compiled[0]

    def __repr__(self) -> str:
        names = ', '.join(x.name for x in self._model.inputs)
        return f'<Explainer {self._method.name}: {self._model.target.name} by {names}>'

    def weighted(self, written: np.ndarray | None) -> Explainer:
        """This explainer for T times constant weights."""
        if written is None:
            return self
        other = copy.copy(self)
        other._written = written
        return other

    def run(self, xs: Any, ys: Any = None, batch_size: int | None = None, feed_dict: Mapping[tf.Tensor, Any] | None = None) -> Any:
        """Attributions of T to X for the samples xs.

        xs: array shaped like X, (n,) + features; for a list X a list of arrays with equally many rows.
        ys: what of T to explain: weights shaped like T (rows may broadcast), or integer class indices of shape (n,). Without it all
            units of T are summed.
        batch_size: at most that many rows in one session.run; chosen from the size of a row where not given. The answer does not
            depend on it.
        feed_dict: values of other placeholders that T needs. One with an entry per row of xs goes with its rows.

        Returns an array shaped like xs (a list of them for a list X) in the dtype of X, in units of T. For integer X the dtype is
        that of T. shapley_sampling returns (n,) + the sampled axes.

        Where T has no batch axis (a scalar, say) every row is explained in a run of its own.

        Raises ShapeError, ValueRangeError, FeedError, ParameterError, TensorError or ContextError (all DeepExplainError) before
        anything is run; TensorError as soon as the first axis of T turns out not to be the batch; ValueRangeError where T or its
        gradient is NaN or infinite; RunError where TensorFlow fails.
        """
        checks.check_open(self._model.session)
        arrays = checks.samples(xs, self._model.inputs, self._many)
        n = len(arrays[0])
        if batch_size is not None:
            checks.integer(batch_size, 'batch_size', 1)
        self._method.check_shapes([a.shape for a in arrays])
        baselines = [checks.baseline_rows(b, a, x.name) for b, a, x in zip(self._baselines, arrays, self._model.inputs)]
        feeds = checks.feeds(feed_dict, self._model.target.graph, self._model.inputs, self._model.path.varies, n)
        self._model.check_fed(feeds)
        size, aligned, per_row = self._layout(n, batch_size)
        weights = checks.Weights(ys, self._written, self._model.target, n, per_row)

        if per_row and not aligned and size > 1:
            self._check_rows_apart(arrays, feeds)
        question = self.compile()

        def ask(points, rows):
            return question.ask(points, rows, weights, feeds, per_row, not aligned)

        results = self._method.attribute(Sweep(ask, n, size, aligned), arrays, baselines)
        dtypes = [(x.dtype if x.dtype.is_floating else self._model.target.dtype).as_numpy_dtype for x in self._model.inputs]
        with np.errstate(over='ignore'):        # said below
            results = [r.astype(d, copy=False) for r, d in zip(results, dtypes)]
        if any(np.isinf(r).any() or (not self._method.perturbs and np.isnan(r).any()) for r in results):
            raise ValueRangeError(f'attributions of "{self._method.name}" leave the range of {np.dtype(dtypes[0]).name}. Build the model in a '
                                  'wider dtype, or scale its input')
        return results if self._many else results[0]

    def _layout(self, n: int, batch_size: int | None) -> tuple[int, bool, bool]:
        """(rows per run, whether the graph fixes them, whether T has one entry per row)."""
        target = self._model.target
        rows_of_t = checks.batch_of(target)
        fixed = {checks.batch_of(x) for x in self._model.inputs} - {None}
        if len(fixed) > 1:
            raise ShapeError('the tensors of X fix different batch sizes: '
                             + ', '.join(f'{checks.batch_of(x)} for "{x.name}"' for x in self._model.inputs))
        if fixed:
            (size,) = fixed
            assert size
            per_row = target.shape.rank != 0 and rows_of_t in (None, size)
            if batch_size is not None and batch_size < size:
                raise ParameterError(f'batch_size is {batch_size}, but X "{self._model.inputs[0].name}" fixes the batch at {size} rows')
            if not per_row and self._method.perturbs and size > 1:
                raise TensorError(f'T "{target.name}" has no batch axis and X fixes the batch at {size} rows: method '
                                  f'"{self._method.name}" needs one value per row. Give a T with a batch axis')
            return size, True, per_row
        written = self._model.path.written_rows
        if written:
            rows, op = written
            if rows != n:
                raise ShapeError(f'an array of {rows} rows was written into T "{target.name}" at {self._model.path.name(op)}, but xs has {n} rows. '
                                 'Leave that array out of T and pass it as ys')
            if batch_size is not None and batch_size < n:
                raise ParameterError(f'batch_size is {batch_size}, but T "{target.name}" contains an array of {n} rows, so all rows must '
                                     'run together. Leave that array out of T and pass it as ys')
            if self._method.perturbs and rows_of_t != n:
                raise TensorError(f'T "{target.name}" has no batch axis and contains an array of {n} rows: method "{self._method.name}" needs '
                                  'one value per row. Leave that array out of T and pass it as ys')
            return n, True, rows_of_t == n
        if target.shape.rank == 0 or rows_of_t is not None:
            return 1, False, rows_of_t == 1     # T does not grow with X
        return (batch_size or self._model.default_rows()), False, True

    def _check_rows_apart(self, arrays: list[np.ndarray], feeds: Mapping[str, checks.Feed]) -> None:
        """Where an op may mix rows, see once that T of a row is the same alone and beside another; TensorError if not."""
        op = self._model.path.may_mix_rows
        if op is None or len(arrays[0]) == 1 or self._model.rows_apart:
            return
        weights = checks.Weights(None, None, self._model.target, len(arrays[0]), True)

        def values(rows):
            return self._model.value().ask([a[rows] for a in arrays], rows, weights, feeds, True, True)[0]
        both, alone = values(np.array([0, len(arrays[0]) - 1])), values(np.array([0]))
        if not np.allclose(both[0], alone[0], rtol=1e-3, atol=1e-3 * np.abs(both).max()):
            raise TensorError(f'T "{self._model.target.name}" of a row changes with the other rows of the batch, through op '
                              f'{self._model.path.name(op)}: attributions of a row have no meaning. Build the model for inference '
                              '(training=False), or take a T without a batch axis')
        self._model.rows_apart = True
