"""Attributions at embedding lookups as attributions of token ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ParameterError
from ..request.options import Options
from .tensors import Embedded, Tensors


class Results:
    """Adds up the attributions at the lookups of each tensor of ids.

    tensors: what is explained. is_summed: whether attributions are summed over the axes of the embedding.
    """

    def __init__(self, tensors: Tensors, is_summed: bool):
        self._tensors, self._is_summed = tensors, is_summed

    def check_options(self, options: Options, is_by_word: bool) -> None:
        """Raise ParameterError for standard errors that are not those of what is returned."""
        if options.return_std_error and not is_by_word and self._is_summed:
            raise ParameterError('return_std_error: standard errors of a sum over the embedding are not '
                                 'those of '
                                 'its parts. Sample tokens: leave out what is about the axes of the '
                                 'embedding')

    def shapes(self, planned: Sequence[tuple[int, ...]],
               shapes: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """The shapes of the attributions of each tensor X. planned: of the tensors that are explained;
        shapes: of xs."""
        found = list(planned[:len(shapes)])
        for x, k, at in zip(self._tensors.ids, self._tensors.at, self._tensors.lookups_at):
            rows = [look.point.shape.rank for look in x.lookups]
            if any(len(planned[p]) != rank for p, rank in zip(at, rows)):       # not by entry
                continue
            widths = {tuple(planned[p][len(planned[p]) - look.widths:]) for p, look in zip(at, x.lookups)}
            found[k] = tuple(shapes[k]) if self._is_summed else (*shapes[k], *self._one(widths, k))
        return found

    def _one(self, widths: set[tuple[int, ...]], k: int) -> tuple[int, ...]:
        """The axes of the embedding, which all lookups must share."""
        if len(widths) > 1:
            x = self._tensors.ids[self._tensors.at.index(k)]
            raise ParameterError('the ids are looked up in tables of different widths: '
                                 + ', '.join(f'"{t.name}"' for t in x.points) + ' have '
                                 + ', '.join(map(str, sorted(widths)))
                                 + '. Take sum_embedding=True, or explain the lookups themselves')
        return next(iter(widths))

    def of(self, found: list[np.ndarray], more: Mapping[str, Any], embedded: Embedded,
           is_by_word: bool) -> tuple[list[np.ndarray], dict[str, Any]]:
        """(attributions of each tensor X, what else there is of the rows). found, more: of the explainer of
        the tensors that are explained."""
        if is_by_word:              # or of a layer
            return found, dict(more)
        results = found[:len(embedded.arrays)]
        for j, k in enumerate(self._tensors.at):
            results[k] = self._added(j, k, found, embedded)
        changed = dict(more)
        if 'delta' in more and any(p is not None for places in embedded.places for p in places):
            lost = np.sum([_sum(a) for a in found], 0) - np.sum([_sum(a) for a in results], 0)
            if len(more['delta']) == len(lost):         # what places of no id got is not handed out
                changed['delta'] = more['delta'] + lost
        return results, changed

    def _added(self, j: int, k: int, found: Sequence[np.ndarray], embedded: Embedded) -> np.ndarray:
        """The attributions of one tensor of ids, (n, ids...) or (n, ids..., widths...)."""
        x, shape, total = self._tensors.ids[j], embedded.arrays[k].shape, None
        at = self._tensors.lookups_at[j]
        if found[at[0]].shape != embedded.values[at[0]].shape:                  # not by entry
            return found[at[0]]
        widths = {a.shape[a.ndim - look.widths:] for look, a in zip(x.lookups, (found[p] for p in at))}
        width = () if self._is_summed else self._one(widths, k)
        for look, place, p in zip(x.lookups, embedded.places[j], at):
            a, n = found[p], shape[0]
            size = int(np.prod(a.shape[a.ndim - look.widths:]))
            flat = a.reshape(n, -1, size)
            flat = flat.sum(2, keepdims=True) if self._is_summed else flat
            if place is not None:
                moved = np.zeros((n, int(np.prod(shape[1:])) + 1, flat.shape[2]), flat.dtype)
                np.add.at(moved, (np.arange(n)[:, None], np.broadcast_to(place, flat.shape[:2])), flat)
                flat = moved[:, :-1]                    # the last: places of no id
            total = flat if total is None else total + flat
        assert total is not None
        return total.reshape(*shape, *width)


def _sum(a: np.ndarray) -> np.ndarray:
    return a.reshape(len(a), -1).sum(1, dtype=np.float64)
