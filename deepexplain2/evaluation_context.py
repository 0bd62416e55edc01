"""Metrics in the context of a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from .attribution.base import Method
from .compiled import compiled_for
from .evaluation import Metric, Scores, metrics
from .evaluation.measure import Measurement, as_metric, explain_with
from .explainer_context import ExplainerContext
from .explanation import Explanation
from .request.base_explainer import BaseExplainer
from .request.options import VALUES, Options, parse


class EvaluationContext(ExplainerContext):
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
            first; metrics of robustness and randomization explain again, and need one.
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
                                  if name not in options}, metrics.__getitem__)
        checked = parse(batch_size, options, 'evaluate', VALUES)
        measurement = self._measurement(T, X, xs, ys, checked)
        return measurement.score(made, *self._attributions(attributions, T, X, xs, ys, checked))

    def _measurement(self, T: Any, X: Any, xs: Any, ys: Any, options: Options) -> Measurement:
        """The rows and the target of metrics."""
        model, target, form = self._scored(T, X, ys)
        return Measurement(model, target, form, xs, ys, options,
                           compiled_for(self.session).uses_probabilities(model.target))

    def _attributions(self, given: Any, T: Any, X: Any, xs: Any, ys: Any, options: Options) -> tuple[
            Any, Any, Any, Any]:
        """(attributions, names of their features, what explains again, attributions by feature)."""
        explain = None
        if isinstance(given, (str, Method, BaseExplainer)):
            explainer = given if isinstance(given, BaseExplainer) else self._explainer(given, T, X, {}, False)
            kept: dict[str, Any] = {name: value for name in ('feed_dict', 'memory_limit')
                                    if (value := getattr(options, name)) is not None}
            given = explainer.explanation(xs, ys, options.batch_size, **kept)
            explain = explain_with(explainer, self._inputs(X)[1], ys, options)
        if not isinstance(given, Explanation):
            return given, None, explain, None
        if given.by_feature is None:
            return given.values, given.feature_names, explain, None
        by_feature = given.parameters.get('features'), given.by_feature
        arrays = [np.nan_to_num(a) for a in given.arrays]               # NaN: in no feature
        values = arrays if isinstance(given.values, list) else arrays[0]
        return values, given.feature_names, explain, by_feature
