"""A query to the graph: feeds some tensors, fetches named answers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ..errors import RunError, ValueRangeError
from ..session import check_open
from .answers import Answer, AtLayers, UnitValues, Value, check_target
from .batch import Batch
from .batch_size import rounded
from .nonfinite import origin
from .reference_cache import ReferenceCache
from .xla_check import XlaCheck

if TYPE_CHECKING:
    from .model import Model

Answers = Mapping[str, Any]         # by name: an array, or a list of arrays for an answer of several tensors


class Query:
    """Feeds some tensors, fetches named answers.

    Parameters
    ----------
    model : Model
    feeds : sequence of tensors
        What is fed, X first.
    answers : sequence of Answer
    weights : Tensor, optional
        Placeholder of the weights of the units of T, where the graph takes them. Without it they are
        multiplied to T afterwards.
    target_shape : Tensor, optional
        The shape of T, where T itself is no answer.
    keeps_masks : bool
        Whether the masks of the model are fed after X with their values at x. See `Model.masks`.
    one_row : bool
        Whether baselines of a single row may stand for all rows.
    reference : ReferenceCache, optional
        What a baseline gives, kept from run to run.
    plain : sequence of tensors
        The fetches by TensorFlow's own kernels, where XLA compiles the query, and T: its kernels check what
        XLA leaves out, such as a constant index that is out of range.
    """

    is_line_integral = False        # whether it takes straight lines with many points each
    shared = 0                      # how many of the arrays, the last ones, stand for all rows

    def __init__(self, model: Model, feeds: Sequence[tf.Tensor], answers: Sequence[Answer],
                 weights: tf.Tensor | None = None, target_shape: tf.Tensor | None = None,
                 keeps_masks: bool = False, one_row: bool = False,
                 reference: ReferenceCache | None = None, plain: Sequence[tf.Tensor] = ()):
        self._model, self._answers, self._one_row, self._reference = model, list(answers), one_row, reference
        self._has_weights, self._has_shape = weights is not None, target_shape is not None
        self._keeps_masks = keeps_masks and bool(model.path.kept_masks)
        fed = [*feeds, *(model.path.kept_masks if self._keeps_masks else ())]
        fed += [] if weights is None else [weights]
        fetched = [t for a in answers for t in a.tensors]
        fetched += [] if target_shape is None else [target_shape]
        self._fetch = model.fetch(fed, fetched)
        self._xla_check = XlaCheck(model.fetch(fed, plain), model.target, len(model.inputs),
                                   self._has_weights) if plain else None

    @property
    def is_value(self) -> bool:
        """Whether it asks for the value of T and nothing else."""
        return all(isinstance(a, Value) for a in self._answers)

    @property
    def layers(self) -> list[tf.Tensor]:
        """The tensors between X and T whose values, or gradients with respect to them, are answers."""
        return [t for a in self._answers if isinstance(a, AtLayers) for t in a.layers]

    def of_units(self) -> Query:
        """This query of the value of T, with T as it is for an answer, in place of its weighted sum."""
        other = copy.copy(self)
        other._answers = [UnitValues(a.name, a.target, a.tensors) for a in self._answers]
        return other

    def evaluate(self, batch: Batch) -> Answers:
        """The answers for one run. Several threads may ask: what is learned from a run is replaced as a
        whole."""
        if self._keeps_masks:
            batch = batch.at([*batch.arrays, *self._model.masks(batch)], batch.rows)
        if self._xla_check is None or not batch.max_rows:
            return self._evaluate(batch)
        n, points = len(batch.arrays[0]), max(1, len(batch.rows) // len(batch.arrays[0]))
        padding_rows = min(rounded(n), batch.max_rows // points) - n
        if padding_rows <= 0:
            return self._evaluate(batch)
        # the last row again and again, so that few numbers of rows are compiled
        end = len(batch.arrays) - self.shared
        filled = [np.concatenate([a, np.broadcast_to(a[-1:], (padding_rows, *a.shape[1:]))]) if len(a) == n
                  else a for a in batch.arrays[:end]]
        rows = np.concatenate([batch.rows, np.tile(batch.rows[-points:], padding_rows)])
        return first_rows(self._evaluate(batch.at([*filled, *batch.arrays[end:]], rows)), n)

    def _evaluate(self, batch: Batch) -> Answers:
        arrays, n, k = batch.arrays, len(batch.rows), len(self._model.inputs)
        if self._keeps_masks:
            return self._run(batch, arrays[:k], lambda: list(arrays[:k]))
        full = [a if len(a) == n else np.broadcast_to(a, (n, *a.shape[1:])) for a in arrays]
        if self._one_row and batch.max_rows is not None and not batch.feeds \
                and all(len(b) == 1 for b in arrays[k:]):
            return self._with_one_row(batch, full)
        return self._run(batch.at(full, batch.rows), full[:k], lambda: full)

    def _with_one_row(self, batch: Batch, full: list[np.ndarray]) -> Answers:
        """The answers where every baseline is a single row. full: the arrays with all rows."""
        arrays, k = batch.arrays, len(self._model.inputs)
        reference = self._reference
        try:
            cached = reference.values(arrays[:k], arrays[k:]) if reference else None
            if reference and cached:
                return reference.query._run(batch.at([*arrays, *cached], batch.rows), full[:k], lambda: full)
        except RunError:
            # the way without asks less of TensorFlow, and says what is wrong where it fails as well
            self._reference = None
        try:
            return self._run(batch, full[:k], lambda: full)
        except RunError as e:
            # a reshape that joins the batch with another axis: a row per sample fits
            if not isinstance(e.__cause__, tf.errors.InvalidArgumentError):
                raise
            answers = self._run(batch.at(full, batch.rows), full[:k], lambda: full)
            self._one_row = False
            return answers

    def _run(self, batch: Batch, xs: Sequence[np.ndarray], points: Callable[[], list[np.ndarray]]) -> Answers:
        """The answers for what is fed. xs: what gradients are shaped like. points: x, and the baselines if
        any, at which the graph is evaluated."""
        model = self._model
        check_open(model.session)
        weights = batch.weights.rows(batch.rows)
        arrays = batch.arrays
        if self._has_weights:
            arrays = [*arrays, np.ones([], batch.weights.dtype) if weights is None else weights]
        values = self._fetch.values(arrays, batch.feeds, batch.rows)

        def read(values):
            return self._read(values, batch, xs, weights)
        try:
            if self._xla_check is not None:
                self._xla_check(values, arrays, batch, read)
            return read(values)
        except ValueRangeError as e:
            at, k = points(), len(model.inputs)
            feeds = self._fetch.others(batch.feeds, batch.rows)
            raise ValueRangeError(
                f'{e}. {origin(model.session, model.path, [at[:k], at[k:]], feeds)}') from None

    def _read(self, values: Sequence[np.ndarray], batch: Batch, xs: Sequence[np.ndarray],
              weights: np.ndarray | None) -> Answers:
        if self._has_shape:
            check_target(self._model.target, tuple(int(d) for d in values[-1]), weights, batch)
        answers, start = {}, 0
        for a in self._answers:
            stop = start + len(a.tensors)
            answers[a.name] = a.read(values[start:stop], batch, xs, weights)
            start = stop
        return answers


def first_rows(answers: Answers, n: int) -> Answers:
    """The answers for the first n rows."""
    return {name: a[:n] if isinstance(a, np.ndarray) else [v[:n] for v in a] for name, a in answers.items()}


class Joined(Query):
    """Several queries with the same feeds, one after the other, in one set of answers."""

    is_value = False

    def __init__(self, *queries: Query):
        self._queries = queries

    @property
    def layers(self) -> list[tf.Tensor]:
        """Those of all of them."""
        return [t for query in self._queries for t in query.layers]

    def evaluate(self, batch: Batch) -> Answers:
        """The answers of all of them for one run."""
        return {name: answer for query in self._queries for name, answer in query.evaluate(batch).items()}
