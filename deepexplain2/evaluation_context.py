"""Metrics in the context of a model."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from typing_extensions import Unpack  # comes with TensorFlow

from .attribution.base import Method
from .attribution.registry import create
from .compiled import compiled_for
from .errors import DeepExplainError
from .evaluation import Comparison, Metric, Scores
from .evaluation import metrics as all_metrics
from .evaluation.compare import ALWAYS, DEFAULT, Noise, compare
from .evaluation.comparison import labelled
from .evaluation.measure import Measurement, as_metric, explain_with, listed, run_options
from .explanation import Explanation
from .kinds_of_values import integer
from .randomized_context import RandomizedContext, Weights
from .request.base_explainer import BaseExplainer
from .request.options import VALUES, Options, ValueOptions, parse


class EvaluationContext(RandomizedContext):
    """Asks how good attributions are."""

    def evaluate(self, metric: str | Metric, T: Any, X: Any, xs: Any, attributions: Any, ys: Any = None,
                 batch_size: int | None = None, **options_and_parameters: Any) -> Scores:
        """How good attributions are, by a metric.

        Parameters
        ----------
        metric : str or Metric
            A name out of deepexplain2.metrics with parameters, or a metric, which has its own.
        T, X, xs, ys, batch_size
            As for `explain`.
        attributions : array, list of arrays for a list X, Explanation, or a method
            Shaped like xs. A method, by its name or as an object, or an explainer of T and X, explains xs
            first; metrics of robustness and randomization explain again, and need one. Of token ids also
            shaped like their embedding, and summed over it; what is absent takes the id `baseline`, 0 unless
            the metric says another.
        **options_and_parameters
            feed_dict, progress, memory_limit, as for `explain`; and parameters of the metric where it is
            given by name.

        Returns
        -------
        Scores
            One number per row.

        Raises
        ------
        DeepExplainError
            Before anything runs, where something does not fit.

        Examples
        --------
        >>> a = de.explain('intgrad', T, X, xs, ys=labels)
        >>> scores = de.evaluate('deletion', T, X, xs, a, labels)
        >>> scores.values.shape, scores.better
        ((2,), 'lower')
        """
        options = {name: value for name, value in options_and_parameters.items() if name in VALUES}
        made = as_metric(metric, {name: value for name, value in options_and_parameters.items()
                                  if name not in options}, all_metrics.__getitem__)
        checked = parse(batch_size, options, 'evaluate', VALUES)
        measurement = self._measurement(T, X, xs, ys, checked)
        if isinstance(attributions, Explanation):
            measurement.check_rows(attributions.xs, attributions.feature_names)
        return measurement.score(made, *self._attributions(attributions, T, X, xs, ys, checked))

    def compare(self, methods: Any, T: Any, X: Any, xs: Any, ys: Any = None, batch_size: int | None = None, *,
                metrics: Any = DEFAULT, seed: int = 0, resume: Comparison | None = None,
                **options: Unpack[ValueOptions]) -> Comparison:
        """Methods beside one another by metrics: means with standard errors, ranks, costs and agreement.

        Parameters
        ----------
        methods : list of str or Method, or dict
            What is compared; of a dict the keys are what they are called. 'random' (noise) and 'gradient'
            are added.
        T, X, xs, ys, batch_size
            As for `explain`.
        metrics : list of str or Metric, or dict
            By default deletion, insertion, mu_fidelity, sensitivity_n, average_sensitivity, sparseness, and
            completeness of what promises a sum.
        seed : int, default 0
            Seed of the noise.
        resume : Comparison, optional
            Of the same rows and target: what it has is not measured again.
        **options
            feed_dict, progress, memory_limit, as for `explain`.

        Returns
        -------
        Comparison
            A table: repr, to_markdown(), to_frame(), plot(). A method that is refused on the model is a row
            with the reason. Interrupted (Ctrl-C), the table has what is done, with a warning.

        Notes
        -----
        Each method explains xs once for all metrics; T at x, at the baselines and at inputs of few features
        is evaluated once for all methods and metrics.

        Examples
        --------
        >>> table = de.compare(['intgrad', 'elrp'], T, X, xs, labels, metrics=['deletion', 'sparseness'])
        >>> table.methods, table.is_complete
        (['intgrad', 'elrp', 'random', 'gradient'], True)
        """
        checked = parse(batch_size, options, 'compare', VALUES)
        integer(seed, 'seed', 0)
        some = {name: as_metric(m, {}, all_metrics.__getitem__) for name, m in labelled(metrics).items()}
        measurement = self._measurement(T, X, xs, ys, checked)
        form = self._inputs(X)[1]
        noise = Noise(measurement.request.shapes, seed, form.returned)
        given = labelled(methods)
        for method in given.values():
            if not isinstance(method, BaseExplainer):
                create(method, {})                      # an unknown name is no row
        wanted = given | {name: noise if name == 'random' else name for name in ALWAYS if name not in given}

        def explained(method: Any) -> tuple[Any, ...]:
            explainer, _ = self._explainer_of(method, T, X)
            try:
                evaluations = explainer.plan(measurement.request.n, batch_size).evaluations
            except DeepExplainError:                    # a tolerance decides, or xs do
                evaluations = None
            return *self._attributions(method, T, X, xs, ys, checked), evaluations
        return compare(wanted, some, measurement, explained, noise, resume)

    def _measurement(self, T: Any, X: Any, xs: Any, ys: Any, options: Options) -> Measurement:
        """The rows and the target of metrics."""
        model, target, form = self._scored(T, X, ys)
        return Measurement(model, target, form, xs, ys, options,
                           compiled_for(self.session).uses_probabilities(model.target))

    def _attributions(self, given: Any, T: Any, X: Any, xs: Any, ys: Any, options: Options) -> tuple[
            Any, Any, Any, Any, Any, Any]:
        """(attributions, names of their features, what explains again, attributions by feature, what explains
        with other weights, what they miss of their sum)."""
        explain, randomizer = None, None
        if isinstance(given, (str, Method, BaseExplainer)):
            explainer, method = self._explainer_of(given, T, X)
            given = explainer.explanation(xs, ys, options.batch_size, **run_options(options))
            explain = explain_with(explainer, self._inputs(X)[1], ys, options)
            randomizer = None if method is None else RandomizedModel(self, method, T, X, xs, ys, options)
        if not isinstance(given, Explanation):
            return given, None, explain, None, randomizer, None
        by_feature = None if given.by_feature is None else (given.parameters.get('features'),
                                                            given.by_feature)
        arrays = [np.nan_to_num(a) for a in given.arrays]               # NaN: in no feature, or window
        values = arrays if isinstance(given.values, list) else arrays[0]
        return values, given.feature_names, explain, by_feature, randomizer, given.delta

    def _explainer_of(self, given: Any, T: Any, X: Any) -> tuple[Any, Method | None]:
        """(the explainer, the method) of a method or an explainer, which does not tell its method."""
        if isinstance(given, BaseExplainer):
            return given, None
        method = create(given, {}).located(self._layer_name)
        return self._explainer(method, T, X, {}, False), method


class RandomizedModel:
    """The attributions of rows by a method, with other weights of a model."""

    def __init__(self, context: EvaluationContext, method: Method, T: Any, X: Any, xs: Any, ys: Any,
                 options: Options):
        self._context, self._method, self._xs, self._ys, self._options = context, method, xs, ys, options
        self._target, self._inputs = context._elsewhere(T), context._elsewhere(X)

    @cached_property
    def _weights(self) -> Weights:
        return self._context._weights()                 # once for all steps

    @property
    def layers(self) -> list[str]:
        """The layers with weights, from the outputs on."""
        return list(self._weights[1])

    def __call__(self, layers: list[str], seed: int, how: str) -> list[np.ndarray]:
        """The attributions with random weights in these layers."""
        other = self._context._with_random(self._weights, layers, seed, how)
        try:
            explainer = other._explainer(self._method, self._target, self._inputs, {}, False)
            explain = explain_with(explainer, other._inputs(self._inputs)[1], self._ys, self._options)
            return explain(listed(self._xs))
        finally:
            other.close()
