"""How far a run is, reported while it goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeGuard

INTERVAL = .2           # seconds between two lines


class Progress(NamedTuple):
    """How far a run is.

    done, total: evaluations of the model; total is None where a tolerance decides, and shrinks where it turns
    out that inputs need not be evaluated. rate: evaluations per second. remaining: seconds, or None.
    """
    done: int
    total: int | None
    rate: float
    remaining: float | None


def is_wanted(progress: bool | Callable[[Progress], Any] | None
              ) -> TypeGuard[bool | Callable[[Progress], Any]]:
    """Whether the option asks for a report."""
    return callable(progress) or bool(progress)


class Reporter:
    """Counts the evaluations of a run and reports them after every run of the graph.

    Parameters
    ----------
    progress : True or function
        A function that takes a Progress; True for tqdm, or plain text.
    total : int, optional
        Evaluations in all.
    what : str
        What is shown beside the bar.
    """

    def __init__(self, progress: bool | Callable[[Progress], Any], total: int | None, what: str):
        self._report = progress if callable(progress) else _bar(total, what)
        self._total, self._done, self._start = total, 0, time.perf_counter()

    def __call__(self, evaluations: int, spared: int = 0) -> None:
        """Report evaluations that were made, and those of the total that are not needed."""
        self._done += evaluations
        self._total = None if self._total is None else self._total - spared
        rate = self._done / max(time.perf_counter() - self._start, 1e-9)
        total = None if self._total is None else max(self._total, self._done)
        remaining = None if total is None or not rate else (total - self._done) / rate
        self._report(Progress(self._done, total, rate, remaining))

    def close(self) -> None:
        """Remove the bar."""
        getattr(self._report, 'close', lambda: None)()


def _bar(total: int | None, what: str) -> Callable[[Progress], Any]:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _Text(what)
    bar = tqdm(total=total, desc=what, unit='row', leave=False)

    def report(p):
        bar.total = p.total
        bar.update(p.done - bar.n)
    report.close = bar.close      # type: ignore[attr-defined]
    return report


class _Text:
    def __init__(self, what: str):
        self._what, self._last, self._width = what, 0., 0

    def __call__(self, p: Progress) -> None:
        now = time.perf_counter()
        if now - self._last < INTERVAL and p.done != p.total:
            return
        self._last = now
        line = f'{self._what}: {p.done}' + (f' of {p.total}' if p.total
                                            else '') + f' evaluations, {p.rate:.0f} per second' \
            + (f', {p.remaining:.0f} s to go' if p.remaining is not None else '')
        self._width = max(self._width, len(line))
        print(f'\r{line:{self._width}}', end='', file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._width:
            print(f'\r{"":{self._width}}\r', end='', file=sys.stderr, flush=True)
