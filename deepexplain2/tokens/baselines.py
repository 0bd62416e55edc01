"""Baselines of token ids: ids, or vectors in the space of the embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ParameterError, ShapeError, shown
from ..tensors import shape_text
from ..values import as_array, as_numbers
from .id_input import IdInput
from .places import belongs

#: The baseline of one tensor of ids: None for the zero vector, an array of ids, or vectors for every lookup.
IdBaseline = None | np.ndarray | list[np.ndarray]


def per_tensor(given: Any, count: int, is_list: bool, what: str) -> list[Any]:
    """What each of `count` tensors X is compared with, as it is given. what: baseline or references."""
    if not is_list:
        return [given]
    if isinstance(given, (list, tuple)):
        if len(given) != count:
            raise ShapeError(f'{what} is a list of {len(given)}, but X has {count} tensors. Give one '
                             f'{what} per input')
        return list(given)
    if what != 'baseline' or (given is not None and not isinstance(given, str)
                              and as_numbers(given, 'numbers', what).ndim):
        raise ShapeError(f'X is a list of {count} tensors: give a list of as many, one {what} for each'
                         + (', or a scalar' if what == 'baseline' else ''))
    return [given] * count


def as_id_baseline(given: Any, x: IdInput) -> IdBaseline:
    """The baseline of token ids, checked as far as it can be without xs; copied."""
    what = (f"baseline must be 'zero', a token id or an array of ids, or of floats shaped like the embedded "
            f"tokens, not {shown(given)}")
    if given is None or (isinstance(given, str) and given == 'zero'):
        return None
    if isinstance(given, (str, type, dict)):
        raise ParameterError(what)
    several = len(x.lookups) > 1
    if several and isinstance(given, (list, tuple)) and len(given) == len(x.lookups) \
            and all(as_numbers(v, 'numbers', 'baseline').dtype.kind not in 'iu' for v in given):
        return [_vectors(v, x, k) for k, v in enumerate(given)]
    value = as_numbers(given, 'numbers', 'baseline')
    if value.dtype.kind == 'b' or (not value.ndim and value.dtype.kind not in 'iu'):
        raise ParameterError(what)
    if not value.size:
        raise ShapeError(f'baseline for X "{x.ids.name}" is empty, shape {value.shape}. Give at least one')
    if value.dtype.kind in 'iu':
        return _ids(value, x)
    if several:
        raise ParameterError(f'X "{x.ids.name}" is looked up in {len(x.lookups)} tables: give a list of '
                             f'vectors, '
                             f'one array for each, as baseline, or token ids')
    return [_vectors(value, x, 0)]


def as_id_set(given: Any, x: IdInput) -> np.ndarray | list[np.ndarray]:
    """References of token ids, checked as far as they can be without xs; copied: integers (k, ...) or
    (n, k, ...) are ids, floats with the axes of the embedding behind these are vectors."""
    several = len(x.lookups) > 1
    if several and isinstance(given, (list, tuple)) and len(given) == len(x.lookups) \
            and all(as_numbers(v, 'numbers', 'references').dtype.kind == 'f' for v in given):
        return [_copied(v, x, k, 'references') for k, v in enumerate(given)]
    value = as_numbers(given, 'numbers', 'references')
    rank = x.ids.shape.rank
    if value.dtype.kind in 'iu':
        if not value.size or (rank is not None and not (
                value.ndim in (rank, rank + 1) and x.ids.shape[1:].is_compatible_with(
                    value.shape[value.ndim - rank + 1:]))):
            raise ShapeError(f'references have shape {value.shape} and hold integers, which are token ids, '
                             f'but X "{x.ids.name}" takes {shape_text(x.ids.shape[1:])} ids per row. Give '
                             f'(k,) + that shape, or (n, k) + that shape')
        return _known(value, x, 'references')
    if several or value.dtype.kind == 'b' or not value.size:
        raise ParameterError(f'references of X "{x.ids.name}" must be arrays of ids, or of floats shaped '
                             f'like the embedded tokens'
                             + (f', a list of {len(x.lookups)} of them' if several else '')
                             + f', not {shown(given)}')
    return [_copied(value, x, 0, 'references')]


def _known(value: np.ndarray, x: IdInput, what: str) -> np.ndarray:
    """Ids that the tables know, copied."""
    ids = np.array(as_array(value, x.ids.dtype, f'the token ids given as {what}'))
    x.check(ids, what)
    ids.setflags(write=False)
    return ids


def _copied(value: Any, x: IdInput, k: int, what: str) -> np.ndarray:
    """Vectors in the dtype of lookup k, copied."""
    point = x.lookups[k].point
    found = np.array(as_array(value, point.dtype, f'{what} for the embedding "{point.name}"'))
    found.setflags(write=False)
    return found


def _ids(value: np.ndarray, x: IdInput) -> np.ndarray:
    shape, rank = x.ids.shape, x.ids.shape.rank
    row = value.shape if rank is None or value.ndim < rank else value.shape[1:]
    if value.ndim and rank is not None and not (value.ndim in (rank - 1, rank)
                                                and shape[1:].is_compatible_with(row)):
        raise ShapeError(f'baseline has shape {value.shape} and holds integers, which are token ids, but X '
                         f'"{x.ids.name}" takes {shape_text(shape[1:])} ids per row. Give one id, the ids '
                         f'of one '
                         f'row, or those of every row; vectors of the embedding are floats')
    return _known(value, x, 'baseline')


def _vectors(value: Any, x: IdInput, k: int) -> np.ndarray:
    look = x.lookups[k]
    found = _copied(value, x, k, 'baseline')
    if look.is_in_order and found.ndim and not _fits(found.shape, look.row, look.widths):
        raise _no_vectors(found, (None, *look.row), look.point.name)
    return found


def _fits(shape: tuple[int, ...], row: Sequence[int | None], widths: int) -> bool:
    """Whether vectors are one for all tokens, those of a row, or those of every row."""
    def alike(a, b):
        return len(a) == len(b) and all(None in (i, j) or i == j for i, j in zip(a, b))
    return alike(shape, row[len(row) - widths:]) or alike(shape, row) or alike(shape[1:], row)


def _no_vectors(value: np.ndarray, shape: Sequence[Any], name: str) -> ShapeError:
    sizes = '(' + ', '.join('?' if d is None else str(d) for d in shape) + ')'
    return ShapeError(f'baseline has shape {value.shape} and holds floats, which are vectors of the '
                      f'embedding '
                      f'"{name}" {sizes}. Give one vector, one for each token of a row, or these for every '
                      f'row; '
                      f'token ids are integers')


def id_rows(ids: np.ndarray, shape: tuple[int, ...], x: IdInput) -> np.ndarray:
    """Ids given as baseline with a batch axis, for xs of this shape."""
    if not ids.ndim:
        return np.full((1, *shape[1:]), ids)
    rows = ids[None] if ids.ndim == len(shape) - 1 else ids
    if rows.shape[1:] != shape[1:]:
        raise ShapeError(f'baseline has shape {ids.shape}, but xs for X "{x.ids.name}" has shape {shape}. '
                         f'Give '
                         f'one id, the ids of one row {shape[1:]}, or those of every row')
    return rows


def vector_rows(value: np.ndarray, embedded: np.ndarray, words: tuple[int, ...], place: np.ndarray | None,
                x: IdInput, k: int) -> np.ndarray:
    """Vectors given as baseline, shaped like rows of the embedding. words: the shape of a row of ids."""
    widths = x.lookups[k].widths
    width = embedded.shape[embedded.ndim - widths:]
    if value.ndim == 0:
        value = np.full(width, value)
    if value.shape == width:
        rows = np.broadcast_to(value, (1, *words, *width))
    elif value.shape == (*words, *width):
        rows = value[None]
    elif value.shape[1:] == (*words, *width):
        rows = value
    else:
        raise _no_vectors(value, (len(embedded), *words, *width), x.points[k].name)
    if place is None:
        return rows.reshape(len(rows), *embedded.shape[1:])
    flat = rows.reshape(len(rows), -1, *width)
    n = max(len(rows), len(place))
    taken = flat[np.arange(len(flat))[:, None] if len(flat) > 1 else 0, np.maximum(place, 0)]
    taken = np.broadcast_to(taken, (n, *taken.shape[1:])).reshape(n, *embedded.shape[1:])
    return outside(taken, embedded, place, widths)


def set_rows(value: np.ndarray, embedded: np.ndarray, words: tuple[int, ...], x: IdInput,
             k: int) -> np.ndarray:
    """Vectors given as references, (1 or n, k) + a row of the embedding."""
    row = (*words, *embedded.shape[embedded.ndim - x.lookups[k].widths:])
    full = value if value.ndim == len(row) + 2 else value[None]
    if full.ndim != len(row) + 2 or full.shape[2:] != row or len(full) not in (1, len(embedded)):
        raise ShapeError(f'references have shape {value.shape} and hold floats, which are vectors of the '
                         f'embedding "{x.points[k].name}" {(len(embedded), *row)}. Give (k,) + {row}, or '
                         f'({len(embedded)}, k) + {row}')
    return full.reshape(*full.shape[:2], *embedded.shape[1:])


def outside(values: np.ndarray, embedded: np.ndarray, place: np.ndarray | None, widths: int) -> np.ndarray:
    """Values at the places that belong to ids, and the embedding as it is elsewhere."""
    if place is None or (place >= 0).all():
        return values
    return np.where(belongs(place, widths, embedded.shape[1:]), values, embedded)
