"""ROAR: remove and retrain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from ...errors import ParameterError, ShapeError, first_line, shown
from ...features.base import FeaturesOfX
from ...kinds_of_values import sequence
from ...parameters import Baseline, Count, Kind, Seed, Share, share
from ..base import Metric, register
from ..scores import Curve, Measured


def training(value: Any, name: str) -> Any:
    """Check a function."""
    if not callable(value):
        raise ParameterError(f'{name} must be a function (xs, ys) that trains a model and returns a function '
                             f'of xs that gives classes (n,) or scores (n, classes), not {shown(value)}')
    return value


def shares(value: Any, name: str) -> tuple[float, ...]:
    """Check ascending numbers between 0 and 1."""
    entries = sequence(value, name, 'of shares, e.g. [.1, .5]')
    found = tuple(share(v, f'each entry of {name}') for v in entries)
    if list(found) != sorted(set(found)):
        raise ParameterError(f'{name} must ascend, without one twice: {list(found)}')
    return found


Training = Annotated[Any, Kind('a function (xs, ys) that trains', training)]
Shares = Annotated[Any, Kind('a list of numbers between 0 and 1', shares)]


@register('roar')
@dataclass(frozen=True)
class ROAR(Metric):
    """Accuracy of models that are trained without the features with the largest attributions (Hooker et al.
    2019). Metric 'roar'; lower is better.

    Parameters
    ----------
    train : function
        train(xs, ys) trains a new model and returns a function of xs, which gives classes (n,) or a score for
        every class (n, classes). For several inputs xs is a list.
    shares : list of float, default (0.1, 0.3, 0.5, 0.7, 0.9)
        Which shares of the features of each row are removed.
    holdout : float, default 0.3
        The share of the rows that accuracy is measured on, and training does not see.
    repeats : int, default 1
        How often a model is trained, with other rows held out: one value each.
    baseline : number, array, list of them or function, default 0
        What stands in for what is removed, as for methods; the paper takes the mean of the data.
    features : set of deepexplain2.features, optional
        By default entries along the last axis of X, the channels of an image; in tables every column.
    seed : int, default 0
        Which rows are held out.

    Notes
    -----
    values has the mean accuracy over shares for each repeat, curve.y the accuracies, from nothing removed on.
    ys are class indices. A method that finds what matters makes accuracy fall; compare it with 'random'.

    Cost: repeats times (shares + 1) trainings, no evaluation of T.

    References
    ----------
    Hooker, Erhan, Kindermans, Kim (2019). A benchmark for interpretability methods in deep neural networks.
    arXiv:1806.10758

    Examples
    --------
    >>> def train(xs, ys):
    ...     return lambda xs: np.zeros(len(xs), int)
    >>> de.evaluate('roar', T, X, xs, 'intgrad', labels, train=train, holdout=.5, shares=[.5]).values.shape
    (1,)
    """

    train: Training
    shares: Shares = (.1, .3, .5, .7, .9)
    holdout: Share = .3
    repeats: Count = 1
    baseline: Baseline | None = None
    features: FeaturesOfX | None = None
    seed: Seed = 0

    better = 'lower'

    def score(self, trial):
        ys = np.asarray(trial.ys)
        if trial.ys is None or ys.ndim != 1 or ys.dtype.kind not in 'iu':
            raise ParameterError('roar trains models of classes: give ys as class indices')
        held = max(1, round(self.holdout * trial.n))
        if held >= trial.n:
            raise ParameterError(f'roar: of {trial.n} rows {held} would be held out, and none is left to '
                                 f'train on. Give more rows')
        features = trial.features(self.features)
        order = np.argsort(np.argsort(-trial.totals(features, self.features), 1, kind='stable'), 1)
        found = np.empty((self.repeats, len(self.shares) + 1))
        for r in range(self.repeats):
            rows = np.random.default_rng([self.seed, r]).permutation(trial.n)
            for k, removed in enumerate((0., *self.shares)):
                present = order >= round(removed * features.count)
                xs = features.mix(trial.xs, trial.baselines, np.arange(trial.n), present)
                predict = self._trained(xs, ys, rows[held:])
                found[r, k] = self._accuracy(predict, [x[rows[:held]] for x in xs], ys[rows[:held]])
        return Measured(found[:, 1:].mean(1), Curve(np.array([0., *self.shares]), found))

    def _trained(self, xs: list[np.ndarray], ys: np.ndarray, rows: np.ndarray) -> Callable[[Any], Any]:
        some = [x[rows] for x in xs]
        predict = self.train(some[0] if len(some) == 1 else some, ys[rows])
        if not callable(predict):
            raise ParameterError(f'train returned {shown(predict)}, not a function of xs')
        return predict

    def _accuracy(self, predict: Callable[[Any], Any], xs: list[np.ndarray], ys: np.ndarray) -> float:
        try:
            said = np.asarray(predict(xs[0] if len(xs) == 1 else xs))
        except Exception as e:
            raise ParameterError(f'what train returned cannot take xs: {type(e).__name__}: '
                                 f'{first_line(e)}') from e
        classes = said.argmax(1) if said.ndim == 2 and said.shape[1] > 1 else said.reshape(-1)
        if classes.shape != ys.shape:
            raise ShapeError(f'what train returned gave shape {said.shape} for {len(ys)} rows. It gives '
                             f'classes (n,) or scores (n, classes)')
        return float((classes == ys).mean())
