from __future__ import annotations

import numpy as np

from ..checks import warn
from ..errors import CoverageWarning
from ..points.windows import Windows
from ..registry import register
from ..sweep import take
from .base import Method, at_input, integer


@register('occlusion')
class Occlusion(Method):
    """Drop of the output when a sliding window of the input is replaced by the baseline (Zeiler and Fergus 2014).

    The drop f(x) - f(x with the window replaced), divided by the number of features in the window, averaged over the windows that
    cover a feature. Windows slide as in scikit-image's view_as_windows; features that none of them covers come back NaN, with a
    warning. One input tensor only. Cost: windows + 1 evaluations per row.

    window_shape: size of the window along each feature axis, or an int for all axes, cut to the length of short ones (3 on
        (28, 28, 1) is a patch of 3 x 3).
    step: shift between windows, an int or one per feature axis.
    baseline: what replaces: a scalar, an array of the shape of one row, or one with a row for each row of xs.
    """

    perturbs = True

    def __init__(self, window_shape=1, step=1, baseline=0):
        self.baseline = baseline
        self._window, self._step = (_sizes(v, name) for v, name in ((window_shape, 'window_shape'), (step, 'step')))

    def question(self, model):
        return model.value()

    def check_shapes(self, shapes):
        Windows(shapes[0][1:], self._window, self._step)

    def points(self, shapes):
        return [1, len(Windows(shapes[0][1:], self._window, self._step))]

    def attribute(self, sweep, xs, baselines):
        x, b = xs[0], baselines[0]
        windows = Windows(x.shape[1:], self._window, self._step)
        uncovered = np.count_nonzero(windows.count == 0)
        if uncovered:
            warn(f'occlusion with window_shape {windows.window} and step {windows.step} leaves {uncovered} of '
                 f'{windows.count.size} features of shape {x.shape[1:]} uncovered: their attribution is NaN. '
                 'Choose a smaller step or another window', CoverageWarning)
        (whole,) = sweep.once(at_input(xs))
        values = np.empty((len(x), len(windows)))
        for rows, ks, (v,) in sweep(lambda rows, ks: [windows.replace(x[rows], take(b, rows), ks)], len(windows)):
            values[rows, ks] = v
        return [np.stack([windows.mean_drop(f - v) for f, v in zip(whole, values)])]


def _sizes(value, name):
    if value is None:                       # as in DeepExplain
        return 1
    if not isinstance(value, (list, tuple, np.ndarray)):
        return integer(value, name, 1)
    return tuple(integer(v, f'each entry of {name}', 1) for v in value)
