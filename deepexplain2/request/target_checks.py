"""A look at T of a few rows before it is explained: random numbers, probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np

from ..engine.model import Model
from ..engine.row_data import Feed
from ..engine.row_origin import ALIKE
from ..engine.row_runs import apart
from ..errors import RandomWarning, RunError, TargetWarning, warn
from ..tensors import shape_text, sizes
from .layout import Layout

FEW = 3                 # rows


class TargetChecks:
    """Warns once of a T that is random, holds probabilities, or is the sum of several units.

    Parameters
    ----------
    model : Model
    method : str
        What warnings name.
    is_probability : bool
        Whether that is seen in the graph already.
    """

    def __init__(self, model: Model, method: str, is_probability: bool):
        self._model, self._method, self._is_probability = model, method, is_probability
        self._is_told_of_sum = False
        self._seen = model.findings.looked_at.setdefault(method, set())

    def __call__(self, arrays: Sequence[np.ndarray], feeds: Mapping[str, Feed], layout: Layout,
                 is_sum: bool) -> None:
        """Look at T of the first of these rows, the first time. is_sum: whether all units of T are summed
        because nothing was said of them."""
        if self._model.unforeseen_ops or self._model.writing_ops:
            self._check_random(arrays, feeds, layout)
        first = 1 if layout.per_row else 0              # the first axis of units
        if not self._is_probability and self._model.target.shape.rank not in (0, first) \
                and not self._model.path.black_boxes:        # whose logits nobody can reach
            self._check_probabilities(arrays, feeds, layout, first)
        if is_sum and not self._is_told_of_sum:
            self._check_sum(arrays, feeds, layout)

    def _check_sum(self, arrays: Sequence[np.ndarray], feeds: Mapping[str, Feed], layout: Layout) -> None:
        """TargetWarning where several units of T are summed."""
        model, first = self._model, 1 if layout.per_row else 0
        units: Sequence[int | None] = sizes(model.target)[first:]
        if model.target.shape.rank is None or None in units:
            values = self._values(arrays, feeds, layout)
            units = () if values is None else values.shape[first:]
        # of probabilities it was said that classes mix
        is_said = self._is_probability or model.findings.is_distribution
        is_wide = np.prod([d or 1 for d in units]) > 1
        if is_wide and not is_said and (layout.per_row or model.fixed_rows is None):
            model.warn_once('ys', f'T "{model.target.name}" has several units, '
                                  f'{shape_text(model.target.shape)}, and there are no ys: their sum is '
                                  f'explained. Choose one of them by ys, class indices or "predicted"; '
                                  f'ys="sum" says that the sum is meant', TargetWarning)
        self._is_told_of_sum = True

    def _check_random(self, arrays: Sequence[np.ndarray], feeds: Mapping[str, Feed], layout: Layout) -> None:
        """RandomWarning where random ops, or what T writes, change T."""
        drawn = self._model.unforeseen_ops
        # rates and switches decide whether they do
        state = (*feeds, *(f.value.tobytes() for f in feeds.values() if f.value.size == 1))
        if 'random' in self._seen or state in self._seen:
            return
        self._seen.add(state)
        # seeds that are constants give the same numbers in every run
        is_stateless = any(op.startswith('Stateless') for _, op in drawn)
        first, second = (None if is_stateless else self._values(arrays, feeds, layout) for _ in range(2))
        if not self._model.random_ops:
            self._check_calls(first, second)
        elif first is None or second is None or not np.array_equal(first, second, equal_nan=True):
            self._seen.add('random')
            names = ', '.join(f'"{name}" ({op})' for name, op in drawn[:5])
            names += f' and {len(drawn) - 5} more' if len(drawn) > 5 else ''
            warn(f'T "{self._model.target.name}" is random: {names} '
                 f'{"draw" if len(drawn) > 1 else "draws"} numbers that it depends on, '
                 'so attributions change with the draws, and with the place of a row in a run. '
                 'Build the model for inference (training=False), or average over several runs',
                 RandomWarning)

    def _check_calls(self, first: np.ndarray | None, second: np.ndarray | None) -> None:
        """RandomWarning where Python functions, or variables that T writes, change T, which gave these values
        one after the other."""
        if first is None or second is None:
            return                                      # it failed, and will again
        size = np.abs(np.where(np.isfinite(first), first, 0)).max(initial=0)
        if not apart(first.astype(np.float64), second.astype(np.float64), ALIKE * float(size)):
            return
        self._seen.add('random')
        ops = self._model.unforeseen_ops or self._model.writing_ops
        names = ', '.join(f'"{name}" ({op})' for name, op in ops[:5])
        if self._model.unforeseen_ops:
            warn(f'T "{self._model.target.name}" is random: {names} of the same rows gives other values when '
                 'it is called again, so attributions change from call to call. Put the model '
                 'into inference mode, draw from a generator with a seed that is made anew in every call, '
                 'or average over several runs', RandomWarning)
        else:
            warn(f'T "{self._model.target.name}" of the same rows has other values when it is computed again:'
                 f' {names} {"write" if len(ops) > 1 else "writes"} variables that it reads. Attributions '
                 'change from call to call, and every call changes the variables. Build the model for '
                 'inference, or feed what is read after the write', RandomWarning)

    def _check_probabilities(self, arrays: Sequence[np.ndarray], feeds: Mapping[str, Feed], layout: Layout,
                             first: int) -> None:
        """TargetWarning where T looks like probabilities."""
        model, found = self._model, self._model.findings
        if found.is_distribution is None:
            values = self._values(arrays, feeds, layout) if found.few_values is None else found.few_values
            found.few_values = None
            found.is_distribution = values is not None and _sums_to_one(values.astype(np.float64), first)
        if found.is_distribution:
            model.warn_once(self._method,
                            f'T "{model.target.name}" looks like probabilities: its values are between 0 and '
                            '1 and sum to 1. The shares of all classes mix, and a saturated probability has '
                            'no gradient. Target the logits instead', TargetWarning)

    def _values(self, arrays: Sequence[np.ndarray], feeds: Mapping[str, Feed],
                layout: Layout) -> np.ndarray | None:
        """T of a few rows; None where TensorFlow fails, which the run itself will report."""
        n = len(arrays[0])
        few = min(FEW, layout.rows) if layout.per_row else 1
        rows = np.minimum(np.arange(layout.rows), n - 1) if layout.fixed_batch \
            else np.arange(few) % n if self._model.calls_python else np.arange(n)[:few]
        with suppress(RunError):
            return self._model.target_values.values([a[rows] for a in arrays], feeds, rows)[0]
        return None


def _sums_to_one(values: np.ndarray, first: int) -> bool:
    """Whether values are those of a distribution along an axis, from `first` on."""
    if values.size == 0 or not np.all((values >= -1e-6) & (values <= 1 + 1e-3)):
        return False
    # float32 sums of 1000 classes are right to 1e-4
    return any(values.shape[axis] > 1 and np.allclose(values.sum(axis), 1, atol=1e-3)
               for axis in range(first, values.ndim))
