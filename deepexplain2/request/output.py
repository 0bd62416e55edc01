"""Where the attributions of a run go: joined piece by piece, or written into an array of the caller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ParameterError, ShapeError, ValueRangeError, shown
from .form import Form

PIECE = 16              # runs whose attributions are held together when they are written into an array


class Output:
    """Attributions of one piece of rows after the other, with what else is wanted of every row.

    out: an array of the caller to write into (a list of them for a list X), or None. shapes: of the whole
    attributions, None where the number of rows is not known. read: arrays that the run reads, with which
    `out` must not share memory.
    """

    def __init__(self, out: Any, shapes: list[tuple[int, ...]] | None, dtypes: list[Any], form: Form,
                 read: Sequence[Any] = ()):
        self._out = None if out is None else _checked(out, shapes, dtypes, form, read)
        self._form, self._rows, self._shapes = form, 0, shapes
        self._pieces: list[list[np.ndarray]] = []
        self._more: dict[str, list[Any]] = {}

    def add(self, attributions: list[np.ndarray], more: dict[str, Any]) -> None:
        """Take the next rows. more: what else there is of them by name, the same names every time."""
        n = len(attributions[0])
        found = [a.shape[1:] for a in attributions]
        if self._shapes is not None and found != [shape[1:] for shape in self._shapes]:
            raise ShapeError(f'the method gives attributions of shape {found} per row, and planned '
                             f'{[shape[1:] for shape in self._shapes]}: a list of one array per tensor of X, '
                             'each shaped like `Method.plan` says')
        for o, a in zip(self._out or (), attributions):
            if len(o) < self._rows + n or o.shape[1:] != a.shape[1:]:
                raise ShapeError(f'out has shape {o.shape}, which has no room for rows {self._rows} to '
                                 f'{self._rows + n - 1} of shape {a.shape[1:]}')
            try:
                with np.errstate(over='raise'):
                    o[self._rows:self._rows + n] = a
            except FloatingPointError:
                raise ValueRangeError(f'attributions leave the range of {o.dtype.name}, the dtype of out. '
                                      f'Give out in {a.dtype.name}') from None
        self._rows += n
        if self._out is None:
            self._pieces.append(attributions)
        for name, value in more.items():
            self._more.setdefault(name, []).append(value)

    def arrays(self) -> list[np.ndarray]:
        """The attributions, one array per tensor of X."""
        return self._out or [_joined(a) for a in zip(*self._pieces)]

    def values(self) -> Any:
        """The attributions: an array, a list for a list X, a dict for a dict."""
        return self._form.returned(self.arrays())

    def more(self) -> dict[str, Any]:
        """What else there is of the rows, by name: an array, or one per tensor of X."""
        return {name: [_joined(p) for p in zip(*parts)] if isinstance(parts[0], list)
                else _joined(_of_one_width(parts)) for name, parts in self._more.items()}


class ClassOutputs:
    """Attributions for several classes: one Output for each.

    out: as for Output, its first axis the classes. count: of classes; None without classes.
    """

    def __init__(self, out: Any, shapes: list[tuple[int, ...]] | None, dtypes: list[Any], form: Form,
                 read: Sequence[Any] = (), count: int | None = None):
        self.form, self._out, self._has_classes = form, None, count is not None
        if out is None or count is None:
            outs = [out] * (count or 1)
        else:
            given = form.listed(out, 'out')
            given = given if form.is_list else [given]
            if not isinstance(given, (list, tuple)) \
                    or not all(_is_plain(o) and o.ndim and len(o) == count for o in given):
                raise ShapeError(f'out must be an array, or a list of them for a list X, whose first axis is '
                                 f'the {count} classes, not {shown(out)}')
            self._out = list(given)
            outs = [[o[k] for o in given] if form.is_list else given[0][k] for k in range(count)]
        plain = Form(form.is_list, None, form.names)        # out is a list by now
        self.parts = [Output(o, shapes, dtypes, form if count is None else plain, read) for o in outs]

    def arrays(self) -> list[np.ndarray]:
        """The attributions, one array per tensor of X; with classes their first axis is these."""
        if not self._has_classes:
            return self.parts[0].arrays()
        return self._out or [np.stack(a) for a in zip(*(part.arrays() for part in self.parts))]

    def values(self) -> Any:
        """The attributions: an array, a list for a list X, a dict for a dict."""
        return self.form.returned(self.arrays())

    def more(self) -> dict[str, Any]:
        """What else there is of the rows, by name: an array, or one per tensor of X."""
        found = [part.more() for part in self.parts]
        if not self._has_classes:
            return found[0]
        return {name: [np.stack(a) for a in zip(*(m[name] for m in found))] if isinstance(value, list)
                else np.stack([m[name] for m in found]) for name, value in found[0].items()}


def _checked(out: Any, shapes: list[tuple[int, ...]] | None, dtypes: list[Any], form: Form,
             read: Sequence[Any]) -> list[np.ndarray]:
    """`out` as a list of arrays that the attributions can be written into."""
    out, is_list = form.listed(out, 'out'), form.is_list
    given = out if is_list else [out]
    if not isinstance(given, (list, tuple)) or len(given) != len(dtypes) or not all(map(_is_plain, given)):
        each = f', one for each of the {len(dtypes)} tensors of X, in a list' if is_list else ''
        raise ShapeError(f'out must be an array (np.ndarray or memmap){each}, not {shown(out)}')
    for k, (o, dtype) in enumerate(zip(given, dtypes)):
        is_number = o.dtype.kind not in 'cOSUMm' and o.dtype.type is not np.void
        if not is_number or not np.can_cast(dtype, o.dtype, 'same_kind'):
            raise ParameterError(f'out has dtype {o.dtype}: attributions are {np.dtype(dtype).name}')
        if not o.flags.writeable:
            raise ParameterError('out is read-only. Give an array that can be written')
        if shapes is not None and o.shape != shapes[k]:
            raise ShapeError(f'out has shape {o.shape}, but the attributions have {shapes[k]}')
        if any(_overlap(o, a) for a in [*read, *given[:k]]):
            raise ParameterError('out shares memory with xs, or with another array that the run reads or '
                                 'writes. Give an array of its own')
    return list(given)


def _is_plain(value: Any) -> bool:
    return isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray)


def _overlap(a: np.ndarray, b: np.ndarray) -> bool:
    try:
        return np.shares_memory(a, b, max_work=1 << 14)      # type: ignore[arg-type]
    except RuntimeError:            # too hard to tell
        return True


def _of_one_width(parts: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Arrays of rows, those with fewer columns filled with 0: rows of one piece may have fewer features."""
    widest = max(p.shape[1:2] for p in parts)
    return [p if p.shape[1:2] == widest else np.pad(p, [(0, 0), (0, widest[0] - p.shape[1])]) for p in parts]


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
