"""A loss, as that which the model was trained with."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from ..errors import ParameterError, TargetWarning, TensorError, ValueRangeError, first_line, shown, warn
from ..graph.squashing import Squashed, squashing
from ..parametrized import comparable
from ..tensors import shape_text
from ..values import as_array, as_numbers
from .base import Target, wide
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
        Whether outputs are logits, for a loss by name, or a function of Keras, that takes them. Must then be
        given, unless outputs are seen in the graph to be probabilities.
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
    T = loss(y, f(x)), the mean over all axes but the batch, in units of the loss; places whose label is the
    `ignore_class` of a loss of Keras do not count. Attributions are positive for what makes the loss larger.
    Data: ys are the labels. Cost: none beside that of the model.

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
        if self.from_logits is not None and not self.is_plain:
            raise ParameterError('from_logits is for a loss by name, or a function of Keras. The loss that '
                                 'is given says itself what it takes')

    @cached_property
    def _key(self):
        # losses of Keras that hold the same are equal; get_config leaves out some parameters, as Huber's
        loss = self.loss
        if is_of_keras(loss) and hasattr(loss, 'call'):
            # the policy is an object, and _dtype what it says
            loss = type(loss), {k: v for k, v in vars(loss).items() if k != '_dtype_policy'}
        return type(self), *map(comparable, (self.parameters | {'loss': loss}).values())

    @property
    def held(self):
        # losses of Keras are known by what they hold, but for a function that was given to one
        loss = self.loss if not is_of_keras(self.loss) else getattr(self.loss, 'fn', None)
        return () if loss is None or isinstance(loss, str) or is_of_keras(loss) else (loss,)

    @property
    def is_plain(self) -> bool:
        """Whether it is a loss of Keras without parameters of its own."""
        return isinstance(self.loss, str) or (is_of_keras(self.loss) and not hasattr(self.loss, 'call'))

    @property
    def takes_classes(self) -> bool:
        """Whether labels are classes."""
        name = self.loss if isinstance(self.loss, str) else type(self.loss).__name__
        by_name = 'sparse' in name.lower() or 'sparse' in getattr(self.loss, '__name__', '')
        return by_name if self.labels is None else self.labels == 'classes'

    @property
    def ignored(self) -> int | None:
        """The label of places that do not count, for a loss of classes."""
        return getattr(self.loss, 'ignore_class', None) if self.takes_classes else None

    @cached_property
    def known(self) -> Callable[..., Any]:
        """The loss; that of a name."""
        if not isinstance(self.loss, str):
            return self.loss
        try:
            return tf.keras.losses.get(self.loss)
        except ValueError as e:
            raise ParameterError(f'Keras has no loss {self.loss!r}: {first_line(e)}') from None

    @property
    def takes_logits(self) -> bool:
        """Whether it can be told that outputs are logits."""
        loss = self.known
        return self.is_plain and 'from_logits' in inspect.signature(
            type(loss) if hasattr(loss, 'call') else loss).parameters

    def of_rows(self, labels: tf.Tensor, outputs: tf.Tensor) -> Any:
        """What the loss returns, not reduced to one number."""
        loss, options = self.known, {'from_logits': bool(self.from_logits)} if self.takes_logits else {}
        if not hasattr(loss, 'call'):
            return loss(labels, outputs, **options)
        made: Any = type(loss)(**options) if isinstance(self.loss, str) else loss       # type: ignore[misc]
        return made.call(labels, outputs)

    def data(self, outputs):
        single(outputs, self)
        self._check_logits(outputs)
        shape = [None, *outputs.shape.as_list()[1:]]
        if self.takes_classes:
            if len(shape) < 2:
                raise TensorError(f'target {self!r}: outputs "{outputs.name}" {shape_text(outputs.shape)} '
                                  f'have no classes')
            return tf.TensorSpec(shape[:-1], tf.int32, 'labels')
        return tf.TensorSpec(shape, outputs.dtype, 'labels')

    def _check_logits(self, outputs: tf.Tensor) -> None:
        """Raise where the loss takes probabilities for logits, or is not told which they are; warn where it
        takes for probabilities what is not seen to be some."""
        found = squashing(outputs)
        is_probability = isinstance(found, Squashed) and found.kind != 'log'
        unseen = f'outputs "{outputs.name}" are not seen to come out of a softmax or sigmoid'
        says = self.from_logits if self.is_plain else getattr(self.loss, 'from_logits', None)
        if self.from_logits is not None and not self.takes_logits:
            raise ParameterError(f'loss {self.loss!r} takes no from_logits')
        if says is None and self.takes_logits and not is_probability:
            raise ParameterError(f'{self!r}: {unseen}. Are they logits? Say from_logits=True or False')
        if says and isinstance(found, Squashed) and is_probability:
            raise TensorError(f'target {self!r}: outputs "{outputs.name}" are made by '
                              f'{", ".join(found.ops[:4])}, so that they are probabilities, not logits. Take '
                              f'from_logits=False, or the logits: de.logits(T)')
        if says is False and found is None and not self.is_plain:
            warn(f'target {self!r}: {unseen}, and the loss takes them for probabilities (from_logits=False)',
                 TargetWarning)

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
        classes, ignored = outputs.shape[-1], self.ignored
        given = as_array(given, tf.int32, what)
        wrong = (given < 0) | (given >= (classes or np.inf))
        wrong &= True if ignored is None else given != ignored
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0].tolist())
            raise ValueRangeError(f'{what}, row {place[0]}: there is no class {given[place]}, but {classes}: '
                                  f'0 to {classes - 1}')
        empty = (given == ignored).reshape(len(given), -1).all(1)
        if ignored is not None and empty.any():
            raise ValueRangeError(f'{what}, row {empty.argmax()}: all labels are {ignored}, the ignore_class '
                                  f'of the loss, and a mean over nothing has no value. Leave the row out')
        return given

    def build(self, outputs, ys):
        if not self.takes_classes:
            ys = same_shape(ys, outputs)
            if outputs.shape.rank == 1:         # Keras takes the mean over the last axis
                ys, outputs = ys[:, None], outputs[:, None]
            found = self.of_rows(ys, outputs)
        elif is_of_keras(self.known) and outputs.shape.rank > 2:
            # as Keras does, but without its check, an op beside the path, which sees no points of intgrad
            places = tf.shape(same_shape(ys, outputs[..., 0]))
            found = self.of_rows(tf.reshape(ys, [-1]), tf.reshape(outputs, [-1, outputs.shape[-1]]))
            found = tf.reshape(found, places)
            found.set_shape(ys.shape)
        else:
            found = self.of_rows(ys, outputs)
        if not isinstance(found, tf.Tensor) or found.shape.rank == 0:
            raise TensorError(f'target {self!r}: the loss returns one number for the batch, and rows have '
                              f'none of their own. Give a loss per row, (batch,)')
        if found.shape.rank == 1:
            return found
        axes, found = list(range(1, found.shape.rank)), tf.cast(found, wide(found.dtype))
        if self.ignored is None:
            return tf.reduce_mean(found, axes)
        counted = tf.cast(tf.not_equal(ys, self.ignored), found.dtype)
        return tf.reduce_sum(found, axes) / tf.reduce_sum(counted, axes)


def is_of_keras(loss: Any) -> bool:
    """Whether a loss comes with Keras."""
    return getattr(loss, '__module__', type(loss).__module__).partition('.')[0] in ('keras', 'tf_keras')
