"""Tensors evaluated at samples, in batches: no gradients, no method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.answers import check_rows
from ..engine.fetch import Fetch
from ..engine.model import Model
from ..engine.sweep import Evaluate, Sweep, joined
from ..session import check_open
from ..targets.built import BuiltTarget
from ..targets.units import Units
from .form import Form
from .layout import Layouts
from .options import Options
from .progress import Reporter, is_wanted
from .request import Request, as_request
from .samples import as_samples

NAME = 'values'         # in warnings
DEFAULTS = Options()


def score(model: Model, target: Units | BuiltTarget, form: Form, xs: Any, ys: Any = None,
          options: Options = DEFAULTS) -> np.ndarray:
    """T, weighted by ys and summed over its units.

    Parameters
    ----------
    model : Model
        T, X and the session.
    target : Units or BuiltTarget
        What ys are.
    form : Form
        How X was given.
    xs, ys, options
        As for `run`; of the options count batch_size, feed_dict, progress and memory_limit.

    Returns
    -------
    array, (n,) in float64; (number of batches,) where T has one value for all rows of a batch that the graph
    fixes.
    """
    request = checked_request(model, target, form, xs, ys, options, needs_rows=False)
    batch = request.batch

    def evaluate(arrays, rows):
        return model.plain_value.evaluate(batch.at(arrays, rows))
    return _swept(request, options, evaluate)['value']


def values(models: Sequence[Model], form: Form, xs: Any, options: Options = DEFAULTS) -> list[np.ndarray]:
    """Values of tensors, as they are.

    Parameters
    ----------
    models : sequence of Model
        One for each tensor, with the tensor for T, of any numeric dtype; all with the same X and session.
    form : Form
        How X was given.
    xs, options
        As for `run`; of the options count batch_size, feed_dict, progress and memory_limit.

    Returns
    -------
    list of arrays, (n, ...), one for each tensor. A tensor without a batch axis is evaluated for every row
    alone.

    Raises
    ------
    TensorError
        Where values of a row change with the other rows, or are not one per row.
    """
    requests = [checked_request(m, Units(m.target), form, xs, None, options, needs_rows=True)
                for m in models]
    together = [k for k, r in enumerate(requests) if r.layout.per_row and not r.layout.fixed_batch]
    groups = [together] if together else []
    groups += [[k] for k in range(len(models)) if k not in together]
    found: dict[int, np.ndarray] = {}
    for group in groups:
        smallest = min((requests[k] for k in group), key=lambda r: r.layout.rows)
        tensors = _swept(smallest, options, _values_of([models[k] for k in group], smallest))['values']
        found |= dict(zip(group, tensors))
    return [found[k] for k in range(len(models))]


def _values_of(models: Sequence[Model], request: Request) -> Evaluate:
    """What evaluates the targets of some models for rows of a request."""
    tensors = [m.target for m in models]
    names = ', '.join(f'"{t.name}"' for t in tensors)
    fetch = Fetch(models[0].session, models[0].inputs, tensors, f'tensor {names}')

    def evaluate(arrays, rows):
        found = fetch.values(arrays, request.feeds, rows)
        if not request.layout.per_row:
            return {'values': [v[None] for v in found]}
        for t, v in zip(tensors, found):
            check_rows(t, v.shape, len(rows))
        return {'values': found}
    return evaluate


def checked_request(model: Model, target: Units | BuiltTarget, form: Form, xs: Any, ys: Any,
                    options: Options, needs_rows: bool) -> Request:
    """What is given, checked, with a layout for it."""
    check_open(model.session)
    layouts = Layouts(model, NAME, needs_rows=needs_rows)
    samples = as_samples(xs, model.inputs, form)
    request = as_request(model, layouts, target, samples, ys, form, options)
    model.check_statistics(request.rows(slice(0, 1)), request.feeds)
    return request.packed(layouts, options.batch_size)


def _swept(request: Request, options: Options, evaluate: Evaluate) -> Any:
    """The answers for all rows of a request."""
    layout = request.layout
    reporter = Reporter(options.progress, request.n, NAME) if is_wanted(options.progress) else None
    sweep = Sweep(evaluate, request.n, layout.rows, layout.fixed_batch, report=reporter, tuner=layout.tuner)
    try:
        return joined([answers for _, _, answers in sweep(lambda rows, ks: request.rows(rows))])
    finally:
        if reporter is not None:
            reporter.close()
