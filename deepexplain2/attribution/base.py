"""What an attribution method is."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .. import checks
from ..engine.model import PLAIN as DERIVATIVE
from ..engine.model import Model, Query
from ..engine.sweep import Sweep
from ..errors import ParameterError
from ..graph.clone import Treatment
from ..graph.rulebook import EVALUATED, GRADIENT, PLAIN, Rulebook


class Method:
    """One attribution method with its parameters. A subclass is registered, checks its parameters in
    __init__, and says what to ask the graph (`question`) and how the answers become attributions
    (`attribute`)."""

    name: str
    # what attributions sum to: "difference" f(x) - f(baseline), "value" f(x), or None
    sums_to: str | None = None
    book: Rulebook | None = None                # of methods that ask for relevance under rules
    averages = False                            # whether it can be averaged over several baselines
    # whether an array of baselines holds such, or one per row; None: seen from their number
    average: bool | None = None
    samples = False                             # whether it draws samples, and has standard errors
    # whether the question is the value of T: one tensor X, one value per row
    is_perturbation = False
    baseline: Any = 0
    # whether masks that the model makes of X stay as they are at x: 'keep'
    masks = 'follow'

    def query(self, model: Model) -> Query:
        """What to ask; compiles what it needs."""
        raise NotImplementedError

    def attribute(self, sweep: Sweep, xs: list[np.ndarray], baselines: list[np.ndarray]) -> list[np.ndarray]:
        """Attributions for xs, one array per tensor of X; baselines have a batch axis of one row or as many
        as xs."""
        raise NotImplementedError

    def sample(self, sweep: Sweep, xs: list[np.ndarray],
               baselines: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Attributions and their standard errors, for methods that draw samples."""
        raise NotImplementedError

    @property
    def variant(self) -> Hashable:
        """What of the parameters changes the question."""
        return self.book.key if self.book is not None else ()

    def audit(self, model: Model) -> list[Treatment]:
        """How the method treats every op between X and T that depends on X."""
        if self.book is not None:
            return model.treatments(self.book)
        found = model.treatments(DERIVATIVE)
        if self.is_perturbation:
            return [replace(t, how=EVALUATED, more='', loses=False) for t in found]
        return [replace(t, how=GRADIENT) if t.how == PLAIN else t for t in found]

    def points(self, shapes: Sequence[tuple[int, ...]]) -> list[int] | None:
        """Model evaluations per row of each pass over the data, for xs of these shapes; None where a
        tolerance decides."""
        return [1]

    def results(self, shapes: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Shapes of the attributions for xs of these shapes."""
        return list(shapes)

    def check_std_error(self) -> None:
        """Raise ParameterError where there are no standard errors."""
        raise ParameterError(f'return_std_error: "{self.name}" draws no samples. It is for shapley_sampling')

    def check_tensors(self, tensors: Sequence[Any]) -> None:
        """Raise ParameterError where a parameter does not fit T and the tensors of X."""

    def check_shapes(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Raise ParameterError where a parameter does not fit the shapes of xs."""


def at_input(xs: Sequence[np.ndarray]):
    """The single point x of each row, as a sweep wants it."""
    return lambda rows: [x[rows] for x in xs]


positive, integer, choice, flag, sequence = checks.positive, checks.integer, checks.choice, checks.flag, checks.sequence
