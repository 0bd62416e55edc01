"""One output of a regression, and how far all outputs are from what they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import tensorflow as tf

from ..attribution.registry import methods
from ..attribution.wrapper import Wrapper
from ..errors import FeedError, ParameterError, TensorError, ValueRangeError
from ..kinds_of_values import integer
from ..parameters import Kind
from ..tensors import shape_text
from ..values import as_array
from .base import Target, wide
from .scores import single


def index(value: Any, name: str) -> int | tuple[int, ...]:
    """Check an integer >= 0, or a list of them, one per axis."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return tuple(integer(v, f'each entry of {name}', 0) for v in value)
    return integer(value, name, 0)


@dataclass(frozen=True)
class Regression(Target):
    """One output of a model that predicts numbers.

    Parameters
    ----------
    of_output : int or list of int, optional
        Its index, one integer per axis of outputs behind the batch, the same for all rows. By default ys say
        which, where there are several.
    outputs : tensor or name, by keyword, optional
        The predictions, (batch,), (batch, 1), (batch, outputs), or with more axes, as (batch, hours, places).

    Raises
    ------
    TensorError
        Where outputs have no such entry.
    FeedError, ValueRangeError
        Without ys where they are needed; where they point outside.

    Notes
    -----
    T = y[of_output], in units of the output. Data: none for a single output or where `of_output` is given;
    otherwise integers, (n,) for outputs (batch, outputs), and (n, axes) for more axes. Cost: none beside that
    of the model.

    References
    ----------
    Letzgus, Wagner, Lederer, Samek, Mueller, Montavon (2022). Toward explainable AI for regression models.
    doi:10.1109/MSP.2022.3153277

    Examples
    --------
    >>> de.value(Regression(0, outputs=T), X, xs)
    array([8. , 0.5])
    >>> de.explain('intgrad', Regression(outputs=T), X, xs, ys=[0, 1]).shape
    (2, 3)
    """

    of_output: Annotated[Any, Kind('an integer >= 0, or a list with one per axis', index)] | None = None

    uses_probabilities = True           # a sigmoid at the end is a range here

    def data(self, outputs):
        single(outputs, self)
        shape, of = outputs.shape[1:], self.of_output
        if of is not None:
            place = of if isinstance(of, tuple) else (of,)
            if len(place) != max(1, shape.rank) or any(
                    d is not None and k >= d for k, d in zip(place, shape.as_list() or [1])):
                raise TensorError(f'target {self!r}: outputs "{outputs.name}" '
                                  f'{shape_text(outputs.shape)} have no output {of}')
            return None
        if shape.num_elements() == 1:
            return None
        return tf.TensorSpec((None,) if shape.rank == 1 else (None, shape.rank), tf.int32, 'index')

    def arrays(self, ys, n, outputs):
        axes = outputs.shape.rank - 1
        if ys is None:
            raise FeedError(f'target {self!r} has outputs to choose from, {shape_text(outputs.shape)}: give '
                            f'of_output, or ys, integers ({n}{f", {axes}" if axes > 1 else ","})')
        what = f'ys of target {type(self).__name__}'
        given = as_array(ys, tf.int32, what)
        for k, size in enumerate(outputs.shape.as_list()[1:]):
            column = given[:, k] if given.ndim == 2 and given.shape[1] == axes else given
            wrong = np.flatnonzero((column < 0) | (column >= (size or np.inf)))
            if wrong.size and column.ndim == 1:
                raise ValueRangeError(f'{what}, row {wrong[0]}: there is no output {column[wrong[0]]}, but '
                                      f'{size}: 0 to {size - 1}')
        return given

    def build(self, outputs, ys):
        if ys is not None:
            place = ys[:, None] if ys.shape.rank == 1 else ys
            return tf.gather_nd(outputs, place, batch_dims=1)
        if outputs.shape.rank == 1:
            return outputs
        of = self.of_output
        place = (0,) * (outputs.shape.rank - 1) if of is None else of if isinstance(of, tuple) else (of,)
        return outputs.__getitem__((slice(None), *place))


@dataclass(frozen=True)
class DistanceToPrediction(Target):
    """How far the outputs are from what the model predicts for the sample itself, all outputs together.

    Parameters
    ----------
    outputs : tensor or name, by keyword, optional
        The predictions, (batch,) or (batch, ...).

    Raises
    ------
    ParameterError
        For methods that only ask at x itself, where the distance is 0 and has no gradient: saliency,
        grad*input, elrp. (Xplique's regression operator was given up for the maps of zeros that they give.)
    FeedError
        Without ys, where they are not computed: by `value` and `evaluate`.

    Notes
    -----
    T(x') = mean_k |f_k(x') - f_k(x)|, in units of the outputs, at the inputs x' that a method tries; x is the
    sample. T is 0 at x and grows where the prediction changes, so that what holds the prediction where it is
    has negative attributions: those of a row sum to -T(baseline) for intgrad, deeplift and shapley_sampling,
    and occlusion gives -T without the window. Data: ys are f(x), shaped like outputs; where they are left out
    they are computed, at the cost of 1 evaluation of the model per row.

    References
    ----------
    Fel et al. (2022). Xplique: a deep learning explainability toolbox. arXiv:2206.04394

    Examples
    --------
    >>> de.explain('occlusion', DistanceToPrediction(outputs=T), X, xs[:1])
    array([[-1.5, -0.5, -3. ]], dtype=float32)
    """

    uses_predictions = True

    def check_method(self, method):
        at_x_alone = 'baseline' not in method.parameters and not isinstance(method, Wrapper) \
            and not method.is_perturbation and not method.draws_samples
        if at_x_alone:
            raise ParameterError(
                f'"{method.name}" asks for T at the sample alone, where the distance to its own prediction '
                f'is 0 and has no gradient: every attribution would be 0. Take a method that asks at '
                f'other inputs: {", ".join(m for m, c in methods.items() if "baseline" in vars(c))}')

    def data(self, outputs):
        single(outputs, self)
        return tf.TensorSpec((None, *outputs.shape.as_list()[1:]), outputs.dtype)

    def arrays(self, ys, n, outputs):
        if ys is None:
            raise FeedError(f'target {self!r} needs ys: the predictions for xs, de.value(outputs, X, xs)')
        return ys

    def build(self, outputs, ys):
        distances = tf.cast(tf.abs(same_shape(ys, outputs) - outputs), wide(outputs.dtype))
        return tf.reduce_mean(distances, list(range(1, outputs.shape.rank)))


def same_shape(ys: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """ys, which must have the shape of outputs when the graph is run: nothing is broadcast in silence."""
    if outputs.shape[1:].is_fully_defined():
        return ys
    return tf.add_n([ys, tf.zeros_like(outputs, ys.dtype)])         # which refuses other shapes

