"""The mean gradient along straight lines from baselines to X: the line integral of integrated gradients.

The points are made and their gradients summed in the graph: only the two ends go in, and only the sum comes
out. The linear prefix of the path (a dense layer or a convolution of X, a normalization, padding) maps a line
to a line: h(b + alpha (x - b)) = h(b) + alpha (h(x) - h(b)). It is evaluated at the two ends alone, the
points are made downstream of it, and the summed gradient goes back through it once.

What is fed beside X with one entry per row is fed with one entry per point. The prefix, which is evaluated
once per row, takes nothing of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from ..tensors import batch_of
from .batch_axis import PRIME_BATCH_SIZES, row_size
from .clone import Copy
from .differentiate import all_found, weighted_gradients
from .linear import CONTRACTIONS, is_linear
from .op_types import CONTAINERS, SHAPE_ONLY, is_random
from .path import Path
from .walks import ancestors, descendants


@dataclass(frozen=True)
class Integral:
    """What a line integral takes and gives, as tensors of the user's graph. The rows of T are the points of
    the first row of X, then those of the second one, and so on."""
    baselines: list[tf.Tensor]          # one placeholder per X, with one row or as many as X
    alphas: tf.Tensor                   # (p,), 0 at the baseline and 1 at X
    shares: tf.Tensor                   # (p,), weights of the points in the sum, of sum 1
    # weights of the units of T at all points, broadcast to T; 1 unless fed
    weights: tf.Tensor
    sums: list[tf.Tensor]               # one per X, shaped like it
    target_shape: tf.Tensor             # of T as computed, at all points
    # sums, target_shape and T at all points, by TensorFlow's own kernels, where XLA compiles the sums; else
    # empty
    plain: list[tf.Tensor]


def fits(path: Path) -> bool:
    """Whether the integral can be built in the graph: X has a batch axis, no source takes its number of rows
    from X, and masks that stay as they are at x, which are evaluated once per row, take nothing that may be
    fed row by row."""
    names = {x.name for x in path.inputs}
    return all(x.shape.rank for x in path.inputs) and not path.shape_defaults \
        and not _fed_by_row(path.kept_masks, names)


def _fed_by_row(tensors: Iterable[tf.Tensor], inputs: Collection[str]) -> set[str]:
    """Names of those of some tensors that take something beside X which may be fed with one entry per row: a
    tensor that leaves its first axis open. inputs: names of X."""
    tensors = list(tensors)
    ops = ancestors(tensors, set(inputs))
    of_x = descendants(ops, set(inputs), set())
    open_axis = {o.name for op in ops for o in op.outputs
                 if o.name not in of_x and o.shape.rank != 0 and batch_of(o) is None}
    found = descendants(ops, open_axis, set())
    return {t.name for t in tensors if t.name in found}


def integral(copy: Copy, name: str) -> Integral:
    """Differentiate along the lines, and import the result into the user's graph in one step."""
    boundary = _boundary(copy)
    with copy.differentiating():
        xs = copy.path.inputs
        bs = [tf.compat.v1.placeholder(x.dtype, x.shape, f'start_{k}') for k, x in enumerate(xs)]
        alphas, shares = (tf.compat.v1.placeholder(tf.float64, [None], what) for what in ('alphas', 'shares'))
        p = tf.shape(alphas)[0]
        ends = [copy.again(boundary, dict(zip([x.name for x in xs], values)), where) for values,
                where in ((xs, 'end'), (bs, 'start'))]
        points = {x.name: _points(x, b, x, alphas, p) for x, b in zip(xs, bs)}
        points |= {t.name: _points(end, start, t, alphas, p) for t, end, start in zip(boundary, *ends)
                   if t.name not in points}
        kept = {t.name: tf.repeat(t, p, 0) for t in copy.kept_masks}  # a mask of x, at all its points
        target, = copy.again([copy.path.target], points | kept, 'points')
        weights = tf.compat.v1.placeholder_with_default(tf.ones([], target.dtype), None, 'weights')
        gradients = weighted_gradients(target, [points[t.name] for t in boundary], weights)
        summed = [(end, _sum(g, shares, p, end)) for end, g in zip(ends[0], gradients) if g is not None]
        back = tf.gradients([end for end, _ in summed], xs, [g for _, g in summed], stop_gradients=xs)
        outputs = [tf.identity(s, f'sum_{k}') for k, s in enumerate(all_found(copy.path, xs, back))]
        outputs.append(tf.shape(target, tf.int64, name='target_shape'))
    taken = [*bs, alphas, shares, weights]
    found = copy.place([*taken, *outputs], name)
    plain = copy.place_plain([*outputs, target], dict(zip([t.name for t in taken], found)), name)
    k = len(bs)
    return Integral(found[:k], found[k], found[k + 1], found[k + 2], found[k + 3:-1], found[-1], plain)


def _points(end: tf.Tensor, start: tf.Tensor, like: tf.Tensor, alphas: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
    """The points of every row, row after row."""
    exact = tf.float32 if end.dtype.size < 4 else end.dtype
    features = tf.shape(end)[1:]
    a, b = (tf.reshape(tf.cast(t, exact), [tf.shape(t)[0], 1, -1]) for t in (end, start))
    points = b + tf.cast(alphas, exact)[:, None] * (a - b)
    points = tf.reshape(tf.cast(points, end.dtype), tf.concat([[tf.shape(end)[0] * p], features], 0))
    points.set_shape(like.shape)
    return points


def _sum(gradient: tf.Tensor, shares: tf.Tensor, p: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    """The weighted sum over the points of every row, as a matrix product with the shares: one pass, twice as
    fast as a product and a sum. The shares sum to 1 and weigh the differences from the gradient at the middle
    point, so that a gradient that does not change comes back as it is."""
    exact = tf.float32 if end.dtype.size < 4 else end.dtype
    gradients = tf.reshape(tf.cast(gradient, exact), [tf.shape(end)[0], p, -1])
    middle = gradients[:, p // 2:p // 2 + 1]
    total = middle + tf.linalg.matmul(tf.cast(shares, exact)[None, None], gradients - middle)
    return tf.cast(tf.reshape(total, tf.shape(end)), end.dtype)


def _boundary(copy: Copy) -> list[tf.Tensor]:
    """The tensors of the copied path at which the points are made: what the rest of the path takes from the
    linear prefix and from X."""
    path = copy.path
    excluded: set[str] = set()                          # ops that do not belong to the prefix
    changing = _evaluated_anew(copy)
    rows = _with_rows(copy, _linear_prefix(path, excluded, changing))
    while True:
        prefix = _linear_prefix(path, excluded, changing)
        names = {op.name for op in prefix}
        used = {i.name for op in path.ops if op.name not in names for i in op.inputs} | {path.target.name}
        boundary = [t for t in [*path.inputs, *(o for op in prefix for o in op.outputs)] if t.name in used]
        mixed = {t.op.name for t in boundary if t.name not in rows}
        if not mixed:
            break
        excluded |= mixed
    if not any(op.type in CONTRACTIONS for op in prefix) \
            and sum(map(row_size, boundary)) > sum(map(row_size, path.inputs)):
        return path.inputs                              # wider tensors to make points of, and nothing saved
    return boundary


def _evaluated_anew(copy: Copy) -> set[str]:
    """Names of the ops of the copy that give another value at every point: random ones, those with a state,
    and what stands for a tensor that may be fed row by row. Where X fixes the batch every run has one point
    per row, and what is fed row by row fits the ends as well."""
    changing = {op.name for op in copy.path.ops if is_random(op) or op.op_def.is_stateful}
    inputs = copy.path.inputs
    if all(batch_of(x) is not None for x in inputs):
        return changing
    sources = {name: t for name, t in copy.substitutes.items() if name not in {x.name for x in inputs}}
    by_row = _fed_by_row(sources.values(), {copy.substitutes[x.name].name for x in inputs})
    return changing | {name.split(':')[0] for name, t in sources.items() if t.name in by_row}


def _linear_prefix(path: Path, excluded: Collection[str], changing: Collection[str]) -> list[tf.Operation]:
    """The ops that are linear in all that varies among their inputs, back to X; not the excluded ones, those
    that take what is changing from point to point, nor any downstream of them."""
    prefix: list[tf.Operation] = []
    inside = {x.name for x in path.inputs}
    for op in path.ops:
        varying = path.varying_inputs(op)
        if op.name in excluded or not varying or not all(op.inputs[k].name in inside for k in varying) \
                or op.type in CONTAINERS | SHAPE_ONLY:
            continue
        others = [i for k, i in enumerate(op.inputs) if k not in varying]
        if is_linear(op, path) and all(o.dtype.is_floating for o in op.outputs) \
                and not any(g.name in changing for g in ancestors(others, set())):
            prefix.append(op)
            inside.update(o.name for o in op.outputs)
    return prefix


def _with_rows(copy: Copy, prefix: Sequence[tf.Operation]) -> set[str]:
    """Names of X and of the outputs of the prefix whose first axis is the batch. All of them where X fixes
    the batch: every run then has one point per row, and any layout fits."""
    xs, outputs = copy.path.inputs, [o for op in prefix for o in op.outputs]
    found = {t.name for t in xs} | {t.name for t in outputs if t.shape.rank}
    for rows in () if all(batch_of(x) is not None for x in xs) else PRIME_BATCH_SIZES:
        shapes = zip(outputs, copy.shapes(outputs, rows))
        found &= {x.name for x in xs} | {t.name for t, shape in shapes if shape.rank
                                         and shape.as_list()[0] == rows}
    return found
