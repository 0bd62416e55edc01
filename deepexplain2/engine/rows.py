"""Whether T of a row is the same whatever rows stand beside it: asked once, of a few rows, before anything is
explained.

Among others, beside copies of itself, and alone: T of a row is compared with itself, unit by unit. Runs of
one size do the same work at the same place, so that what differs there came from the other rows, and rounding
does not hide it. Between runs of different sizes kernels round
differently: there half of the digits are compared, and a difference counts where it is more than rounding at
    the op in which it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..errors import RunError, ShapeError, TensorError
from ..graph.op_types import LOOPS, V1_CONTROL_FLOW
from .answers import check_rows
from .model import Model
from .row_data import Feed

FEW = 4                 # rows of a run
TRIES = 64              # rows that are looked at for one that differs from the others
EPS = {2: 2. ** -10, 4: 2. ** -23, 8: 2. ** -52}
# in runs of one size TensorFlow's kernels give the same bits; what is computed until it converges does not
# quite
ALIKE = 1e-6
TIME = {'TensorListStack', 'TensorListGather', 'TensorListConcatV2', 'TensorArrayGatherV3',
        'TensorArrayConcatV3',
        'Cumsum', 'Cumprod', 'CumulativeLogsumexp', 'CudnnRNN', 'CudnnRNNV2', 'CudnnRNNV3', 'BlockLSTM',
        'BlockLSTMV2'}
STEPS = {'Round', 'Rint', 'Floor', 'Ceil', 'FloorDiv', 'FloorMod', 'Sign', 'Cast', 'Greater', 'GreaterEqual',
         'Less', 'LessEqual', 'Equal',
         'NotEqual', 'ArgMax', 'ArgMin', 'TopKV2', 'FakeQuantWithMinMaxVars', 'FakeQuantWithMinMaxArgs',
         'FakeQuantWithMinMaxVarsPerChannel',
         'QuantizeAndDequantizeV2', 'QuantizeAndDequantizeV3', 'QuantizeAndDequantizeV4'}

Take = Callable[[np.ndarray], list[np.ndarray]]     # from numbers of rows to the arrays of X


class Run(NamedTuple):
    """T as it is, of these rows of xs together."""
    rows: np.ndarray
    values: np.ndarray


class Place(NamedTuple):
    """A row in a run, and where else it was seen. alike: whether in a run of the same size at the same
    place."""
    run: Run
    at: int
    other: Run
    there: int
    alike: bool


def run_together(model: Model, take: Take, feeds: Mapping[str, Feed], n: int, size: int, fixed: bool) -> bool:
    """Whether T can be computed only for all n rows at once, because arrays of n rows are written into it.
    TensorError where T of a row changes with the other rows.

    size: rows of a run. fixed: whether the graph takes no other number.
    """
    flags = _flags(feeds)
    known = model.findings.rows_apart.get((flags, True), 0)
    if known in (None, n):
        return known is not None
    first, between, last = _different(take, feeds, min(n, size) if fixed else n)
    differ = last != first
    if not differ and model.findings.rows_apart.get((flags, False), 0) in (None, n):
        return model.findings.rows_apart[flags, False] is not None
    check = _Check(model, take, feeds)
    found = check(n, size, fixed, first, between, last)
    model.findings.rows_apart[flags, differ] = n if found else None
    return found


def shape_of_all(model: Model, take: Take, feeds: Mapping[str, Feed], n: int) -> tuple[int, ...] | None:
    """The shape of T of all n rows, where a T that seems to have no batch axis can be computed for all of
    them only, or means something else for one: an array of n rows is written into it. None where the graph
    takes any number of rows. ShapeError where it does not take n."""
    key = _flags(feeds), n
    if key not in model.findings.shapes_of_all:
        check = _Check(model, take, feeds)
        model.findings.shapes_of_all[key] = None
        fit = 0
        try:                                            # an array of four rows does not go with three
            for rows in [0], [0, n // 2, n - 1], [0, n // 2, n - 1, 0]:
                check.ask(np.array(rows))
                fit += 1
        except _Unfit:
            try:
                model.findings.shapes_of_all[key] = check.ask(np.arange(n)).shape
            except _Unfit as e:
                if not fit:                             # no number does: the run will say why
                    return None
                raise ShapeError(f'T "{model.target.name}" can be computed for other numbers of rows than '
                                 f'{n}: {e}. Where an array with rows of '
                                 'its own is written into it, leave it out and pass it as ys. A graph of '
                                 'single rows is explained one row per '
                                 'call') from e.error
    return model.findings.shapes_of_all[key]


def adds_up(model: Model, take: Take, feeds: Mapping[str, Feed], n: int) -> bool:
    """Whether a T that does not grow with X is the sum or the mean of T of single rows, up to a constant: of
    two rows that differ, among one another and beside copies of themselves. Otherwise a row that is explained
    alone says nothing of T of all. True where that cannot be seen."""
    key = _flags(feeds)
    if key not in model.findings.adds_up:
        first, _, last = _different(take, feeds, n)
        if first == last:
            return True
        check = _Check(model, take, feeds)
        try:
            a, b, ab, aa, bb = (check.ask(np.array(rows)).astype(np.float64) for rows in (
                [first], [last], [first, last], [first, first], [last, last]))
        except _Unfit:                                  # the graph takes one row at a time
            model.findings.adds_up[key] = True
            return True
        size = max(np.abs(v).max(initial=0) for v in (a, b, ab, aa, bb))
        # it does grow, and its static shape is wrong
        if ab.shape != a.shape and ab.shape == (2, *a.shape[1:]):
            model.findings.adds_up[key] = check.is_random or not _apart(ab, np.concatenate([a, b]),
                                                            check.eps ** .5 * size)
            return model.findings.adds_up[key]
        rests = [[ab - share * (a + b), aa - share * 2 * a, bb - share * 2 * b] for share in (1, .5)]
        model.findings.adds_up[key] = check.is_random or any(
            not any(_apart(rest[0], other, check.eps ** .5 * size) for other in rest[1:]) for rest in rests)
    return model.findings.adds_up[key]


def _flags(feeds: Mapping[str, Feed]) -> tuple:
    """What is fed that may decide on the way through the graph."""
    return tuple((name, f.value.tobytes()) for name, f in sorted(feeds.items())
                 if not f.per_row and f.value.dtype.kind in 'biu' and f.value.size <= 64)


def _different(take: Take, feeds: Mapping[str, Feed], n: int) -> tuple[int, int, int]:
    """The first row, one from between, and the last of those that differ from the first; the last again where
    none between differs from both, the first where all are the same."""
    def row(k):
        return [a[0] for a in take(np.array([k]))] + [f.value[k] for f in feeds.values() if f.per_row]

    def same(a, b):
        return all(np.array_equal(u, v) for u, v in zip(a, b))
    start = row(0)
    last = next((k for k in range(n - 1, max(0, n - 1 - TRIES), -1) if not same(row(k), start)), 0)
    if not last:
        return 0, 0, 0
    end = row(last)
    middle = sorted(range(1, last),
                    key=lambda k: abs(2 * k - last))[:TRIES] if last < 1 << 16 else [last // 2]
    return 0, next((k for k in middle if not same(row(k), start) and not same(row(k), end)), last), last


class _Check:
    def __init__(self, model: Model, take: Take, feeds: Mapping[str, Feed]):
        self._model, self._take, self._feeds = model, take, feeds
        path = model.path
        dtypes = [o.dtype for op in path.ops for o in op.outputs if o.dtype.is_floating and path.varies(o)]
        self.eps = max(2. ** -7 if d == tf.bfloat16 else EPS.get(d.size, 2. ** -3)
                       for d in [*dtypes, model.target.dtype])

    def __call__(self, n: int, size: int, fixed: bool, first: int, between: int, last: int) -> bool:
        together = fixed
        if not fixed:
            try:
                runs = [self.run(rows) for rows in _open(size, first, between, last)]
            except _Unfit:
                together = True
        if together:
            count = size if fixed else n
            try:
                runs = [self.run(rows) for rows in _fixed(n, count, between, last)]
            except _Unfit as e:
                raise e.error from e.error.__cause__
        self._model.findings.few_values = runs[0].values                # for whoever looks at T next
        places = [p for p in _places(runs) if p.alike or not (together or self.is_random)]
        if any(self._differs(p) for p in places):
            noise = self._noise(runs[0])
            for place in places:
                if self._differs(place, noise):
                    self._refuse(place, together)
        return together and not fixed

    def run(self, rows: np.ndarray) -> Run:
        values = self.ask(rows)
        try:
            check_rows(self._model.target, values.shape, len(rows))
        except TensorError as e:
            raise _Unfit(e) from None
        return Run(rows, values)

    def ask(self, rows: np.ndarray) -> np.ndarray:
        """T of these rows together; _Unfit where the graph takes another number."""
        try:
            return self._model.target_values.values(self._take(rows), self._feeds, rows)[0]
        except RunError as e:
            if not isinstance(e.__cause__, tf.errors.InvalidArgumentError):
                raise
            raise _Unfit(e) from None

    @property
    def is_random(self) -> bool:
        """Whether random numbers are drawn on the way, which may go by the place of a row."""
        return bool(self._model.random_ops)

    def _noise(self, run: Run) -> float:
        """By how much T changes from run to run, relative to its units: what is random, or rounded in another
        way."""
        a, b = run.values.astype(np.float64), self.run(run.rows).values.astype(np.float64)
        with np.errstate(invalid='ignore', divide='ignore'):
            return float(np.nan_to_num(np.abs(a - b) / np.maximum(np.abs(a).max(0),
                                                                  np.abs(b).max(0))).max(initial=0))

    def _differs(self, place: Place, noise: float = 0.) -> bool:
        runs = [v.values.astype(np.float64) for v in (place.run, place.other)]
        a, b = runs[0][place.at], runs[1][place.there]
        size = [np.abs(np.where(np.isfinite(v), v, 0)).max(0) for v in runs]
        scale = np.maximum(*size)
        if place.alike:
            allowed = max(ALIKE, 8 * self.eps) * scale
        else:
            allowed = self.eps ** .5 * scale + 8 * self.eps * scale.max(initial=0)
        return _apart(a, b, allowed + 16 * noise * scale)

    def _refuse(self, place: Place, together: bool) -> None:
        """Raise TensorError, naming the op where the difference begins; unless it is rounding."""
        origin, rounding = _Origin(self, place, together).found()
        if rounding:
            return
        model = self._model
        through = f', through op {model.path.name(origin)}' if origin is not None else ''
        time = ''
        if origin is not None and (origin.type in TIME or (origin.type in LOOPS
                                                           and any(i.op.type == 'TensorListFromTensor'
                                                                   for i in origin.inputs))):
            time = ('. If the first axis of X is time, feed the batch first: an X of shape (batch, time, '
                    '...), which the graph transposes itself '
                    '(time_major=False, or wrap the graph)')
        raise TensorError(f'T "{model.target.name}" of a row changes with the other rows of the '
                          f'batch{through}: attributions of a row have no '
                          f'meaning. Build the model for inference (training=False), take a T without a '
                          f'batch axis, or explain every row '
                          f'alone (batch_size=1){time}')


class _Unfit(Exception):
    """The graph takes another number of rows; error says so."""

    def __init__(self, error: RunError | TensorError):
        super().__init__(str(error))
        self.error = error


def _open(size: int, first: int, between: int, last: int) -> list[np.ndarray]:
    """The rows of a few runs, from which every way is seen in which rows may mix, whichever of them is the
    largest, and in whatever order: the rows among one another, one beside copies of itself, another alone.
    First among others are rows that no order has sorted or mirrored."""
    if size >= FEW:
        among = [first, between, last, first] if between != last else [first, last, first, first]
    else:
        among = [first, between, last][:size] if size > 2 else [first, last]
    beside = among[1]
    alone = next((k for k in (last, first) if k != beside), first)
    runs = [among, [beside] * len(among), [alone]]
    return [np.array(r) for r in (runs if size >= FEW else [*runs, among[::-1]])]


def _fixed(n: int, size: int, between: int, last: int) -> list[np.ndarray]:
    """The same where a run has `size` rows, and a row its place."""
    among = np.minimum(np.arange(size), n - 1)
    beside = np.where(among == 0, 0, between if between != last else 0)
    return [among, beside, np.full(size, last)]


def _places(runs: Sequence[Run]) -> list[Place]:
    """The rows of all runs, each with where it stands in the first."""
    among = runs[0]
    seen = {int(r): k for k, r in reversed(list(enumerate(among.rows)))}
    places = []
    for run in runs:
        for k, r in enumerate(run.rows):
            alike = run is not among and len(run.rows) == len(among.rows) and among.rows[k] == r
            there = k if alike else seen[int(r)]
            if run is not among or there != k:
                places.append(Place(run, k, among, there, alike))
    return places


def _apart(a: np.ndarray, b: np.ndarray, allowed: np.ndarray | float) -> bool:
    """Whether two arrays differ by more; infinities and NaN are equal to themselves."""
    with np.errstate(invalid='ignore'):
        return bool((~((np.abs(a - b) <= allowed) | (a == b) | (np.isnan(a) & np.isnan(b)))).any())


class _Origin:
    """The op in which the difference between two places begins."""

    def __init__(self, check: _Check, place: Place, together: bool):
        self._place, self._eps = place, check.eps
        self._values: dict[str, list[np.ndarray]] = {}
        self._model = model = check._model
        graph, path = model.target.graph, model.path
        runs = [place.run.rows, place.other.rows]
        if len(runs[0]) == len(runs[1]) and not together:
            runs.append(runs[0][:1])                    # of another size, which shows the axis of the rows
        tensors = [t for op in path.ops for t in op.outputs if path.varies(t) and graph.is_fetchable(t)
                   and op.type not in V1_CONTROL_FLOW
                   and (t.dtype.is_floating or t.dtype.is_integer or t.dtype.is_bool or t.dtype.is_complex)]
        for k in range(0, len(tensors), 16):
            self._evaluate(check, tensors[k:k + 16], runs)
        for x, *values in zip(model.inputs, *(check._take(rows) for rows in runs)):
            self._values[x.name] = list(values)
        self._sizes = [len(rows) for rows in runs]

    def _evaluate(self, check: _Check, tensors: Sequence[tf.Tensor], runs: Sequence[np.ndarray]) -> None:
        try:
            values = [self._model.values_of(tensors, check._take(rows), check._feeds, rows) for rows in runs]
        except RunError:                                # in a branch that is not taken, or inside a loop
            for t in tensors if len(tensors) > 1 else ():
                self._evaluate(check, [t], runs)
            return
        for t, *found in zip(tensors, *values):
            self._values[t.name] = list(found)

    def found(self) -> tuple[tf.Operation | None, bool]:
        """(op, whether the difference is no more than rounding there)."""
        for op in self._model.path.ops:
            if any(self._has_rows(o) and self._differs(o) for o in op.outputs):
                lost = op
                while True:                             # what was computed from all rows
                    before = next((i.op for i in lost.inputs if i.name in self._values
                                   and not self._has_rows(i) and self._differs(i)), None)
                    if before is None:
                        break
                    lost = before
                return lost, lost is op and not self._place.alike and self._is_rounding(op)
        return None, False

    def _is_rounding(self, op: tf.Operation) -> bool:
        inputs = [self._parts(i) for i in op.inputs if i.name in self._values]
        if all(np.array_equal(a, b, equal_nan=a.dtype.kind == 'f') for a, b in inputs):
            return False
        if op.type in STEPS:
            return True
        # a sum of so many products, each rounded
        largest = [np.abs(a.astype(np.float64)).max(initial=0) for a, _ in inputs]
        terms = max(a.size for a, _ in inputs)
        allowed = 64 * self._eps * max(*largest, float(np.prod(largest)), 0.) * max(terms, 1) ** .5
        outputs = [[p.astype(np.float64) for p in self._parts(o)] for o in op.outputs
                   if o.name in self._values]
        return not any(_apart(a, b, allowed) for a, b in outputs)

    def _axis(self, tensor: tf.Tensor) -> int | None:
        """The axis along which the rows lie."""
        values = self._values[tensor.name]
        if len(set(self._sizes)) == 1:
            return 0 if values[0].ndim and len(values[0]) % self._sizes[0] == 0 and len(values[0]) else None
        other = next(k for k in range(1, len(values)) if self._sizes[k] != self._sizes[0])
        a, b, m, k = values[0].shape, values[other].shape, self._sizes[0], self._sizes[other]
        return next((axis for axis, (u, v) in enumerate(zip(a, b)) if u != v and u * k == v * m),
                    None) if len(a) == len(b) else None

    def _has_rows(self, tensor: tf.Tensor) -> bool:
        return tensor.name in self._values and self._axis(tensor) is not None

    def _parts(self, tensor: tf.Tensor) -> list[np.ndarray]:
        """What the row has in both places, or all where there are no rows."""
        values, axis = self._values[tensor.name][:2], self._axis(tensor)
        if axis is None:
            return values
        return [np.moveaxis(v, axis, 0).reshape(m, -1)[at] for v, m,
                at in zip(values, self._sizes, (self._place.at, self._place.there))]

    def _differs(self, tensor: tf.Tensor) -> bool:
        a, b = self._parts(tensor)
        if a.shape != b.shape:
            return a.ndim == b.ndim                     # as many entries as rows on several axes
        wide = complex if a.dtype.kind == 'c' else np.float64
        a, b = a.astype(wide), b.astype(wide)
        allowed = max(ALIKE, 8 * self._eps) if self._place.alike else self._eps ** .5
        return _apart(a, b, allowed * np.abs(np.where(np.isfinite(a), a, 0)).max(initial=0))
