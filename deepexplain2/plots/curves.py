"""Curves of metrics: deletion, insertion, randomization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ParameterError, ShapeError
from .bar import SERIES
from .figure import axes, plain
from .given import numbers, short

STYLES = '-', '--', ':', '-.'


def curve(values: Any, x: Any = None, *, ax: Any = None, label: str | None = None, xlabel: str | None = None,
          ylabel: str | None = None, title: str | None = None) -> Any:
    """Draw one curve of a metric: its mean over rows, and a band of one standard error.

    Parameters
    ----------
    values : Scores with a curve, or array (points,) or (n, points)
        As `de.evaluate` returns it for 'deletion', 'insertion', 'model_randomization' and others.
    x : array (points,) or (n, points), optional
        Where the points are; by default those of the Scores, or 0, 1, ...
    ax : Axes, optional
        Where to draw; several curves may share axes.
    label : str, optional
        Its name, in a legend.
    xlabel, ylabel, title : str, optional
        What is said there.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from deepexplain2 import plots
    >>> plots.curve([[1., .5, .1], [1., .7, .2]], [0, .5, 1]).get_lines()[0].get_ydata()
    array([1.  , 0.6 , 0.15])
    """
    return curves({label or '': values}, x, ax=ax, xlabel=xlabel, ylabel=ylabel, title=title)


def curves(values: Mapping[str, Any], x: Any = None, *, ax: Any = None, xlabel: str | None = None,
           ylabel: str | None = None, title: str | None = None) -> Any:
    """Draw a curve for each of several methods, as `curve` does.

    Parameters
    ----------
    values : dict of str to Scores with a curve, or to array (points,) or (n, points)
        By method. The legend has the means of the scores.
    x, ax, xlabel, ylabel, title
        As for `curve`.

    Returns
    -------
    Axes

    Raises
    ------
    ParameterError
        For Scores without a curve.

    Examples
    --------
    >>> from deepexplain2 import plots
    >>> ax = plots.curves({'deeplift': [1., .5, .1], 'random': [1., .9, .6]})
    >>> [t.get_text() for t in ax.get_legend().get_texts()]
    ['deeplift', 'random']
    """
    if not isinstance(values, Mapping) or not values:
        raise ParameterError('curves takes a dict of a curve for each method; for a single one there is '
                             '`curve`')
    found = {name: _points(v, x, name) for name, v in values.items()}
    named = [c for c in found.values() if c[2]]
    with axes(ax, (5.6, 3.6)) as axis:
        plain(axis)
        for k, (name, (at, y, _)) in enumerate(found.items()):
            k += len(axis.lines)                                # after what is there
            mean, n = y.mean(0), len(y)
            colour = SERIES[k % len(SERIES)]
            said = short(name)
            if hasattr(values[name], 'mean') and hasattr(values[name], 'metric'):
                said = f'{said} ({values[name].mean:.3g})'.strip()
            axis.plot(at, mean, STYLES[k // len(SERIES) % len(STYLES)], color=colour, label=said,
                      linewidth=1.6,
                      marker='o' if len(at) <= 12 else None, markersize=3)
            if n > 1:
                error = y.std(0, ddof=1) / n ** .5
                axis.fill_between(at, mean - error, mean + error, color=colour, alpha=.18, linewidth=0)
        if named:
            axis.set_xticks(named[0][0], [short(s, 18) for s in named[0][2]], rotation=30, ha='right')
        if any(found) or len(found) > 1:
            axis.legend(fontsize=8, frameon=False)
        axis.tick_params(labelsize=8)
        first = next(iter(values.values()))
        of_scores = hasattr(first, 'metric')
        axis.set_xlabel(xlabel if xlabel is not None else '' if named or not of_scores else 'share of '
                                                                                            'features',
                        fontsize=9)
        axis.set_ylabel(ylabel if ylabel is not None else _title(first) if of_scores else '', fontsize=9)
        axis.set_title(title or '', fontsize=9, wrap=True)
    return axis


def _title(scores: Any) -> str:
    return f'{str(scores.metric).split("(")[0]} ({scores.better} is better)'


def _points(values: Any, x: Any, name: str) -> tuple[np.ndarray, np.ndarray, Sequence[str]]:
    """(points,), (n, points), and names of the points."""
    labels: Sequence[str] = ()
    if hasattr(values, 'metric'):
        if values.curve is None:
            raise ParameterError(f'{values.metric} has no curve. Those that have one: deletion, insertion, '
                                 f'model_randomization and what else its help says')
        labels, x = values.curve.labels, values.curve.x if x is None else x
        values = values.curve.y
    y = np.atleast_2d(numbers(values, f'curve {name!r}'))
    if y.ndim != 2:
        raise ShapeError(f'curve {name!r} has shape {y.shape}, and must be (points,) or (n, points)')
    at = np.arange(y.shape[1]) if x is None else numbers(x, 'x')
    if at.ndim == 2 and at.shape == y.shape and not (at == at[0]).all():
        # rows with points of their own are brought to those of all
        places = np.linspace(at.min(), at.max(), max(y.shape[1], 2))
        return places, np.stack([np.interp(places, a, b) for a, b in zip(at, y)]), labels
    at = at[0] if at.ndim == 2 else at
    if at.shape != y.shape[1:]:
        raise ShapeError(f'x has shape {np.shape(x)}, and curve {name!r} {y.shape[1]} points')
    return at, y, labels
