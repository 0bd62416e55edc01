"""Whether T of a row is the same whatever rows stand beside it: seen in runs of a few rows, once, before
anything is explained.

T of a row is compared with itself, unit by unit: among other rows, beside copies of itself, and alone. Runs
of one size do the same work at the same place, so that what differs there came from the other rows, and
rounding does not hide it. Between runs of different sizes kernels round differently: there half of the digits
are compared, and a difference counts where it is more than rounding at the op in which it begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np

from ..errors import RunError, ShapeError
from .model import Model
from .row_check import RowCheck, Unfit
from .row_data import Feed
from .row_runs import Take, apart

TRIES = 64              # rows that are looked at for one that differs from the others


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
    check = RowCheck(model, take, feeds)
    found = check(n, size, fixed, first, between, last)
    model.findings.rows_apart[flags, differ] = n if found else None
    return found


def check_single(model: Model, xs: Sequence[np.ndarray], baselines: Sequence[np.ndarray],
                 feeds: Mapping[str, Feed], size: int) -> None:
    """Raise TensorError where T of a single row changes with what stands beside it in a run: its own other
    points. It is evaluated once beside its baseline. size: rows of a run."""
    key = _flags(feeds), None
    pairs = [np.concatenate([x, np.asarray(b[:1], x.dtype)]) for x, b in zip(xs, baselines)]
    if key in model.findings.rows_apart or all(np.array_equal(*pair) for pair in pairs):
        return
    twice = {name: f._replace(value=np.repeat(f.value, 2, 0)) if f.per_row else f
             for name, f in feeds.items()}
    with suppress(RunError):                            # the run will say what is wrong
        RowCheck(model, lambda rows: [p[rows] for p in pairs], twice)(2, size, False, 0, 1, 1)
    model.findings.rows_apart[key] = None


def shape_of_all(model: Model, take: Take, feeds: Mapping[str, Feed], n: int) -> tuple[int, ...] | None:
    """The shape of T of all n rows, where a T that seems to have no batch axis can be computed for all of
    them only, or means something else for one: an array of n rows is written into it. None where the graph
    takes any number of rows. ShapeError where it does not take n."""
    key = _flags(feeds), n
    if key not in model.findings.shapes_of_all:
        check = RowCheck(model, take, feeds)
        model.findings.shapes_of_all[key] = None
        fit = 0
        try:                                            # an array of four rows does not go with three
            for rows in [0], [0, n // 2, n - 1], [0, n // 2, n - 1, 0]:
                check.ask(np.array(rows))
                fit += 1
        except Unfit:
            try:
                model.findings.shapes_of_all[key] = check.ask(np.arange(n)).shape
            except Unfit as e:
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
        check = RowCheck(model, take, feeds)
        try:
            a, b, ab, aa, bb = (check.ask(np.array(rows)).astype(np.float64) for rows in (
                [first], [last], [first, last], [first, first], [last, last]))
        except Unfit:                                  # the graph takes one row at a time
            model.findings.adds_up[key] = True
            return True
        size = max(np.abs(v).max(initial=0) for v in (a, b, ab, aa, bb))
        # it does grow, and its static shape is wrong
        if ab.shape != a.shape and ab.shape == (2, *a.shape[1:]):
            model.findings.adds_up[key] = check.is_random or not apart(ab, np.concatenate([a, b]),
                                                            check.eps ** .5 * size)
            return model.findings.adds_up[key]
        rests = [[ab - share * (a + b), aa - share * 2 * a, bb - share * 2 * b] for share in (1, .5)]
        model.findings.adds_up[key] = check.is_random or any(
            not any(apart(rest[0], other, check.eps ** .5 * size) for other in rest[1:]) for rest in rests)
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
