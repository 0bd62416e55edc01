"""Which tensors can be layers: those between X and T; the layer that is meant without one."""

from __future__ import annotations

import tensorflow as tf

from ..errors import PathError
from ..graph.channels import channel_axis, channel_axis_of_input
from ..graph.cuts import cuts, is_cut
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


def at_rank(x: tf.Tensor, layer: tf.Tensor) -> bool:
    """Whether an X has the spatial axes of a layer: with channels, or without them."""
    if x.shape.rank is None or layer.shape.rank is None:
        return True
    return x.shape.rank - layer.shape.rank in (0, -1)


def default_layer(path: Path) -> tf.Tensor:
    """The last tensor with spatial axes that T depends on through all paths from X.

    For several tensors X, that of the branch of the one which has such a tensor. PathError where there is
    none, or one for each of several branches.
    """
    found: dict[str, tuple[tf.Tensor, list[str]]] = {}
    for x in path.inputs:
        one = path if len(path.inputs) == 1 else Path(path.target, [x], kept_masks=path.kept_masks)
        for t in reversed(cuts(one)):
            if _has_space(t) and at_rank(x, t) and is_cut(one, [t]):
                found.setdefault(t.name, (t, []))[1].append(x.name)
                break
    if not found:
        raise PathError(f'no tensor between X {", ".join(map(path.name, path.inputs))} and T '
                        f'{path.name(path.target)} has spatial axes, (batch, ..., channels) with those of X, '
                        f'and is passed by all that T takes of X. Give one: layer=...')
    if len(found) > 1:
        which = '; '.join(f'"{name}" of X {", ".join(xs)}' for name, (_, xs) in found.items())
        raise PathError(f'the tensors of X lead to T through several layers with spatial axes: {which}. '
                        f'Say which: layer=...')
    (layer, _), = found.values()
    return layer


def _has_space(t: tf.Tensor) -> bool:
    """Whether a tensor has channels and 1 to 3 spatial axes, not all of size 1."""
    if t.shape.rank not in (3, 4, 5) or not t.dtype.is_floating \
            or t.op._get_control_flow_context() is not None:
        return False
    return any(d != 1 for k, d in enumerate(t.shape.as_list()) if k not in (0, channels(t)))


def channels(layer: tf.Tensor) -> int:
    """The channel axis of a layer: the last one, unless a convolution or its like says that it is another."""
    axis = channel_axis(layer)
    return (layer.shape.rank or 0) - 1 if axis is None else axis


def channels_of_input(path: Path, x: tf.Tensor) -> int:
    """The channel axis of an X, see `channels`."""
    axis = channel_axis_of_input(path, x)
    return (x.shape.rank or 0) - 1 if axis is None else axis


def depends_on(path: Path, layer: tf.Tensor) -> list[bool]:
    """Whether a layer depends on the values of each tensor of X."""
    ops = ancestors([layer], {x.name for x in path.inputs})
    return [layer.name in descendants(ops, {x.name}, SHAPE_ONLY) for x in path.inputs]


def without_axis(layer: tf.Tensor, axis: int) -> tf.TensorSpec:
    """What a layer is but for one axis, under its name."""
    shape = layer.shape.as_list()
    return tf.TensorSpec(shape[:axis] + shape[axis + 1:], layer.dtype, layer.name)
