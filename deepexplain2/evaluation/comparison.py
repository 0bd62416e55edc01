"""Methods beside metrics: the table of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from .. import plots
from ..frames import pandas_for
from .scores import Scores

MARK = {'higher': '↑', 'lower': '↓'}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Scores of several methods by several metrics, and what they cost.

    Parameters
    ----------
    methods, metrics : list of str
        The rows and columns of the table, as they were given.
    scores : dict of (method, metric) to Scores, or str
        What was measured; the reason where a method or a metric was refused. What is missing was not reached.
    better : dict of metric to 'higher' or 'lower'
        Which scores are better.
    seconds : dict of method to float
        How long the attributions took.
    evaluations : dict of method to int or None
        Evaluations of the model for them, over all rows; None where that is not known in advance.
    metric_seconds : dict of metric to float
        How long a metric took, over all methods.
    maps : dict of method to list of arrays
        The attributions.
    agreement_of_maps : dict of (method, method) to float
        Their mean rank correlations, names in alphabetical order.
    about : str
        A digest of the rows, ys and target, which are those of what resumes it.

    Notes
    -----
    It says what was measured, not which method is right: means with standard errors over rows, for methods
    beside 'random' (noise) and 'gradient'. A metric by which noise does as well as a method says nothing of
    it.
    """

    methods: list[str]
    metrics: list[str]
    scores: dict[tuple[str, str], Any] = field(default_factory=dict)
    better: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    evaluations: dict[str, int | None] = field(default_factory=dict)
    metric_seconds: dict[str, float] = field(default_factory=dict)
    maps: dict[str, list[np.ndarray]] = field(default_factory=dict)
    agreement_of_maps: dict[tuple[str, str], float] = field(default_factory=dict)
    about: str = ''

    @property
    def is_complete(self) -> bool:
        """Whether every method was measured by every metric, or refused."""
        return all((method, metric) in self.scores for method in self.methods for metric in self.metrics)

    def mean(self, method: str, metric: str) -> float:
        """The mean score; NaN where there is none."""
        found = self.scores.get((method, metric))
        return found.mean if isinstance(found, Scores) else float('nan')

    @property
    def ranks(self) -> dict[tuple[str, str], int]:
        """The place of each method by each metric, from 1; of equal means the same."""
        found = {}
        for metric in self.metrics:
            sign = -1 if self.better.get(metric) == 'higher' else 1
            means = {m: sign * self.mean(m, metric) for m in self.methods
                     if not np.isnan(self.mean(m, metric))}
            for m, value in means.items():
                found[m, metric] = 1 + sum(other < value for other in means.values())
        return found

    @property
    def ordered(self) -> list[str]:
        """The methods by their mean rank; those without any score last."""
        ranks = self.ranks

        def place(method: str) -> float:
            some = [ranks[method, metric] for metric in self.metrics if (method, metric) in ranks]
            return float(np.mean(some)) if some else float('inf')
        return sorted(self.methods, key=place)

    @property
    def agreement(self) -> np.ndarray:
        """(methods, methods): the mean rank correlation of their attributions, in the order of `ordered`; NaN
        where one has none."""
        names = self.ordered
        return np.array([[1. if a == b else self.agreement_of_maps.get(
            (min(a, b), max(a, b)), float('nan')) for b in names] for a in names])

    def _cell(self, method: str, metric: str, ranks: Mapping[tuple[str, str], int]) -> str:
        found = self.scores.get((method, metric))
        if not isinstance(found, Scores):
            return '' if found is None else '–'
        return f'{found.mean:.3g} ± {found.std_error:.1g} ({ranks[method, metric]})'

    def _rows(self) -> list[list[str]]:
        ranks = self.ranks
        return [[method, *(self._cell(method, metric, ranks) for metric in self.metrics),
                 f'{self.seconds[method]:.3g} s' if method in self.seconds else '',
                 str(self.evaluations.get(method) or '')] for method in self.ordered]

    @property
    def _head(self) -> list[str]:
        return ['method', *(f'{metric} {MARK.get(self.better.get(metric, ""), "")}'.strip()
                            for metric in self.metrics), 'time', 'evaluations']

    @property
    def reasons(self) -> dict[tuple[str, str], str]:
        """Why a method has no score by a metric."""
        return {key: found for key, found in self.scores.items() if isinstance(found, str)}

    def to_markdown(self) -> str:
        """The table: means ± standard errors (ranks), the best mean rank first, and reasons below."""
        lines = ['| ' + ' | '.join(self._head) + ' |', '|' + '---|' * len(self._head)]
        lines += ['| ' + ' | '.join(row) + ' |' for row in self._rows()]
        lines += [f'\n{line}' for line in self._said()]
        return '\n'.join(lines)

    def _said(self) -> list[str]:
        """Reasons, each once, with the methods and metrics that it is about."""
        about: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
        for (method, metric), why in self.reasons.items():
            some, by = about.setdefault(why, ({}, {}))
            some[method] = by[metric] = None
        return [f'{", ".join(some)}, by '
                f'{"all metrics" if len(by) == len(self.metrics) else ", ".join(by)}: {why}'
                for why, (some, by) in about.items()]

    def to_frame(self) -> Any:
        """Means and standard errors as a pandas DataFrame, one row per method."""
        pandas = pandas_for('The scores are in `scores`')
        columns: dict[str, list[Any]] = {}
        for metric in self.metrics:
            columns[metric] = [self.mean(m, metric) for m in self.ordered]
            columns[f'{metric} std_error'] = [
                s.std_error if isinstance(s := self.scores.get((m, metric)), Scores) else float('nan')
                for m in self.ordered]
        columns['seconds'] = [self.seconds.get(m, float('nan')) for m in self.ordered]
        return pandas.DataFrame(columns, index=self.ordered)

    def plot(self, *, ax: Any = None) -> np.ndarray:
        """A panel of bars for each metric, with standard errors, and the matrix of agreement: see
        `plots.comparison`."""
        return plots.comparison(self, ax=ax)

    def __repr__(self) -> str:
        rows = [self._head, *self._rows()]
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = ['  '.join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
        return '\n'.join([*lines, *self._said()])

    def _repr_html_(self) -> str:
        head = ''.join(f'<th>{escape(h)}</th>' for h in self._head)
        body = ''.join('<tr>' + ''.join(f'<td>{escape(cell)}</td>' for cell in row) + '</tr>'
                       for row in self._rows())
        said = ''.join(f'<p>{escape(line)}</p>' for line in self._said())
        return f'<table><tr>{head}</tr>{body}</table>{said}'


def labelled(given: Any) -> dict[str, Any]:
    """Methods or metrics by what they are called: names, objects by their repr, or a dict."""
    if isinstance(given, Mapping):
        return dict(given)
    some = [given] if isinstance(given, str) or not isinstance(given, (list, tuple)) else given
    return {m if isinstance(m, str) else repr(m): m for m in some}
