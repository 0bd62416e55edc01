"""What an attribution method is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import checks
from ..model import Model, Question
from ..sweep import Sweep


class Method:
    """One attribution method with its parameters. A subclass is registered, checks its parameters in __init__, and says what to ask
    the graph (`question`) and how the answers become attributions (`attribute`)."""

    name: str
    rules: Mapping[str, Any] = {}               # op type -> rule, for methods that ask for relevance
    perturbs = False                            # whether the question is the value of T: one tensor X, one value per row
    baseline: Any = 0

    def question(self, model: Model) -> Question:
        """What to ask; compiles what it needs."""
        raise NotImplementedError

    def attribute(self, sweep: Sweep, xs: list[np.ndarray], baselines: list[np.ndarray]) -> list[np.ndarray]:
        """Attributions for xs, one array per tensor of X; baselines have a batch axis of one row or as many as xs."""
        raise NotImplementedError

    def check_shapes(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Raise ParameterError where a parameter does not fit the shapes of xs."""


def at_input(xs: Sequence[np.ndarray]):
    """The single point x of each row, as a sweep wants it."""
    return lambda rows: [x[rows] for x in xs]


positive, integer, choice = checks.positive, checks.integer, checks.choice
