"""One request, explained: the run that owns the sweep."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..attribution.averaging import mean_over, paired
from ..attribution.base import Method, Surrogate
from ..engine.all_units import AllUnits
from ..engine.failures import built
from ..engine.locks import graph_lock
from ..engine.model import Model
from ..engine.query import Query
from ..engine.row_data import Weights
from ..engine.sweep import Sweep
from ..errors import ValueRangeError
from .attribution_checks import check_attributions, in_dtypes
from .ends import Ends
from .layer_rows import LayerRows, layer_rows
from .layout import Layouts
from .options import Options
from .output import PIECE, ClassOutputs
from .progress import Reporter, is_wanted
from .references import References
from .request import Request
from .target_checks import TargetChecks


@dataclass(frozen=True)
class Run:
    """Explains requests by one method, for one T and X.

    dtypes: of the attributions, per tensor of X. sums_to: what those of a row sum to, see Method.
    meaning_of_zero: that of a row where T is 0, as its target says.
    """

    method: Method
    model: Model
    references: References
    layouts: Layouts
    target_checks: TargetChecks
    dtypes: Sequence[Any]
    sums_to: str | None = None
    meaning_of_zero: str = ''
    _compiled: list[Query] = field(default_factory=list)
    _layer_rows: list[LayerRows] = field(default_factory=list)

    def compile(self) -> Query:
        """The query of the method; adds its ops to the graph the first time."""
        with graph_lock(self.model.target.graph):
            if not self._compiled:
                with built(self.model.target, self.model.inputs, self.method.name):
                    query = self.method.query(self.model)
                    self._layer_rows.extend(layer_rows(self.model, query.layers, self.method.name))
                    self._compiled.append(query)
        return self._compiled[0]

    def __call__(self, request: Request, options: Options, output: ClassOutputs) -> Weights:
        """Explain a request. output: takes the attributions. Returns the weights of T, which may depend on
        its values."""
        step = piece_size(request, options)
        ends = self._ends(request, slice(0, step))
        self.model.check_statistics(ends.xs, request.feeds)
        packed = request.packed(self.layouts, options.batch_size)
        if packed.layout is not request.layout and step < request.n:
            step, ends = request.n, self._ends(request, slice(0, request.n))
        has_points = packed.n == 1 and self.method.plan(request.shapes).evaluations != [1]
        if has_points:
            self.layouts.check_single(packed.layout, ends.xs, ends.reference(0), packed.feeds)
        self.target_checks(ends.xs, packed.feeds, packed.layout, packed.is_sum)
        query = self.compile()
        for check in self._layer_rows:
            check(packed)
            if has_points:
                check.of_points(packed, ends.xs, ends.reference(0))
        reporter = self._reporter(packed, options, ends.k)
        sweeps, units = self._sweeps(query, packed, reporter)
        try:
            for start in range(0, packed.n, step):
                stop = min(start + step, packed.n)
                ends = self._ends(packed, slice(start, stop)) if start else ends
                if units is not None:
                    units.forget()
                for sweep, part in zip(sweeps, output.parts):
                    part.add(*self._explain(sweep.part(start, stop), ends, options))
        finally:
            if reporter is not None:
                reporter.close()
        return packed.weights

    def _sweeps(self, query: Query, request: Request,
                reporter: Reporter | None) -> tuple[list[Sweep], AllUnits | None]:
        """The rows of a request, once for every class, and what evaluates T for all classes."""
        if not request.each:
            return [_sweep(query, self.model, request, reporter)], None
        units, sweeps = AllUnits(request.batch, reporter), []
        for weights in request.each:
            assert weights.classes is not None
            c = int(weights.classes[0])
            sweep = _sweep(query, self.model, request._replace(weights=weights), reporter)
            sweep = sweep._replace(evaluate_value=units.of_class(self.model.plain_value, c),
                                   report=units.report if reporter else None)
            sweeps.append(sweep._replace(evaluate=units.of_class(query, c))
                          if self.method.is_perturbation and query.is_value else sweep)
        return sweeps, units

    def _explain(self, sweep: Sweep, ends: Ends, options: Options) -> tuple[list[np.ndarray], dict[str, Any]]:
        """(attributions, what else is wanted of the rows by name) of some rows."""
        method, errors = self.method, None
        if options.return_std_error:
            found, errors = method.sample(sweep, ends.xs, ends.baselines)
        else:
            found = self._attribute(sweep, ends)
        more: dict[str, Any] = self._values(sweep, ends, options)
        if options.return_delta or (options.with_ends and self.sums_to is not None):
            promised = more['fx'] - more['f_baseline'] if self.sums_to == 'difference' else more['fx']
            more['delta'] = promised - sweep.sums(found)
        check_attributions(method, self.model, sweep, ends, found, self.meaning_of_zero)
        if errors is not None:
            errors = method.spread(errors, sweep, ends.xs)
            more['std_error'] = [e.astype(d, copy=False) for e, d in zip(errors, self.dtypes)]
        if options.with_ends:
            more |= {'by_feature': found[0]} if method.is_by_feature else {}
            more |= {'r2': found.r2} if isinstance(found, Surrogate) else {}
        return in_dtypes(method.spread(found, sweep, ends.xs), self.dtypes, method), more

    def _wanted_values(self, options: Options) -> tuple[bool, bool]:
        """Whether T at x, and T at the baseline, are evaluated for what the options ask for."""
        has_baseline = self.sums_to == 'difference'
        if options.with_ends:
            return True, has_baseline or self.method.takes_baseline
        return options.return_delta, options.return_delta and has_baseline

    def _values(self, sweep: Sweep, ends: Ends, options: Options) -> dict[str, np.ndarray]:
        """T at x and at the baseline, its mean over k baselines, as far as they are wanted."""
        at_x, at_baseline = self._wanted_values(options)
        found = {'fx': ends.at_x(sweep)} if at_x else {}
        # a method that promises no sum needs no T there, which may be NaN
        with suppress(*() if self.sums_to == 'difference' else (ValueRangeError,)):
            if at_baseline:
                found['f_baseline'] = np.mean([ends.at_baseline(sweep, j) for j in range(ends.k)], 0)
        return found

    def _attribute(self, sweep: Sweep, ends: Ends) -> list[np.ndarray]:
        """Attributions; their mean over several references."""
        if ends.k == 1:
            return self.method.attribute(sweep, ends.xs, ends.baselines)

        def against(pairs: Sweep, some: slice) -> list[np.ndarray]:
            count = some.stop - some.start
            return self.method.attribute(pairs, [np.repeat(x, count, 0) for x in ends.xs],
                                         [paired(b, some, sweep.n) for b in ends.baselines])
        return mean_over(sweep, ends.k, against)

    def _ends(self, request: Request, rows: slice) -> Ends:
        """These rows, and the baselines that they are compared with."""
        xs = request.rows(rows)
        return Ends(xs, *self.references.of(xs, request.shapes, rows.start))

    def _reporter(self, request: Request, options: Options, k: int) -> Reporter | None:
        """What reports progress, if it is asked for. k: the number of references."""
        if not is_wanted(options.progress):
            return None
        evaluations = self.method.plan(request.shapes).evaluations
        at_x, at_baseline = self._wanted_values(options)
        total = None if evaluations is None else request.n * (sum(evaluations) * k + at_x + k * at_baseline)
        total = total and total * max(1, len(request.each))
        return Reporter(options.progress, total, self.method.name)


def piece_size(request: Request, options: Options) -> int:
    """Rows that are explained before their attributions are written away: all, where nothing is written or
    read from a file."""
    in_pieces = options.out is not None or any(isinstance(a, np.memmap) for a in request.arrays)
    return PIECE * request.layout.rows if in_pieces else request.n


def _sweep(query: Query, model: Model, request: Request, reporter: Reporter | None) -> Sweep:
    """The rows of a request, and the query and value of T for them."""
    layout, batch = request.layout, request.batch

    def evaluate(points, rows):
        return query.evaluate(batch.at(points, rows))

    def value(points, rows):
        return model.plain_value.evaluate(batch.at(points, rows))
    return Sweep(evaluate, request.n, layout.rows, layout.fixed_batch, value, reporter,
                 query.is_line_integral, layout.tuner, None, request.n, request.samples.columns,
                 layout.is_joint)
