"""T and X, and the queries that were compiled for them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import ContextError, FeedError, PathError, RuleError, warn
from ..graph import clone
from ..graph.layers import LayerOfOps
from ..graph.masks import masks
from ..graph.op_types import PYTHON_FUNCTIONS
from ..graph.path import Path
from ..graph.rulebook import Rulebook
from ..graph.statistics import batch_statistics
from ..graph.treatments import Treatment
from ..graph.walks import learning_phases, placeholders, unforeseen_ops, writing_ops
from ..session import check_open
from . import queries
from .answers import Value
from .batch import Batch
from .failures import reported
from .fetch import Fetch, fed
from .findings import Findings
from .layer_query import LayerQueries, activation, layer_queries
from .queries import NO_RULES
from .query import Query
from .row_data import Feed
from .treatments import report, with_layers


class Model:
    """A target T, inputs X, and the session that holds the weights.

    Queries are computed in copies of the graph between X and T, made the first time.

    Parameters
    ----------
    session : Session
    target : Tensor
        T.
    inputs : sequence of tensors
        X.
    layers : mapping, optional
        Outputs of layers by name.
    jit : bool
        Whether XLA compiles the copies; T is then computed in one too.
    kept_masks : sequence of tensors
        Masks between X and T that stay as they are at x.
    """

    def __init__(self, session: Any, target: tf.Tensor, inputs: Sequence[tf.Tensor],
                 layers: Mapping[str, tf.Tensor] | None = None,
                 jit: bool = False, kept_masks: Sequence[tf.Tensor] = ()):
        self.session, self.target, self.inputs, self.jit = session, target, list(inputs), jit
        self.layers = layers or {}
        self.layer_of = LayerOfOps(layers)
        self.path = Path(target, inputs, kept_masks=kept_masks)
        self._statistics = batch_statistics(self.path)      # TensorError where they are used whatever is fed
        self.findings = Findings()
        # T in the user's graph, as it is
        self.target_values = Fetch(session, self.inputs, [target],
                                   f'T "{target.name}" or what it takes from a baseline')
        # T in the user's graph, at x and at other points
        self.plain_value = Query(self, self.inputs, [Value('value', target, [target])], keeps_masks=True)
        self._masks = self.fetch(self.inputs, kept_masks)
        self._value: Query | None = None
        self._line: Query | None = None
        self._at_layers: dict[tuple[str, ...], LayerQueries] = {}       # by the names of the layers
        self._ending_at: dict[str, Model] = {}                          # likewise
        # by key of the rulebook, which is kept: keys hold ids of what is in it
        self._relevances: dict[Hashable, tuple[Query, Rulebook, list[Treatment]]] = {}
        self._fed: set[frozenset[str]] = set()              # names in feed_dict that were found to suffice
        self._warned: set[tuple[str, str]] = set()

    def fetch(self, feeds: Sequence[tf.Tensor], fetches: Sequence[tf.Tensor]) -> Fetch:
        """What feeds these tensors and fetches those; errors speak of T and its gradient."""
        return Fetch(self.session, feeds, fetches, f'T "{self.target.name}" or its gradient')

    def warn_once(self, method: str, message: str, category: type[Warning]) -> None:
        """Give a warning of a method for this T and X the first time."""
        if (method, message) not in self._warned:
            warn(message, category)
            self._warned.add((method, message))

    # What enters a run

    def masks(self, batch: Batch) -> list[np.ndarray]:
        """The masks that stay as they are at x, for the rows of a batch."""
        xs = [np.asarray(x[batch.rows], t.dtype.as_numpy_dtype) for x, t in zip(batch.xs, self.inputs)]
        return self._masks.values(xs, batch.feeds, batch.rows)

    def values_of(self, tensors: Sequence[tf.Tensor], arrays: Sequence[np.ndarray], feeds: Mapping[str, Feed],
                  rows: np.ndarray) -> list[np.ndarray]:
        """The values of tensors of the user's graph, as they are, for these rows of xs."""
        cut = self.inputs + [f.tensor for f in feeds.values()]
        others = cut[len(self.inputs):] + learning_phases(tensors, cut)
        with reported(f'what is between X and T "{self.target.name}" for {len(rows)} rows'):
            return self.session.run(list(tensors), dict(zip(self.inputs + others,
                                                            [*arrays, *fed(others, feeds, rows)])))

    def check_fed(self, feeds: Mapping[str, Feed]) -> None:
        """Raise FeedError where T needs a placeholder that neither X nor `feeds` gives."""
        key = frozenset(feeds)
        if key not in self._fed:
            cut = self.inputs + [f.tensor for f in feeds.values()]
            missing = placeholders([self.target], cut + learning_phases([self.target], cut))
            if missing:
                raise FeedError(f'T "{self.target.name}" needs '
                                + ', '.join(f'"{t.name}" {t.dtype.name}' for t in missing)
                                + ', which nothing feeds. Give it in feed_dict={tensor: value}')
            self._fed.add(key)

    def check_statistics(self, arrays: Sequence[np.ndarray], feeds: Mapping[str, Feed]) -> None:
        """Raise TensorError where a conditional leads to batch normalization by the statistics of the batch,
        with what is fed."""
        for found in self._statistics:
            values = self.values_of([t for t, _ in found.choices], [a[:1] for a in arrays], feeds,
                                    np.zeros(1, int))
            if all(taken(value) for (_, taken), value in zip(found.choices, values)):
                raise found.error

    def up_to(self, layer: tf.Tensor, inputs: Sequence[tf.Tensor]) -> Model:
        """The model that ends at a layer, a tensor that depends on these tensors of X."""
        if layer.name not in self._ending_at:
            self._ending_at[layer.name] = Model(self.session, layer, inputs, self.layers)
        return self._ending_at[layer.name]

    # What is known of the graph

    @cached_property
    def keeping_masks(self) -> Model:
        """This model with the masks that it makes of X by comparison as they are at x."""
        kept = masks(self.path)
        return Model(self.session, self.target, self.inputs, self.layers, self.jit, kept) if kept else self

    @cached_property
    def unforeseen_ops(self) -> list[tuple[str, str]]:
        """(name, type) of the ops that draw random numbers for T, and of the Python functions that it calls,
        which may."""
        return unforeseen_ops([self.target], self.inputs)

    @cached_property
    def random_ops(self) -> list[tuple[str, str]]:
        """Of these, the ops that do draw random numbers."""
        return [(name, kind) for name, kind in self.unforeseen_ops if kind not in PYTHON_FUNCTIONS]

    @cached_property
    def writing_ops(self) -> list[tuple[str, str]]:
        """The ops that may write variables when T is computed."""
        return writing_ops([self.target], self.inputs)

    @property
    def calls_python(self) -> bool:
        """Whether a Python function, of which nothing is known, is called for T."""
        return len(self.unforeseen_ops) > len(self.random_ops)

    @cached_property
    def fixed_rows(self) -> clone.Copy | None:
        """A copy of the graph, to be asked for shapes, where an array written into T fixes the rows of an X
        that leaves them open."""
        if not self.path.may_fix_rows:
            return None
        try:
            copy = clone.Copy(self.path, NO_RULES)
        except (RuleError, PathError):
            return None     # control flow of TF1 that cannot be put into functions: seen when it runs
        return copy if copy.fixes_rows else None

    def treatments(self, book: Rulebook, start: Sequence[tf.Tensor] = ()) -> list[Treatment]:
        """How a book treats every op between X, or the tensors `start`, and T that depends on these; adds
        nothing to the graph."""
        path = Path(self.target, start, kept_masks=self.path.kept_masks) if start else self.path
        return with_layers(clone.Copy(path, book, layer_of=self.layer_of).treatments, self.layer_of)

    # Queries

    def value(self) -> Query:
        """The query for T; adds ops only where XLA compiles it."""
        if self._value is None:
            if self.jit:
                self._check_writable()
            self._value = queries.value(self) if self.jit else self.plain_value
        return self._value

    def gradient(self, method: str, at: Sequence[tf.Tensor] = ()) -> Query:
        """The query for the gradient of T with respect to X. method: what warnings name. at: see
        `relevance`."""
        return self.relevance(NO_RULES, method, at=at)

    def relevance(self, book: Rulebook, method: str, on_unsupported: str = 'ignore',
                  with_value: bool = False, at: Sequence[tf.Tensor] = (), to_inputs: bool = True) -> Query:
        """The query for the gradient of T with respect to X where ops follow the rules of a book.

        Parameters
        ----------
        book : Rulebook
            The rules.
        method : str
            What messages name.
        on_unsupported : str
            What to do about nonlinear ops that have no rule.
        with_value : bool
            Whether T is an answer too, 'value'.
        at : sequence of tensors
            Tensors of the user's graph between X and T: their values are answers too, 'activation', and the
            gradients of T with respect to them, 'layer_gradient' (under rules their multipliers); with a
            reference also their values at the baseline, 'reference'. PathError for a tensor that is not
            between X and T, or inside a function or loop.
        to_inputs : bool
            Whether the gradient with respect to X is an answer.
        """
        key = book.key, with_value, to_inputs, *(t.name for t in at)
        if key in self._relevances:
            query, _, treatments = self._relevances[key]
            self.report(treatments, method, on_unsupported)
            return query
        self._check_writable()
        query, treatments = queries.relevance(self, book, method, on_unsupported, with_value, at, to_inputs)
        self._relevances[key] = query, book, treatments
        return query

    def at_layers(self, layers: Sequence[tf.Tensor], method: str) -> LayerQueries:
        """The queries for the gradient of T with respect to layers alone, tensors between X and T."""
        key = tuple(t.name for t in layers)
        if key not in self._at_layers:
            self._check_writable()
            self._at_layers[key] = layer_queries(self, layers, method)
        return self._at_layers[key]

    def activation(self, layers: Sequence[tf.Tensor]) -> Query:
        """The query for the values of layers, tensors between X and T; adds nothing to the graph."""
        return activation(self, layers)

    def line_integral(self, method: str) -> Query:
        """The query for sums of the gradient along lines, a LineQuery; for the gradient where the graph does
        not allow it."""
        if self._line is None:
            if queries.fits_line_integral(self):
                self._check_writable()
                self._line = queries.line_integral(self, method)
            self._line = self._line or self.gradient(method)
        return self._line

    def report(self, treatments: Sequence[Treatment], method: str, on_unsupported: str) -> None:
        """Raise for ops that a method refuses; warn of those without a rule or gradient."""
        report(treatments, self.layer_of, method, on_unsupported, self.warn_once)

    def _check_writable(self) -> None:
        check_open(self.session)
        if self.target.graph.finalized:
            raise ContextError('the graph is finalized, and this method adds ops to it once. Call '
                               'get_explainer before graph.finalize(); explainer.run adds none')
