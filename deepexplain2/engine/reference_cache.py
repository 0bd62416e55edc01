"""What the rules take from a baseline, kept from run to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .fetch import Fetch
from .row_data import Feed

NOTHING: Mapping[str, Feed] = {}


class ReferenceCache:
    """The values on the path of the reference for a baseline of one row, fetched when the same baseline comes
    for the second time in a row.

    Parameters
    ----------
    fetch : Fetch
        From X and the baselines to these values.
    query : Query
        The query of the method where they are fed too.
    """

    def __init__(self, fetch: Fetch, query: Any):
        self._fetch, self.query = fetch, query
        # (the last baselines, their values), replaced as a whole: several threads may come
        self._last: tuple[list[tuple], list[np.ndarray] | None] = [], None

    def values(self, xs: Sequence[np.ndarray], baselines: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """The values to feed; None where they are not known. xs: what is fed for X, which a weight may wait
        for by a control edge."""
        key = [(b.shape, b.tobytes()) for b in baselines]
        last, values = self._last
        if last != key:
            self._last = key, None
            return None
        if values is None:
            values = self._fetch.values([*xs, *baselines], NOTHING, np.arange(len(xs[0])))
            self._last = key, values
        return values
