"""Attributions scored by metrics, in batches."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import numpy as np

from ..engine.model import Model
from ..engine.sweep import Sweep
from ..errors import ParameterError, ShapeError, TensorError
from ..graph.squashing import is_log, squashing
from ..parameters import kinds
from ..parametrized import comparable
from ..registry import did_you_mean
from ..request.evaluate import checked_request
from ..request.form import Form
from ..request.frames import check_columns
from ..request.layout import Layouts
from ..request.options import VALUES, Options
from ..request.progress import Reporter, is_wanted
from ..request.references import References
from ..targets.built import BuiltTarget
from ..targets.units import Units
from ..values import as_array
from .base import Metric
from .scores import Measured, Scores
from .trial import Explain, Randomizer, Trial

ROUNDING = 1e-5         # of a probability


class Measurement:
    """Rows and a target, of which attributions are scored by any number of metrics; everything that can be
    checked is checked before anything runs. What metrics ask twice is evaluated once.

    Parameters
    ----------
    model : Model
        T and X.
    target : Units or BuiltTarget
        What ys are.
    form : Form
        How X was given.
    xs, ys, options
        As for `run`; of the options count batch_size, feed_dict, progress and memory_limit.
    is_probability : bool
        Whether T is known to be a probability.
    """

    def __init__(self, model: Model, target: Units | BuiltTarget, form: Form, xs: Any, ys: Any,
                 options: Options, is_probability: bool = False):
        self._model, self._target, self._form, self._options = model, target, form, options
        self._is_probability, self._ys = is_probability, ys
        self.request = checked_request(model, target, form, xs, ys, options, needs_rows=True)
        self._rows = self.request.rows(slice(0, self.request.n))
        self._known: dict[Any, Any] = {}

    def score(self, metric: Metric, attributions: Any, names: Sequence[Sequence[Any] | None] | None = None,
              explain: Explain | None = None, by_feature: tuple[Any, np.ndarray] | None = None,
              randomizer: Randomizer | None = None, delta: np.ndarray | None = None) -> Scores:
        """The scores of attributions.

        Parameters
        ----------
        metric : Metric
            What is measured.
        attributions : array, or list of arrays for a list X
            Shaped like xs; of token ids also like their embedding.
        names : list, optional
            Of the features that the attributions are of, for each tensor of X; None where they have none.
        explain : function, optional
            The method that made them, see Trial.
        by_feature : (FeatureSet, array), optional
            Attributions by feature.
        randomizer : Randomizer, optional
            The method with other weights.
        delta : array (n,), optional
            What the attributions miss of the sum that their method promises.
        """
        model, request, name = self._model, self.request, metric.name or type(metric).__name__
        if metric.needs_method and explain is None:
            raise ParameterError(f'{name} explains again: give the method in place of its attributions, by '
                                 f'its name or as an object')
        references = References(metric.baseline, model.inputs, self._form)
        maps = self._maps(attributions)
        columns = request.samples.columns
        check_columns(references.columns, columns, model.inputs)
        self._check_names(names)
        references.check(request.shapes, request.samples.index)
        baselines, k = references.of(self._rows, request.shapes, 0)
        assert k == 1
        layout, batch = request.layout, request.batch
        Layouts(model, name).check_single(layout, self._rows, baselines, request.feeds)
        if metric.needs_probability:
            self._check_probability(name)
        reporter = Reporter(self._options.progress, None, name) if is_wanted(self._options.progress) else None
        sweep = Sweep(lambda points, some: model.plain_value.evaluate(batch.at(points, some)), request.n,
                      layout.rows, layout.fixed_batch, report=reporter, tuner=layout.tuner, columns=columns,
                      total=request.n)
        trial = Trial(sweep, self._rows, maps, baselines, self._ys, self._units, explain, by_feature,
                      self._known, comparable(metric.baseline), randomizer, delta)
        try:
            if metric.needs_probability:
                self._check_range(trial, name)
            found = metric.score(trial)
        finally:
            if reporter is not None:
                reporter.close()
        measured = found if isinstance(found, Measured) else Measured(found)
        values = np.asarray(measured.values, np.float64)
        if values.ndim != 1:
            raise ShapeError(f'{name} gave scores of shape {values.shape}: one number for each of '
                             f'{request.n} rows is wanted')
        return Scores(values, repr(metric), metric.better, measured.curve, measured.errors)

    @property
    def about(self) -> str:
        """A digest of the rows, ys and target."""
        digest = sha256(self._model.target.name.encode())
        for array in [*self._rows, *([] if self._ys is None else [np.asarray(self._ys)])]:
            digest.update(str((array.shape, array.dtype)).encode())
            digest.update(repr(array.tolist()).encode() if array.dtype == object
                          else np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def _check_names(self, names: Sequence[Sequence[Any] | None] | None) -> None:
        """Raise ShapeError where attributions are of the same columns in another order."""
        for x, known, given in zip(self._model.inputs, names or (), self.request.samples.columns):
            if given is not None and sorted(map(str, known or ())) == sorted(map(str, given)):
                check_columns({x.name: list(map(str, known or ()))}, [list(map(str, given))], [x])

    def check_rows(self, xs: Any, names: Sequence[Sequence[Any] | None] | None) -> None:
        """Raise ShapeError where an Explanation is of other rows than those that are measured, or of other
        columns."""
        self._check_names(names)
        given = xs if isinstance(xs, list) else [xs]
        mine = self.request.samples.arrays
        if len(given) == len(mine) and not all(np.array_equal(a, b) for a, b in zip(given, mine)):
            raise ShapeError('the Explanation is of other rows than xs. Give its xs, or the rows of it that '
                             'are meant: explanation[2:5]')

    @property
    def _units(self) -> int | None:
        """How many classes T, or the output that a target is about, has."""
        about = self._target.outputs if isinstance(self._target, BuiltTarget) else self._model.target
        shape = getattr(about, 'shape', None)
        return shape[-1] if shape is not None and shape.rank == 2 else None

    def _check_probability(self, name: str) -> None:
        """Raise TensorError where T is seen to be no probability."""
        found = squashing(self._model.target)
        is_said = found is not None and not is_log(found)
        if not (self._is_probability or is_said or self._model.path.black_boxes):
            raise TensorError(f'{name} compares probabilities, and T "{self._model.target.name}" is none: '
                              f'take the output of a softmax or sigmoid, or the target '
                              f'deepexplain2.targets.Probability(outputs=...)')

    def _check_range(self, trial: Trial, name: str) -> None:
        wrong = np.flatnonzero((trial.at_x < -ROUNDING) | (trial.at_x > 1 + ROUNDING))
        if len(wrong):
            raise TensorError(f'{name} compares probabilities, and T "{self._model.target.name}" is '
                              f'{trial.at_x[wrong[0]]:.3g} in row {wrong[0]}. Choose one class of an output '
                              f'of probabilities by ys')

    def _maps(self, attributions: Any) -> list[np.ndarray]:
        """Attributions as one array per tensor of X, finite but for NaN, and shaped like xs."""
        shapes, form, model = self.request.shapes, self._form, self._model
        attributions = form.listed(attributions, 'attributions')
        given = list(attributions) if form.is_list and isinstance(attributions, (list, tuple)) \
            else [attributions]
        if len(given) != len(shapes):
            raise ShapeError(f'attributions must be a list of {len(shapes)} arrays, one for each tensor of X')
        maps = []
        for value, shape, x in zip(given, shapes, model.inputs):
            found = as_array(value, x.dtype if x.dtype.is_floating else model.target.dtype,
                             f'attributions for X "{x.name}"')
            if x.dtype.is_integer:
                found = of_words(found, shape)
            if found.shape != shape:
                raise ShapeError(f'attributions for X "{x.name}" have shape {found.shape}, and xs {shape}. '
                                 f'Give one number per feature')
            found = found.view()
            found.setflags(write=False)         # a view of the array of the caller
            maps.append(found)
        return maps


def of_words(a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Attributions of embeddings as those of token ids of this shape, their sums."""
    if a.ndim > len(shape) and a.shape[:len(shape)] == shape:
        return a.sum(tuple(range(len(shape), a.ndim)))
    return a


def listed(values: Any) -> list[Any]:
    """What is given or returned for X, as a list with one entry per input."""
    return list(values.values()) if isinstance(values, dict) else values if isinstance(values, list) \
        else [values]


def run_options(options: Options) -> dict[str, Any]:
    """The options of a metric that a method runs with, but the batch size."""
    return {name: value for name in ('feed_dict', 'memory_limit')
            if (value := getattr(options, name)) is not None}


def explain_with(explainer: Any, form: Form, ys: Any, options: Options) -> Explain:
    """How a Trial explains again."""
    kept = run_options(options)

    def explain(xs: Sequence[np.ndarray], others: Any = None) -> list[np.ndarray]:
        found = explainer.run(form.returned(list(xs)), ys if others is None else others, options.batch_size,
                              **kept)
        # NaN: in no feature, or window
        return [of_words(np.nan_to_num(a), np.shape(x)) for a, x in zip(listed(found), xs)]
    return explain


def as_metric(metric: Any, parameters: dict[str, Any], create: Callable[[str], type[Metric]]) -> Metric:
    """A metric by its name with parameters, or as an object."""
    if isinstance(metric, type) and issubclass(metric, Metric):
        raise ParameterError(f'metric must be an object with its parameters. Give {metric.__name__}(...)')
    cls = type(metric) if isinstance(metric, Metric) else create(metric)
    for given in parameters:
        if isinstance(metric, Metric) and given in metric.parameters:
            raise ParameterError(f'{given!r} is a parameter of the metric, which is given as an object: '
                                 f'{cls.__name__}({given}=...)')
        if isinstance(metric, Metric) or given not in kinds(cls):
            known = [*VALUES, *([] if isinstance(metric, Metric) else kinds(cls))]
            raise ParameterError(f'evaluate has no option {given!r}.'
                                 f'{did_you_mean(difflib.get_close_matches(given, known, n=1))} It takes: '
                                 f'{", ".join(known)}')
    return metric if isinstance(metric, Metric) else cls(**parameters)
