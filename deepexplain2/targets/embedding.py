"""How close an embedding is to another one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..errors import ShapeError, ValueRangeError
from ..tensors import shape_text
from ..values import as_array
from .base import Target
from .regression import same_shape
from .scores import single


@dataclass(frozen=True)
class Embedding(Target):
    """The cosine between an embedding and a reference, as that of another sample.

    Parameters
    ----------
    outputs : tensor or name, by keyword, optional
        The embedding, (batch, dimensions); of more axes all entries together are the vector.

    Raises
    ------
    ValueRangeError
        Where a reference is the zero vector, naming its row.

    Notes
    -----
    T = e . r / (|e| |r|), between -1 and 1. Data: ys are references, shaped like outputs, one per row, or one
    for all rows, (dimensions,). An embedding shorter than the machine epsilon counts as that long, so that T
    is 0 at the zero vector and its gradient is finite. Cost: none beside that of the model.

    References
    ----------
    Zhu, Chen, Zhang (2021). Visual explanation for deep metric learning. arXiv:1909.12977

    Examples
    --------
    >>> de.value(Embedding(outputs=T), X, xs, ys=[[1., 0.], [1., 0.]]).round(3)
    array([1. , 0.164])
    >>> de.explain('intgrad', Embedding(outputs=T), X, xs, ys=[1., 0.]).shape
    (2, 3)
    """

    def data(self, outputs):
        single(outputs, self)
        return tf.TensorSpec((None, *outputs.shape.as_list()[1:]), outputs.dtype)

    def arrays(self, ys, n, outputs):
        if ys is None:
            return None
        what = f'ys of target {type(self).__name__}'
        given = as_array(ys, outputs.dtype, what)
        if given.shape[:1] == outputs.shape[1:2] and given.ndim == outputs.shape.rank - 1:
            given = np.broadcast_to(given, (n, *given.shape))
        if given.ndim != outputs.shape.rank:
            raise ShapeError(f'{what} has shape {given.shape}: a reference per row, ({n}, ...) shaped like '
                             f'outputs {shape_text(outputs.shape)}, or one for all rows')
        axes = tuple(range(1, given.ndim))
        size = np.sqrt(np.square(given, dtype=np.float64).sum(axes, keepdims=True))
        if not size.all():
            raise ValueRangeError(f'{what}, row {np.argmin(size != 0)}: the reference is the zero vector, '
                                  f'which has no direction')
        return given / size

    def build(self, outputs, ys):
        axes = list(range(1, outputs.shape.rank))
        if outputs.dtype.size < 4:          # whose squares would vanish
            outputs, ys = tf.cast(outputs, tf.float32), tf.cast(ys, tf.float32)
        shared = tf.reduce_sum(outputs * same_shape(ys, outputs), axes)
        return shared / length(outputs, axes)


def length(vectors: tf.Tensor, axes: list[int], keepdims: bool = False) -> tf.Tensor:
    """The Euclidean length of vectors, of those shorter than the machine epsilon that epsilon."""
    least = np.square(np.finfo(vectors.dtype.as_numpy_dtype).eps)
    return tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(vectors), axes, keepdims=keepdims), least))
