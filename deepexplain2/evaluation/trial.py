"""What a metric sees: rows, their attributions, T and attributions at other inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ..engine.arrays import take
from ..engine.memo import Memo
from ..engine.sweep import Sweep
from ..errors import ParameterError
from ..features.axes import AxesOfInput
from ..features.base import Features, FeatureSet, Rows, join


class Randomizer(Protocol):
    """Attributions of the same rows by the same method, with other weights of the model.

    layers: those with weights, from T on.
    """

    @property
    def layers(self) -> list[str]:
        """The names of the layers with weights, those nearest to T first."""

    def __call__(self, layers: list[str], seed: int, how: str) -> list[np.ndarray]:
        """The attributions with random weights in these layers."""


# explain(xs, ys) -> attributions of other values of all rows, and of other units of T where ys are given
Explain = Callable[..., list[np.ndarray]]


def ranges(x: np.ndarray) -> np.ndarray:
    """(n, 1, ...): the largest less the least entry of each row."""
    return np.ptp(x, tuple(range(1, x.ndim)), keepdims=True)


def flat(maps: Sequence[np.ndarray]) -> np.ndarray:
    """(n, entries): all attributions of each row, of all inputs, in float64; 0 in place of NaN."""
    return np.concatenate([np.nan_to_num(a.astype(np.float64)).reshape(len(a), -1) for a in maps], 1)


class Trial:
    """Attributions of rows that are put to the test.

    Attributes
    ----------
    sweep : Sweep
        Gives the value of T: `for rows, ks, answers in sweep(make, points)` with answers['value'], one number
        for each of `rows`.
    xs, attributions : list of arrays
        One per tensor of X, (n,) + features.
    baselines : list of arrays
        One per tensor of X, with one row or n.
    ys : array or None
        As they were given.
    units : int or None
        How many units T has, where ys choose one of them.
    explain : function or None
        explain(xs) gives the attributions of other values of all rows by the same method, a list of arrays;
        explain(xs, ys) those of other units. None where attributions were given as arrays.
    by_feature : (FeatureSet, array (n, features)) or None
        Attributions by feature, where they are.
    known : dict
        What trials of the same rows and T know already.
    baseline : hashable
        Stands for the baseline in it.
    randomizer : Randomizer or None
        The same attributions with other weights of the model.
    delta : array (n,) or None
        What the attributions miss of the sum that their method promises, where that is known.
    """

    def __init__(self, sweep: Sweep, xs: Sequence[np.ndarray], attributions: Sequence[np.ndarray],
                 baselines: Sequence[np.ndarray], ys: Any = None, units: int | None = None,
                 explain: Explain | None = None, by_feature: tuple[Any, np.ndarray] | None = None,
                 known: dict[Any, Any] | None = None, baseline: Any = None,
                 randomizer: Randomizer | None = None, delta: np.ndarray | None = None):
        self.sweep, self.xs, self.attributions, self.baselines = sweep, list(xs), list(attributions), list(
            baselines)
        self.ys, self.units, self.explain, self._by_feature = ys, units, explain, by_feature
        self._known, self._baseline = {} if known is None else known, baseline
        self._randomizer, self.delta = randomizer, delta

    @property
    def n(self) -> int:
        """How many rows there are."""
        return self.sweep.n

    def values(self, make: Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]],
               points: int) -> np.ndarray:
        """(n, points): T at the inputs that make(rows, ks) gives for the points ks of rows."""
        found = np.empty((self.n, points))
        for rows, ks, answers in self.sweep(make, points):
            found[rows, ks] = answers['value']
        return found

    @property
    def at_x(self) -> np.ndarray:
        """(n,): T at x."""
        return self._once('x', lambda: self.values(lambda rows, ks: [x[rows] for x in self.xs], 1)[:, 0])

    @property
    def at_baseline(self) -> np.ndarray:
        """(n,): T at the baseline."""
        return self._once(('baseline', self._baseline), lambda: self.values(lambda rows, ks: [
            np.broadcast_to(take(b, rows), x[rows].shape)
            for x, b in zip(self.xs, self.baselines)], 1)[:, 0])

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def features(self, given: FeatureSet | None) -> Features:
        """The features that are given, or positions: entries of X along its last axis, the channels of an
        image, the embedding of a word, stay together, but in tables (n, columns)."""
        if given is None:
            return join([AxesOfInput(x.shape[1:], range(1, max(x.ndim - 1, 2)), is_whole=True)
                         for x in self.xs])
        found = given.of(Rows([x.shape for x in self.xs], self.xs, self.sweep.columns, total=self.n))
        assert found is not None
        return found

    def memo(self, features: Features, given: FeatureSet | None) -> Memo:
        """T for coalitions of features, of which no input is evaluated twice; that of other trials of the
        same rows and baseline, too."""
        return self._once(('memo', self._baseline, given),
                          lambda: Memo(self.sweep, features, self.xs, self.baselines))

    def totals(self, features: Features, given: FeatureSet | None) -> np.ndarray:
        """(n, features): the attributions of each feature, their sums where they are not by feature."""
        if self._by_feature is not None and given is not None and self._by_feature[0] == given:
            return self._by_feature[1].astype(np.float64)
        return features.totals([np.nan_to_num(a) for a in self.attributions])

    @property
    def sums(self) -> np.ndarray:
        """(n,): the sums of the attributions of each row, by feature where they are."""
        if self._by_feature is not None:
            return self._by_feature[1].sum(1, dtype=np.float64)
        return self.flat.sum(1)

    @property
    def flat(self) -> np.ndarray:
        """(n, entries): all attributions of each row, in float64; 0 in place of NaN."""
        return flat(self.attributions)

    def again(self, what: str) -> Explain:
        """`explain`; ParameterError where attributions were given as arrays."""
        if self.explain is None:
            raise ParameterError(f'{what} explains other inputs too: give the method in place of its '
                                 f'attributions, by its name or as an object')
        return self.explain

    @property
    def randomizer(self) -> Randomizer:
        """What explains with other weights."""
        if self._randomizer is None:
            raise ParameterError('other weights are those of another graph: give the method by its name or '
                                 'as an object, not an explainer or a function')
        return self._randomizer
