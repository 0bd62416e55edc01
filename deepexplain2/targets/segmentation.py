"""The scores of a model for the places of a map, over a zone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..errors import ValueRangeError
from ..values import as_array, as_numbers
from .base import Target, wide
from .regression import same_shape
from .scores import single


@dataclass(frozen=True)
class Segmentation(Target):
    """The mean of the scores of a map over a zone; entries of -1 are subtracted, for contrasts.

    Parameters
    ----------
    outputs : tensor or name, by keyword, optional
        The scores, best logits, (batch, height, width, classes), or (batch, ...) of any shape.

    Raises
    ------
    ValueRangeError
        Where a zone is empty, naming its row.
    ShapeError
        Where zones are not shaped like outputs. Nothing is broadcast.

    Notes
    -----
    T = sum_i z_i s_i / #{i: z_i != 0}, in units of the scores. Data: ys are zones z, shaped like outputs,
    (n, height, width, classes): 1 inside, 0 elsewhere, -1 for what is compared with; other numbers weigh, and
    booleans count as 0 and 1. `class_zone`, `component_zone`, `border_zone` and `common_border_zone` make
    them of label maps. Cost: none beside that of the model.

    References
    ----------
    Fel et al. (2022). Xplique: a deep learning explainability toolbox. arXiv:2206.04394

    Examples
    --------
    Of two places with one score each, the second; and the first against the second:

    >>> places = Segmentation(outputs=T)
    >>> de.value(places, X, xs, ys=[[0, 1], [1, -1]])
    array([ 0. , -1.25])
    >>> de.explain('intgrad', places, X, xs, ys=[[0, 1], [1, -1]]).shape
    (2, 3)
    """

    def data(self, outputs):
        single(outputs, self)
        return tf.TensorSpec((None, *outputs.shape.as_list()[1:]), wide(outputs.dtype))

    def arrays(self, ys, n, outputs):
        if ys is None:
            return None
        what = f'ys of target {type(self).__name__}'
        given = as_numbers(ys, outputs.dtype.name, what)
        if len(given) != n or not outputs.shape[1:].is_compatible_with(given.shape[1:]):
            return given                            # refused next, by its shape
        given = as_array(given, wide(outputs.dtype), what)
        size = np.count_nonzero(given.reshape(n, -1), 1)
        if not size.all():
            raise ValueRangeError(f'{what}, row {np.argmin(size)}: the zone is empty, and a mean over '
                                  f'nothing has no value')
        return given / size.reshape((n,) + (1,) * (given.ndim - 1)).astype(given.dtype)

    def build(self, outputs, ys):
        outputs = tf.cast(outputs, ys.dtype)
        return tf.reduce_sum(outputs * same_shape(ys, outputs), list(range(1, outputs.shape.rank)))
