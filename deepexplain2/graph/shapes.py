"""Shapes on the path for other numbers of rows, as TensorFlow infers them; nothing is run."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from functools import cached_property

import tensorflow as tf

from ..tensors import sizes
from .batch_axis import PRIME_BATCH_SIZES
from .graft import graft
from .path import Path


class InferredShapes:
    """The shapes of a copied path for any number of rows of X.

    path: the copied path. kept_masks: placeholders in its graph for the masks that stay as they are at x.
    """

    path: Path
    kept_masks: list[tf.Tensor]

    def shapes(self, tensors: Sequence[tf.Tensor], rows: int) -> list[tf.TensorShape]:
        """The shapes of tensors of the copy for so many rows of X; unknown where the graph takes another
        number of rows."""
        try:
            return self._infer(tensors, rows)
        except ValueError:
            return [tf.TensorShape(None)] * len(tensors)

    def _infer(self, tensors: Sequence[tf.Tensor], rows: int) -> list[tf.TensorShape]:
        """The same, but ValueError where the graph takes another number of rows."""
        with tf.Graph().as_default():
            given = {x.name: tf.compat.v1.placeholder(x.dtype, [rows, *x.shape.as_list()[1:]])
                     for x in [*self.path.inputs, *self.kept_masks]}
            return [t.shape for t in graft(tensors, given, 'rows')]

    def target_of(self, rows: int) -> tf.TensorShape | None:
        """The shape of T for so many rows of X; None where the graph takes another number of rows."""
        try:
            return self._infer([self.path.target], rows)[0]
        except ValueError:
            return None

    @cached_property
    def fixes_rows(self) -> tuple[int | None, str] | None:
        """(rows, op) where an array with a fixed number of rows is joined to a tensor with the rows of X,
        which then can have no other number. Two primes are tried for the rows of X; `rows` is None where it
        cannot be told which number fits."""
        if any(x.shape.rank is None for x in self.path.inputs) \
                or any(self.target_of(rows) is not None for rows in PRIME_BATCH_SIZES):
            return None
        ops = [op for op in self.path.ops if op.outputs]

        def fails(k: int) -> bool:
            try:
                self._infer([o for op in ops[:k + 1] for o in op.outputs], PRIME_BATCH_SIZES[0])
            except ValueError:
                return True
            return False
        op = ops[bisect.bisect_left(range(len(ops)), True, key=fails)]      # the first that fails
        known = [d for t in [*op.inputs, *op.outputs] for d in sizes(t)
                 if d is not None and d > 1 and self.target_of(d) is not None]
        return (known[0] if known else None), self.path.name(op)
