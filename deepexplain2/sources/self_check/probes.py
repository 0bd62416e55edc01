"""Arrays to try a model with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ...tensors import sizes
from ..source import Source


class Probe(NamedTuple):
    """Arrays for the inputs, and the lengths of their open axes."""
    arrays: list[np.ndarray]
    lengths: tuple[int, ...]

    def __str__(self) -> str:
        return 'inputs of shape ' + ', '.join(str(a.shape) for a in self.arrays)


def make_arrays(source: Source, batch: int, lengths: Sequence[int], values: str,
                vocabularies: dict[int, int]) -> list[np.ndarray]:
    """An array for each input.

    Parameters
    ----------
    source : Source
        The model. Sizes that it fixes are used.
    batch : int
        The batch size, if it is open.
    lengths : sequence of int
        Sizes of the other open axes, in order.
    values : {'any', 'positive', 'zero', 'one'}
        What the arrays hold.
    vocabularies : dict of int to int
        By position of an input: the number of entries of the table that it indexes, which its values stay
        below.
    """
    rng = np.random.default_rng(0)
    result = []
    for k, x in enumerate(source.inputs):
        axes = iter([batch, *lengths])
        static = sizes(x) if x.shape.rank is not None else (None, None)
        if static and static[0] is not None:
            next(axes)
        shape = tuple(next(axes, 7) if d is None else d for d in static)
        result.append(_array(shape, x.dtype, vocabularies.get(k), values, rng))
    return result


def _array(shape: tuple[int, ...], dtype: tf.DType, vocabulary: int | None, values: str,
           rng: np.random.Generator) -> np.ndarray:
    """One array of a shape and dtype."""
    kind = dtype.as_numpy_dtype
    if values in ('zero', 'one'):
        return np.full(shape, int(values == 'one' and vocabulary != 1)).astype(kind)
    if dtype.is_bool:
        return np.full(shape, True) if values == 'positive' else rng.random(shape) < .6
    if dtype.is_integer or vocabulary is not None:
        end = 256 if vocabulary is None and dtype == tf.uint8 else vocabulary or 10
        if values == 'positive':
            return rng.integers(min(1, end - 1), min(3, end), shape).astype(kind)
        ids = rng.integers(0, end, shape)
        if len(shape) > 1 and shape[0] > 1 and shape[-1] > 3:
            ids[-1, ..., -2:] = 0                       # as padding
        return ids.astype(kind)
    if values == 'positive':
        return rng.uniform(.1, 1, shape).astype(kind)
    numbers = rng.normal(size=shape)
    if shape:
        numbers[-1:] *= 30                              # a row for models that scale their input down
    return (numbers + 1j * rng.normal(size=shape) if dtype.is_complex else numbers).astype(kind)
