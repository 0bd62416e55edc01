"""LIME: a linear model of T around x."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from ...engine.memo import Memo
from ...errors import ParameterError, shown
from ...features.base import FeaturesOfX
from ...features.coalitions import Masks
from ...features.enumeration import all_masks
from ...parameters import Baseline, Count, Kind, NotNegative, Positive, References, Seed, Share
from ..base import Plan, Surrogate
from ..drawing import draw
from ..registry import register
from ..sampling import HELD, Sampling

WIDTHS = {'cosine': .25, 'euclidean': .75}      # the latter times the square root of the number of features


def regressor(value: Any, name: str) -> Any:
    """Check a regressor of scikit-learn's kind."""
    if not callable(getattr(value, 'fit', None)) or isinstance(value, type):
        raise ParameterError(f'{name} must be a regressor with fit(X, y, sample_weight), as those of '
                             f'scikit-learn, not {shown(value)}')
    return value


@register('lime')
@dataclass(frozen=True)
class Lime(Sampling):
    """Coefficients of a linear model of T around x, fitted where features are switched off (Ribeiro et al.
    2016). Method 'lime'.

    Parameters
    ----------
    samples : int, default 1000
        Masks drawn, the first of them x itself. All rows see the same ones. Where all masks of the features
        are no more than that, these are taken.
    distance : 'cosine' or 'euclidean', default 'cosine'
        D of a mask z from that of x, in which all m features are present: 1 - sqrt(|z| / m), or the square
        root of the number of absent features.
    kernel_width : float, optional
        s of the weight exp(-D^2 / (2 s^2)) of a mask; by default 0.25, or 0.75 sqrt(m) with 'euclidean'.
    alpha : float, default 1
        The penalty of the ridge regression, on the coefficients without the intercept. Weights are not
        normalized.
    keep : float, default 0.5
        The chance of a feature to be present.
    regressor : scikit-learn regressor, optional
        In place of the ridge regression: fit(X, y, sample_weight) makes coef_, of a copy for every row.
    baseline : number, array, list of them or function, default 0
        The value of an absent feature: a scalar, an array of the shape of one row, or one with a row for each
        row of xs; or a function of xs that returns one of these. For a list X a list of them.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged: (k,) + the shape of one row, shared by all rows;
        (n, k) + that shape, k for each row of xs; or a function of xs that returns one of these. For several
        inputs a list of arrays. In place of baseline. Cost: k times as much.
    features : set of deepexplain2.features, optional
        What is switched together: Axes, Windows, Grid, Segments, superpixels(...), Columns. By default every
        entry is a feature; of token ids every word.
    seed : int, default 0
        Seed of the masks; the same seed gives the same answer.
    tolerance : float, optional
        Go on drawing until the standard error of every coefficient is at most `tolerance` times the largest
        of its row, or max_samples are drawn, which is reported in a warning.
    max_samples : int, default 100000
        The most masks where there is a tolerance.

    Notes
    -----
    Weighted ridge regression in closed form, in float64, of T on masks of 0 and 1. It promises no sum. An
    Explanation has `r2`, the share of the weighted variance of T that the linear model explains: where it is
    low, the coefficients say little. Standard errors are those of a regression with errors of any variance
    (HC1), 0 where all masks are taken.

    Cost: samples evaluations of T per row, 2 ** m where that is less. No input is evaluated twice.

    References
    ----------
    Ribeiro, Singh, Guestrin (2016). "Why should I trust you?": explaining the predictions of any classifier.
    arXiv:1602.04938

    Examples
    --------
    >>> from deepexplain2.features import Grid
    >>> explanation = de.explanation('lime', T, X, xs, ys=labels, features=Grid(2))
    >>> explanation.by_feature.shape, explanation.r2.shape
    ((2, 2), (2,))
    """

    samples: Count = 1000
    distance: Literal['cosine', 'euclidean'] = 'cosine'
    kernel_width: Positive | None = None
    alpha: NotNegative = 1.
    keep: Share = .5
    regressor: Annotated[Any, Kind('a regressor of scikit-learn', regressor)] | None = None
    baseline: Baseline | None = None
    references: References | None = None
    features: FeaturesOfX | None = None
    seed: Seed = 0
    tolerance: Positive | None = None
    max_samples: Count = 100000

    draws = 'masks'
    zero_without_influence = False

    def check(self):
        if self.regressor is not None and self.tolerance is not None:
            raise ParameterError('tolerance needs standard errors, which a regressor of your own does not '
                                 'give. Leave out one of them')

    def check_std_error(self):
        if self.regressor is not None:
            raise ParameterError('return_std_error: a regressor of your own gives no standard errors')
        super().check_std_error()

    def plan(self, shapes):
        m = self.features_of(shapes).count
        if self._takes_all(m):
            return Plan([1 << m], list(shapes))
        if self.alpha == 0 and self.regressor is None and self.samples <= m + 1:
            raise ParameterError(f'samples is {self.samples} for {m} features: without a penalty (alpha=0) a '
                                 f'regression needs at least {m + 2} masks')
        return Plan(None if self.tolerance is not None else [self.samples], list(shapes))

    def _takes_all(self, m: int) -> bool:
        return m < 62 and 1 << m <= self.samples

    def sample(self, sweep, xs, baselines):
        memo = Memo(sweep, self.features_of([x.shape for x in xs]), xs, baselines)
        n, m = memo.changed.shape
        fit = Fit(self, n, m)
        if self._takes_all(m):
            fit.is_whole = True
            fit.add(all_masks(m), memo(Masks(all_masks(m))))
        else:
            held = max(1, HELD // max(m, n))

            def add(missing: int) -> None:
                count = min(missing, max(1, sweep.size // n), held)
                masks = np.stack([self.mask(np.random.default_rng([self.seed, k]), memo.features, k)
                                  for k in range(fit.drawn, fit.drawn + count)])
                fit.add(masks, memo(Masks(masks)))
            draw(self, fit, add, self.draws)
        values, errors, r2 = fit.result_of()
        return Surrogate(memo.features.spread(values), r2), memo.features.spread(errors)

    def mask(self, rng, features, k):
        return np.ones(features.count, bool) if k == 0 else rng.random(features.count) < self.keep

    def weights(self, masks: np.ndarray) -> np.ndarray:
        """(masks,): what each mask counts."""
        m = masks.shape[1]
        there = masks.sum(1)
        width = self.kernel_width or WIDTHS[self.distance] * (m ** .5 if self.distance == 'euclidean' else 1)
        distance = 1 - np.sqrt(there / m) if self.distance == 'cosine' else np.sqrt(m - there)
        return np.exp(-distance ** 2 / (2 * width ** 2))


class Fit:
    """Masks and T there, and the linear model that fits them.

    method: says how. n, m: rows and features. is_whole: whether the masks are all that there are.
    """

    least, result = 2, 'fit'
    is_whole = False

    def __init__(self, method: Lime, n: int, m: int):
        self._method, self.drawn = method, 0
        self._masks, self._values = [np.zeros((0, m), bool)], [np.zeros((n, 0))]
        self._found: tuple[int, Any] = 0, None

    def add(self, masks: np.ndarray, values: np.ndarray) -> None:
        """Add T (n, count) at masks (count, m)."""
        self._masks.append(masks)
        self._values.append(values)
        self.drawn += len(masks)

    def result_of(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(coefficients (n, m), their standard errors, R2 (n,))."""
        if self._found[0] != self.drawn:
            self._found = self.drawn, self._made()
        return self._found[1]

    def _made(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        z, y = np.concatenate(self._masks).astype(np.float64), np.concatenate(self._values, 1)
        y = y - y[:, :1]                # of a constant T exactly 0
        w = self._method.weights(z)
        if self._method.regressor is not None:
            return self._by_regressor(z, y, w)
        centered = z - w @ z / w.sum()
        normal = (centered * w[:, None]).T @ centered + self._method.alpha * np.eye(z.shape[1])
        solved = _solved(normal, (centered * w[:, None]).T)                     # (m, masks)
        found = y @ solved.T
        intercept = (y - found @ z.T) @ w / w.sum()
        rest = y - found @ z.T - intercept[:, None]
        count = len(z)
        more = count / max(count - z.shape[1] - 1, 1)
        error = np.zeros_like(found) if self.is_whole else np.sqrt(more * (rest ** 2 @ (solved ** 2).T))
        return found, error, _r2(y, rest, w)

    def _by_regressor(self, z: np.ndarray, y: np.ndarray,
                      w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found, rest = np.empty((len(y), z.shape[1])), np.empty_like(y)
        for k, of_row in enumerate(y):
            fitted: Any = copy.deepcopy(self._method.regressor)
            fitted.fit(z, of_row, sample_weight=w)
            found[k] = np.reshape(fitted.coef_, -1)
            rest[k] = of_row - np.reshape(fitted.predict(z), -1)
        return found, np.full_like(found, np.nan), _r2(y, rest, w)

    def is_within(self, tolerance: float) -> bool:
        """Whether every standard error is at most `tolerance` times the largest coefficient of its row."""
        found, error, _ = self.result_of()
        return bool((error.max(1) <= tolerance * np.abs(found).max(1)).all())

    def largest_error(self) -> float:
        """The largest standard error."""
        return float(self.result_of()[1].max())


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return np.linalg.pinv(matrix, hermitian=True) @ right       # the smallest coefficients of many


def _r2(y: np.ndarray, rest: np.ndarray, w: np.ndarray) -> np.ndarray:
    """(n,): the share of the weighted variance that the model explains; 1 where there is none."""
    total = (y - (y @ w / w.sum())[:, None]) ** 2 @ w
    with np.errstate(invalid='ignore', divide='ignore'):
        return np.where(total > 0, 1 - rest ** 2 @ w / total, 1)
