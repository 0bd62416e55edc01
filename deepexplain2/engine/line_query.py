"""Integrals of the gradient along straight lines, as a query."""

from __future__ import annotations

import numpy as np

from .batch import Batch
from .query import Answers, Query


class LineQuery(Query):
    """The weighted sums of gradients along lines.

    Into a run go the ends of lines (X, baselines), then the alphas and the shares of their points; the rows
    of the batch are those that the points belong to, all points of a line before the next. The answer
    'gradient' has one sum per line.
    """

    is_line_integral = True
    shared = 2

    def _evaluate(self, batch: Batch) -> Answers:
        k = len(self._model.inputs)
        xs, bs, (alphas, shares) = batch.arrays[:k], batch.arrays[k:-2], batch.arrays[-2:]
        if batch.max_rows is None or self._model.path.kept_masks:
            bs = [np.broadcast_to(b, x.shape) for b, x in zip(bs, xs)]

        def points():
            return [np.swapaxes(b + alphas.reshape(-1, *[1] * x.ndim) * (x - b), 0,
                                1).reshape(-1, *x.shape[1:]).astype(x.dtype)
                    for b, x in zip(bs, xs)]
        return self._run(batch.at([*xs, *bs, alphas, shares], batch.rows), xs, points)
