"""Axes to draw on: the caller's, or those of a new figure."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import MissingPackageError, ParameterError, ShapeError


def matplotlib() -> Any:
    """The package; MissingPackageError without it."""
    try:
        import matplotlib
        import matplotlib.figure
        import matplotlib.pyplot
    except ImportError as e:
        raise MissingPackageError('plots need matplotlib, which is not installed: pip install matplotlib, or '
                                  "pip install 'deepexplain2[plots]'. Text as HTML or for a terminal goes "
                                  'without') from e
    return matplotlib


@contextmanager
def axes(ax: Any, size: tuple[float, float]):
    """The caller's axes, or those of a new figure of this size in inches, which is closed where drawing
    fails."""
    with grid(ax, 1, 1, size) as found:
        yield found[0, 0]


@contextmanager
def grid(ax: Any, rows: int, columns: int, size: tuple[float, float], **layout: Any):
    """An array of axes (rows, columns): the caller's, or those of a new figure of this size in inches."""
    plt = matplotlib().pyplot
    if ax is not None:
        yield _given(ax, rows, columns)
        return
    figure, found = plt.subplots(rows, columns, figsize=size, squeeze=False, layout='constrained', **layout)
    try:
        yield found
    except BaseException:
        plt.close(figure)
        raise


def _given(ax: Any, rows: int, columns: int) -> np.ndarray:
    found = np.asarray(ax, object)
    if any(not isinstance(a, matplotlib().axes.Axes) for a in found.flat):
        raise ParameterError(f'ax must be axes of matplotlib, not {type(ax).__name__}. Leave it out for a '
                             'new figure')
    if found.size != rows * columns:
        raise ShapeError(f'{rows * columns} panels are to be drawn ({rows} x {columns}), and ax holds '
                         f'{found.size} axes')
    return found.reshape(rows, columns)


def bare(ax: Any) -> None:
    """No ticks, a thin frame."""
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(linewidth=.5, color='0.6')


def plain(ax: Any) -> None:
    """Axes for numbers: no box, a grid that does not speak."""
    ax.spines[['top', 'right']].set_visible(False)
    ax.set_axisbelow(True)


def private(draw: Callable[[], Any]) -> bytes:
    """The figure that `draw` makes, as a PNG; pyplot is left as it was."""
    import io
    plt = matplotlib().pyplot
    before = plt.get_fignums()
    current = plt.gcf().number if before else None
    try:
        found = draw()
        figure = np.asarray(found, object).flat[0].figure
        content = io.BytesIO()
        figure.savefig(content, format='png', dpi=80)
        return content.getvalue()
    finally:
        for number in set(plt.get_fignums()) - set(before):
            plt.close(number)
        if current is not None:
            plt.figure(current)
