"""A method compiled for a target and inputs: Explainer."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from .attribution.base import Method
from .attribution.by_features import by_features
from .attribution.registry import names_with
from .audit import Audit
from .engine.model import Model
from .engine.packing import calls
from .engine.query import Query
from .engine.row_data import Feed
from .errors import CostWarning, FeedError, ParameterError, PathError, ShapeError
from .features.base import Rows
from .kinds_of_values import integer
from .names import short_name
from .request.base_explainer import BaseExplainer, Finished
from .request.choices import classes_of
from .request.evaluate import values
from .request.form import Form
from .request.frames import check_columns
from .request.layout import Layouts
from .request.options import Options
from .request.output import ClassOutputs
from .request.progress import is_wanted
from .request.references import References
from .request.request import Request, as_request
from .request.run import Run
from .request.samples import Samples, as_samples
from .request.target_checks import TargetChecks
from .session import check_open
from .targets.base import entries, map_entries
from .targets.built import BuiltTarget
from .targets.units import Units
from .tensors import shape_text

OF_SETS = 'standard errors of a mean over references are not those of its parts. Explain against one baseline'
MANY = 10000            # evaluations for one row, of which a run tells that shows no progress


class RunPlan(NamedTuple):
    """What a run will do.

    calls: of session.run. rows: in each at most. evaluations: of the model, in all. bytes: estimate of what
    the tensors between X and T take in one call.

    For occlusion and shapley_sampling evaluations are the most there can be, and calls are those that these
    fill: no input is evaluated twice, and how many are the same is seen when xs is known. shapley_sampling,
    which goes by rounds of permutations, may fill some calls only in part.
    """
    calls: int
    rows: int
    evaluations: int
    bytes: int


class Explainer(BaseExplainer):
    """One method, one target, compiled: `run` explains any number of batches and adds nothing to the graph.

    Made by DeepExplain.get_explainer. It can be used after the context was left, from several threads, and
    follows changes of the weights in the session.
    """

    def __init__(self, method: Method, model: Model, target: Units | BuiltTarget, form: Form,
                 is_probability: bool = False):
        if model.path.black_boxes and not (method.is_perturbation or model.jit):
            raise PathError(f'"{method.name}" needs gradients, and T "{model.target.name}" is computed by '
                            f'a function of Python, {model.path.name(model.path.black_boxes[0])}, which has '
                            f'none. Methods that need only values: {names_with("is_perturbation")}')
        method = by_features(method.fitted(model))
        self._method, self._model, self._form = method, model, form
        self._target = target                           # what ys are
        self._references = References(
            method.baseline, model.inputs, form, method.references, method.average, method.averages,
            partial(model.warn_once, method.name))
        method.check_tensors([model.target, *model.inputs])
        self._layer, self._sums_to = method.shaped_like(model), method.promise(model)
        if isinstance(target, BuiltTarget):
            target.target.check_method(method)
        if all(x.shape.rank and x.shape[1:].is_fully_defined() for x in model.inputs):
            method.plan([(1, *x.shape.as_list()[1:]) for x in model.inputs])
        self._layouts = Layouts(model, method.name, method.graph_key, needs_rows=method.is_perturbation)
        self._runner = Run(method, model, self._references, self._layouts,
                           TargetChecks(model, method.name, is_probability), self._dtypes, self._sums_to,
                           target.target.meaning_of_zero if isinstance(target, BuiltTarget) else '')

    @cached_property
    def _dtypes(self) -> list[Any]:
        if self._layer is not None:
            return [self._layer.dtype.as_numpy_dtype]
        return [(x.dtype if x.dtype.is_floating else self._model.target.dtype).as_numpy_dtype
                for x in self._model.inputs]

    def _shapes(self, planned: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]] | None:
        """The shapes of the attributions: as the method plans, or of the layer; None where that is open."""
        if self._layer is None:
            return list(planned)
        row = self._layer.shape[1:] if self._layer.shape.rank else self._layer.shape
        return [(planned[0][0], *row.as_list())] if row.is_fully_defined() else None

    def compile(self) -> Query:
        """The query of the method; adds its ops to the graph the first time."""
        return self._runner.compile()

    def __repr__(self) -> str:
        names = ', '.join(x.name for x in self._model.inputs)
        return f'<Explainer {self._method.name}: {self._model.target.name} by {names}>'

    def weighted(self, constant_weights: np.ndarray | None) -> Explainer:
        """This explainer for T times constant weights."""
        if constant_weights is None:
            return self
        other = copy.copy(self)
        other._target = Units(self._model.target, constant_weights)
        return other

    def __copy__(self) -> Explainer:
        other = object.__new__(Explainer)
        vars(other).update(vars(self))
        return other

    def _run(self, xs: Any, ys: Any, options: Options) -> Finished:
        """Explain arrays or DataFrames; everything that can be checked is checked before anything runs."""
        request, output = self._checked(xs, ys, options)
        weights = self._runner(request, options, output)
        of_classes = [w.classes for w in request.each if w.classes is not None]
        return Finished(output, request.samples,
                        np.stack(of_classes) if of_classes else weights.given(request.n))

    def _check_options(self, options: Options) -> None:
        """Raise where the session is closed, or the method cannot give what the options ask for."""
        check_open(self._model.session)
        if options.return_delta and self._layer is not None and self._method.sums_to != self._sums_to:
            raise ParameterError(f'return_delta: T "{self._model.target.name}" depends on X around the layer '
                                 f'"{self._layer.name}" too, and the attributions of "{self._method.name}" '
                                 'are those of what flows through the layer. Choose a layer that all of it '
                                 'flows through')
        if options.return_delta and self._method.sums_to is None:
            raise ParameterError(f'return_delta: the attributions of "{self._method.name}" do not promise '
                                 f'any sum. It is for the methods that do: {names_with("sums_to")}')
        if options.return_std_error and not self._method.draws_samples:
            raise ParameterError(f'return_std_error: "{self._method.name}" draws no samples. It is for '
                                 f'{names_with("draws_samples")}')
        if options.return_std_error:
            self._method.check_std_error()
            if self._method.references is not None:
                raise ParameterError(f'return_std_error: {OF_SETS}')

    def _checked(self, xs: Any, ys: Any, options: Options) -> tuple[Request, ClassOutputs]:
        """What is given for a run, checked against the graph, and what takes the attributions; runs nothing,
        unless T seems to have no batch axis."""
        samples = as_samples(xs, self._model.inputs, self._form)
        check_columns(self._references.columns, samples.columns, self._model.inputs)
        shapes = [a.shape for a in samples.arrays]
        planned = self._method.plan(shapes)
        if ys is None and isinstance(self._target, BuiltTarget) and self._target.target.uses_predictions:
            ys = self._predictions(samples, options)
        request = as_request(self._model, self._layouts, self._target, samples, ys, self._form, options)
        k = self._references.check(shapes, samples.index)
        if options.return_std_error and k > 1:
            raise ParameterError(f'return_std_error: the baseline is a set of {k}: {OF_SETS}')
        per_row = k * sum(planned.evaluations or ())
        if per_row > MANY and not is_wanted(options.progress):
            self._model.warn_once(
                self._method.name, f'"{self._method.name}" evaluates the model up to {per_row} times for '
                f'each row, {per_row * request.n} times in all. progress=True shows how far it is; coarser '
                'features or fewer samples cost less', CostWarning)
        self._check_feeds(request.feeds)
        return request, ClassOutputs(options.out, self._shapes(planned.shapes), self._dtypes,
                                     self._result_form, request.read(), len(request.each) or None)

    def _classes(self, options: Options) -> int | None:
        return None if options.classes is None else len(classes_of(options.classes, self._target))

    def _predictions(self, samples: Samples, options: Options) -> Any:
        """The outputs that the target is about, at xs."""
        outputs = self._target.outputs                                  # type: ignore[union-attr]
        models = [Model(self._model.session, t, self._model.inputs) for t in entries(outputs)]
        form = replace(self._form, is_list=True, keys=None)
        found = values(models, form, samples.arrays, replace(options, progress=False))
        places = iter(found)
        return map_entries(lambda t: next(places), outputs)

    def _check_feeds(self, feeds: Mapping[str, Feed]) -> None:
        """Raise FeedError for what is fed in place of a tensor that the copy of the graph computes again."""
        if self._method.is_perturbation and not self._model.jit:
            return                                      # which runs the graph as it is
        for feed in feeds.values():
            if feed.tensor.name in self._model.path.computed_again:
                raise FeedError(f'feed_dict feeds "{feed.tensor.name}" ({feed.tensor.op.type}), which is '
                                f'made of constants or of the shape of X: "{self._method.name}" computes it '
                                f'again in a copy of the graph, where the feed would not count. Make it a '
                                f'tf.compat.v1.placeholder_with_default, which may be fed, or use '
                                f'{names_with("is_perturbation")} without jit_compile')

    def _about(self) -> dict[str, Any]:
        names = [self._layer.name] if self._layer is not None else list(
            self._form.keys or (x.name for x in self._model.inputs))
        target = self._target_name()
        return {'target': target, 'method': repr(self._method),
                'adds_up': self._method.adds_up and not self._method.is_by_feature,
                'unit': self._method.unit_of(short_name(target)),
                'parameters': self._method.parameters, 'input_names': names,
                'layer': '' if self._layer is None else self._layer.name}

    def _target_name(self) -> str:
        """What T is called: after its layer where the model has layers."""
        T = self._model.target
        layer = self._model.layer_of(T.op.name)
        if layer and self._model.layers[layer].name != T.name \
                and any(op.type in ('Softmax', 'LogSoftmax', 'Sigmoid') for op in T.consumers()):
            return f'logits of {layer}'
        return layer or T.name

    def _feature_names(self, samples: Samples) -> list[Any] | None:
        return self._method.feature_names(Rows([a.shape for a in samples.arrays], None, samples.columns))

    def _rows(self) -> int:
        return self._layouts.tuner.rows

    def plan(self, n: int, batch_size: int | None = None, memory_limit: int | None = None) -> RunPlan:
        """What `run` will do with n rows against one baseline; runs nothing.

        Parameters
        ----------
        n : int
            Rows of xs.
        batch_size, memory_limit
            As for `run`.

        Returns
        -------
        RunPlan
            Calls, rows per call, model evaluations, bytes; at most, where inputs turn out to be the same.

        Raises
        ------
        ShapeError
            Where X leaves the size of a feature axis open.
        ParameterError
            Where a tolerance decides.
        """
        integer(n, 'n', 1)
        Options(batch_size, memory_limit=memory_limit)          # which checks them
        shapes = [(n, *x.shape.as_list()[1:]) for x in self._model.inputs if x.shape.rank]
        if len(shapes) < len(self._model.inputs) or any(d is None for shape in shapes for d in shape):
            raise ShapeError('plan needs an X with known feature axes: '
                             + ', '.join(f'"{x.name}" {shape_text(x.shape)}' for x in self._model.inputs))
        points = self._method.plan(shapes).evaluations
        if points is None:
            raise ParameterError(f'plan: how often "{self._method.name}" evaluates the model is decided by '
                                 f'its tolerance, or by the size of its layer')
        layout, is_line = self._layouts.of(n, batch_size, memory_limit), self.compile().is_line_integral
        runs = sum(calls(n, p, layout.rows, layout.fixed_batch, is_line) for p in points)
        return RunPlan(runs, layout.rows, n * sum(points), layout.rows * self._model.path.row_total)

    def audit(self) -> Audit:
        """How this method treats every op between X and T; see Audit. Runs nothing, and adds nothing to the
        graph."""
        return Audit.of(self._method, self._model)
