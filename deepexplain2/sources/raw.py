"""What a model takes, as the user has it: an array, a list or a dict of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import ShapeError, first_line, shown
from ..tensors import shape_text
from ..values import as_array


@dataclass
class RawInput:
    """An input of a model. names: what its key in a dict may be, in one way of naming after another; a name
    with '/' is a path in nested dicts and lists."""
    names: Sequence[str]
    shape: tf.TensorShape
    dtype: tf.DType


def raw_arrays(raw: Any, inputs: Sequence[RawInput], structure: Any = None) -> list[np.ndarray]:
    """One array for each input of a model, of its dtype and with as many rows as the others.

    Parameters
    ----------
    raw : array, or list or dict of arrays
        What the model takes.
    inputs : list of RawInput
        The inputs of the model.
    structure : nested dicts and lists of int, optional
        The positions of the inputs as the model takes them, by default a list of all.

    Raises
    ------
    ShapeError
        If an input is missing, or what is given is none or does not fit one.
    """
    result = [_array(value, given) for value, given in zip(_parts(raw, inputs, structure), inputs)]
    rows = {len(a) for a in result if a.ndim}
    if len(rows) > 1:
        raise ShapeError('the arrays for the inputs have different numbers of rows: ' + ', '.join(
            f'{len(a)} for "{i.names[0]}"' for a, i in zip(result, inputs) if a.ndim))
    return result


def _parts(raw: Any, inputs: Sequence[RawInput], structure: Any) -> list[Any]:
    """What is given for each input."""
    if isinstance(raw, Mapping):
        ways = [[_path(raw, i.names[min(k, len(i.names) - 1)]) for i in inputs]
                for k in range(max(len(i.names) for i in inputs))]
        paths = next((p for p in ways if None not in p), ways[0])       # never in two ways at once
        lacking = [i.names[0] for i, path in zip(inputs, paths) if path is None]
        extra = [key for key in raw if key not in {path[0] for path in paths if path}]
        if lacking or extra:
            raise ShapeError('the dict for the model has ' + ' and '.join(
                [*([f'nothing for {", ".join(map(repr, lacking))}'] if lacking else []),
                 *([f'{", ".join(map(shown, extra))}, which is no input'] if extra else [])])
                + f'. Give arrays for {", ".join(repr(i.names[0]) for i in inputs)}')
        return [_at(raw, path) for path in paths if path is not None]
    flat = _along(raw, structure) if structure is not None else None
    if flat is not None and len(flat) == len(inputs):
        return flat
    if len(inputs) == 1:
        return [raw]
    if isinstance(raw, (list, tuple)) and len(raw) == len(inputs):
        return list(raw)
    what = f'{len(raw)} entries' if isinstance(raw, (list, tuple)) else type(raw).__name__
    raise ShapeError(f'the model takes {len(inputs)} inputs, not {what}. Give a list of arrays, or a dict of '
                     f'them: {", ".join(repr(i.names[0]) for i in inputs)}')


def _path(raw: Any, name: str) -> list[Any] | None:
    """The keys that lead to a name in nested dicts and lists; None where they do not."""
    if isinstance(raw, Mapping):
        if name in raw:
            return [name]
        key, slash, rest = name.partition('/')
        inner = _path(raw[key], rest) if slash and key in raw else None
        return None if inner is None else [key, *inner]
    key, slash, rest = name.partition('/')
    if not isinstance(raw, (list, tuple)) or not key.isdigit() or int(key) >= len(raw):
        return None
    inner = _path(raw[int(key)], rest) if slash else []
    return None if inner is None else [int(key), *inner]


def _at(raw: Any, path: Sequence[Any]) -> Any:
    for key in path:
        raw = raw[key]
    return raw


def _along(raw: Any, structure: Any) -> list[Any] | None:
    """The parts of `raw` where `structure` has a position, by position; None where they differ."""
    found: dict[int, Any] = {}

    def walk(part, given):
        if isinstance(part, int):
            found[part] = given
            return True
        if isinstance(part, Mapping):
            return isinstance(given, Mapping) and all(k in given and walk(v, given[k])
                                                      for k, v in part.items())
        return (isinstance(given, (list, tuple)) and len(given) == len(part)
                and all(map(walk, part, given)))
    return [found[k] for k in sorted(found)] if walk(structure, raw) else None


def _array(value: Any, given: RawInput) -> np.ndarray:
    """What is given for an input as an array of its dtype and rank, with any number of rows: a fixed batch is
    filled by whoever runs it. Keras too adds or drops a last axis of size 1."""
    what = f'what is given for the input "{given.names[0]}"'
    if given.dtype == tf.string:
        try:
            array = np.asarray(value.numpy() if isinstance(value, tf.Tensor) else value)
        except Exception as e:
            raise ShapeError(f'{what} is not an array of strings: got {type(value).__name__} '
                             f'({first_line(e)})') from None
        if array.dtype.kind not in 'OUS' or not all(isinstance(v, (str, bytes)) for v in array.flat):
            raise ShapeError(f'{what} is not an array of strings: got {type(value).__name__} of dtype '
                             f'{array.dtype}')
        array = array.astype(object)
    else:
        array = as_array(value, given.dtype, what)
    shape = tf.TensorShape([None, *given.shape[1:]]) if given.shape.rank else given.shape
    is_list = isinstance(value, (list, tuple)) and array.ndim > 1 and len(array) == 1
    for candidate in [array, *([array[0]] if is_list else [])]:         # perhaps a list of one input
        for fitting in candidate, candidate[..., None], *([candidate[..., 0]] if candidate.shape[-1:] == (1,)
                                                          else []):
            if shape.is_compatible_with(fitting.shape):
                return fitting
    raise ShapeError(f'{what} has shape {array.shape}, but the input takes {shape_text(given.shape)}')
