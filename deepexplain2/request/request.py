"""What is given for a run, checked against the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..engine.batch import Batch
from ..engine.model import Model
from ..engine.row_data import Feed, Weights
from ..errors import TensorError
from ..targets.built import BuiltTarget
from ..targets.units import Units
from .choices import classes_of, known_units, weights_of
from .feeds import as_feeds
from .form import Form
from .frames import is_series, series_to_array
from .layout import Layout, Layouts
from .options import Options
from .samples import Samples

NO_WEIGHTS = Weights(None, None, (), True, np.float32)      # before ys are looked at


class Request(NamedTuple):
    """Samples and what belongs to them, checked.

    Attributes
    ----------
    inputs : sequence of tensors
        X.
    samples : Samples
        xs, checked.
    arrays : list of arrays
        xs, one array per tensor of X; a large memmap stays one, of its own dtype.
    n : int
        The number of rows.
    feeds : dict
        feed_dict by tensor name.
    weights : Weights
        Of the units of T.
    layout : Layout
        How the rows are packed into runs.
    is_sum : bool
        Whether all units of T are summed because nothing was said of them.
    look : function (request) -> Weights, optional
        Gives the weights where they depend on the values of T; `packed` calls it.
    each : tuple of Weights
        Those of several classes, for a map of each; then `weights` are those of their sum.
    """

    inputs: Sequence[tf.Tensor]
    samples: Samples
    arrays: list[np.ndarray]
    n: int
    feeds: dict[str, Feed]
    weights: Weights
    layout: Layout
    is_sum: bool = False
    look: Callable[[Request], Weights] | None = None
    each: tuple[Weights, ...] = ()

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of xs, per tensor of X."""
        return [a.shape for a in self.arrays]

    def rows(self, rows: slice | np.ndarray) -> list[np.ndarray]:
        """These rows of xs, in memory and in the dtypes of X."""
        return take_rows(self.arrays, rows, self.inputs)

    def read(self) -> list[np.ndarray]:
        """All arrays that a run reads."""
        weights = [] if self.weights.array is None else [self.weights.array]
        return [*self.arrays, *(f.value for f in self.feeds.values()), *weights]

    def packed(self, layouts: Layouts, batch_size: int | None) -> Request:
        """The request with the layout that a look at a few rows leads to, and with its weights."""
        layout = layouts.of_rows(self.layout, self.rows, self.feeds, self.n, batch_size)
        found = self if layout is self.layout else self._replace(layout=layout)
        return found if found.look is None else found._replace(weights=found.look(found), look=None)

    @property
    def batch(self) -> Batch:
        """A run without points, to be filled by `Batch.at`."""
        return Batch((), np.arange(0), self.arrays, self.weights, self.feeds, self.layout.per_row,
                     self.layout.max_rows)


def take_rows(arrays: Sequence[np.ndarray], rows: slice | np.ndarray,
              inputs: Sequence[tf.Tensor]) -> list[np.ndarray]:
    """These rows of arrays, in memory and in the dtypes of X."""
    found = [np.asarray(a[rows], x.dtype.as_numpy_dtype) for a, x in zip(arrays, inputs)]
    for a in found:
        a.setflags(write=False)             # views of arrays of the caller
    return found


def as_request(model: Model, layouts: Layouts, target: Units | BuiltTarget, samples: Samples, ys: Any,
               form: Form, options: Options) -> Request:
    """What is given for a run as a Request; runs nothing, unless T seems to have no batch axis. target: what
    ys are."""
    arrays = samples.arrays
    n = len(arrays[0])
    classes = [] if options.classes is None else classes_of(options.classes, target, ys)
    if is_series(ys):
        ys = series_to_array(ys, samples.index, 'ys')
    feed_dict = form.by_tensor(options.feed_dict)
    feeds = as_feeds(feed_dict, model.target.graph, model.inputs, model.path.varies, n)
    feeds |= target.feeds('sum' if classes else ys, n)
    model.check_fed(feeds)
    layout = layouts.of(n, options.batch_size, options.memory_limit)
    layout = layouts.without_batch_axis(layout, lambda rows: take_rows(arrays, rows, model.inputs), feeds, n,
                                        options.batch_size)
    found = Request(model.inputs, samples, arrays, n, feeds, NO_WEIGHTS, layout)
    if options.classes is not None:
        return _of_classes(found, classes, target)
    return _weighted(found, model, target, ys)


def _of_classes(request: Request, classes: Sequence[int], target: Any) -> Request:
    """The request with the weights of several classes."""
    if not request.layout.per_row:
        raise TensorError(f'classes: T "{target.score.name}" has no batch axis')
    units = known_units(target.score)
    return request._replace(weights=target.weights('sum', request.n, True),
                            each=tuple(target.chosen(np.full(request.n, c), units) for c in classes))


def _weighted(request: Request, model: Model, target: Units | BuiltTarget, ys: Any) -> Request:
    """The request with what ys say of T, or with what will say it after a look at T."""
    n, per_row = request.n, request.layout.per_row
    if not isinstance(target, Units):
        return request._replace(weights=target.weights(ys, n, per_row))
    choice = target.choice(ys, n, per_row)
    if choice is None:
        return request._replace(weights=target.weights(ys, n, per_row), is_sum=target.is_sum(ys))
    units = known_units(model.target)
    if units is not None and not isinstance(choice, str):
        return request._replace(weights=target.chosen(choice, units))

    def look(request: Request) -> Weights:
        return weights_of(choice, target, model, request.rows, request.feeds, n, request.layout)
    return request._replace(weights=target.weights('sum', n, per_row), look=look)
