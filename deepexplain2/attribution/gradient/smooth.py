from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from ...engine.ahead import ahead
from ...errors import ParameterError
from ...parameters import Count, Positive, Seed, per_input
from ..averaging import at_variants, repeated, rounds
from ..base import Plan
from ..drawing import draw
from ..moments import Moments
from ..noise import Noise, deviations, noisy
from ..registry import register
from ..wrapper import Inner, Wrapper


@register('smoothgrad')
@dataclass(frozen=True)
class Smooth(Wrapper):
    """Mean of the attributions of a method over noisy inputs (Smilkov et al. 2017). Method 'smoothgrad'.

    Parameters
    ----------
    of : method or str, default 'gradient'
        The method whose attributions are averaged: an object with its parameters, or a name.
    samples : int, default 50
        Noisy inputs per row, at least 1, and at least 2 for 'variance'.
    noise : float or list of float, default .15
        Standard deviation of the Gaussian noise, above 0: a fraction of max(x) - min(x) of each row and
        input; or a list with one number per input, 0 for none.
    reduce : str, default 'mean'
        'mean' of the attributions, 'square', the mean of their squares, or 'variance', that of a sample
        (over samples - 1).
    seed : int, default 0
        Seed of the noise; the same seed gives the same answer.
    absolute : bool, default False
        Whether noise is in units of X, the same for all rows.
    tolerance : float, optional
        Go on drawing until the standard error of every feature is at most `tolerance` times the largest
        attribution of its row, or max_samples are drawn, which is reported in a warning.
    max_samples : int, default 10000
        The most noisy inputs where there is a tolerance.

    Notes
    -----
    mean_k A(x + s e_k), where A is the method inside, e_k is standard normal and s = noise (max x - min x),
    or noise. Baselines are those of the method inside. Masks that the model makes of X by comparison with a
    value (Keras Masking) stay those of x, so that padding stays padding under noise; parameter `masks` of the
    method inside goes first, and perturbation methods follow the noise. Draw k comes from
    numpy.random.default_rng([seed, k]), input after input, and is the same for all rows, so that the answer
    depends neither on batches nor on other rows. Draws are added up in float64 (Chan et al. 1979): where all
    attributions are equal the variance is exactly 0. Rows without a range get no noise, which a NoiseWarning
    says. Units: those of A, squared for 'square' and 'variance'; the sum means nothing. Interrupted (Ctrl-C)
    it returns what the draws made come to, with a warning. Cost: `samples` times that of the method inside;
    memory does not grow with samples. What the network begins with and is linear is computed for every draw.

    Raises ParameterError for an X of integers, a list `noise` that does not fit X, and where samples are too
    few.

    References
    ----------
    Smilkov, Thorat, Kim, Viegas, Wattenberg (2017). SmoothGrad. arXiv:1706.03825, section 3;
    Hooker, Erhan, Kindermans, Kim (2019). A benchmark for interpretability methods. arXiv:1806.10758 (square)

    Examples
    --------
    >>> de.explain(Smooth(samples=20), T, X, xs, ys=[0, 1]).shape        # or 'smoothgrad', samples=20
    (2, 3)
    >>> de.explain(Smooth('deeplift', samples=20, noise=.1), T, X, xs, ys=[0, 1]).shape
    (2, 3)
    """

    of: Inner = 'gradient'  # type: ignore[assignment]
    samples: Count = 50
    noise: Noise = .15
    reduce: Literal['mean', 'square', 'variance'] = 'mean'
    seed: Seed = 0
    absolute: bool = False
    tolerance: Positive | None = None
    max_samples: Count = 10000

    draws_samples = True

    @property
    def times(self):  # type: ignore[override]
        """One use of the method inside for every noisy input."""
        return self.samples

    @property
    def masks(self):  # type: ignore[override]
        # noise would turn padded steps, which a model finds by x == 0, into steps that count
        keeps = 'masks' not in self.of.parameters and not self.of.is_perturbation
        return 'keep' if keeps else self.of.masks

    @property
    def doubts_zeros(self):  # type: ignore[override]
        return self.reduce != 'variance'

    @property
    def linear_in_target(self):  # type: ignore[override]
        return self.reduce == 'mean' and self.of.linear_in_target

    def unit_of(self, target):
        of = {'mean': 'mean', 'square': 'mean square', 'variance': 'variance'}[self.reduce]
        return f'{of} of {self.of.unit_of(target)}' if self.of.unit_of(target) else ''

    def check(self):
        if self.reduce == 'variance' and self.samples < 2:
            raise ParameterError(f"samples is {self.samples}: reduce='variance' needs at least 2")
        if self.tolerance is not None and self.max_samples < self.samples:
            raise ParameterError(f'max_samples is {self.max_samples}, less than the {self.samples} samples '
                                 f'that are drawn first')

    def check_std_error(self):
        if self.samples < 2:
            raise ParameterError(f'samples is {self.samples}: standard errors need at least two independent '
                                 f'draws, 2')

    def check_tensors(self, tensors):
        super().check_tensors(tensors)
        inputs = tensors[1:]
        for x, noise in zip(inputs, per_input(self.noise, len(inputs), 'noise')):
            if noise and not x.dtype.is_floating:
                raise ParameterError(f'{self.name} adds noise to X, and "{x.name}" holds {x.dtype.name}. '
                                     f'Explain a tensor of floating-point numbers downstream of it, or give '
                                     f'noise=0 for it in a list')

    def plan(self, shapes):
        evaluations, results = super().plan(shapes)
        return Plan(None if self.tolerance is not None else evaluations, results)

    def attribute(self, sweep, xs, baselines):
        return self._drawn(sweep, xs, baselines, self.tolerance is not None).value()

    def sample(self, sweep, xs, baselines):
        found = self._drawn(sweep, xs, baselines, True)
        return found.value(), found.error()

    def _drawn(self, sweep, xs, baselines, with_errors: bool) -> Moments:
        """What the attributions at noisy inputs come to."""
        sigmas = deviations(self.name, xs, self.noise, self.absolute)

        found = Moments(self.reduce, with_errors)

        def add(missing):
            some = rounds(sweep, found.drawn, found.drawn + missing)
            for draws, points in ahead(some, lambda draws: noisy(xs, sigmas, self.seed, draws)):
                compared = [repeated(b, draws) for b in baselines]
                found.add(at_variants(sweep, draws, partial(self._of_points, points, compared)))
        draw(self, found, add)
        return found

    def _of_points(self, points, baselines, pairs, draws):
        return self.of.attribute(pairs, points, baselines)


@register('squaregrad')
@dataclass(frozen=True)
class SquareGrad(Smooth):
    """Mean of the squared attributions over noisy inputs (Hooker et al. 2019). Method 'squaregrad', of the
    gradient.

    Parameters
    ----------
    of : method or str, default 'gradient'
        The method inside.
    samples : int, default 50
        Noisy inputs per row.
    noise : float or list of float, default .15
        Standard deviation of the noise, a fraction of the range of each row.
    reduce : str
        'square'. See Smooth for this and all other parameters.
    seed : int, default 0
        Seed of the noise.
    absolute : bool, default False
        Whether noise is in units of X.
    tolerance : float, optional
        Relative standard error to be reached.
    max_samples : int, default 10000
        The most draws where there is a tolerance.

    Notes
    -----
    mean_k A(x + s e_k)^2: Smooth(of, reduce='square'). Never negative; large also where attributions of both
    signs cancel in the mean. Cost: `samples` times that of the method inside.

    References
    ----------
    Hooker, Erhan, Kindermans, Kim (2019). A benchmark for interpretability methods in deep neural networks.
    arXiv:1806.10758, section 3.1

    Examples
    --------
    >>> squared = de.explain(SquareGrad(samples=20), T, X, xs, ys=[0, 1])        # or 'squaregrad', samples=20
    >>> bool((squared >= 0).all())
    True
    """

    reduce: Literal['square'] = 'square'


@register('vargrad')
@dataclass(frozen=True)
class VarGrad(Smooth):
    """Variance of the attributions over noisy inputs (Adebayo et al. 2018). Method 'vargrad', of the
    gradient.

    Parameters
    ----------
    of : method or str, default 'gradient'
        The method inside.
    samples : int, default 50
        Noisy inputs per row, at least 2.
    noise : float or list of float, default .15
        Standard deviation of the noise, a fraction of the range of each row.
    reduce : str
        'variance'. See Smooth for this and all other parameters.
    seed : int, default 0
        Seed of the noise.
    absolute : bool, default False
        Whether noise is in units of X.
    tolerance : float, optional
        Relative standard error to be reached.
    max_samples : int, default 10000
        The most draws where there is a tolerance.

    Notes
    -----
    sum_k (A(x + s e_k) - mean)^2 / (samples - 1): Smooth(of, reduce='variance'). Never negative, and exactly
    0 where the attributions do not change, as for a linear model: it does not tell how much a feature counts,
    but how much that depends on where x is. Cost: `samples` times that of the method inside.

    References
    ----------
    Adebayo, Gilmer, Goodfellow, Kim (2018). Local explanation methods for deep neural networks lack
    sensitivity to parameter values. arXiv:1810.03307, section 2

    Examples
    --------
    >>> de.explain('vargrad', T, X, xs, ys=[0, 1], samples=20)[0]        # T is linear around this row
    array([0., 0., 0.], dtype=float32)
    """

    reduce: Literal['variance'] = 'variance'
