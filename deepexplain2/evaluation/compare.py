"""Methods compared by metrics: each attribution and each score once, whatever is asked of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import DeepExplainError, ParameterError, ToleranceWarning, first_line, warn
from .base import Metric
from .comparison import Comparison
from .faithfulness.completeness import Completeness
from .measure import Measurement, listed
from .similarity import rank_correlation

DEFAULT = ('deletion', 'insertion', 'mu_fidelity', 'sensitivity_n', 'average_sensitivity', 'sparseness',
           'completeness')
ALWAYS = ('random', 'gradient')

# explained(method) -> (what Measurement.score takes..., evaluations)
Explained = Callable[[Any], tuple[Any, ...]]


class Noise:
    """Attributions that say nothing: standard normal noise, other noise each time."""

    def __init__(self, shapes: list[tuple[int, ...]], seed: int, returned: Callable[[list[np.ndarray]], Any]):
        self._shapes, self._rng, self._returned = shapes, np.random.default_rng(seed), returned

    def __call__(self, *given: Any) -> list[np.ndarray]:
        """Whatever is asked: other inputs, other classes, other weights."""
        return [self._rng.standard_normal(shape) for shape in self._shapes]

    def explained(self) -> tuple[Any, ...]:
        """As for methods."""
        return self._returned(self()), None, self, None, self, None, 0

    @property
    def layers(self) -> list[str]:
        """Noise has no weights: one step stands for all."""
        return ['all']


def compare(methods: Mapping[str, Any], metrics: Mapping[str, Metric], measurement: Measurement,
            explained: Explained, noise: Noise, resume: Comparison | None = None) -> Comparison:
    """The table of methods and metrics.

    Parameters
    ----------
    methods, metrics : mapping
        By their labels; 'random' and 'gradient' are among the methods.
    measurement : Measurement
        The rows and the target.
    explained : function
        From a method to what `Measurement.score` takes, and the number of evaluations.
    noise : Noise
        What 'random' is.
    resume : Comparison, optional
        What was measured before of the same rows and target, which is not done again.
    """
    result = Comparison(list(methods), list(metrics), better={name: m.better for name, m in metrics.items()},
                        about=measurement.about)
    if resume is not None:
        if resume.about != result.about:
            raise ParameterError('resume is a comparison of other rows, ys or another target: it does not go '
                                 'on with these')
        _take_over(result, resume, metrics)
    try:
        for label, method in methods.items():
            missing = [name for name in metrics if (label, name) not in result.scores]
            if missing:
                _measure(result, label, method, {name: metrics[name] for name in missing}, measurement,
                         explained, noise)
    except KeyboardInterrupt:
        warn(f'the comparison was interrupted: {len(result.scores)} of '
             f'{len(result.methods) * len(result.metrics)} scores are in it. compare(..., resume=it) goes '
             f'on', ToleranceWarning)
    _agree(result)
    return result


def _take_over(result: Comparison, resume: Comparison, metrics: Mapping[str, Metric]) -> None:
    """What is known of the same methods and metrics."""
    result.scores.update({key: found for key, found in resume.scores.items()
                          if key[0] in result.methods and key[1] in result.metrics
                          and getattr(found, 'metric', '') in ('', repr(metrics[key[1]]))})
    for name in ('seconds', 'evaluations', 'maps'):
        getattr(result, name).update({key: value for key, value in getattr(resume, name).items()
                                      if key in result.methods})
    result.metric_seconds.update(resume.metric_seconds)


def _measure(result: Comparison, label: str, method: Any, metrics: Mapping[str, Metric],
             measurement: Measurement, explained: Explained, noise: Noise) -> None:
    """All missing scores of a method, written one by one."""
    start = time.perf_counter()
    try:
        *given, evaluations = noise.explained() if method is noise else explained(method)
    except DeepExplainError as e:
        result.scores.update({(label, name): f'{type(e).__name__}: {first_line(e)}' for name in metrics})
        return
    result.seconds[label], result.evaluations[label] = time.perf_counter() - start, evaluations
    result.maps[label] = listed(given[0])
    for name, metric in metrics.items():
        start = time.perf_counter()
        try:
            if isinstance(metric, Completeness) and given[-1] is None:
                raise DeepExplainError('no sum is promised')
            result.scores[label, name] = measurement.score(metric, *given)
        except DeepExplainError as e:
            result.scores[label, name] = f'{type(e).__name__}: {first_line(e)}'.removeprefix(
                'DeepExplainError: ')
        result.metric_seconds[name] = result.metric_seconds.get(name, 0.) + time.perf_counter() - start


def _agree(result: Comparison) -> None:
    """The mean rank correlations of all pairs of attributions."""
    names = sorted(result.maps)
    for k, a in enumerate(names):
        for b in names[k + 1:]:
            if [m.shape for m in result.maps[a]] == [m.shape for m in result.maps[b]]:
                found = rank_correlation(result.maps[a], result.maps[b])
                if not np.isnan(found).all():
                    result.agreement_of_maps[a, b] = float(np.nanmean(found))
