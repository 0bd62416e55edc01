"""Perturbation methods on features of the caller: `features=`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..engine.arrays import blocks, differ, faded, take
from ..engine.sweep import Evaluate, Sweep
from ..errors import ParameterError
from ..features.base import Features, FeatureSet, FeaturesOfX, Rows
from ..features.conditional import Conditional, is_conditional
from .base import Method, Plan
from .wrapper import Inner, Wrapper


@dataclass(frozen=True)
class ByFeatures(Wrapper):
    """A perturbation method on features: it sees which ones are there, 1 or 0 in an array (n, features), and
    what it switches off takes the baseline. Its attributions are by feature.

    Parameters: of, which says nothing of features, and features.
    """

    of: Inner
    features: FeaturesOfX

    is_by_feature = True

    @property
    def name(self) -> str:  # type: ignore[override]
        """As for the method inside, whose attributions these are."""
        return self.of.name

    @property
    def parameters(self) -> dict[str, Any]:
        """Those of the method, with the features."""
        return self.of.parameters | {'features': self.features}

    @property
    def sums_to(self) -> str | None:  # type: ignore[override]
        """As for the method inside."""
        return self.of.sums_to

    @property
    def draws_samples(self) -> bool:  # type: ignore[override]
        """As for the method inside."""
        return self.of.draws_samples

    @property
    def takes_baseline(self) -> bool:
        """As for the method inside."""
        return self.of.takes_baseline

    def __repr__(self) -> str:
        return repr(replace(self.of, features=self.features))           # type: ignore[type-var]

    def check_std_error(self) -> None:
        """As for the method inside."""
        self.of.check_std_error()

    def plan(self, shapes: Sequence[tuple[int, ...]]) -> Plan:
        """What the method inside does with as many entries as there are features."""
        n = shapes[0][0]
        found = self.features.of(Rows(shapes, total=n if n != 1 else None))      # 1: xs are not there yet
        return Plan(None if found is None else self.of.plan([(n, found.count)]).evaluations,
                    list(shapes))

    def _found(self, sweep: Sweep, xs: Sequence[np.ndarray]) -> Features:
        found = self.features.of(Rows([x.shape for x in xs], xs, sweep.columns, sweep.rows, sweep.total))
        assert found is not None
        return found

    def attribute(self, sweep: Sweep, xs: list[np.ndarray], baselines: list[np.ndarray]) -> list[np.ndarray]:
        """Attributions by feature, [(n, features)]."""
        return self.of.attribute(*self._by_feature(sweep, xs, baselines))

    def sample(self, sweep: Sweep, xs: list[np.ndarray],
               baselines: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Attributions by feature, and their standard errors."""
        return self.of.sample(*self._by_feature(sweep, xs, baselines))

    def spread(self, found: Sequence[np.ndarray], sweep: Sweep, xs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Each entry with the value of its feature, shaped like xs."""
        return self._found(sweep, xs).spread(found[0])

    def feature_names(self, rows: Rows) -> list[Any] | None:
        """The names of the features, where they have some."""
        return self.features.names(rows)

    def _by_feature(self, sweep: Sweep, xs: list[np.ndarray],
                    baselines: list[np.ndarray]) -> tuple[Sweep, list[np.ndarray], list[np.ndarray]]:
        """(sweep, xs, baselines) as the method inside sees them: features are 1 in x, and 0 in the baseline
        where that is another one there."""
        features, fill = self._found(sweep, xs), self.of.baseline
        if is_conditional(fill):
            return self._filled(sweep, xs, features, Conditional(fill))
        changed = np.concatenate([features.among(some).changed([
            np.broadcast_to(differ(x[some], take(b, some)), x[some].shape) for x, b in zip(xs, baselines)])
            for some in blocks(len(xs[0]), sum(x[0].size for x in xs))])
        ones = np.ones(changed.shape, np.float32)

        def of(evaluate: Evaluate) -> Evaluate:
            def mixed(points, rows):
                shares = np.broadcast_to(points[0], (len(rows), features.count))
                if np.isin(shares, (0, 1)).all():
                    return evaluate(features.mix(xs, baselines, rows, shares > 0), rows)
                masks = features.among(rows).spread(shares)             # NaN: in no feature, and always x
                return evaluate([faded(x[rows], take(b, rows), np.nan_to_num(m, nan=1.))
                                 for x, b, m in zip(xs, baselines, masks)], rows)
            return mixed
        return _inside(sweep, of), [ones], [np.where(changed, np.float32(0), np.float32(1))]

    def _filled(self, sweep: Sweep, xs: list[np.ndarray], features: Features,
                fill: Conditional) -> tuple[Sweep, list[np.ndarray], list[np.ndarray]]:
        """As `_by_feature`, where what is absent depends on what is there."""
        def of(evaluate: Evaluate) -> Evaluate:
            def mixed(points, rows):
                shares = np.broadcast_to(points[0], (len(rows), features.count))
                if not np.isin(shares, (0, 1)).all():
                    raise ParameterError(f'"{self.name}" fades features, and the baseline is a function (x, '
                                         f'mask), of those that are there or not. Give a value, an array or '
                                         f'a function of xs')
                spread = features.among(rows).spread(shares)            # NaN: in no feature, and always x
                masks = [np.broadcast_to(np.isnan(m) | (m >= 1), (len(rows), *x.shape[1:]))
                         for m, x in zip(spread, xs)]
                return evaluate(fill.filled([x[rows] for x in xs], masks), rows)
            return mixed
        ones = np.ones((len(xs[0]), features.count), np.float32)
        return _inside(sweep, of), [ones], [np.zeros_like(ones)]


def _inside(sweep: Sweep, of: Callable[[Evaluate], Evaluate]) -> Sweep:
    """The sweep of the method inside."""
    return sweep._replace(evaluate=of(sweep.evaluate), columns=None,
                          evaluate_value=sweep.evaluate_value and of(sweep.evaluate_value))


def by_features(method: Method) -> Method:
    """A method, or the one inside of it, on the features that are among its parameters."""
    if isinstance(method, Wrapper):
        inside = by_features(method.of)
        made = method if inside is method.of else replace(method, of=inside)
        if isinstance(inside, ByFeatures) and inside.features.of_values and made.is_by_feature:
            raise ParameterError(f'"{method.name}" changes xs for "{inside.name}", whose features are made '
                                 f'of the values of xs. Give labels as an array')
        return made
    given = method.parameters.get('features')
    if not isinstance(given, FeatureSet):
        if is_conditional(method.baseline):
            raise ParameterError(f'baseline of "{method.name}" is a function of two arguments, (x, mask), '
                                 f'and it has no features that are there or not. '
                                 + ('Give features=, Grid(7) or others' if 'features' in method.parameters
                                    else 'Give a value, an array or a function of xs'))
        return method
    return ByFeatures(replace(method, features=None), given)            # type: ignore[type-var]
