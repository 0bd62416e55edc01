"""What XLA computes, compared with what TensorFlow's own kernels compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from ..errors import RunError
from .batch import Batch
from .fetch import Fetch

DIGITS = 3              # times the root of the rounding of a dtype: 1e-3 in float32
TRIES = 3               # inputs changed by their rounding, where an answer differs


class XlaCheck:
    """Compares the fetches of a query that XLA compiles with the same tensors by TensorFlow's own kernels,
    the first time that arrays of their shapes are fed.

    Parameters
    ----------
    fetch : Fetch
        The same tensors in the same order, by TensorFlow's own kernels; more may follow.
    target : Tensor
        T.
    inputs : int
        The number of tensors of X, which are fed first.
    has_gradients : bool
        Whether the query asks for gradients.
    """

    def __init__(self, fetch: Fetch, target: tf.Tensor, inputs: int, has_gradients: bool):
        self._fetch, self._target, self._inputs, self._has_gradients = fetch, target, inputs, has_gradients
        self._compared: set[tuple] = set()              # shapes of the arrays that were fed

    def __call__(self, values: Sequence[np.ndarray], arrays: Sequence[np.ndarray], batch: Batch,
                 read: Callable[[Sequence[np.ndarray]], object]) -> None:
        """Raise RunError where these values are not those of TensorFlow's own kernels. arrays: what was fed;
        read: makes answers of such values, and checks them."""
        others = self._fetch.others(batch.feeds, batch.rows).values()
        shapes = tuple(np.shape(a) for a in [*arrays, *others])
        if shapes in self._compared:
            return

        def plain(given):
            return self._fetch.values(given, batch.feeds, batch.rows)[:len(values)]
        expected = plain(arrays)
        read(expected)
        self._check_equal(values, expected, plain, arrays)
        self._compared.add(shapes)

    def _check_equal(self, values: Sequence[np.ndarray], expected: Sequence[np.ndarray], plain: Callable,
                     arrays: Sequence[np.ndarray]) -> None:
        """Raise RunError where values differ from the expected ones, row by row, by more than rounding.

        Rounding moves a value far only where the function jumps (the gradient at a corner, a tie of maxima).
        There it also moves with inputs that are changed by their rounding alone, which is tried before the
        error is raised.
        """
        moved: list[list[np.ndarray]] = []
        for k, (a, e) in enumerate(zip(values, expected)):
            if a.shape == e.shape and not np.issubdtype(e.dtype, np.floating):
                continue                        # the shape of T
            if a.shape == e.shape:
                far, size = _largest(a, e), _largest(e, 0)
                digits = DIGITS * float(np.finfo(e.dtype).eps) ** .5
                wrong = ~(far <= digits * (size + digits * size.max(initial=0)))
                if not wrong.any():
                    continue
                moved = moved or [plain(_rounded_otherwise(arrays, self._inputs, seed))
                                  for seed in range(TRIES)]
                for m in moved:
                    wrong &= ~(far <= 100 * _largest(m[k], e))
                if not wrong.any():
                    continue
            raise RunError(f'jit_compile: what XLA computes of T "{self._target.name}" '
                           + ('or its gradient ' if self._has_gradients else '')
                           + (f'has shape {a.shape} where TensorFlow has {e.shape}' if a.shape != e.shape else
                              f'differs by {far[wrong].max():.2g} from what TensorFlow computes, of '
                              f'{size[wrong].max():.2g}, first in row '
                              f'{np.flatnonzero(wrong)[0]} of a run')
                           + ', more than rounding does: an op between X and T is not the same there. Leave '
                             'jit_compile out')


def _largest(a: np.ndarray, b: np.ndarray | float) -> np.ndarray:
    """The largest |a - b| of each row, in float64."""
    d = np.abs(a.astype(np.float64) - b)
    return d.reshape(len(d), -1).max(1, initial=0) if d.ndim else d[None]


def _rounded_otherwise(arrays: Sequence[np.ndarray], k: int, seed: int) -> list[np.ndarray]:
    """The first k arrays with every entry moved by a few roundings of it, and of the largest one."""
    rng = np.random.default_rng(seed)
    result = list(arrays)
    for j, a in enumerate(arrays[:k]):
        if np.issubdtype(a.dtype, np.floating) and a.size:
            step = np.finfo(a.dtype).eps * rng.choice([-8., 8.], a.shape) * (np.abs(a.astype(np.float64))
                                                                             + np.abs(a).max() / 4)
            result[j] = (a + step).astype(a.dtype)
    return result
