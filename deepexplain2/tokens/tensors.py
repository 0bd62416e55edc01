"""The tensors that are explained for an X with token ids: lookups, and numbers as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..engine.row_data import Feed
from ..graph.lookups import Lookup
from ..graph.walks import ancestors, descendants
from .by_word import Words
from .id_input import IdInput
from .places import places_of


class Embedded(NamedTuple):
    """xs, embedded.

    Attributes
    ----------
    arrays : sequence of arrays
        xs.
    values : list of arrays
        One for each tensor that is explained.
    places : list of lists
        For each tensor of ids the places of its lookups, see `places_of`.
    feeds, rows
        As for the lookups.
    """

    arrays: Sequence[np.ndarray]
    values: list[np.ndarray]
    places: list[list[np.ndarray | None]]
    feeds: Mapping[str, Feed]
    rows: int


class Tensors:
    """The tensors that are explained: the first lookup of each tensor X or the tensor itself, in the order of
    X, then the other lookups.

    Parameters
    ----------
    session : Session
    inputs : sequence of tf.Tensor
        X.
    lookups : sequence of lists of Lookup
        The lookups of each tensor X; none for numbers.

    Attributes
    ----------
    points : list of tf.Tensor
        The tensors that are explained.
    ids : list of IdInput
        The tensors X that hold ids.
    at : list of int
        Their positions in X.
    lookups_at : list of tuples
        The positions of the lookups of each of them in `points`.
    own : list
        For each tensor X its position in `points` where it is explained itself, else None.
    """

    def __init__(self, session: Any, inputs: Sequence[tf.Tensor], lookups: Sequence[list[Lookup]]):
        self._inputs = list(inputs)
        self.points = [found[0].point if found else x for x, found in zip(inputs, lookups)]
        self.ids, self.at, self.lookups_at = [], [], []
        for k, (x, found) in enumerate(zip(inputs, lookups)):
            if found:
                first = len(self.points)
                self.points += [look.point for look in found[1:]]
                self.ids.append(IdInput(session, x, found))
                self.at.append(k)
                self.lookups_at.append((k, *range(first, len(self.points))))
        self.own = [None if found else k for k, found in enumerate(lookups)]

    @property
    def are_plain(self) -> bool:
        """Whether ids are looked up once each, and in their order."""
        return all(len(x.lookups) == 1 and x.lookups[0].is_in_order for x in self.ids)

    def flat(self, arrays: Sequence[np.ndarray]) -> Any:
        """Arrays of the tensors that are explained, as their Explainer takes them."""
        return list(arrays) if len(arrays) > 1 else arrays[0]

    def decides(self, tensor: tf.Tensor) -> list[bool]:
        """For each tensor of ids whether `tensor` lies between it and its embedding."""
        return [tensor.name in descendants(ancestors(x.points, {x.ids.name}), {x.ids.name}, set())
                and tensor.name in x.upstream | {t.name for t in x.points} for x in self.ids]

    def shapes(self, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
        """The shapes of the tensors that are explained, for xs of these shapes; None where they show only
        when the ids are looked up."""
        found: list[Any] = [None if at is None else shapes[k] for k, at in enumerate(self.own)]
        found += [None] * (len(self.points) - len(found))
        for x, k, places in zip(self.ids, self.at, self.lookups_at):
            n, *row = shapes[k]
            for look, at in zip(x.lookups, places):
                words = look.row[:len(look.row) - look.widths]
                if len(words) == len(row) and look.is_in_order:
                    words = [r if w is None else w for w, r in zip(words, row)]
                shape = (n, *words, *look.row[len(look.row) - look.widths:])
                found[at] = None if None in shape else shape
        return found

    def words(self, shapes: Sequence[tuple[int, ...]],
              places: Sequence[Sequence[np.ndarray | None]] | None) -> list[Words]:
        """How every tensor X stands among these tensors, for methods that switch words."""
        found = [Words((k,), None) for k in range(len(shapes))]
        for j, (x, k) in enumerate(zip(self.ids, self.at)):
            widths = tuple(look.widths for look in x.lookups)
            found[k] = Words(self.lookups_at[j], tuple(shapes[k][1:]), widths,
                             (None,) * len(x.lookups) if places is None else tuple(places[j]))
        return found

    def embed(self, arrays: Sequence[np.ndarray], baselines: Sequence[np.ndarray | None],
              feeds: Mapping[str, Feed], rows: int) -> Embedded:
        """xs, with the ids looked up. baselines: the ids that each tensor of ids is compared with, if it
        is."""
        values: list[Any] = [arrays[k] if k < len(arrays) else None for k in range(len(self.points))]
        n = len(arrays[0])
        places = []
        for x, k, at, baseline in zip(self.ids, self.at, self.lookups_at, baselines):
            found = x.look_up(arrays[k], feeds, np.arange(n), rows, f'xs for X "{x.ids.name}"')
            for p, value in zip(at, found):
                values[p] = value

            def index(ids, x=x):
                return x.index(ids, feeds, np.arange(n), rows)
            places.append(places_of(x.lookups, found, np.asarray(arrays[k]), index, baseline))
        return Embedded(arrays, values, places, feeds, rows)
