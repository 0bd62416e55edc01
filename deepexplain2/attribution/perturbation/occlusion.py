"""Occlusion: windows of the input replaced by the baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...engine.arrays import blocks
from ...engine.memo import without_each
from ...errors import CoverageWarning, ParameterError, ShapeError, warn
from ...features.base import FeaturesOfX, join
from ...features.windows import WindowsOfInput, windows
from ...parameters import Baseline, Counts, References, per_input
from ..base import Method, Plan
from ..registry import register


@register('occlusion')
@dataclass(frozen=True)
class Occlusion(Method):
    """Drop of the output when a sliding window of the input is replaced by the baseline (Zeiler and Fergus
    2014).

    Parameters
    ----------
    window_shape : int or sequence of int, optional
        The size of the window along each feature axis, by default single entries. An int is for all axes, cut
        to the length of short ones; of images and volumes, X of 4 or 5 axes with at most 5 channels in the
        last, a window takes all channels: 2 on (28, 28, 3) is a patch of 2 x 2 x 3. For a list X also a list,
        one per input.
    step : int or sequence of int, default 1
        The shift between windows along each feature axis. For a list X also a list, one per input.
    baseline : number, array, list of them or function, default 0
        What replaces a window: a scalar, an array of the shape of one row, or one with a row for each row of
        xs; or a function of xs that returns one of these. For a list X a list of them.
    references : array, list of arrays or function, optional
        Several baselines, whose attributions are averaged: (k,) + the shape of one row, shared by all rows;
        (n, k) + that shape, k for each row of xs; or a function of xs that returns one of these. For several
        inputs a list of arrays. In place of baseline. Cost: k times as much.
    features : set of deepexplain2.features, optional
        What is switched together: Axes, Windows, Grid, Segments, superpixels(...), Columns. In place
        of a window. Each entry of X gets the drop of its feature, not divided by its size (feature
        ablation).

    Notes
    -----
    The drop f(x) - f(x with the window replaced), divided by the number of entries in the window, averaged
    over the windows that cover an entry. Windows slide as in scikit-image's view_as_windows. Entries that no
    window covers come back NaN, with a warning. Of several inputs, each window is in one of them; the other
    inputs stay as they are.

    Cost: at most windows + 1 evaluations of T per row. Windows in which x is the baseline change nothing, and
    windows that differ only in such entries share an evaluation.

    References
    ----------
    Zeiler, Fergus (2014). Visualizing and understanding convolutional networks. arXiv:1311.2901

    Examples
    --------
    >>> a = de.explain('occlusion', T, X, xs, ys=labels, window_shape=2)
    """

    window_shape: Counts | None = None
    step: Counts = 1
    baseline: Baseline | None = None
    references: References | None = None
    features: FeaturesOfX | None = None

    is_perturbation = True

    def check(self):
        if self.features is not None and (self.window_shape is not None or self.step != 1):
            raise ParameterError('features and a window (window_shape, step) are given, and both say what is '
                                 'replaced together. Give one of them: features=Windows(...) are windows')

    def query(self, model):
        return model.value()

    def plan(self, shapes):
        for shape in shapes:
            if 0 in shape[1:]:
                raise ShapeError(f'a row of X has shape {shape[1:]}: there is nothing to occlude')
        return Plan([1 + sum(w.count for w in self._windows(shapes))], list(shapes))

    def _windows(self, shapes) -> list[WindowsOfInput]:
        """The windows of each input."""
        shared = [per_input(value, len(shapes), name)
                  for name, value in (('window_shape', self.window_shape), ('step', self.step))]
        return [windows(shape[1:], (1,) * len(shape[1:]) if window is None else window,
                        1 if step is None else step, 'X' if len(shapes) == 1 else f'X[{k}]')
                for k, (shape, window, step) in enumerate(zip(shapes, *shared))]

    def attribute(self, sweep, xs, baselines):
        parts = self._windows([x.shape for x in xs])
        for w in parts:
            if w.uncovered:
                warn(f'{self.name} with window_shape {w.window} and step {w.step} leaves {w.uncovered} of '
                     f'{np.prod(w.shape)} features of shape {w.shape} uncovered: their attribution is NaN. '
                     f'Choose a smaller step or another window', CoverageWarning)
        features = join(parts)
        values = without_each(sweep, features, [np.ascontiguousarray(x) for x in xs], baselines)
        results = [np.empty(x.shape) for x in xs]
        for some in blocks(len(values), sum(x[0].size for x in xs)):
            drops = values[some, -1:] - values[some, :-1]
            for result, found in zip(results, features.spread(drops / features.sizes)):
                result[some] = found
        return results
