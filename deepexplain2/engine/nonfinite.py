"""Where NaN or infinity begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import ValueRangeError
from ..graph.op_types import V1_CONTROL_FLOW
from ..graph.path import Path

TOGETHER = 16           # tensors that are fetched in one run


def check_finite(answer: np.ndarray, what: str) -> None:
    """Raise ValueRangeError where an answer of the graph is NaN or infinite."""
    finite = np.isfinite(answer)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueRangeError(f'{what} is NaN or infinite, first at {where} of a run of '
                              f'{len(answer) if answer.ndim else 1} rows')


def origin(session: Any, path: Path, points: Sequence[Sequence[np.ndarray]],
           feeds: Mapping[tf.Tensor, Any]) -> str:
    """Where NaN or infinity begins, as a sentence: the first op between X and T, or the weight, that is not
    finite. points: arrays for X, of x first, then of the baseline."""
    tensors = [t for t in path.sources + [o for op in path.ops for o in op.outputs]
               if t.dtype.is_floating and path.target.graph.is_fetchable(t)
               and t.op.type not in V1_CONTROL_FLOW]
    for what, arrays in zip(('x', 'the baseline'), points):
        for k in range(0, len(tensors) if arrays else 0, TOGETHER):
            some = tensors[k:k + TOGETHER]
            try:
                values = session.run(some, {**dict(zip(path.inputs, arrays)), **feeds})
            except (tf.errors.OpError, RuntimeError):
                continue
            for t, v in zip(some, values):
                if not np.isfinite(v).all():
                    if not path.varies(t):
                        return f'It begins in a weight or constant: {path.name(t)} holds NaN or infinity'
                    return (f'At {what} it begins at op {path.name(t.op)}: look for overflow, the logarithm '
                            f'of 0 or division by zero there')
    return ('All values on the way to T are finite: it is the derivative that is not, such as that of a '
            'square root at 0. Choose another X or T')
