"""A loss, as that which the model was trained with."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from ..errors import ParameterError, TensorError, ValueRangeError, first_line, shown
from ..graph.squashing import squashing
from ..parameters import comparable
from ..tensors import shape_text
from ..values import as_array, as_numbers
from .base import Target
from .regression import same_shape
from .scores import single


@dataclass(frozen=True)
class Loss(Target):
    """A loss of every row, given its label: what makes the model err.

    Parameters
    ----------
    loss : str, keras.losses.Loss or function
        A name of Keras, as 'mse' or 'sparse_categorical_crossentropy'; a loss of Keras 3 or tf_keras, whose
        reduction does not count; or a function (labels, outputs) of tensors that returns one loss per row,
        (batch,) or (batch, ...).
    from_logits : bool, optional
        Whether outputs are logits, for a loss by name that takes them. Must then be given, unless outputs are
        seen in the graph to be probabilities.
    labels : str, optional
        'classes': integers, shaped like outputs without the last axis. 'values': numbers, shaped like
        outputs. By default classes for the sparse losses of Keras, and values for others.
    outputs : tensor or name, by keyword, optional
        The predictions, (batch,) or (batch, ...).

    Raises
    ------
    ParameterError
        Where there is no such loss, or from_logits is missing.
    TensorError
        Where the loss fails, or returns a mean over the batch: no row has a loss of its own then.
    FeedError, ShapeError, ValueRangeError
        Where ys are missing, have another shape, or a class is out of range.

    Notes
    -----
    T = loss(y, f(x)), the mean over all axes but the batch, in units of the loss. Attributions are positive
    for what makes the loss larger. Data: ys are the labels. Cost: none beside that of the model.

    References
    ----------
    Lundberg et al. (2020). From local explanations to global understanding with explainable AI for trees.
    doi:10.1038/s42256-019-0138-9 (attributions of the loss)

    Examples
    --------
    >>> de.value(Loss('mse', outputs=T), X, xs, ys=[[8., 0.], [0., 0.]])
    array([0. , 4.625])
    >>> loss = Loss('sparse_categorical_crossentropy', from_logits=True, outputs=T)
    >>> de.explain('intgrad', loss, X, xs, ys=labels).shape
    (2, 3)
    """

    loss: Any
    from_logits: bool | None = None
    labels: Literal['classes', 'values'] | None = None

    uses_probabilities = True

    def check(self):
        if isinstance(self.loss, type):
            raise ParameterError(f'loss is the class {self.loss.__name__}. Give {self.loss.__name__}(...)')
        if not isinstance(self.loss, str) and not callable(self.loss):
            raise ParameterError(f'loss must be a name, a loss of Keras or a function, not '
                                 f'{shown(self.loss)}')
        if self.from_logits is not None and not isinstance(self.loss, str):
            raise ParameterError('from_logits is for a loss by name. The loss that is given has its own')

    @cached_property
    def _key(self):
        # losses of Keras with equal parameters are equal
        loss = self.loss
        if type(loss).__module__.partition('.')[0] in ('keras', 'tf_keras') and hasattr(loss, 'get_config'):
            loss = type(loss), loss.get_config()
        return type(self), *map(comparable, (self.parameters | {'loss': loss}).values())

    @property
    def takes_classes(self) -> bool:
        """Whether labels are classes."""
        name = self.loss if isinstance(self.loss, str) else type(self.loss).__name__
        by_name = 'sparse' in name.lower() or 'sparse' in getattr(self.loss, '__name__', '')
        return by_name if self.labels is None else self.labels == 'classes'

    def function(self, outputs: tf.Tensor) -> Callable[..., Any]:
        """(labels, outputs) -> losses that are not reduced to one number."""
        loss, options = self.loss, {}
        if isinstance(loss, str):
            try:
                loss = tf.keras.losses.get(loss)
            except ValueError as e:
                raise ParameterError(f'Keras has no loss {self.loss!r}: {first_line(e)}') from None
            known = inspect.signature(type(loss) if hasattr(loss, 'call') else loss).parameters
            if 'from_logits' not in known and self.from_logits is not None:
                raise ParameterError(f'loss {self.loss!r} takes no from_logits')
            if 'from_logits' in known:
                if self.from_logits is None and squashing(outputs) is None:
                    raise ParameterError(f'{self!r}: outputs "{outputs.name}" are not seen to come out of a '
                                         f'softmax or sigmoid. Say from_logits=True, or from_logits=False')
                options = {'from_logits': bool(self.from_logits)}
            if hasattr(loss, 'call'):
                loss, options = type(loss)(**options), {}
        call = getattr(loss, 'call', loss)
        return lambda y, p: call(y, p, **options)

    def data(self, outputs):
        single(outputs, self)
        self.function(outputs)
        shape = [None, *outputs.shape.as_list()[1:]]
        if self.takes_classes:
            if len(shape) < 2:
                raise TensorError(f'target {self!r}: outputs "{outputs.name}" {shape_text(outputs.shape)} '
                                  f'have no classes')
            return tf.TensorSpec(shape[:-1], tf.int32, 'labels')
        return tf.TensorSpec(shape, outputs.dtype, 'labels')

    def arrays(self, ys, n, outputs):
        what = f'ys of target {type(self).__name__}'
        if ys is None:
            return None
        given = as_numbers(ys, 'numbers', what)
        wanted = outputs.shape.rank - self.takes_classes
        if given.ndim == wanted + 1 and given.shape[-1] == 1:
            given = given[..., 0]
        elif given.ndim == wanted - 1 and outputs.shape[-1] == 1 and not self.takes_classes:
            given = given[..., None]
        if not self.takes_classes:
            return given.astype(outputs.dtype.as_numpy_dtype) if given.dtype == bool else given
        classes, ignored = outputs.shape[-1], getattr(self.loss, 'ignore_class', None)
        given = as_array(given, tf.int32, what)
        wrong = (given < 0) | (given >= (classes or np.inf))
        wrong &= True if ignored is None else given != ignored
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0].tolist())
            raise ValueRangeError(f'{what}, row {place[0]}: there is no class {given[place]}, but {classes}: '
                                  f'0 to {classes - 1}')
        return given

    def build(self, outputs, ys):
        if not self.takes_classes:
            ys = same_shape(ys, outputs)
            if outputs.shape.rank == 1:         # Keras takes the mean over the last axis
                ys, outputs = ys[:, None], outputs[:, None]
        found = self.function(outputs)(ys, outputs)
        if not isinstance(found, tf.Tensor) or found.shape.rank == 0:
            raise TensorError(f'target {self!r}: the loss returns one number for the batch, and rows have '
                              f'none of their own. Give a loss per row, (batch,)')
        return found if found.shape.rank == 1 else tf.reduce_mean(found, list(range(1, found.shape.rank)))
