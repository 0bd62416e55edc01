"""A method compiled for a target and inputs: Explainer."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .attribution.base import Method
from .attribution.registry import names_with
from .audit import Audit
from .engine.arrays import take
from .engine.batch import Batch
from .engine.batch_size import BatchSizeTuner, default_rows, most_rows
from .engine.failures import built
from .engine.locks import graph_lock
from .engine.model import Model
from .engine.packing import calls
from .engine.query import Query
from .engine.row_data import Feed, Weights
from .engine.rows import adds_up, run_together, shape_of_all
from .engine.sweep import Sweep
from .errors import (
    MagnitudeWarning,
    ParameterError,
    PathWarning,
    RandomWarning,
    RunError,
    ShapeError,
    TargetWarning,
    TensorError,
    ValueRangeError,
    warn,
)
from .kinds_of_values import integer
from .request.base_explainer import BaseExplainer, Finished
from .request.baselines import as_baselines, call_baseline, fit_to_rows
from .request.feeds import as_feeds
from .request.frames import check_columns, is_series, series_to_array
from .request.options import Options
from .request.output import PIECE, Output
from .request.progress import Reporter
from .request.samples import Samples, as_samples
from .session import check_open
from .targets.built import BuiltTarget
from .targets.units import Units
from .tensors import batch_of, shape_text

HUGE = 1e6          # times T: attributions that only cancel one another


class Plan(NamedTuple):
    """calls: of session.run. rows: in each at most. evaluations: of the model, in all. bytes: estimate of
    what the tensors between X and T take in one call.

    For occlusion and shapley_sampling evaluations are the most there can be, and calls are those that these
    fill: no input is evaluated twice, and how many are the same is seen when xs is known. shapley_sampling,
    which goes by rounds of permutations, may fill some calls only in part."""
    calls: int
    rows: int
    evaluations: int
    bytes: int


class _Checked(NamedTuple):
    """What the user gave for a run. layout: see Explainer._layout."""
    samples: Samples
    feeds: dict[str, Feed]
    weights: Weights
    output: Output
    layout: tuple[int, bool, bool, BatchSizeTuner | None]


class Explainer(BaseExplainer):
    """One method, one target, compiled: `run` explains any number of batches and adds nothing to the graph.

    Made by DeepExplain.get_explainer. It can be used after the context was left, from several threads, and
    follows changes of the weights in the session.
    """

    def __init__(self, method: Method, model: Model, target: Units | BuiltTarget, is_list: bool,
                 is_probability: bool = False):
        self._method, self._model, self._is_list = method, model, is_list
        self._target = target                           # what ys are
        self._is_probability = is_probability           # as far as the graph shows, which was warned of
        self._seen = model.findings.looked_at.setdefault(method.name, set())      # what was looked at in the first run
        self._baselines = as_baselines(method.baseline, model.inputs, is_list)
        method.check_tensors([model.target, *model.inputs])
        # whether the rows of the baseline were a set of references, once that is settled
        self._averaged: list[bool] = []
        if all(x.shape.rank and x.shape[1:].is_fully_defined() for x in model.inputs):
            method.plan([(1, *x.shape.as_list()[1:]) for x in model.inputs])
        self._columns: dict[str, list[Any]] = {}     # of the first DataFrames, by tensor of X
        self._compiled: list[Query] = []             # shared with the copies that `weighted` makes, as above

    def compile(self) -> Query:
        """The question of the method; adds its ops to the graph the first time."""
        with graph_lock(self._model.target.graph):
            if not self._compiled:
                with built(self._model.target, self._model.inputs, self._method.name):
                    self._compiled.append(self._method.query(self._model))
        return self._compiled[0]

    @cached_property
    def _tuner(self) -> BatchSizeTuner:
        query, tuners = (self._method.name, self._method.graph_key), self._model.findings.tuners
        found = tuners.get(query)
        return found or tuners.setdefault(query, BatchSizeTuner(default_rows(self._model.path, self._model.jit),
                                                                most_rows(self._model.path)))

    def __repr__(self) -> str:
        names = ', '.join(x.name for x in self._model.inputs)
        return f'<Explainer {self._method.name}: {self._model.target.name} by {names}>'

    def weighted(self, constant_weights: np.ndarray | None) -> Explainer:
        """This explainer for T times constant weights."""
        if constant_weights is None:
            return self
        other = copy.copy(self)
        other._target = Units(self._model.target, constant_weights)
        return other

    def __copy__(self) -> Explainer:
        other = object.__new__(Explainer)
        vars(other).update(vars(self))
        return other

    def _run(self, xs: Any, ys: Any, options: Options) -> Finished:
        """Explain arrays or DataFrames; everything that can be checked is checked before anything runs."""
        checked = self._checked(xs, ys, options)
        samples, feeds, weights, output, (size, fixed_batch, per_row, tuner) = checked
        arrays = samples.arrays
        model, n, shapes = self._model, len(arrays[0]), [a.shape for a in arrays]
        step = PIECE * size if options.out is not None or any(isinstance(a, np.memmap) for a in arrays) else n
        some = self._piece(arrays, slice(0, step))
        baselines, k = self._references(some, shapes)

        model.check_statistics(some, feeds)
        # whether a run may hold other rows
        together = size > 1 if fixed_batch else batch_of(model.target) is None
        if n > 1 and per_row and together:
            if self._run_together(arrays, feeds, n, size, fixed_batch):
                size, fixed_batch, per_row, tuner = self._together(n, options.batch_size, (n,))
                if step < n:
                    step, some = n, self._piece(arrays, slice(0, n))
                    baselines, k = self._references(some, shapes)
        elif n > 1 and not fixed_batch and not adds_up(model, lambda rows: self._piece(arrays, rows), feeds,
                                                       n):
            model.warn_once(self._method.name, f'T "{model.target.name}" {shape_text(model.target.shape)} '
                                               f'does not grow with the rows of xs, and '
                            'T of two rows is neither the sum nor the mean of T of each: every row is '
                            'explained as if there were no others. If the '
                            'first axis of X is time, feed the batch first: an X of shape (batch, time, '
                            '...), which the graph transposes itself',
                            PathWarning)
        pieces = [slice(start, min(start + step, n)) for start in range(0, n, step)]
        self._look_at_target(some, size, fixed_batch, feeds, per_row)
        query = self.compile()

        batch = Batch((), np.arange(0), arrays, weights, feeds, per_row, None if fixed_batch else size)

        def evaluate(points, rows):
            return query.evaluate(batch.at(points, rows))

        def value(points, rows):
            return model.plain_value.evaluate(batch.at(points, rows))

        reporter = self._reporter(options, n, k, shapes)
        sweep = Sweep(evaluate, n, size, fixed_batch, value, reporter, query.is_line_integral, tuner, fixed_batch
                      and not per_row)
        try:
            for piece in pieces:
                if piece.start:
                    some = self._piece(arrays, piece)
                    baselines, k = self._references(some, shapes, piece.start)
                output.add(*self._explained(sweep.part(piece.start, piece.stop), some, baselines, k, options))
        finally:
            if reporter is not None:
                reporter.close()
        return Finished(output, samples, _ys_per_row(weights, n))

    def _check_options(self, options: Options) -> None:
        """Raise where the session is closed, or the method cannot give what the options ask for."""
        check_open(self._model.session)
        if options.return_delta and self._method.sums_to is None:
            raise ParameterError(f'return_delta: the attributions of "{self._method.name}" do not promise '
                                 f'any sum. It is for the methods that do: {names_with("sums_to")}')
        if options.return_std_error and not self._method.draws_samples:
            raise ParameterError(f'return_std_error: "{self._method.name}" draws no samples. It is for '
                                 f'{names_with("draws_samples")}')
        if options.return_std_error:
            self._method.check_std_error()

    def _checked(self, xs: Any, ys: Any, options: Options) -> _Checked:
        """What the user gave for a run, checked against the graph; runs nothing, but where T seems to have no
        batch axis."""
        method, model = self._method, self._model
        samples = as_samples(xs, model.inputs, self._is_list)
        check_columns(self._columns, samples.columns, model.inputs)
        arrays = samples.arrays
        n, shapes = len(arrays[0]), [a.shape for a in arrays]
        planned = method.plan(shapes)
        if is_series(ys):
            ys = series_to_array(ys, samples.index, 'ys')
        feeds = as_feeds(options.feed_dict, model.target.graph, model.inputs, model.path.varies, n)
        feeds |= self._target.feeds(ys, n)
        model.check_fed(feeds)
        size, fixed_batch, per_row, tuner = self._layout(n, options)
        if n > 1 and not (per_row or fixed_batch):
            shape = shape_of_all(model, lambda rows: self._piece(arrays, rows), feeds, n)
            if shape is not None:
                size, fixed_batch, per_row, tuner = self._together(n, options.batch_size, shape)
        weights = self._target.weights(ys, n, per_row)
        if not callable(self._baselines):
            fit_to_rows(self._baselines, shapes, model.inputs, method.average, method.averages)
        read = [*arrays, *(f.value for f in feeds.values()), *([] if weights.array is None
                                                               else [weights.array])]
        output = Output(options.out, planned.shapes, self._dtypes, self._is_list, read)
        return _Checked(samples, feeds, weights, output, (size, fixed_batch, per_row, tuner))

    def _run_together(self, arrays: list[np.ndarray], feeds: Mapping[str, Feed], n: int, size: int,
                      fixed_batch: bool) -> bool:
        """Whether all n rows must run together; see rows.py. Rows that mix are an error, or a warning where
        each of them runs alone."""
        try:
            return run_together(self._model, lambda rows: self._piece(arrays, rows), feeds, n, max(size, 2),
                                fixed_batch)
        except (TensorError, RunError) as e:
            if size > 1:
                raise
            if isinstance(e, TensorError):              # else the graph takes one row at a time
                self._model.warn_once(self._method.name, f'{e}. With batch_size=1 every row is explained as '
                                                         f'if there were no others', PathWarning)
            return False

    def _about(self) -> dict[str, Any]:
        return {'target': self._model.target.name, 'method': repr(self._method),
                'parameters': self._method.parameters, 'input_names': [x.name for x in self._model.inputs]}

    def _rows(self) -> int:
        return self._tuner.rows

    def plan(self, n: int, batch_size: int | None = None, memory_limit: int | None = None) -> Plan:
        """What `run` will do with n rows against one baseline, at most where inputs turn out to be the same
        (see Plan): runs nothing.

        Raises ShapeError where X leaves the size of a feature axis open, ParameterError where a tolerance
        decides.
        """
        integer(n, 'n', 1)
        options = Options(batch_size, memory_limit=memory_limit)
        shapes = [(n, *x.shape.as_list()[1:]) for x in self._model.inputs if x.shape.rank]
        if len(shapes) < len(self._model.inputs) or any(d is None for shape in shapes for d in shape):
            raise ShapeError('plan needs an X with known feature axes: '
                             + ', '.join(f'"{x.name}" {shape_text(x.shape)}' for x in self._model.inputs))
        points = self._method.plan(shapes).evaluations
        if points is None:
            raise ParameterError(f'plan: how often "{self._method.name}" evaluates the model is decided by '
                                 f'its tolerance')
        size, fixed_batch, *_ = self._layout(n, options)
        runs = sum(calls(n, p, size, fixed_batch, self.compile().is_line_integral) for p in points)
        return Plan(runs, size, n * sum(points), size * self._model.path.row_total)

    def _reporter(self, options: Options, n: int, k: int, shapes: list[tuple[int, ...]]) -> Reporter | None:
        if options.progress is None or not (callable(options.progress) or options.progress):
            return None
        points = self._method.plan(shapes).evaluations
        at_x, at_baseline = self._wanted_ends(options)
        more = at_x + k * at_baseline
        return Reporter(options.progress, None if points is None else n * (sum(points) * k + more), self._method.name)

    def audit(self) -> Audit:
        """How this method treats every op between X and T; see Audit. Runs nothing, and adds nothing to the
        graph."""
        return Audit.of(self._method, self._model)

    @property
    def _dtypes(self) -> list[Any]:
        return [(x.dtype if x.dtype.is_floating else self._model.target.dtype).as_numpy_dtype
                for x in self._model.inputs]

    def _piece(self, arrays: list[np.ndarray], rows: slice | np.ndarray) -> list[np.ndarray]:
        """Rows of xs, in memory and in the dtypes of X."""
        return [np.asarray(a[rows], x.dtype.as_numpy_dtype) for a, x in zip(arrays, self._model.inputs)]

    def _explained(self, sweep: Sweep, arrays: list[np.ndarray], baselines: list[np.ndarray], k: int,
                   options: Options) -> tuple[list[np.ndarray], dict[str, Any]]:
        """(attributions, what else is wanted of the rows by name) of some rows."""
        found, errors = _averaged(self._method, sweep, arrays, baselines, k, options.return_std_error)
        more = self._at_ends(sweep, arrays, baselines, k, options)
        if options.return_delta or (options.with_ends and self._method.sums_to is not None):
            promised = more['fx'] - more['f_baseline'] if self._method.sums_to == 'difference' else more['fx']
            more['delta'] = promised - sweep.sums(found)
        if not any(r.any() for r in found):
            self._check_zeros(sweep.unreported, arrays, baselines, k)
        elif self._method.sums_to == 'difference' and max(float(max(r.max(), -r.min())) for r in found
                                                          if r.size) > self._model.findings.usual_size:
            self._check_size(sweep.unreported, arrays, baselines, k, found)
        dtypes = self._dtypes
        with np.errstate(over='ignore'):        # said below
            results = [r.astype(d, copy=False) for r, d in zip(found, dtypes)]
        if any(np.isinf(r).any() or (not self._method.is_perturbation and np.isnan(r).any())
               for r in results):
            raise ValueRangeError(f'attributions of "{self._method.name}" leave the range of '
                                  f'{np.dtype(dtypes[0]).name}. Build the model in a '
                                  'wider dtype, or scale its input')
        if errors is not None:
            more['std_error'] = [e.astype(d, copy=False) for e, d in zip(errors, dtypes)]
        return results, more

    def _references(self, arrays: list[np.ndarray], shapes: list[tuple[int, ...]],
                    start: int = 0) -> tuple[list[np.ndarray], int]:
        """(baselines of rows that begin with `start`, how many each is compared with); shapes: of all
        rows."""
        given = self._baselines
        if callable(given):
            given, shapes = call_baseline(given, arrays, self._model.inputs,
                                                self._is_list), [a.shape for a in arrays]
        baselines, k = fit_to_rows(given, shapes, self._model.inputs, self._method.average,
                                         self._method.averages)
        if max(map(len, baselines)) > 1 and self._method.average is None:
            if not self._averaged:
                self._averaged.append(k > 1)
            if self._averaged[0] != (k > 1):
                before, now = ('averaged over', 'one per row') if k == 1 else ('one per row', 'averaged over')
                raise ParameterError(f'baseline has {max(map(len, baselines))} rows and xs {shapes[0][0]}: '
                                     f'they would be {now}, but were {before} '
                                     f'in an earlier run. Say which: average={k == 1}')
        if k == 1 and not callable(self._baselines):
            baselines = [b if len(b) == 1 else b[start:start + len(arrays[0])] for b in baselines]
        return baselines, k

    def _wanted_ends(self, options: Options) -> tuple[bool, bool]:
        """Whether T at x, and T at the baseline, are evaluated for what the options ask for."""
        has_baseline = self._method.sums_to == 'difference'
        if options.with_ends:
            return True, has_baseline or 'baseline' in self._method.parameters
        return options.return_delta, options.return_delta and has_baseline

    def _at_ends(self, sweep: Sweep, arrays: list[np.ndarray], baselines: list[np.ndarray], k: int,
                 options: Options) -> dict[str, Any]:
        """T at x and at the baseline, its mean over k baselines, as far as they are wanted."""
        at_x, at_baseline = self._wanted_ends(options)
        found = {}
        if at_x:
            found['fx'] = sweep.value.once(lambda rows: [x[rows] for x in arrays])['value']
        starts = [[b[j:j + 1] for b in baselines] for j in range(k)] if k > 1 else [baselines]
        # a method that promises no sum needs no T there, which may be NaN
        with suppress(*() if self._method.sums_to == 'difference' else (ValueRangeError,)):
            if at_baseline:
                found['f_baseline'] = np.mean([self._value_at(sweep, arrays, start) for start in starts], 0)
        return found

    def _value_at(self, sweep: Sweep, arrays: list[np.ndarray], start: list[np.ndarray]) -> np.ndarray:
        """T at a baseline, per value of T."""
        return sweep.value.once(lambda rows: [np.broadcast_to(take(b, rows), x[rows].shape)
                                              for b, x in zip(start, arrays)])['value']

    def _check_zeros(self, sweep: Sweep, arrays: list[np.ndarray], baselines: list[np.ndarray],
                     k: int) -> None:
        """Warn of a run whose attributions are all exactly 0 where T at x and at the baseline (the first of
        several) differ."""
        ends = self._ends(sweep, arrays, baselines, k)
        if ends is None:
            return
        at_x, at_start = ends
        gap = np.abs(at_x - at_start)
        if (gap > 1e-5 * np.maximum(np.abs(at_x), np.abs(at_start))).any():
            remedy = self._method.remedy_for_zeros
            warn(f'all attributions of "{self._method.name}" are exactly 0, but T '
                        f'"{self._model.target.name}" at x and at the baseline '
                        f'differ by up to {gap.max():.3g}: the map says nothing about X. Units may be '
                        f'saturated, or their gradient is lost on '
                        f'the way (see audit). Choose another T, X or baseline{remedy and ", " + remedy}, or another method',
                        PathWarning)

    def _check_size(self, sweep: Sweep, arrays: list[np.ndarray], baselines: list[np.ndarray], k: int,
                    found: list[np.ndarray]) -> None:
        """Warn of attributions that are HUGE beside T at x and at the baseline, which they should make the
        difference of: they only cancel one another, as where a mask of -1e38 is added to the logits of an
        attention. Looked at where they are larger than ever before."""
        ends = self._ends(sweep, arrays, baselines, k)
        sizes = sweep.sums([np.abs(r) for r in found])
        if ends is None or len(ends[0]) != len(sizes):
            return
        ratio = sizes / np.maximum(np.maximum(*map(np.abs, ends)), np.finfo(float).tiny)
        if ratio.max() <= HUGE:
            self._model.findings.usual_size = 10 * float(sizes.max())
            return
        warn(f'{self._method.name}: the attributions of {np.count_nonzero(ratio > HUGE)} of '
                    f'{len(ratio)} rows sum in magnitude to more than '
                    f'{HUGE:.0e} times T at x and at the baseline, of row {ratio.argmax()} to '
                    f'{sizes[ratio.argmax()]:.1g}: they cancel one another, '
                    'and say nothing. Is there a mask that changes between x and the baseline? Take another '
                    'baseline, an X behind the mask, or a perturbation method', MagnitudeWarning)

    def _ends(self, sweep: Sweep, arrays: list[np.ndarray], baselines: list[np.ndarray],
              k: int) -> tuple[np.ndarray, np.ndarray] | None:
        """T at x and at the baseline, the first of several; None where it has no value there, which the
        method need not look at."""
        starts = [b[:1] if k > 1 else b for b in baselines]
        try:
            at_x, at_start = (sweep.value.once(point)['value'] for point in (
                lambda rows: [x[rows] for x in arrays],
                lambda rows: [np.broadcast_to(take(b, rows), x[rows].shape) for b, x in zip(starts, arrays)]))
        except ValueRangeError:
            return None
        return at_x, at_start

    def _layout(self, n: int, options: Options) -> tuple[int, bool, bool, BatchSizeTuner | None]:
        """(rows per run, whether the graph fixes them, whether T has one entry per row, what finds better
        ones)."""
        target, batch_size, memory_limit = self._model.target, options.batch_size, options.memory_limit
        rows_of_t = batch_of(target)
        fixed = {batch_of(x) for x in self._model.inputs} - {None}
        if len(fixed) > 1:
            raise ShapeError('the tensors of X fix different batch sizes: '
                             + ', '.join(f'{batch_of(x)} for "{x.name}"' for x in self._model.inputs))
        if fixed:
            (size,) = fixed
            assert size
            per_row = target.shape.rank != 0 and rows_of_t in (None, size)
            if batch_size is not None and batch_size < size:
                raise ParameterError(f'batch_size is {batch_size}, but X "{self._model.inputs[0].name}" '
                                     f'fixes the batch at {size} rows')
            if not per_row and self._method.is_perturbation and size > 1:
                raise TensorError(f'T "{target.name}" has no batch axis and X fixes the batch at {size} '
                                  f'rows: method '
                                  f'"{self._method.name}" needs one value per row. Give a T with a batch axis')
            if not per_row and n % size:
                raise ShapeError(f'xs has {n} rows, but T "{target.name}" is one value for {size} rows of X, '
                                 f'which fixes the batch: give a '
                                 f'multiple of {size} rows')
            return size, True, per_row, None
        constant_weights = self._model.fixed_rows
        if constant_weights is not None:
            shape = constant_weights.target_of(n)
            if shape is None:
                rows, op = constant_weights.fixes_rows or (None, '')
                raise ShapeError(f'an array of {rows or "other"} rows was written into T "{target.name}" at '
                                 f'{op}, but xs has {n} rows. '
                                 'Leave that array out of T and pass it as ys')
            if n == 1 and not (shape.rank and shape.as_list()[0] == 1):
                # a row that broadcasts over the array: all of T is about it
                return 1, False, False, None
            return self._together(n, batch_size, tuple(shape.as_list()) if shape.rank else ())
        if target.shape.rank == 0 or rows_of_t is not None:
            return 1, False, rows_of_t == 1, None       # T does not grow with X
        if batch_size is None and memory_limit is None:
            # every trial would be compiled
            return self._tuner.rows, False, True, None if self._model.jit else self._tuner
        return batch_size or default_rows(self._model.path, self._model.jit, memory_limit), False, True, None

    def _together(self, n: int, batch_size: int | None, shape: tuple[int | None, ...]) -> tuple[int, bool,
                                                                                                bool, BatchSizeTuner | None]:
        """The layout where n rows must run together, for which T has this shape."""
        target = self._model.target
        per_row = bool(shape) and shape[0] == n
        if batch_size is not None and batch_size < n:
            raise ParameterError(f'batch_size is {batch_size}, but T "{target.name}" contains an array of '
                                 f'{n} rows, so all rows must run together. '
                                 'Leave that array out of T and pass it as ys')
        if self._method.is_perturbation and not per_row:
            raise TensorError(f'T "{target.name}" has no batch axis and contains an array of {n} rows: '
                              f'method "{self._method.name}" needs '
                              'one value per row. Leave that array out of T and pass it as ys')
        return n, True, per_row, None

    def _look_at_target(self, arrays: list[np.ndarray], size: int, fixed_batch: bool,
                        feeds: Mapping[str, Feed], per_row: bool) -> None:
        """Once, at T of a few rows: TargetWarning where it holds probabilities, RandomWarning where random
        ops change it."""
        model = self._model

        def units():
            n = len(arrays[0])
            rows = np.minimum(np.arange(size), n - 1) if fixed_batch else np.arange(n)[:3 if per_row else 1]
            with suppress(RunError):                    # which the run itself will say
                return model.target_values.values([a[rows] for a in arrays], feeds, rows)[0]
            return None
        drawn = model.random_ops
        # rates and switches
        state = (*feeds, *(f.value.tobytes() for f in feeds.values() if f.value.size == 1)) if drawn else ()
        if drawn and 'random' not in self._seen and state not in self._seen:
            self._seen.add(state)
            # seeds that are constants give the same numbers in every run
            first = None if any(op.startswith('Stateless') for _, op in drawn) else units()
            if first is None or not np.array_equal(first, units(), equal_nan=True):
                self._seen.add('random')
                names = ', '.join(f'"{name}" ({op})' for name, op in drawn[:5]) + (f' and {len(drawn) - 5} '
                                                                                   f'more' if len(drawn) > 5
                                                                                   else '')
                warn(f'T "{model.target.name}" is random: {names} '
                            f'{"draw" if len(drawn) > 1 else "draws"} numbers that it depends on, '
                            'so attributions change with the draws, and with the place of a row in a run. '
                            'Build the model for inference (training=False), or average over several runs',
                            RandomWarning)
        if self._is_probability or model.target.shape.rank in (0, 1 if per_row else 0):
            return
        found = model.findings
        if found.is_distribution is None:
            values, found.few_values = units() if found.few_values is None else found.few_values, None
            found.is_distribution = values is not None and _sums_to_one(values.astype(np.float64), 1 if per_row
                                                                    else 0)
        if found.is_distribution:
            model.warn_once(self._method.name, f'T "{model.target.name}" looks like probabilities: its '
                                               f'values are between 0 and 1 and sum to 1. The '
                            'shares of all classes mix, and a saturated probability has no gradient. Target '
                            'the logits instead', TargetWarning)


def _ys_per_row(weights: Weights, n: int) -> np.ndarray | None:
    """Class indices, or the weights of every row, as an Explanation keeps them."""
    if weights.classes is not None or weights.array is None or not weights.per_row or not weights.array.ndim:
        return weights.classes
    return np.broadcast_to(weights.array, (n, *weights.array.shape[1:]))


def _sums_to_one(values: np.ndarray, first: int) -> bool:
    """Whether values are those of a distribution along an axis, from `first` on."""
    if values.size == 0 or not np.all((values >= -1e-6) & (values <= 1 + 1e-3)):
        return False
    # float32 sums of 1000 classes are right to 1e-4
    return any(values.shape[axis] > 1 and np.allclose(values.sum(axis), 1, atol=1e-3)
               for axis in range(first, values.ndim))


def _averaged(method: Method, sweep: Sweep, arrays: list[np.ndarray], baselines: list[np.ndarray], k: int,
              std_error: bool) -> tuple[list[np.ndarray], list[np.ndarray] | None]:
    """Attributions, their mean over k references where there are several, and standard errors if wanted.

    Few rows are explained against many references at once, each pair a row of its own; many rows against one
    after the other.
    """
    if std_error:
        return method.sample(sweep, arrays, baselines)
    if k == 1:
        return method.attribute(sweep, arrays, baselines), None
    n, together = sweep.n, 1 if sweep.fixed_batch else max(1, sweep.size // (2 * sweep.n))
    total = [np.zeros(a.shape) for a in arrays]
    for start in range(0, k, together):
        some = [b[start:start + together] for b in baselines]
        m = len(some[0])
        pairs = sweep if m == 1 else sweep.among(np.repeat(np.arange(n), m))
        found = method.attribute(pairs, [np.repeat(a, m, 0) for a in arrays],
                                 [b if m == 1 else np.tile(b, (n,) + (1,) * (b.ndim - 1)) for b in some])
        for t, f in zip(total, found):
            t += f.reshape(n, m, *f.shape[1:]).sum(1)
    return [t / k for t in total], None
