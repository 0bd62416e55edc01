"""The op in which the difference between two places of a row begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import RunError
from ..graph.op_types import V1_CONTROL_FLOW
from .row_runs import Place, apart

# In runs of one size TensorFlow's kernels give the same bits; what is computed until it converges does not
# quite.
ALIKE = 1e-6
STEPS = frozenset('''Round Rint Floor Ceil FloorDiv FloorMod Sign Cast Greater GreaterEqual Less LessEqual
    Equal NotEqual ArgMax ArgMin TopKV2 FakeQuantWithMinMaxVars FakeQuantWithMinMaxArgs
    FakeQuantWithMinMaxVarsPerChannel QuantizeAndDequantizeV2 QuantizeAndDequantizeV3
    QuantizeAndDequantizeV4'''.split())


class Origin:
    """The op in which the difference between two places begins."""

    def __init__(self, check: Any, place: Place, together: bool):
        self._place, self._eps = place, check.eps
        self._values: dict[str, list[np.ndarray]] = {}
        self._model = model = check._model
        graph, path = model.target.graph, model.path
        runs = [place.run.rows, place.other.rows]
        if len(runs[0]) == len(runs[1]) and not together:
            runs.append(runs[0][:1])                    # of another size, which shows the axis of the rows
        tensors = [t for op in path.ops for t in op.outputs if path.varies(t) and graph.is_fetchable(t)
                   and op.type not in V1_CONTROL_FLOW
                   and (t.dtype.is_floating or t.dtype.is_integer or t.dtype.is_bool or t.dtype.is_complex)]
        for k in range(0, len(tensors), 16):
            self._evaluate(check, tensors[k:k + 16], runs)
        for x, *values in zip(model.inputs, *(check._take(rows) for rows in runs)):
            self._values[x.name] = list(values)
        self._sizes = [len(rows) for rows in runs]

    def _evaluate(self, check: Any, tensors: Sequence[tf.Tensor], runs: Sequence[np.ndarray]) -> None:
        try:
            values = [self._model.values_of(tensors, check._take(rows), check._feeds, rows) for rows in runs]
        except RunError:                                # in a branch that is not taken, or inside a loop
            for t in tensors if len(tensors) > 1 else ():
                self._evaluate(check, [t], runs)
            return
        for t, *found in zip(tensors, *values):
            self._values[t.name] = list(found)

    def found(self) -> tuple[tf.Operation | None, bool]:
        """(op, whether the difference is no more than rounding there)."""
        for op in self._model.path.ops:
            if any(self._has_rows(o) and self._differs(o) for o in op.outputs):
                lost = op
                while True:                             # what was computed from all rows
                    before = next((i.op for i in lost.inputs if i.name in self._values
                                   and not self._has_rows(i) and self._differs(i)), None)
                    if before is None:
                        break
                    lost = before
                return lost, lost is op and not self._place.alike and self._is_rounding(op)
        return None, False

    def _is_rounding(self, op: tf.Operation) -> bool:
        inputs = [self._parts(i) for i in op.inputs if i.name in self._values]
        if all(np.array_equal(a, b, equal_nan=a.dtype.kind == 'f') for a, b in inputs):
            return False
        if op.type in STEPS:
            return True
        # a sum of so many products, each rounded
        largest = [np.abs(a.astype(np.float64)).max(initial=0) for a, _ in inputs]
        terms = max(a.size for a, _ in inputs)
        allowed = 64 * self._eps * max(*largest, float(np.prod(largest)), 0.) * max(terms, 1) ** .5
        outputs = [[p.astype(np.float64) for p in self._parts(o)] for o in op.outputs
                   if o.name in self._values]
        return not any(apart(a, b, allowed) for a, b in outputs)

    def _axis(self, tensor: tf.Tensor) -> int | None:
        """The axis along which the rows lie."""
        values = self._values[tensor.name]
        if len(set(self._sizes)) == 1:
            return 0 if values[0].ndim and len(values[0]) % self._sizes[0] == 0 and len(values[0]) else None
        other = next(k for k in range(1, len(values)) if self._sizes[k] != self._sizes[0])
        a, b, m, k = values[0].shape, values[other].shape, self._sizes[0], self._sizes[other]
        return next((axis for axis, (u, v) in enumerate(zip(a, b)) if u != v and u * k == v * m),
                    None) if len(a) == len(b) else None

    def _has_rows(self, tensor: tf.Tensor) -> bool:
        return tensor.name in self._values and self._axis(tensor) is not None

    def _parts(self, tensor: tf.Tensor) -> list[np.ndarray]:
        """What the row has in both places, or all where there are no rows."""
        values, axis = self._values[tensor.name][:2], self._axis(tensor)
        if axis is None:
            return values
        return [np.moveaxis(v, axis, 0).reshape(m, -1)[at] for v, m,
                at in zip(values, self._sizes, (self._place.at, self._place.there))]

    def _differs(self, tensor: tf.Tensor) -> bool:
        a, b = self._parts(tensor)
        if a.shape != b.shape:
            return a.ndim == b.ndim                     # as many entries as rows on several axes
        wide = complex if a.dtype.kind == 'c' else np.float64
        a, b = a.astype(wide), b.astype(wide)
        allowed = max(ALIKE, 8 * self._eps) if self._place.alike else self._eps ** .5
        return apart(a, b, allowed * np.abs(np.where(np.isfinite(a), a, 0)).max(initial=0))
