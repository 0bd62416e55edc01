"""Perturbation methods that switch whole words, in all lookups of a word at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..attribution.base import Method, Plan
from ..attribution.by_features import by_features
from ..attribution.wrapper import Inner, Wrapper
from ..engine.arrays import differ, faded, take
from ..engine.sweep import Evaluate, Sweep
from ..errors import ParameterError


class Words(NamedTuple):
    """How one tensor X stands among the tensors that are explained.

    Attributes
    ----------
    at : tuple of int
        The positions of its lookups among these tensors; its own for numbers.
    shape : tuple of int or None
        The shape of a row of ids; None for numbers, which are switched as they are.
    widths : tuple of int
        How many axes at the end of each lookup are those of an embedding.
    places : tuple of arrays or None
        For each lookup the id that every place comes from, (1 or n, places); None: place k is that of id k.
    """

    at: tuple[int, ...]
    shape: tuple[int, ...] | None
    widths: tuple[int, ...] = ()
    places: tuple[np.ndarray | None, ...] = ()

    @property
    def switched(self) -> tuple[int, ...] | None:
        """The shape of what a method switches: ids without a feature axis get one."""
        return self.shape or (None if self.shape is None else (1,))

    def spread(self, words: np.ndarray, k: int, embedded: np.ndarray) -> np.ndarray:
        """Values of words (m, ...) at the places of lookup k, to be broadcast to its embedding (m, ...); 1
        where there is no word."""
        place, row = self.places[k], embedded.shape[1:embedded.ndim - self.widths[k]]
        flat = words.reshape(len(words), -1)
        if place is not None:
            at = np.maximum(place, 0)
            flat = np.where(place < 0, 1, flat[:, at[0]] if len(at) == 1 else np.take_along_axis(flat, at, 1))
        return flat.reshape(len(flat), *row, *(1,) * self.widths[k])

    def changed(self, differs: Sequence[np.ndarray]) -> np.ndarray:
        """(n, ids): whether any entry of the embeddings of an id differs. differs: (n, ...) for each
        lookup."""
        assert self.switched is not None
        n, count = len(differs[0]), int(np.prod(self.switched))
        found = np.zeros((n, count + 1), bool)              # the last: places of no id
        for place, widths, d in zip(self.places, self.widths, differs):
            flat = d.reshape(n, int(np.prod(d.shape[1:d.ndim - widths])), -1).any(2)
            if place is None:
                found[:, :-1] |= flat
            else:
                rows, at = np.nonzero(flat)
                found[rows, np.broadcast_to(place, flat.shape)[rows, at]] = True
        return found[:, :-1].reshape(n, *self.switched)


@dataclass(frozen=True)
class ByWord(Wrapper):
    """A perturbation method on embedded words: it sees which words are there, 1 or 0, and what it switches
    off takes the baseline in all lookups. Parameters: of, words."""

    of: Inner
    words: tuple[Words, ...]

    @property
    def name(self) -> str:  # type: ignore[override]
        """As for the method inside, whose attributions these are."""
        return self.of.name

    @property
    def sums_to(self) -> str | None:  # type: ignore[override]
        """As for the method inside."""
        return self.of.sums_to

    @property
    def takes_baseline(self) -> bool:
        """As for the method inside."""
        return self.of.takes_baseline

    @property
    def draws_samples(self) -> bool:  # type: ignore[override]
        """As for the method inside."""
        return self.of.draws_samples

    def check_std_error(self) -> None:
        """As for the method inside."""
        self.of.check_std_error()

    def plan(self, shapes: Sequence[tuple[int, ...]]) -> Plan:
        """What the method inside does with words."""
        n = shapes[0][0]
        evaluations, found = self.of.plan([shapes[w.at[0]] if w.switched is None else (n, *w.switched)
                                           for w in self.words])
        return Plan(evaluations, [shape[:1] if w.shape == () else shape
                                  for w, shape in zip(self.words, found)])

    def attribute(self, sweep: Sweep, xs: list[np.ndarray], baselines: list[np.ndarray]) -> list[np.ndarray]:
        """Attributions of words, one array per tensor X."""
        return self.of.attribute(*self._by_word(sweep, xs, baselines))

    def sample(self, sweep: Sweep, xs: list[np.ndarray],
               baselines: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Attributions of words and their standard errors."""
        return self.of.sample(*self._by_word(sweep, xs, baselines))

    def spread(self, found: Sequence[np.ndarray], sweep: Sweep, xs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Attributions shaped like ids, or like numbers."""
        found = self.of.spread(found, sweep, [xs[w.at[0]] if w.switched is None else
                                              np.ones((len(xs[0]), *w.switched), np.float32)
                                              for w in self.words])
        return [f.reshape(len(f)) if w.shape == () else f for w, f in zip(self.words, found)]

    def _by_word(self, sweep: Sweep, xs: list[np.ndarray],
                 baselines: list[np.ndarray]) -> tuple[Sweep, list[np.ndarray], list[np.ndarray]]:
        """(sweep, xs, baselines) as the method inside sees them: words are 1 in x, and 0 in the baseline
        where their embedding is another one there."""
        ones, absent = [], []
        for w in self.words:
            if w.switched is None:
                ones.append(xs[w.at[0]])
                absent.append(baselines[w.at[0]])
                continue
            changed = w.changed([np.broadcast_to(differ(xs[k], baselines[k]), xs[k].shape) for k in w.at])
            ones.append(np.ones(changed.shape, np.float32))
            absent.append(np.where(changed, 0, 1).astype(np.float32))

        def of(evaluate: Evaluate) -> Evaluate:
            return lambda points, rows: evaluate(self._embedded(points, rows, xs, baselines), rows)
        return sweep._replace(evaluate=of(sweep.evaluate),
                              evaluate_value=sweep.evaluate_value and of(sweep.evaluate_value)), ones, absent

    def _embedded(self, points: Sequence[np.ndarray], rows: np.ndarray, xs: Sequence[np.ndarray],
                  baselines: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Points that say which words are there as embeddings."""
        found: list[Any] = [None] * len(xs)
        for w, point in zip(self.words, points):
            if w.switched is None:
                found[w.at[0]] = point
                continue
            there = w._replace(places=tuple(p if p is None or len(p) == 1 else p[rows] for p in w.places))
            point = np.broadcast_to(point, (len(rows), *point.shape[1:]))
            for k, at in enumerate(w.at):
                x = xs[at][rows]
                found[at] = faded(x, take(baselines[at], rows), there.spread(point, k, x))
        return found


def is_by_word(method: Method) -> bool:
    """Whether a method switches whole words."""
    return method.is_perturbation and method.switches_features


def by_word(method: Method, words: Sequence[Words]) -> Method:
    """A method whose perturbations, those of a method inside too, switch whole words."""
    if isinstance(method, Wrapper):
        return replace(method, of=by_word(method.of, words))
    return ByWord(by_features(method), tuple(words)) if is_by_word(method) else method


def innermost(method: Method) -> Method:
    """The method inside of all wrappers."""
    return innermost(method.of) if isinstance(method, Wrapper) else method



def with_parameter(method: Method, name: str, value: Any) -> Method:
    """A method with another value of a parameter, which may be one of the method inside."""
    if name not in method.parameters and isinstance(method, Wrapper):
        return replace(method, of=with_parameter(method.of, name, value))
    if name not in method.parameters:
        raise ParameterError(f'{method!r} has a {name} that is no parameter, and X are token ids: explain '
                             f'the embedding (the output of the lookup) with it')
    return replace(method, **{name: value})  # type: ignore[type-var]
