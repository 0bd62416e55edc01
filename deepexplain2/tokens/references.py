"""What token ids are compared with, in the space of their embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..attribution.base import Method
from ..errors import ParameterError, ShapeError
from ..request.baselines import call_baseline
from ..request.form import Form
from .baselines import as_id_baseline, as_id_set, id_rows, outside, per_tensor, set_rows, vector_rows
from .by_word import innermost, with_parameter
from .id_input import IdInput
from .tensors import Embedded, Tensors


class TokenReferences:
    """The baseline, or the references, of a method for an X with token ids.

    Parameters
    ----------
    method : Method
        With its baseline or references as they were given.
    tensors : Tensors
        What is explained.
    form : Form
        How X was given.

    Attributes
    ----------
    given : Method
        The method as it was given.
    method : Method
        The method without a baseline and without references.
    is_set : bool
        Whether there are references.
    """

    def __init__(self, method: Method, tensors: Tensors, form: Form):
        self._tensors, self._form = tensors, form
        self._what = 'baseline' if method.references is None else 'references'
        self.is_set = method.references is not None
        if self.is_set and method.baseline is not None:
            raise ParameterError('baseline and references are given, and both say what x is compared with. '
                                 'Give one of them')
        given = getattr(method, self._what)
        self._function = given if callable(given) and not isinstance(given, type) else None
        self._parts: list[Any] | None = None if self._function else self._checked(given)
        # whether the rows of a baseline were a set of references, once that is settled
        self._settled: bool | None = None
        self.given = self.method = method
        if given is not None:
            self.method = with_parameter(method, self._what, None)
            self.given = with_parameter(method, self._what, self._shown(given))

    def _checked(self, given: Any) -> list[Any]:
        """The baseline or references of each tensor X."""
        parts = per_tensor(self._form.listed(given, self._what), len(self._tensors.own), self._form.is_list,
                           self._what)
        check = as_id_baseline if self._what == 'baseline' else as_id_set
        for x, k in zip(self._tensors.ids, self._tensors.at):
            parts[k] = check(parts[k], x)
        return [0 if at is not None and (p is None or (isinstance(p, str) and p == 'zero')) else p
                for p, at in zip(parts, self._tensors.own)]

    def _shown(self, given: Any) -> Any:
        """What was given as an Explanation keeps it: a single token id as an int."""
        if self._parts is None or self._form.is_list or not isinstance(self._parts[0], np.ndarray):
            return given
        return self._parts[0] if self._parts[0].ndim else int(self._parts[0])

    def onto(self, method: Method, parts: Sequence[Any], embedded: Embedded) -> Method:
        """A method with what the tensors that are explained are compared with."""
        values = self._of(parts, embedded)
        if values is None:
            return method
        if innermost(method).averages and self._what == 'baseline':
            for x, k, places in zip(self._tensors.ids, self._tensors.at, self._tensors.lookups_at):
                if _count(parts[k], x, embedded.arrays[k].ndim) == 1 < max(len(values[at]) for at in places):
                    # one baseline, which has another embedding in every row
                    method = with_parameter(method, 'average', False)
        return with_parameter(method, self._what, self._tensors.flat(values))

    def parts(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """What each tensor X is compared with: ids as by `as_id_baseline`, numbers as they were given."""
        if self._parts is not None:
            return self._parts
        assert self._function is not None
        return self._checked(call_baseline(self._function, [np.asarray(a) for a in arrays], self._form,
                                           self._what))

    def ids(self, parts: Sequence[Any], arrays: Sequence[np.ndarray]) -> list[np.ndarray | None]:
        """The ids that rows of each tensor of ids are compared with, (1 or n, ...), if it is with a baseline
        of ids."""
        if self._what != 'baseline':
            return [None] * len(self._tensors.ids)
        found = [id_rows(parts[k], arrays[k].shape, x) if isinstance(parts[k], np.ndarray) else None
                 for x, k in zip(self._tensors.ids, self._tensors.at)]
        return [rows if rows is not None and len(rows) in (1, len(arrays[0])) else None for rows in found]

    def _of(self, parts: Sequence[Any], embedded: Embedded) -> list[Any] | None:
        """What each tensor that is explained is compared with; None for the zeros of the method itself."""
        if self._what not in innermost(self.method).parameters:
            return None
        moved = any(place is not None for places in embedded.places for place in places)
        if not moved and all(p is None if at is None else isinstance(p, int) and p == 0
                             for p, at in zip(parts, self._tensors.own)):
            return None
        found: list[Any] = [parts[k] if k < len(parts) else None for k in range(len(self._tensors.points))]
        for j, (x, k) in enumerate(zip(self._tensors.ids, self._tensors.at)):
            rows = self._rows if self._what == 'baseline' else self._sets
            for at, values in zip(self._tensors.lookups_at[j], rows(j, x, parts[k], embedded)):
                found[at] = values
        return found

    def _rows(self, j: int, x: IdInput, part: Any, embedded: Embedded) -> list[np.ndarray]:
        """The baseline at each lookup of a tensor of ids, with an axis of rows."""
        ids, places = np.asarray(embedded.arrays[self._tensors.at[j]]), embedded.places[j]
        values = [embedded.values[at] for at in self._tensors.lookups_at[j]]
        if part is None:
            return [outside(np.zeros((1, *v.shape[1:]), v.dtype), v, place, look.widths)
                    for v, place, look in zip(values, places, x.lookups)]
        if isinstance(part, list):
            self._check_rows(_count(part, x, ids.ndim), len(ids), places, x, [])
            return [vector_rows(v, value, ids.shape[1:], place, x, i)
                    for i, (v, value, place) in enumerate(zip(part, values, places))]
        rows, by_row = id_rows(part, ids.shape, x), x.depends_on_rows(embedded.feeds)
        self._check_rows(len(rows), len(ids), places, x, by_row)
        if len(rows) == 1 and by_row:
            rows = np.broadcast_to(rows, ids.shape)
        at = np.arange(len(rows)) if len(rows) == len(ids) else np.zeros(len(rows), int)
        return x.look_up(rows, embedded.feeds, at, embedded.rows, 'baseline')

    def _sets(self, j: int, x: IdInput, part: Any, embedded: Embedded) -> list[np.ndarray]:
        """The references at each lookup of a tensor of ids, (1 or n, k, ...)."""
        ids, places = np.asarray(embedded.arrays[self._tensors.at[j]]), embedded.places[j]
        if isinstance(part, list):
            if any(place is not None for place in places):
                raise ParameterError(f'references of X "{x.ids.name}" are vectors, and the model moves ids '
                                     f'before it looks them up. Give references as token ids, or explain the '
                                     f'embedding')
            return [set_rows(v, embedded.values[at], ids.shape[1:], x, i)
                    for i, (v, at) in enumerate(zip(part, self._tensors.lookups_at[j]))]
        full = part if part.ndim > ids.ndim else part[None]
        if full.shape[2:] != ids.shape[1:] or len(full) not in (1, len(ids)):
            raise ShapeError(f'references have shape {part.shape}, but xs for X "{x.ids.name}" has shape '
                             f'{ids.shape}. Give (k,) + {ids.shape[1:]}, or ({len(ids)}, k) + '
                             f'{ids.shape[1:]}')
        n, k = full.shape[:2]
        if x.depends_on_rows(embedded.feeds):
            n = len(ids)
        rows = np.broadcast_to(full, (n, k, *ids.shape[1:])).reshape(n * k, *ids.shape[1:])
        found = x.look_up(rows, embedded.feeds, np.repeat(np.arange(n), k), embedded.rows, 'references')
        return [f.reshape(n, k, *f.shape[1:]) for f in found]

    def _check_rows(self, rows: int, n: int, places: Sequence[np.ndarray | None], x: IdInput,
                    by_row: list[str]) -> None:
        """Raise where a baseline with rows is neither one for every row of xs, nor a set that the method
        takes the mean over, or had the other meaning in an earlier run."""
        inside = innermost(self.method)
        if rows == 1:
            return
        is_set = inside.averages and bool(inside.average or (inside.average is None and rows != n))
        if not is_set and rows != n:
            raise ShapeError(f'baseline has {rows} rows, but xs for X "{x.ids.name}" has {n}. Give one row, '
                             f'or one for every row of xs; several for every row are given as references=')
        if is_set and (by_row or any(p is not None for p in places)):
            raise ParameterError(f'baseline has {rows} rows and is a set for every row of xs, but what X '
                                 f'"{x.ids.name}" looks up changes from row to row. Give the set as '
                                 f'references=')
        if inside.averages and inside.average is None:
            self._settled = is_set if self._settled is None else self._settled
            if self._settled != is_set:
                before, now = ('one per row', 'averaged over') if is_set else ('averaged over', 'one per row')
                raise ParameterError(f'baseline has {rows} rows and xs {n}: they would be {now}, but were '
                                     f'{before} in an earlier run. Say which: average={not is_set}')


def _count(part: Any, x: IdInput, rank: int) -> int:
    """How many rows the baseline of token ids was given with; 1 where it has no axis of rows. rank: of xs."""
    if isinstance(part, list):
        return max(len(v) if v.ndim == rank + look.widths else 1 for v, look in zip(part, x.lookups))
    return len(part) if part is not None and part.ndim == rank else 1
