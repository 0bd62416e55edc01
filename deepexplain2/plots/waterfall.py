"""How the features of one row lead from the baseline to the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ParameterError
from .bar import finish, labelled, largest, single_row
from .figure import axes
from .given import count, is_explanation
from .scale import NEGATIVE, NEUTRAL, POSITIVE


def waterfall(values: Any, base_value: float | None = None, feature_names: Sequence[Any] | None = None, *,
              data: Any = None, output: float | None = None, max_display: int = 10, ax: Any = None,
              unit: str | None = None, title: str | None = None) -> Any:
    """Draw how attributions lead, step by step, from the value at the baseline to the value of one row.

    Parameters
    ----------
    values : Explanation of one row, or array (features,) or (1, ...)
        Attributions.
    base_value : float, optional
        T at the baseline: where the steps begin; by default that of the Explanation.
    output : float, optional
        T of the row, by default that of the Explanation. Where the steps end elsewhere, what is missing is a
        step of its own, 'not explained'.
    feature_names, data, max_display, ax, unit, title
        As for `bar`.

    Returns
    -------
    Axes

    Raises
    ------
    ParameterError
        Where no base value is known.

    Examples
    --------
    >>> from deepexplain2 import plots
    >>> ax = plots.waterfall([2., -1.], 10., ['rooms', 'age'])
    >>> [t.get_text() for t in ax.get_yticklabels()]
    ['rooms', 'age']
    """
    found = single_row(values, feature_names, data, 'plots.beeswarm')
    if is_explanation(values):
        base_value = base_value if base_value is not None else None if values.f_baseline is None \
            else float(values.f_baseline[0])
        output = output if output is not None else None if values.fx is None else float(values.fx[0])
    for name, given_ in ('base_value', base_value), ('output', output):
        number = isinstance(given_, (int, float, np.floating, np.integer)) and np.isfinite(given_)
        if not number and not (name == 'output' and given_ is None):
            raise ParameterError(f'{name} must be a number, not {given_!r}. It is T at the baseline, known '
                                 'to the Explanation of a method that compares with one')
    base = float(base_value)                    # type: ignore[arg-type]
    a = np.nan_to_num(found.values[0])
    shown, rest = largest(a, count('max_display', max_display))
    names, steps = [labelled(found, k) for k in shown], list(a[shown])
    if rest.size:
        names.append(f'{rest.size} others, summed')
        steps.append(a[rest].sum())
    gap = 0. if output is None else output - base - sum(steps)
    # rounding of sums in float32 is no gap
    if abs(gap) > 1e-3 * max(abs(output or 0), abs(base), np.abs(a).sum()):
        names.append('not explained')
        steps.append(gap)
    ends = base + np.cumsum(steps)
    starts = ends - steps
    with axes(ax, (6.4, 1.1 + .34 * len(names))) as axis:
        finish(axis, names, found, unit, title)
        axis.lines[0].remove()                              # the line at 0 means nothing here
        axis.set_ylim(len(names) - .3, -1.1)
        low, high = min([*starts, *ends]), max([*starts, *ends])
        wide = (high - low) or 1
        axis.set_xlim(low - .16 * wide, high + .16 * wide)
        for k, (start, step) in enumerate(zip(starts, steps)):
            colour = NEUTRAL if names[k] == 'not explained' else POSITIVE if step > 0 else NEGATIVE
            axis.barh(k, step, left=start, height=.64, color=colour, hatch='///' if colour == NEUTRAL
                      else None,
                      edgecolor='white', linewidth=0)
            if k + 1 < len(steps):
                axis.plot([start + step] * 2, [k - .32, k + 1.32], color='0.6', linewidth=.6, linestyle=':')
            axis.annotate(f'{step:+.3g}', (start + step, k), xytext=(-4 if step < 0 else 4, 0), fontsize=8,
                          textcoords='offset points', va='center', ha='right' if step < 0 else 'left')
        for x, said, side in (base, f'baseline {base:.4g}', -1), (ends[-1],
                                                                              f'T = {ends[-1]:.4g}', 1):
            axis.axvline(x, color='0.5', linewidth=.8, linestyle='--', zorder=0)
            first = side < 0
            left = (ends[-1] >= base) == first
            axis.annotate(said, (x, -1.05 if first else -.72), xytext=(3 if left else -3, 0), fontsize=8,
                          textcoords='offset points', va='center', ha='left' if left else 'right')
    return axis
