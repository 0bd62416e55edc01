"""Low frequencies of maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kinds_of_values import positive
from .maps import Array, axes_of, mapped


def forgrad(maps: Any, axes: Any, sigma: float = 15.) -> Any:
    """The low frequencies of the magnitude of maps: ForGrad (Muzellec et al. 2024).

    Parameters
    ----------
    maps : array (n, ...), list of arrays or Explanation
        Attributions, of any size, even or odd, square or not; for images with channels usually those of
        `channels`, else each channel is filtered by itself.
    axes : int or tuple of int
        The spatial axes, e.g. (1, 2) for images (n, height, width) and channels last, 1 for sequences.
    sigma : float, default 15
        The highest frequency that stays, in periods along the longest of the axes, above 0. All stay where
        it is at least half the size times the root of the number of axes.

    Returns
    -------
    like maps
        |F^-1(F(|a|) [f <= sigma])|, of the same shapes and units, never negative; F is the Fourier
        transform along the axes, and f = size sqrt(sum_i (k_i / size_i)^2), k_i the periods along axis i and
        size the largest size_i: the same in all directions.

    Raises
    ------
    ParameterError
        For axes that maps do not have, or that of the rows; for sigma that is not above 0.
    ValueRangeError
        For NaN or infinity.

    References
    ----------
    Muzellec, Fel, Boutin, Andeol, VanRullen, Serre (2024). Saliency strikes back: how filtering out high
    frequencies improves white-box explanations. arXiv:2307.09591, section 4

    Examples
    --------
    >>> checks = 1 + np.array([[[1., -1., 1., -1.]] * 3]) / 2
    >>> np.round(forgrad(checks, axes=(1, 2), sigma=1), 9)
    array([[[1., 1., 1., 1.],
            [1., 1., 1., 1.],
            [1., 1., 1., 1.]]])
    """
    highest = positive(sigma, 'sigma')

    def filtered(p: Array) -> Array:
        along = axes_of(axes, p.ndim)
        sizes = [p.shape[a] for a in along]
        squares = np.zeros((1,) * p.ndim)
        for a, size in zip(along, sizes):
            last = a == along[-1]                                    # whose negative frequencies are left out
            f = np.fft.rfftfreq(size) if last else np.fft.fftfreq(size)
            squares = squares + f.reshape((-1,) + (1,) * (p.ndim - 1 - a)) ** 2
        stays = max(sizes) * np.sqrt(squares) <= highest * (1 + 1e-12)
        return np.abs(np.fft.irfftn(np.fft.rfftn(np.abs(p), axes=along) * stays, sizes, axes=along))
    return mapped(maps, lambda parts: [filtered(p) for p in parts], finite=True)
