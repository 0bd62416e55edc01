"""What a query fetches, by name, and the check of each kind of answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..errors import ShapeError, TensorError
from .batch import Batch
from .nonfinite import check_finite


@dataclass(frozen=True)
class Answer:
    """Tensors that a query fetches under one name, in a batch. target: T."""

    name: str
    target: tf.Tensor
    tensors: Sequence[tf.Tensor]

    def read(self, values: Sequence[np.ndarray], batch: Batch, xs: Sequence[np.ndarray],
             weights: np.ndarray | None) -> np.ndarray | list[np.ndarray]:
        """The answer, made of the values of `tensors`. xs: what was fed for X, all rows of it; weights: those
        of the units of T for these rows. Raises TensorError, ShapeError or ValueRangeError for values that
        mean nothing."""
        raise NotImplementedError


class Value(Answer):
    """T, weighted and summed over its units in float64: one number per row, or one for the batch."""

    def read(self, values, batch, xs, weights):
        """T must be finite, have its rows, and fit the weights."""
        t = values[0]
        check_target(self.target, t.shape, weights, batch)
        t = t.astype(np.float64)
        t = t if weights is None else t * weights
        check_finite(t, f'T "{self.target.name}"')
        return t.reshape(len(batch.rows) if batch.per_row else 1, -1).sum(1)


class UnitValues(Answer):
    """T as it is in float64, (rows, units); weights are not looked at."""

    def read(self, values, batch, xs, weights):
        """T must be finite, and have its rows."""
        check_target(self.target, values[0].shape, None, batch)
        t = values[0].astype(np.float64)
        check_finite(t, f'T "{self.target.name}"')
        return t


class WeightedValue(Answer):
    """T, weighted and summed over its units by the graph: one number per row, or one for the batch."""

    def read(self, values, batch, xs, weights):
        """T itself is checked beside it."""
        return values[0] if batch.per_row else values[0].reshape(1, -1).sum(1)


@dataclass(frozen=True)
class Gradient(Answer):
    """The gradient of T with respect to each tensor of X, or its relevance under rules: shaped like X."""

    inputs: Sequence[tf.Tensor]

    def read(self, values, batch, xs, weights):
        """Each must be finite, and shaped like what was fed."""
        for g, x, tensor in zip(values, xs, self.inputs):
            if g.shape != x.shape:
                raise TensorError(f'the gradient of T "{self.target.name}" by X "{tensor.name}" has shape '
                                  f'{g.shape} where {x.shape} was fed: '
                                  'the graph takes another number of rows, or mixes rows')
            check_finite(g, f'the gradient of T "{self.target.name}" by X "{tensor.name}"')
        return list(values)


@dataclass(frozen=True)
class AtLayers(Answer):
    """Values of tensors between X and T, or gradients of T with respect to them: one entry per row. what: the
    kind of the values, for messages."""

    layers: Sequence[tf.Tensor]
    what: str

    def read(self, values, batch, xs, weights):
        """Each must be finite and have the rows of the batch."""
        for v, layer in zip(values, self.layers):
            if not v.ndim or len(v) != len(batch.rows):
                raise TensorError(f'tensor "{layer.name}" has shape {v.shape} for {len(batch.rows)} rows of '
                                  f'xs: its first axis is not the batch. Choose a tensor with one entry per '
                                  f'row')
            check_finite(v, f'{self.what} tensor "{layer.name}"')
        return list(values)


class AtReference(AtLayers):
    """Values of tensors between X and T at the baseline, of which a single row may stand for all."""

    def read(self, values, batch, xs, weights):
        """As of AtLayers, with all rows."""
        n = len(batch.rows)
        return super().read([np.broadcast_to(v, (n, *v.shape[1:])) if v.ndim and len(v) == 1 else v
                             for v in values], batch, xs, weights)


def check_target(target: tf.Tensor, shape: tuple[int, ...], weights: np.ndarray | None, batch: Batch) -> None:
    """Raise TensorError where T of a batch has this shape, and not one entry per row; ShapeError where its
    weights do not fit."""
    if batch.per_row:
        check_rows(target, shape, len(batch.rows))
    if weights is not None and (weights.ndim > len(shape) or (batch.per_row and weights.ndim != len(shape))
                                or np.broadcast_shapes(weights.shape, shape) != shape):
        raise ShapeError(f'the weights of T have shape {weights.shape}, but T "{target.name}" has shape '
                         f'{shape}')


def check_rows(target: tf.Tensor, shape: tuple[int, ...], n: int) -> None:
    """Raise TensorError where T of n rows has this shape, and not n entries."""
    if not shape or shape[0] != n:
        raise TensorError(f'T "{target.name}" has shape {shape} for {n} rows of xs: its first axis '
                          f'is not the batch. Reshape T to '
                          '(batch, ...), or reduce it to one value per row')
