from __future__ import annotations

import numpy as np

from ...checks import warn
from ...engine.sweep import blocks, differ, take
from ...errors import CoverageWarning, ShapeError
from ...features.windows import windows
from ..base import Method, integer, sequence
from ..registry import register


@register('occlusion')
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

    is_perturbation = True

    def __init__(self, window_shape=1, step=1, baseline=0):
        self.baseline = baseline
        self._window, self._step = (_sizes(v, name) for v, name in ((window_shape, 'window_shape'),
                                                                    (step, 'step')))

    def query(self, model):
        return model.value()

    def check_shapes(self, shapes):
        if 0 in shapes[0][1:]:
            raise ShapeError(f'a row of X has shape {shapes[0][1:]}: there is nothing to occlude')
        windows(shapes[0][1:], self._window, self._step)

    def points(self, shapes):
        return [len(windows(shapes[0][1:], self._window, self._step)) + 1]

    def attribute(self, sweep, xs, baselines):
        x, b = np.ascontiguousarray(xs[0]), baselines[0]
        slid = windows(x.shape[1:], self._window, self._step)
        if slid.uncovered:
            warn(f'occlusion with window_shape {slid.window} and step {slid.step} leaves {slid.uncovered} of '
                 f'{x[0].size} features of shape {x.shape[1:]} uncovered: their attribution is NaN. '
                 'Choose a smaller step or another window', CoverageWarning)
        n, count = len(x), len(slid)                        # point `count` is x itself
        alike = np.empty((n, count), np.min_scalar_type(count))
        for some in blocks(n, x[0].size):
            alike[some] = slid.alike(differ(x[some], take(b, some)))
        wanted = np.ones((n, count + 1), bool)
        wanted[:, :-1] = alike == np.arange(count)
        values = np.empty((n, count + 1))
        for rows, ks, (v,) in sweep(lambda rows, ks: [slid.replace(x, b, rows, ks)], count + 1, wanted):
            values[rows, ks] = v
        result = np.empty(x.shape)
        for some in blocks(n, x[0].size):
            v = values[some]
            result[some] = slid.mean_drop(v[:, -1:] - v[np.arange(len(v))[:, None], alike[some]])
        return [result]


def _sizes(value, name):
    if value is None:                       # as in DeepExplain
        return 1
    if not isinstance(value, (list, tuple, np.ndarray)):
        return integer(value, name, 1)
    return tuple(integer(v, f'each entry of {name}', 1) for v in sequence(value, name, 'with one integer per '
                                                                                       'feature axis, e.g. '
                                                                                       '[3, 3]'))
