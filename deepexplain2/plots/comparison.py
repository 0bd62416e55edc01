"""Methods beside metrics."""

from __future__ import annotations

from typing import Any

import numpy as np

from .figure import grid
from .scale import Scale

PER_LINE = 3


def comparison(table: Any, *, ax: Any = None) -> np.ndarray:
    """Draw a Comparison: bars with standard errors for each metric, the best method on top, and the rank
    correlations of the attributions.

    Parameters
    ----------
    table : Comparison
        What `de.compare` returned. The bars of 'random' and 'gradient' are grey: who is no better than them
        explains nothing by this metric.
    ax : array of Axes, optional
        One for each metric and one more; beyond 3 rounded up to a multiple of 3.

    Returns
    -------
    array of Axes, (rows, at most 3)

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2 import plots
    >>> from deepexplain2.evaluation import Comparison, Scores
    >>> scores = {(m, 'deletion'): Scores(np.array([s, s + .1]), 'deletion', 'lower') for m, s in
    ...           (('intgrad', .2), ('random', .6))}
    >>> table = Comparison(['intgrad', 'random'], ['deletion'], scores, {'deletion': 'lower'})
    >>> plots.comparison(table).shape
    (1, 2)
    """
    names, metrics = table.ordered, table.metrics
    rows, columns = -(-(len(metrics) + 1) // PER_LINE), min(len(metrics) + 1, PER_LINE)
    with grid(ax, rows, columns, (3.6 * columns, rows * (.8 + .26 * len(names)))) as found:
        panels = found.ravel()
        for axis, metric in zip(panels, metrics):
            _bars(axis, table, names, metric)
        axis = panels[len(metrics)]
        drawn = axis.imshow(table.agreement, vmin=-1, vmax=1,
                            cmap=Scale.of([np.array([-1., 1.])]).colours)
        axis.set_xticks(range(len(names)), names, rotation=90)
        axis.set_yticks(range(len(names)), names)
        axis.tick_params(labelsize=7)
        axis.set_title('rank correlation of attributions', fontsize=9)
        axis.figure.colorbar(drawn, ax=axis, shrink=.8)
        for axis in panels[len(metrics) + 1:]:
            axis.axis('off')
    return found


def _bars(axis: Any, table: Any, names: list[str], metric: str) -> None:
    scores = [table.scores.get((m, metric)) for m in names]
    means = [table.mean(m, metric) for m in names]
    errors = [np.nan_to_num(s.std_error) if hasattr(s, 'std_error') else 0 for s in scores]
    axis.barh(names, np.nan_to_num(means), xerr=errors, error_kw={'linewidth': .8},
              color=['0.75' if m in ('random', 'gradient') else '#4477aa' for m in names])
    for place, mean in enumerate(means):
        if np.isnan(mean):
            said = ' not applicable' if isinstance(scores[place], str) else ' not measured'
            axis.text(0, place, said, fontsize=7, va='center', color='0.4')
    axis.axvline(0, color='0.3', linewidth=.8)
    axis.set_title(f'{metric} ({table.better.get(metric, "")} is better)', fontsize=9)
    axis.invert_yaxis()
    axis.spines[['top', 'right']].set_visible(False)
    axis.tick_params(labelsize=7)
