"""Which tensors can be layers: those between X and T."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ..errors import PathError
from ..graph.op_types import SHAPE_ONLY
from ..graph.path import Path
from ..graph.walks import ancestors, descendants


def layer_of(path: Path, name: str) -> tf.Tensor:
    """The tensor of this name; PathError where it is none that values of X flow through on their way to T."""
    layer = path.target.graph.get_tensor_by_name(name)
    if not layer.dtype.is_floating:
        raise PathError(f'layer "{name}" has dtype {layer.dtype.name}: it cannot carry a gradient. Choose a '
                        f'floating tensor')
    flow = layer.op._get_control_flow_context()
    flow = flow.outer_context if layer.op.type == 'Exit' else flow         # what a loop gives
    if flow is not None:
        what = 'loop, which has one value for each iteration' if flow.IsWhileContext() else 'conditional'
        raise PathError(f'layer "{name}" is inside of a {what}. Choose a tensor before or behind it')
    xs = {x.name for x in path.inputs}
    if layer.name not in descendants(ancestors([layer], xs), xs, SHAPE_ONLY):
        raise PathError(f'layer "{name}" does not depend on X {", ".join(map(path.name, path.inputs))}: '
                        f'it is before X, or beside it. Choose a layer between X and T')
    try:
        Path(path.target, [layer])
    except PathError:
        raise PathError(f'T {path.name(path.target)} does not depend on layer "{name}". Choose a layer '
                        f'between X and T') from None
    return layer


def is_cut(path: Path, layers: Sequence[tf.Tensor]) -> bool:
    """Whether all that T takes of X flows through these tensors."""
    names = {t.name for t in [*layers, *path.kept_masks]}
    ops = ancestors([path.target], names)
    around = descendants(ops, {x.name for x in path.inputs} - names, SHAPE_ONLY)
    return path.target.name in names or path.target.name not in around
