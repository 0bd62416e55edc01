"""What a run takes beside xs: values that are fed, and the weights of the units of T."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


class Feed(NamedTuple):
    """The value of one tensor of feed_dict; per_row: whether it has one entry per row of xs."""
    tensor: tf.Tensor
    value: np.ndarray
    per_row: bool


@dataclass(frozen=True)
class Weights:
    """Weights of the units of T: an array, one-hot rows of class indices, or their product.

    array: (n or 1,) + units, None for 1. classes: (n,) integers, or (n, axes) where T has several axes of
    units; or None. units: the sizes of these axes. per_row: whether T has one entry per row. dtype: that of
    T.
    """
    array: np.ndarray | None
    classes: np.ndarray | None
    units: tuple[int, ...]
    per_row: bool
    dtype: Any

    def rows(self, rows: np.ndarray) -> np.ndarray | None:
        """The weights of these rows, to be broadcast to T; None for 1."""
        weights = self.array
        if weights is not None and self.per_row and len(weights) > 1:
            weights = weights[rows]
        if self.classes is None:
            return weights
        chosen = self.classes[rows]
        if chosen.ndim == 1:
            one_hot = (chosen[:, None] == np.arange(self.units[0])).astype(self.dtype)
        else:
            one_hot = np.zeros((len(rows), *self.units), self.dtype)
            one_hot[tuple([np.arange(len(rows)), *chosen.T])] = 1
        return one_hot if weights is None else one_hot * weights

    def given(self, n: int) -> np.ndarray | None:
        """Class indices, or the weights of each of n rows, as an Explanation keeps them; None where they are
        not one per row."""
        if self.classes is not None or self.array is None or not self.per_row or not self.array.ndim:
            return self.classes
        return np.broadcast_to(self.array, (n, *self.array.shape[1:]))
