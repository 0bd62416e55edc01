"""Where embedded tokens have the batch as their first axis again, after ids that were reshaped for the
lookup."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ..errors import PathError
from ..tensors import shape_text
from .batch_axis import PRIME_BATCH_SIZES
from .copies import detached, stand_in
from .graft import import_nodes
from .op_types import SHAPE_ONLY
from .walks import ancestors

RESHAPES = {'Reshape', 'ExpandDims', 'Squeeze'}
_SAME = RESHAPES | {'Identity'}
_OPEN = 13, 17, 11, 19          # what open axes of ids but the first are taken for


def point_of(lookup: tf.Operation, ops: Sequence[tf.Operation], ids: tf.Tensor,
             widths: int) -> tuple[tf.Tensor, bool]:
    """The first tensor whose first axis is the batch, out of the result of a lookup and what reshapes it on
    the way to T; and whether that is known, or only not known to be false.

    Raises PathError where there is none.
    """
    candidates = [t for t in _reshaped(lookup.outputs[0], ops) if _keeps(t, lookup.outputs[0], widths)]
    rows = _rows(candidates, lookup.inputs[0], ids)
    for wanted in PRIME_BATCH_SIZES[0], None:
        for t, n in zip(candidates, rows):
            if n == wanted:
                return t, n is not None
    raise PathError(f'the embedding lookup "{lookup.outputs[0].name}" {shape_text(lookup.outputs[0].shape)} '
                    f'of '
                    f'X "{ids.name}" does not have the batch as its first axis, nor has what reshapes it. '
                    f'Explain a tensor behind it whose first axis is the batch')


def _reshaped(t: tf.Tensor, ops: Sequence[tf.Operation]) -> list[tf.Tensor]:
    """A tensor, and what is made of it by reshapes alone, as long as nothing else takes it."""
    found = [t]
    while True:
        users = [op for op in ops if op.type not in SHAPE_ONLY and any(i.name == found[-1].name
                                                                        for i in op.inputs)]
        if len(users) != 1 or users[0].type not in _SAME:
            return found
        found.append(users[0].outputs[0])


def _keeps(t: tf.Tensor, looked_up: tf.Tensor, widths: int) -> bool:
    """Whether the axes of the embedding are the last ones of `t` as well."""
    if t.name == looked_up.name:
        return True
    if t.shape.rank is None or t.shape.rank <= widths:
        return False
    kept, ends = (v.shape.as_list()[v.shape.rank - widths:] for v in (t, looked_up))
    return kept == ends and None not in ends


def _rows(tensors: Sequence[tf.Tensor], table: tf.Tensor, ids: tf.Tensor) -> list[int | None]:
    """The first axes of tensors for ids of PRIME_BATCH_SIZES[0] rows, as TensorFlow infers them; None where
    it does not."""
    if ids.shape.rank is None:
        return [None] * len(tensors)
    ops = ancestors(tensors, {ids.name, table.name})
    row = [_OPEN[k % len(_OPEN)] if d is None else d for k, d in enumerate(ids.shape.as_list()[1:])]
    with tf.Graph().as_default():
        given = {ids.name: tf.compat.v1.placeholder(ids.dtype, [PRIME_BATCH_SIZES[0], *row]),
                 table.name: stand_in(table, 'table')}
        try:
            import_nodes(detached(ops), given, 'ids')
            made = [tf.compat.v1.get_default_graph().get_tensor_by_name(f'ids/{t.name}') for t in tensors]
        except ValueError:                      # functions, and ids that fix the batch
            fixed = [t.shape.as_list()[0] for t in tensors]
            n = ids.shape.as_list()[0]
            return [PRIME_BATCH_SIZES[0] if n is not None and f == n else f for f in fixed]
        return [t.shape.as_list()[0] if t.shape.rank else None for t in made]
