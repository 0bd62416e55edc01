"""Tensors of the graph, evaluated as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions

from ..graph.walks import learning_phases
from .failures import reported
from .locks import graph_lock
from .row_data import Feed


class Fetch:
    """Feeds some tensors and fetches others, as they are.

    Parameters
    ----------
    session : Session
    feeds : sequence of tensors
        What is fed in every run.
    fetches : sequence of tensors
    what : str
        What an error message calls the fetches.
    """

    def __init__(self, session: Any, feeds: Sequence[tf.Tensor], fetches: Sequence[tf.Tensor], what: str):
        self._session, self.feeds, self.fetches, self._what = session, list(feeds), list(fetches), what
        self._callables: dict[tuple[str, ...], tuple[list[tf.Tensor], Callable]] = {}

    def values(self, arrays: Sequence[np.ndarray], feeds: Mapping[str, Feed],
               rows: np.ndarray) -> list[np.ndarray]:
        """The values of the fetches for these rows of xs. arrays: for `feeds` of the constructor; feeds: for
        other placeholders, by name."""
        with reported(f'{self._what} for {len(rows)} rows'):
            others, run = self._callable(feeds)
            return run(*arrays, *fed(others, feeds, rows))

    def others(self, feeds: Mapping[str, Feed], rows: np.ndarray) -> dict[tf.Tensor, np.ndarray]:
        """What is fed beside the arrays, by tensor."""
        tensors, _ = self._callable(feeds)
        return dict(zip(tensors, fed(tensors, feeds, rows)))

    def _callable(self, feeds: Mapping[str, Feed]) -> tuple[list[tf.Tensor], Callable]:
        """The tensors to feed beside the arrays, and the function that runs the graph; made once per set of
        names."""
        key = tuple(feeds)
        if key not in self._callables:
            with graph_lock(self._session.graph):
                others = [f.tensor for f in feeds.values()]
                others += learning_phases(self.fetches, self.feeds + others)
                self._callables[key] = others, self._function(self.feeds + others)
        return self._callables[key]

    def _function(self, tensors: list[tf.Tensor]) -> Callable:
        """The function from values of these tensors to the values of the fetches."""
        fed, fetched = [t.name for t in tensors], [t.name for t in self.fetches]
        if isinstance(self._session, tf.compat.v1.Session | tf.compat.v1.InteractiveSession) \
                and not set(fed) & set(fetched):
            # make_callable is session.run where something is fed, and its Python takes 0.3 ms
            return self._session._make_callable_from_options(CallableOptions(feed=fed, fetch=fetched))

        def run(*values):                       # monitored sessions and the like, and a T that is X
            return self._session.run(self.fetches, dict(zip(tensors, values)))
        return run


def fed(tensors: Sequence[tf.Tensor], feeds: Mapping[str, Feed], rows: np.ndarray) -> list[np.ndarray]:
    """The values of placeholders other than X for these rows; a learning phase that is not fed is 0."""
    given = [feeds.get(t.name) for t in tensors]
    return [np.zeros([], t.dtype.as_numpy_dtype) if f is None else f.value[rows] if f.per_row else f.value
            for t, f in zip(tensors, given)]
