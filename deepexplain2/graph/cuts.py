"""Tensors that all values of X flow through on their way to T."""

from __future__ import annotations

import tensorflow as tf

from .op_types import SHAPE_ONLY
from .path import Path
from .walks import ancestors, descendants


def is_cut(path: Path, tensors: list[tf.Tensor]) -> bool:
    """Whether all that T takes of X flows through these tensors."""
    names = {t.name for t in [*tensors, *path.kept_masks]}
    ops = ancestors([path.target], names)
    around = descendants(ops, {x.name for x in path.inputs} - names, SHAPE_ONLY)
    return path.target.name in names or path.target.name not in around


def cuts(path: Path) -> list[tf.Tensor]:
    """The single tensors between X and T, these left out, that all of it flows through, first to last.

    With the ops in order, a tensor is one where after its op nothing else that depends on X is still to be
    used: one walk, however deep the graph is. Loops of TF1 have edges backwards: ask `is_cut` there.
    """
    last = {path.target.name: len(path.ops)}
    for k, op in enumerate(path.ops):
        if op.type not in SHAPE_ONLY:
            last.update({i.name: k for i in op.inputs if path.varies(i) and last.get(i.name, -1) < k})
    ends = {x.name for x in path.inputs} | {path.target.name}
    live = {x.name: x for x in path.inputs if x.name in last}
    found: list[tf.Tensor] = []
    for k, op in enumerate(path.ops):
        for i in op.inputs:
            if last.get(i.name) == k:
                live.pop(i.name, None)
        live.update({o.name: o for o in op.outputs if path.varies(o) and last.get(o.name, -1) > k})
        if len(live) == 1:
            only, = live.values()
            if only.name not in ends and (not found or found[-1] is not only):
                found.append(only)
    return found
