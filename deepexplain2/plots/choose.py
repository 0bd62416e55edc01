"""Which plot fits an Explanation, and how it looks in a notebook."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..errors import DeepExplainError, ShapeError
from ..kinds_of_values import choice
from .bar import bar, global_bar
from .beeswarm import beeswarm
from .figure import private
from .heatmap import heatmap
from .image import image
from .images import images
from .logo import is_one_hot, logo
from .series import series
from .text import text
from .waterfall import waterfall

KINDS: dict[str, Callable[..., Any]] = {
    'image': image, 'images': images, 'text': text, 'bar': bar, 'waterfall': waterfall, 'beeswarm': beeswarm,
    'global_bar': global_bar, 'heatmap': heatmap, 'series': series, 'logo': logo}
TABLE = 40          # columns of what is still read as a table where it has no names


def kind_of(explanation: Any, has_tokens: bool = False) -> str:
    """The plot that fits: by the shapes of attributions and inputs, names of features, and one row or
    many."""
    many = len(explanation) > 1
    a = explanation.arrays[0]
    x = explanation.xs[0] if isinstance(explanation.xs, list) else explanation.xs
    ids = a.ndim == 2 and x.dtype.kind in 'iu' and x.shape == a.shape and not _named(explanation)
    if has_tokens or (ids and not explanation.layer and a.shape[1] > 1):
        return 'text'
    if len(explanation.arrays) > 1 or a.ndim <= 2:
        width = sum(part[0].size for part in explanation.arrays)
        if explanation.by_feature is None and len(explanation.arrays) == 1 and width > TABLE \
                and not _named(explanation):
            return 'heatmap' if explanation.layer or many else 'series'
        if many:
            return 'global_bar' if explanation.by_feature is not None or explanation.layer else 'beeswarm'
        return 'waterfall' if explanation.f_baseline is not None and explanation.delta is not None else 'bar'
    if a.ndim == 3 and not explanation.layer and is_one_hot(x) and x.shape[-1] == 4:
        return 'logo'
    if a.ndim == 4 or (a.ndim == 3 and (x.ndim == 4 or (min(a.shape[1:]) > 12 and _squarish(a.shape[1:])))):
        return 'images' if many else 'image'
    if a.ndim == 3:
        return 'series'
    raise ShapeError(f'no plot shows attributions of shape {a.shape} as they are: sum them over an axis, and '
                     'give them to one of the functions in deepexplain2.plots')


def _are_apart(explanation: Any) -> bool:
    """Whether each of several inputs is drawn by itself: one has more than an axis of features."""
    return len(explanation.arrays) > 1 and any(a.ndim > 2 for a in explanation.arrays)


def _named(explanation: Any) -> bool:
    return explanation.feature_names is not None and any(n is not None for n in explanation.feature_names)


def _squarish(shape: tuple[int, ...]) -> bool:
    return max(shape) <= 4 * min(shape)


def plot(explanation: Any, kind: str | None = None, **options: Any) -> Any:
    """Draw an Explanation with the plot that fits, or the one that is named.

    Parameters
    ----------
    explanation : Explanation
        What is drawn. With several inputs of which one has more than one axis, each is drawn by itself.
    kind : str, optional
        'image', 'images', 'text', 'bar', 'waterfall', 'beeswarm', 'global_bar', 'heatmap', 'series' or
        'logo'.
    **options
        Of that function.

    Returns
    -------
    Axes, array of Axes, or str
        What that function returns; a dict of these by input where inputs are drawn by themselves.

    Raises
    ------
    ShapeError
        Where no plot fits.

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2 import Explanation
    >>> explanation = Explanation(np.random.randn(1, 8, 8, 3), np.random.rand(1, 8, 8, 3))
    >>> ax = explanation.plot()
    """
    if kind is None and _are_apart(explanation):
        return {name: plot(explanation.of_input(name), **options) for name in explanation.input_names}
    name = kind_of(explanation, options.get('tokens') is not None) if kind is None \
        else choice(kind, 'kind', list(KINDS))
    if name == 'text' and options.get('tokens') is None:
        options['tokens'] = str                         # ids as they are
    return KINDS[name](explanation, **options)


def as_picture_html(explanation: Any) -> str:
    """The plot that fits as an <img>, or nothing where there is none."""
    import base64
    try:
        found = [(name, explanation.of_input(name)) for name in explanation.input_names] \
            if _are_apart(explanation) else [('', explanation)]
        parts = []
        for name, one in found:
            if kind_of(one) == 'text':
                parts.append(text(one[:5], str, to='html'))
                continue
            content = base64.b64encode(private(partial(plot, one))).decode()
            parts.append(f'<img alt="attributions {name}" src="data:image/png;base64,{content}">')
        return ''.join(parts)
    except (DeepExplainError, ImportError, np.exceptions.AxisError):
        return ''                                       # the table tells it all
