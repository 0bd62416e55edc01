from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...engine.arrays import blocks, differ, take
from ...errors import CoverageWarning, ShapeError, warn
from ...features.windows import windows
from ...parameters import Baseline, Counts
from ..base import Method, Plan
from ..registry import register


@register('occlusion')
@dataclass(frozen=True)
class Occlusion(Method):
    """Drop of the output when a sliding window of the input is replaced by the baseline (Zeiler and Fergus
    2014).

    The drop f(x) - f(x with the window replaced), divided by the number of features in the window, averaged
    over the windows that cover a feature. Windows slide as in scikit-image's view_as_windows; features that
    none of them covers come back NaN, with a warning. One input tensor only. Cost: at most windows + 1
    evaluations per row: windows in which x is the baseline change nothing, and those that differ only in such
    features share an evaluation.

    window_shape: size of the window along each feature axis, or an int for all axes, cut to the length of
        short ones (3 on (28, 28, 1) is a patch of 3 x 3).
    step: shift between windows, an int or one per feature axis.
    baseline: what replaces: a scalar, an array of the shape of one row, or one with a row for each row of xs;
        or a function of xs that returns one of these.
    """

    window_shape: Counts = 1
    step: Counts = 1
    baseline: Baseline | None = None

    is_perturbation = True

    def query(self, model):
        return model.value()

    def plan(self, shapes):
        if 0 in shapes[0][1:]:
            raise ShapeError(f'a row of X has shape {shapes[0][1:]}: there is nothing to occlude')
        return Plan([len(windows(shapes[0][1:], self.window_shape, self.step)) + 1], list(shapes))

    def attribute(self, sweep, xs, baselines):
        x, b = np.ascontiguousarray(xs[0]), baselines[0]
        slid = windows(x.shape[1:], self.window_shape, self.step)
        if slid.uncovered:
            warn(f'{self.name} with window_shape {slid.window} and step {slid.step} leaves {slid.uncovered} '
                 f'of '
                 f'{x[0].size} features of shape {x.shape[1:]} uncovered: their attribution is NaN. '
                 'Choose a smaller step or another window', CoverageWarning)
        n, count = len(x), len(slid)                        # point `count` is x itself
        alike = np.empty((n, count), np.min_scalar_type(count))
        for some in blocks(n, x[0].size):
            alike[some] = slid.alike(differ(x[some], take(b, some)))
        wanted = np.ones((n, count + 1), bool)
        wanted[:, :-1] = alike == np.arange(count)
        values = np.empty((n, count + 1))
        for rows, ks, answers in sweep(lambda rows, ks: [slid.replace(x, b, rows, ks)], count + 1, wanted):
            values[rows, ks] = answers['value']
        result = np.empty(x.shape)
        for some in blocks(n, x[0].size):
            v = values[some]
            result[some] = slid.mean_drop(v[:, -1:] - v[np.arange(len(v))[:, None], alike[some]])
        return [result]

