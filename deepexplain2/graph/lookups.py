"""Embedding lookups behind integer inputs."""

from __future__ import annotations

import tensorflow as tf

from ..errors import PathError
from .path import SHAPE_ONLY, ancestors, reached

GATHERS = {'Gather', 'GatherV2', 'ResourceGather'}


def lookups(target: tf.Tensor, ids: tf.Tensor) -> list[tf.Tensor]:
    """The outputs of the embedding lookups through which T depends on `ids`; empty if there is none.

    Comparisons of ids (masks) are held fixed. Raises PathError where T depends on ids in yet another way, which no attribution at the
    lookups would show.
    """
    ops = ancestors([target], {ids.name})
    integers = reached(ops, {ids.name}, GATHERS | SHAPE_ONLY)
    found = [op.outputs[0] for op in ops
             if op.type in GATHERS and op.outputs[0].dtype.is_floating and op.inputs[1].name in integers and op.inputs[0].name not in integers]
    if not found:
        return []
    direct = {ids.name}
    for op in ops:
        if op.type in GATHERS or op.type in SHAPE_ONLY or not any(i.name in direct for i in op.inputs):
            continue
        if any(o.dtype.is_floating for o in op.outputs):
            raise PathError(f'T "{target.name}" depends on X "{ids.name}" not only through embedding lookups, but also through '
                            f'"{op.name}" ({op.type}), which turns the integers into numbers. Explain a tensor behind it, or use a perturbation '
                            'method at the lookups: X=[tensor names]')
        direct.update(o.name for o in op.outputs if not o.dtype.is_bool)
    return found
