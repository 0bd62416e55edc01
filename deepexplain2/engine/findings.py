"""What runs have shown of a model."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from .batch_size import BatchSizeTuner


@dataclass
class Findings:
    """What runs have shown of T and X, so that it is looked at once. Entries are replaced as a whole: several
    threads may run.

    Attributes
    ----------
    rows_apart : dict
        By what was fed that may decide on the way, and whether rows that differ were seen: None if no row
        changes with the other rows, else the number of rows that the graph takes, and no other. None in
        place of whether rows differ: for a single row, beside its other points. See rows.py.
    adds_up : dict
        Likewise: whether a T without a batch axis is a sum or mean over rows.
    shapes_of_all : dict
        Likewise, with a number of rows: the shape of a T that can be computed for all rows together only.
    few_values : array, optional
        T of a few rows, kept from the first look for the next.
    is_distribution : bool, optional
        Whether T of a few rows looked like probabilities; None if not seen yet.
    usual_size : float
        Entries of attributions up to this size need no second look.
    tuners : dict
        Batch size tuners by kind of query.
    looked_at : dict
        By method: what its explainers have looked at.
    """

    rows_apart: dict[tuple, int | None] = field(default_factory=dict)
    adds_up: dict[tuple, bool] = field(default_factory=dict)
    shapes_of_all: dict[tuple, tuple[int, ...] | None] = field(default_factory=dict)
    few_values: np.ndarray | None = None
    is_distribution: bool | None = None
    usual_size: float = 1e6
    tuners: dict[Hashable, BatchSizeTuner] = field(default_factory=dict)
    looked_at: dict[str, set] = field(default_factory=dict)
