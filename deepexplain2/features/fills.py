"""What stands in for absent features, made of each row: functions for baseline=."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from scipy.ndimage import gaussian_filter

from ..errors import ParameterError, ShapeError
from ..parameters import Axes, Kind, Seed, not_negative, sequence
from ..parametrized import Parametrized
from .windows import has_channels


class Fill(Parametrized):
    """A baseline that is made of the rows: an array like xs, for several inputs a list or dict of them."""

    def __call__(self, xs: Any) -> Any:
        if isinstance(xs, dict):
            return {name: self.of(np.asarray(x)) for name, x in xs.items()}
        return [self.of(np.asarray(x)) for x in xs] if isinstance(xs, list) else self.of(np.asarray(xs))

    def of(self, x: np.ndarray) -> np.ndarray:
        """That of the rows of one input."""
        raise NotImplementedError


def widths(value: Any, name: str) -> float | tuple[float, ...]:
    """Check a number >= 0, or one per feature axis."""
    if not isinstance(value, (list, tuple, np.ndarray)):
        return not_negative(value, name)
    entries = sequence(value, name, 'of numbers, e.g. [5, 5, 0]')
    return tuple(not_negative(v, f'each entry of {name}') for v in entries)


@dataclass(frozen=True)
class Blur(Fill):
    """Each row of xs, blurred by a Gaussian.

    Parameters
    ----------
    sigma : float or sequence of float, default 5
        Its standard deviation in entries: along all axes but the channels of images and volumes (the last of
        at most 5 entries), or one number per feature axis, [5, 0] for series (steps, channels).

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2.features import Blur
    >>> Blur(2)(np.eye(8)[None]).round(2)[0, 0, :3]
    array([0.26, 0.22, 0.15])
    """

    sigma: Annotated[Any, Kind('a number >= 0, or one per feature axis', widths)] = 5.

    def of(self, x):
        axes = x.ndim - 1
        if isinstance(self.sigma, tuple):
            if len(self.sigma) != axes:
                raise ShapeError(f'sigma has {len(self.sigma)} entries, and a row of X has shape '
                                 f'{x.shape[1:]}')
            sigma = self.sigma
        else:
            sigma = (self.sigma,) * axes
            sigma = (*sigma[:-1], 0) if has_channels(x.shape[1:]) else sigma
        return gaussian_filter(x, (0, *sigma), mode='nearest')


@dataclass(frozen=True)
class UniformNoise(Fill):
    """Noise between the least and the largest entry of each row; the same for all rows but for that range.

    Parameters
    ----------
    seed : int, default 0
        Seed of the noise; the same seed gives the same noise.

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2.features import UniformNoise
    >>> UniformNoise()(np.ones((2, 3)))
    array([[1., 1., 1.],
           [1., 1., 1.]])
    """

    seed: Seed = 0

    def of(self, x):
        if x.dtype.kind != 'f':
            raise ParameterError(f'noise is added to X of floating-point numbers, not {x.dtype.name}')
        flat = x.reshape(len(x), -1)
        low, size = flat.min(1), np.ptp(flat, 1)
        shape = (-1,) + (1,) * (x.ndim - 1)
        noise = np.random.default_rng(self.seed).random(x.shape[1:])
        return (low.reshape(shape) + noise * size.reshape(shape)).astype(x.dtype)


@dataclass(frozen=True)
class Mean(Fill):
    """The mean of each row of xs. With what it is by default as a baseline also by its name, 'mean'.

    Parameters
    ----------
    axes : list of int, optional
        The axes of X that the mean is over, without the batch axis 0: [1] for series (steps, channels). By
        default all but the channels of images and volumes, the last of at most 5 entries.

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2.features import Mean
    >>> Mean([1])(np.arange(6.).reshape(1, 3, 2))
    array([[[2., 3.],
            [2., 3.],
            [2., 3.]]])
    """

    axes: Axes | None = None

    def of(self, x):
        if x.dtype.kind != 'f':
            raise ParameterError(f'a mean is taken of X of floating-point numbers, not {x.dtype.name}')
        if x.ndim < 3:
            raise ParameterError(f'the mean of rows of shape {x.shape[1:]} mixes what has other units. Give '
                                 f'that of a data set, baseline=data.mean(0)')
        axes = self.axes or range(1, x.ndim - has_channels(x.shape[1:]))
        if max(axes) >= x.ndim:
            raise ShapeError(f'axes are {list(axes)}, and X has axes 1 to {x.ndim - 1}')
        return np.broadcast_to(x.mean(tuple(axes), keepdims=True), x.shape).copy()
