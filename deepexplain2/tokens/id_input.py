"""One tensor X of token ids: its ids checked, and looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..engine.fetch import Fetch
from ..engine.row_data import Feed
from ..errors import FeedError, TensorError, ValueRangeError
from ..graph.lookups import Lookup
from ..graph.walks import ancestors, learning_phases, placeholders
from ..session import check_open
from ..tensors import batch_of


class IdInput:
    """Token ids, and the embedding lookups that they go through.

    Parameters
    ----------
    session : Session
    ids : tf.Tensor
        X, integers or floats.
    lookups : sequence of Lookup
        At least one.
    """

    def __init__(self, session: Any, ids: tf.Tensor, lookups: Sequence[Lookup]):
        self.ids, self.lookups, self._session = ids, list(lookups), session
        self.points = [look.point for look in lookups]
        what = f'the embedding of "{ids.name}"'
        self._embedding = Fetch(session, [ids], self.points, what)
        self._index = Fetch(session, [ids], [look.index for look in lookups], what)
        self.upstream = {t.name for op in ancestors(self.points, {ids.name})
                         for t in (*op.inputs, *op.outputs)}
        #: The fewest rows that a table has which is read by the ids themselves.
        self.size = min((look.size for look in lookups if look.is_direct and look.size is not None),
                        default=None)

    def check(self, ids: np.ndarray, what: str) -> None:
        """Raise ValueRangeError for ids that are no whole numbers, or that no row of a table belongs to,
        where its size is known."""
        if ids.dtype.kind == 'f' and (broken := ids != np.rint(ids)).any():
            raise ValueRangeError(f'{what} holds {ids[broken].reshape(-1)[0]}{self._place(broken)}, and is '
                                  f'looked '
                                  f'up in an embedding: ids are whole numbers')
        if self.size is not None:
            wrong = (ids < 0) | (ids >= self.size)
            if wrong.any():
                raise ValueRangeError(f'{what} holds id '
                                      f'{int(ids[wrong].reshape(-1)[0])}{self._place(wrong)}, but '
                                      f'the embedding behind "{self.ids.name}" knows {self.size}: 0 to '
                                      f'{self.size - 1}')

    def _place(self, wrong: np.ndarray) -> str:
        """Where the first of the wrong ids is, for a message."""
        if not wrong.ndim:
            return ''
        at = [int(i) for i in np.argwhere(wrong)[0]]
        row = at.pop(0) if wrong.ndim == self.ids.shape.rank else None
        place = f'position {at[0] if len(at) == 1 else tuple(at)}' if at else ''
        return ' at ' + ', '.join(([] if row is None else [f'row {row}']) + ([place] if place else []))

    def check_fed(self, feeds: Mapping[str, Feed], others: Sequence[tf.Tensor]) -> None:
        """Raise FeedError where the lookups need a placeholder that nothing feeds. others: of X."""
        cut = [self.ids, *others, *(f.tensor for f in feeds.values())]
        missing = placeholders(self.points, cut + learning_phases(self.points, cut))
        if missing:
            raise FeedError(f'the embedding lookups of X "{self.ids.name}" need '
                            + ', '.join(f'"{t.name}" {t.dtype.name}' for t in missing)
                            + ', which nothing feeds. Give it in feed_dict={tensor: value}')

    def depends_on_rows(self, feeds: Mapping[str, Feed]) -> list[str]:
        """The names of what is fed for every row that decides what is looked up."""
        return [name for name, f in feeds.items() if f.per_row and name in self.upstream]

    def look_up(self, ids: np.ndarray, feeds: Mapping[str, Feed], at: np.ndarray, rows: int,
                what: str) -> list[np.ndarray]:
        """The embedded ids of every lookup. at: the rows of xs that they belong to. rows: of one run, at
        most. what: what messages call the ids."""
        if any(look.size is not None and not look.is_direct for look in self.lookups):
            self._check_index(self.index(ids, feeds, at, rows), ids, what)
        found = self._run(self._embedding, ids, feeds, at, rows)
        for look, f in zip(self.lookups, found):
            if len(f) != len(ids):
                raise self._no_batch(look, len(f), len(ids))
        if any(not look.has_batch for look in self.lookups) and len(ids) > 1 and not batch_of(self.ids):
            for k in range(len(ids)):           # whether row k of the embedding is that of row k of the ids
                alone = self._run(self._embedding, ids[k:k + 1], feeds, at[k:k + 1], 1)
                for look, one, f in zip(self.lookups, alone, found):
                    if not look.has_batch and (len(one) != 1 or not np.array_equal(one[0], f[k])):
                        raise self._no_batch(look, len(one), 1)
        return found

    def index(self, ids: np.ndarray, feeds: Mapping[str, Feed], at: np.ndarray,
              rows: int) -> list[np.ndarray]:
        """The rows of its table that every lookup reads, (n, places); see `look_up`."""
        n = len(ids)
        found = self._run(self._index, ids, feeds, at, rows)
        for look, f in zip(self.lookups, found):
            if f.size % n or not f.size:
                raise self._no_batch(look, f.size, n)
        return [f.reshape(n, -1) for f in found]

    def _check_index(self, index: Sequence[np.ndarray], ids: np.ndarray, what: str) -> None:
        """Raise ValueRangeError where a lookup would read a row that its table does not have."""
        for look, found in zip(self.lookups, index):
            if look.size is not None and (wrong := (found < 0) | (found >= look.size)).any():
                row, place = (int(i) for i in np.argwhere(wrong)[0])
                is_of_ids = look.is_in_order and wrong.size == ids.size
                where = self._place(wrong.reshape(ids.shape)) if is_of_ids else f' at row {row}'
                raise ValueRangeError(f'{what} makes the embedding "{look.point.name}" read row '
                                      f'{int(found[row, place])}{where}, but it knows {look.size}: 0 to '
                                      f'{look.size - 1}')

    def _run(self, fetch: Fetch, ids: np.ndarray, feeds: Mapping[str, Feed], at: np.ndarray,
             rows: int) -> list[np.ndarray]:
        """The values of fetches for all ids; a batch that the graph fixes is filled up with the last row."""
        check_open(self._session)
        fixed, n = batch_of(self.ids), len(ids)
        rows, stop = (fixed, -(-n // fixed) * fixed) if fixed else (rows, n)
        parts = []
        for k in range(0, stop, rows):
            some = np.minimum(np.arange(k, min(k + rows, stop)), n - 1)
            given = np.asarray(ids[some], self.ids.dtype.as_numpy_dtype)
            parts.append(fetch.values([given], feeds, at[some]))
        found = [np.concatenate(p) for p in zip(*parts)]
        return [f[:len(f) * n // stop] for f in found]

    def _no_batch(self, look: Lookup, found: int, n: int) -> TensorError:
        return TensorError(f'the embedding lookup "{look.point.name}" of X "{self.ids.name}" gives {found} '
                           f'rows '
                           f'for {n} rows of ids: its first axis is not the batch. Explain a tensor behind '
                           f'it '
                           f'whose first axis is')
