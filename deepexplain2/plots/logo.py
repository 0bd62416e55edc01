"""Sequences of letters, as in genomics."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ParameterError, ShapeError
from .figure import grid, plain
from .given import Given, count, given, is_explanation

# of the bases as in most logos, of other letters by turns
COLOURS = {'A': '#109648', 'C': '#255c99', 'G': '#f7b32b', 'T': '#d62839', 'U': '#d62839'}
OTHERS = '#4477aa', '#aa3377', '#228833', '#997700', '#ee6677', '#555555'


def logo(values: Any, data: Any = None, *, letters: str = 'ACGT', start: int = 0, max_rows: int = 4,
         ax: Any = None, unit: str | None = None, title: str | None = None) -> np.ndarray:
    """Draw the attributions of sequences of letters, each letter as high as its attribution; negative ones
    stand below the line, upside down. All rows have one scale.

    Parameters
    ----------
    values : Explanation, or array (length, letters), (n, length, letters) or (length,)
        Attributions. Where those of a position are for all letters, what is not 0 is drawn, the smaller
        nearer to the line.
    data : array (length, letters), optional
        The sequence, one-hot; by default the xs of the Explanation where it is one-hot. Then the letter that
        is there gets the sum of its position.
    letters : str, default 'ACGT'
        What the entries of the last axis are called.
    start : int, default 0
        The number of the first position.
    max_rows : int, default 4
        How many rows are drawn; the figure says of how many.
    ax : array of Axes, optional
        One for each row.
    unit, title
        As for `image`.

    Returns
    -------
    array of Axes, one for each row

    Raises
    ------
    ShapeError
        Where the last axis has another length than `letters`.

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2 import plots
    >>> panels = plots.logo([[0, 1., 0, 0], [0, 0, -.5, 0]])
    >>> [p.get_label() for p in panels[0].patches]
    ['C', 'G']
    """
    if len(set(letters)) != len(letters) or not letters:
        raise ParameterError(f'letters must name each letter once, not {letters!r}')
    if not is_explanation(values):
        values = np.asarray(values)
        if values.ndim < 3 and not (values.ndim == 2 and data is not None and np.asarray(data).ndim == 3):
            values, data = values[None], None if data is None else np.asarray(data)[None]
    found = given(values, data)
    a, missing = _heights(found, letters, data is not None)
    rows = min(len(a), count('max_rows', max_rows))
    low, high = np.minimum(a, 0).sum(2)[:rows].min(), np.maximum(a, 0).sum(2)[:rows].max()
    wide = (high - low) or 1.
    with grid(ax, rows, 1, (min(max(4, .16 * a.shape[1]), 16), .4 + 1.8 * rows), sharex=True) as panels:
        panels = panels[:, 0]
        for axis, row, gone in zip(panels, a, missing):
            plain(axis)
            _row(axis, row, letters, start)
            axis.set(xlim=(start - .6, start + len(row) - .4), ylim=(low - .05 * wide, high + .05 * wide))
            axis.axhline(0, color='0.3', linewidth=.8)
            for position in np.flatnonzero(gone):
                axis.axvspan(start + position - .5, start + position + .5, facecolor='none', edgecolor='0.5',
                             hatch='////', linewidth=0)
            if gone.any():
                axis.set_xlabel(f'hatched: no value ({gone.mean():.0%})', fontsize=8)
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.tick_params(labelsize=8)
            axis.set_ylabel(unit if unit is not None else found.unit or 'attribution', fontsize=8, wrap=True)
        panels[0].set_title(found.title if title is None else title, fontsize=9, wrap=True)
        if rows < len(a):
            axis.set_xlabel(f'{rows} of {len(a)} rows', fontsize=8)
    return panels


def _heights(found: Given, letters: str, asked: bool) -> tuple[np.ndarray, np.ndarray]:
    """(n, length, letters): how high each letter is; (n, length): where that is not known."""
    a, hot = found.values, found.data
    if hot is not None and (hot.shape[-1] != len(letters) or not is_one_hot(hot)):
        if asked:
            raise ShapeError(f'data must be one-hot, (length, {len(letters)}), a single 1 among 0 in each '
                             f'row, and has shape {hot.shape[1:]}')
        hot = None
    if a.ndim == 2 and hot is not None and hot.shape[:2] == a.shape:
        a = a[..., None] * hot
    if a.ndim != 3 or a.shape[2] != len(letters) or (hot is not None and hot.shape != a.shape):
        raise ShapeError(f'values have shape {a.shape[1:]}, and {len(letters)} letters, {letters!r}, need '
                         f'(length, {len(letters)}). Attributions by position need data, the one-hot '
                         'sequence')
    missing = np.isnan(a).any(2)
    if hot is not None:
        a = np.nansum(a, 2, keepdims=True) * hot
    return np.nan_to_num(a), missing


def _row(axis: Any, row: np.ndarray, letters: str, start: int) -> None:
    for position, heights in enumerate(row):
        for sign in 1, -1:
            base = 0.
            for k in sorted(np.flatnonzero(heights * sign > 0), key=lambda k: abs(heights[k])):
                _letter(axis, letters[k], int(k), start + position, base, heights[k])
                base += heights[k]


def is_one_hot(a: np.ndarray) -> bool:
    """Whether every position is one letter, or none (padding)."""
    if a.ndim < 2 or a.shape[-1] < 2 or a.dtype.kind not in 'biuf':
        return False
    return bool(((a == 0) | (a == 1)).all() and (a.sum(-1) <= 1).all() and (a.sum(-1) == 1).any())


def _letter(axis: Any, letter: str, k: int, x: float, base: float, height: float) -> None:
    """A letter that fills its box, upside down where height is negative."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import PathPatch
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D
    path = TextPath((0, 0), letter, size=1, prop=FontProperties(family='DejaVu Sans', weight='bold'))
    box = path.get_extents()
    move = Affine2D().translate(-box.x0, -box.y0).scale(.94 / box.width,
                                                        height / box.height).translate(x - .47, base)
    axis.add_patch(PathPatch(move.transform_path(path),
                             facecolor=COLOURS.get(letter, OTHERS[k % len(OTHERS)]),
                             linewidth=0, label=letter))
