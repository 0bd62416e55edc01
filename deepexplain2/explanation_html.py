"""An Explanation as a table of HTML for notebooks."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

SHOWN_ROWS, SHOWN_FEATURES = 5, 5


def as_html(explanation: Any) -> str:
    """Method, target and shapes, and for the first rows T, sums, and the features that count most."""
    shapes = ', '.join(f'{_name(name)} {a.shape} {a.dtype.name}'
                       for name, a in zip(explanation.input_names, explanation.arrays))
    numbers = {'T at x': explanation.fx, 'at the baseline': explanation.f_baseline, 'sum': explanation.sums,
               'gap': explanation.delta}
    columns = {title: a for title, a in numbers.items() if a is not None}
    head = ''.join(f'<th>{title}</th>' for title in ['row', *columns, 'largest attributions'])
    body = ''.join(f'<tr><td>{_label(explanation, k)}</td>'
                   + ''.join(f'<td>{_number(a[k])}</td>' for a in columns.values())
                   + f'<td>{_largest(explanation, k)}</td></tr>'
                   for k in range(min(len(explanation), SHOWN_ROWS)))
    more = len(explanation) - SHOWN_ROWS
    foot = f'<tr><td colspan="{len(columns) + 2}">and {more} more rows</td></tr>' if more > 0 else ''
    title = f'{escape(explanation.method)} of {escape(explanation.target)}: {shapes}'
    return f'<table><caption>{title}</caption><tr>{head}</tr>{body}{foot}</table>'


def _largest(explanation: Any, row: int) -> str:
    """The features of one row with the largest attributions, over all inputs."""
    flat = [a[row].ravel().astype(np.float64) for a in explanation.arrays]
    values = np.concatenate(flat)
    size = np.where(np.isnan(values), -1, np.abs(values))       # of a feature that no window covers
    starts = np.cumsum([0, *map(len, flat)])
    found = []
    for at in np.argsort(-size, kind='stable')[:SHOWN_FEATURES]:
        k = int(np.searchsorted(starts, at, 'right')) - 1
        name = _name(explanation.feature(k, int(at - starts[k])))
        prefix = f'{_name(explanation.input_names[k])}: ' if len(flat) > 1 else ''
        found.append(f'{prefix}{name} {_number(values[at])}')
    return ', '.join(found)


def _label(explanation: Any, row: int) -> str:
    return str(row) if explanation.index is None else _name(explanation.index[row])


def _number(value: Any) -> str:
    return f'{float(value):.4g}'


def _name(value: Any) -> str:
    said = str(value)
    return escape(said if len(said) <= 40 else said[:39] + '…')
