"""What one run of the graph computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .row_data import Feed, Weights


class Batch(NamedTuple):        # a frozen dataclass takes 2 us to make, which a run of one row feels
    """One run of the graph: points of some rows of a request, and what belongs to them.

    Attributes
    ----------
    arrays : sequence of arrays
        What a query feeds: the points, one array per tensor of X, then what else it takes (baselines, say).
        An array with a single row stands for all rows.
    rows : (m,) integers
        The row of xs that each point belongs to.
    xs : sequence of arrays
        All rows of the request, one array per tensor of X.
    weights : Weights
        Weights of the units of T.
    feeds : mapping
        Values of other placeholders, by tensor name.
    per_row : bool
        Whether T has one entry per row.
    max_rows : int or None
        The most rows that a run may hold; None where the graph fixes their number.
    """

    arrays: Sequence[np.ndarray]
    rows: np.ndarray
    xs: Sequence[np.ndarray]
    weights: Weights
    feeds: Mapping[str, Feed]
    per_row: bool
    max_rows: int | None

    def at(self, arrays: Sequence[np.ndarray], rows: np.ndarray) -> Batch:
        """Other points of the same request."""
        return Batch(arrays, rows, self.xs, self.weights, self.feeds, self.per_row, self.max_rows)
