"""Noise on inputs: how much, and where it comes from."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from ..errors import NoiseWarning, ParameterError, shown, warn
from ..kinds_of_values import positive
from ..parameters import Kind, PerInput, per_input


def noises(value: Any, name: str) -> float | PerInput:
    """Check a number > 0, or a list of numbers >= 0, one per input, that are not all 0."""
    if not isinstance(value, (list, tuple, np.ndarray)):
        return positive(value, name)
    zero = [isinstance(v, numbers.Real) and not isinstance(v, bool) and v == 0 for v in value]
    if all(zero):
        raise ParameterError(f'{name} must be above 0 for at least one input, not {shown(value)}')
    return PerInput(0. if z else positive(v, f'each entry of {name}') for v, z in zip(value, zero))


Noise = Annotated[Any, Kind('a number > 0, or a list of numbers >= 0, one per input', noises)]


def deviations(name: str, xs: Sequence[np.ndarray], noise: Any, absolute: bool) -> list[np.ndarray | None]:
    """The standard deviation of the noise of each row, (n, 1, ...) for each input; None for no noise.

    Parameters
    ----------
    name : str
        The method, for the warning of rows without a range.
    xs : sequence of arrays
        The inputs (n, ...).
    noise : float or PerInput
        How much, above 0; 0 for none of an input.
    absolute : bool
        Whether noise is in units of X, and no fraction of the range of each row.
    """
    found: list[np.ndarray | None] = []
    for k, (x, fraction) in enumerate(zip(xs, per_input(noise, len(xs), 'noise'))):
        if not fraction:
            found.append(None)
            continue
        dtype, axes = np.promote_types(x.dtype, np.float32), tuple(range(1, x.ndim))
        span = np.ones((1,) * x.ndim, dtype)
        if not absolute:
            span = x.max(axes, keepdims=True).astype(dtype) - x.min(axes, keepdims=True).astype(dtype)
        flat = np.count_nonzero(span == 0)
        if flat:
            warn(f'{name}: {flat} of {len(x)} rows of input {k} have one value in all entries, and noise is '
                 f'a fraction of the range of a row: they get none. Give noise in units of X, with '
                 f'absolute=True', NoiseWarning)
        found.append((fraction * span).astype(dtype))
    return found


def noisy(xs: Sequence[np.ndarray], sigmas: Sequence[np.ndarray | None], seed: int,
          draws: slice) -> list[np.ndarray]:
    """The inputs with the noise of some draws, (n * draws, ...), all draws of a row before the next row.

    Draw k is made of numpy.random.default_rng([seed, k]), input after input, and is the same for all rows.
    """
    m = draws.stop - draws.start
    rngs = [np.random.default_rng([seed, k]) for k in range(draws.start, draws.stop)]
    found = []
    for x, sigma in zip(xs, sigmas):
        if sigma is None:
            found.append(np.repeat(x, m, 0) if m > 1 else x)
            continue
        e = np.empty((m, *x.shape[1:]), sigma.dtype)
        for k, rng in enumerate(rngs):
            e[k] = rng.standard_normal(x.shape[1:])
        points = np.empty((len(x), *e.shape), sigma.dtype)
        np.multiply(e, sigma[:, None], out=points)
        points += x[:, None]
        found.append(points.reshape(-1, *x.shape[1:]).astype(x.dtype, copy=False))
    return found
