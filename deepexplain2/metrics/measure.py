"""Attributions scored by a metric, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.model import Model
from ..engine.sweep import Sweep
from ..errors import ShapeError
from ..request.evaluate import checked_request
from ..request.form import Form
from ..request.frames import check_columns
from ..request.layout import Layouts
from ..request.options import Options
from ..request.progress import Reporter, is_wanted
from ..request.references import References
from ..targets.built import BuiltTarget
from ..targets.units import Units
from ..values import as_array
from .base import Metric


def measure(metric: Metric, model: Model, target: Units | BuiltTarget, form: Form, xs: Any,
            attributions: Any, ys: Any, options: Options,
            names: Sequence[Sequence[Any] | None] | None = None) -> np.ndarray:
    """The score of every row; everything that can be checked is checked before anything runs.

    Parameters
    ----------
    metric : Metric
        What is measured.
    model : Model
        T and X.
    target : Units or BuiltTarget
        What ys are.
    form : Form
        How X was given.
    xs, ys, options
        As for `run`; of the options count batch_size, feed_dict, progress and memory_limit.
    attributions : array, or list of arrays for a list X
        Shaped like xs.
    names : list, optional
        Of the features that the attributions are of, for each tensor of X; None where they have none.

    Returns
    -------
    array, (n,) in float64
    """
    references = References(metric.baseline, model.inputs, form)
    request = checked_request(model, target, form, xs, ys, options, needs_rows=True)
    maps = _as_maps(attributions, request.shapes, model, form)
    columns = request.samples.columns
    check_columns(references.columns, columns, model.inputs)
    for x, known, given in zip(model.inputs, names or (), columns):
        if given is not None and sorted(map(str, known or ())) == sorted(map(str, given)):
            check_columns({x.name: list(map(str, known or ()))}, [list(map(str, given))], [x])
    references.check(request.shapes, request.samples.index)
    rows = request.rows(slice(0, request.n))
    baselines, _ = references.of(rows, request.shapes, 0)
    layout, batch = request.layout, request.batch
    Layouts(model, type(metric).__name__).check_single(layout, rows, baselines, request.feeds)
    name = type(metric).__name__
    reporter = Reporter(options.progress, None, name) if is_wanted(options.progress) else None
    sweep = Sweep(lambda points, some: model.plain_value.evaluate(batch.at(points, some)), request.n,
                  layout.rows, layout.fixed_batch, report=reporter, tuner=layout.tuner)
    try:
        return np.asarray(metric.score(sweep, rows, maps, baselines), np.float64)
    finally:
        if reporter is not None:
            reporter.close()


def _as_maps(attributions: Any, shapes: list[tuple[int, ...]], model: Model,
             form: Form) -> list[np.ndarray]:
    """Attributions as one array per tensor of X, finite and shaped like xs."""
    attributions = form.listed(attributions, 'attributions')
    given = list(attributions) if form.is_list and isinstance(attributions, (list, tuple)) else [attributions]
    if len(given) != len(shapes):
        raise ShapeError(f'attributions must be a list of {len(shapes)} arrays, one for each tensor of X')
    maps = []
    for value, shape, x in zip(given, shapes, model.inputs):
        found = as_array(value, x.dtype if x.dtype.is_floating else model.target.dtype,
                         f'attributions for X "{x.name}"')
        if found.shape != shape:
            raise ShapeError(f'attributions for X "{x.name}" have shape {found.shape}, and xs {shape}. Give '
                             f'one '
                             'number per feature')
        found = found.view()
        found.setflags(write=False)         # a view of the array of the caller
        maps.append(found)
    return maps
