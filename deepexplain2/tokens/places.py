"""Which id every embedded token comes from, where a model moves ids before it looks them up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..errors import PathError
from ..graph.lookups import Lookup

Index = Callable[[np.ndarray], list[np.ndarray]]        # from ids to what every lookup reads, (n, places)


def places_of(lookups: Sequence[Lookup], embedded: Sequence[np.ndarray], ids: np.ndarray, index: Index,
              baseline: np.ndarray | None) -> list[np.ndarray | None]:
    """For every lookup the position of the id that each of its places comes from.

    Parameters
    ----------
    lookups, embedded
        The lookups, and the values of their points at the ids.
    ids : (n, ...)
        The ids of all rows.
    index : function
        Evaluates what the lookups read for other ids of the same rows.
    baseline : (n or 1, ...), optional
        Ids that they are compared with.

    Returns
    -------
    list of None or integers (1 or n, places)
        None where place k is that of id k; else flat positions in a row of ids, -1 where a place depends on
        none of them.

    Raises
    ------
    PathError
        Where a place depends on several ids.

    Notes
    -----
    Positions are found by changing ids: in run j those at the positions whose bit j is 1, then those where it
    is 0. A place that follows a single id changes in one of the two runs, which spells out the position. It
    then reads what it reads where all ids are changed. Of any two positions one is changed without the other
    in some run, so that a place which reads another row because of a second id is found out.
    """
    count = ids[0].size
    sizes = [int(np.prod(e.shape[1:e.ndim - look.widths])) for look, e in zip(lookups, embedded)]
    moves = [not look.is_in_order or size != count for look, size in zip(lookups, sizes)]
    if not any(moves):
        return [None] * len(lookups)
    at_ids = index(ids)
    found = [np.full(i.shape, -1) for i in at_ids]
    others = [(other, index(other)) for other in _others(lookups, ids, baseline)]
    for other, at_other in others:
        for look, place, seen in zip(lookups, found, _changes(at_ids, at_other, ids, other, index, lookups)):
            if ((place >= 0) & (seen >= 0) & (place != seen)).any():
                raise _several(look)
            np.copyto(place, seen, where=seen >= 0)
    found = [_filled(place) for place in found]
    for other, at_other in others:
        _check(lookups, found, at_ids, at_other, ids, other, index)
    return [(place if len(place) == 1 or (place != place[:1]).any() else place[:1]) if moved else None
            for place, moved in zip(found, moves)]


def _others(lookups: Sequence[Lookup], ids: np.ndarray, baseline: np.ndarray | None) -> list[np.ndarray]:
    """Other ids for every position: those of the baseline, and some that the tables know."""
    known = min((look.size for look in lookups if look.size is not None), default=int(ids.max()) + 1)
    others = [np.mod(ids + 1, known), np.mod(ids + max(known // 2, 1), known)]
    if baseline is not None:
        others.append(np.broadcast_to(baseline, ids.shape))
    return [o.astype(ids.dtype) for o in others]


def _changes(at_ids: Sequence[np.ndarray], at_other: Sequence[np.ndarray], ids: np.ndarray,
             other: np.ndarray, index: Index, lookups: Sequence[Lookup]) -> list[np.ndarray]:
    """(n, places) of every lookup: the position whose change to another id a place follows, -1 for none."""
    count = ids[0].size
    numbers = np.arange(count).reshape(ids.shape[1:])
    codes = [np.zeros(i.shape, int) for i in at_ids]
    seen = [np.zeros(i.shape, bool) for i in at_ids]
    for bit in range(max(1, (count - 1).bit_length())):
        hits = []
        for side in 0, 1:
            changed = index(np.where((numbers >> bit & 1) == side, other, ids))
            hits.append([(a != b) for a, b in zip(changed, at_ids)])
            for look, a, hit, there in zip(lookups, changed, hits[-1], at_other):
                if (hit & (a != there)).any():
                    raise _several(look)
        for look, code, some, zero, one in zip(lookups, codes, seen, *hits):
            if (zero & one).any() or (bit and (some != (zero | one)).any()):
                raise _several(look)
            some |= zero | one
            code |= one.astype(int) << bit
    for look, code, some, at_id, there in zip(lookups, codes, seen, at_ids, at_other):
        # what follows one id changes with it, and not only when a second one changes as well
        if (code >= count).any() or (~some & (there != at_id)).any():
            raise _several(look)
    return [np.where(some, code, -1) for some, code in zip(seen, codes)]


def _filled(place: np.ndarray) -> np.ndarray:
    """Places that follow an id in some rows, the same one in all of these, belong to it in every row: it may
    be masked in the others."""
    most = place.max(0)
    return np.where((place < 0) & ((place < 0) | (place == most)).all(0), most, place)


def _check(lookups: Sequence[Lookup], places: Sequence[np.ndarray], at_ids: Sequence[np.ndarray],
           at_other: Sequence[np.ndarray], ids: np.ndarray, other: np.ndarray, index: Index) -> None:
    """Raise PathError unless every place follows its id in a mixture of two kinds of ids."""
    n, count = len(ids), ids[0].size
    taken = np.random.default_rng(0).random(ids.shape) < .5
    mixed = index(np.where(taken, other, ids))
    for look, place, at_mixed, there, at_id in zip(lookups, places, mixed, at_other, at_ids):
        moved = np.take_along_axis(taken.reshape(n, count), np.maximum(place, 0), 1) & (place >= 0)
        if not np.array_equal(at_mixed, np.where(moved, there, at_id)):
            raise _several(look)


def _several(look: Lookup) -> PathError:
    return PathError(f'what the embedding "{look.point.name}" looks up at a place depends on several ids, '
                     f'or on '
                     f'other rows: attributions there are not those of single words. Explain that tensor '
                     f'itself: X="{look.point.name}"')


def belongs(place: np.ndarray, widths: int, row: Sequence[int]) -> np.ndarray:
    """Whether entries of an embedding with these rows belong to an id, to be broadcast to it."""
    words = row[:len(row) - widths]
    return (place >= 0).reshape(len(place), *words, *(1,) * widths)
