"""The mean gradient along straight lines from baselines to X, with everything that a sample needs once
computed once.

The points are made and their gradients summed inside of the graph, so that only the two ends go in and only
the sum comes out. What the path begins with and is linear (its front: a dense layer or a convolution of X, a
normalization, padding) is the same straight line behind
it: h(b + alpha (x - b)) = h(b) + alpha (h(x) - h(b)). It is computed at the two ends alone, the points are
made behind it, and the summed gradient goes back through it once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import tensorflow as tf

from ..tensors import batch_of
from .batch_axis import PRIME_BATCH_SIZES, row_size
from .clone import Copy, all_found, weighted_gradients
from .linear import CONTRACTIONS, is_linear
from .op_types import CONTAINERS, SHAPE_ONLY, is_random
from .path import Path
from .walks import ancestors


@dataclass(frozen=True)
class Integral:
    """What it takes and gives, as tensors of the user's graph. The rows of T are the points of the first x,
    then those of the second ..."""
    baselines: list[tf.Tensor]          # one placeholder per X, with one row or as many as X
    alphas: tf.Tensor                   # (p,), 0 at the baseline and 1 at X
    shares: tf.Tensor                   # (p,), weights of the points in the sum, of sum 1
    # weights of the units of T at all points, broadcast to T; 1 unless fed
    weights: tf.Tensor
    sums: list[tf.Tensor]               # one per X, shaped like it
    target_shape: tf.Tensor             # of T as computed, at all points
    # sums and target_shape by TensorFlow's own kernels, where XLA compiles these; else empty
    plain: list[tf.Tensor]


def fits(path: Path) -> bool:
    """Whether every tensor that enters the path stands for all points: nothing beside X is fed with rows of
    its own."""
    ops = ancestors(path.sources, {x.name for x in path.inputs}, control=True)
    fed = [op.outputs[0] for op in ops if op.type.startswith('Placeholder')]
    return all(x.shape.rank for x in path.inputs) and all(t.shape.rank is not None
                                                          and None not in t.shape.as_list()[:1] for t in fed)


def integral(copy: Copy, name: str) -> Integral:
    """Differentiate along the lines, and import everything into the user's graph in one step."""
    cut = _cut(copy)
    with copy.differentiating():
        xs = copy.path.inputs
        bs = [tf.compat.v1.placeholder(x.dtype, x.shape, f'start_{k}') for k, x in enumerate(xs)]
        alphas, shares = (tf.compat.v1.placeholder(tf.float64, [None], what) for what in ('alphas', 'shares'))
        p = tf.shape(alphas)[0]
        ends = [copy.again(cut, dict(zip([x.name for x in xs], values)), where) for values,
                where in ((xs, 'end'), (bs, 'start'))]
        points = {x.name: _points(x, b, x, alphas, p) for x, b in zip(xs, bs)}
        points |= {t.name: _points(end, start, t, alphas, p) for t, end, start in zip(cut, *ends)
                   if t.name not in points}
        kept = {t.name: tf.repeat(t, p, 0) for t in copy.held}          # a mask of x, at all of its points
        target, = copy.again([copy.path.target], points | kept, 'points')
        weights = tf.compat.v1.placeholder_with_default(tf.ones([], target.dtype), None, 'weights')
        gradients = weighted_gradients(target, [points[t.name] for t in cut], weights)
        summed = [(end, _sum(g, shares, p, end)) for end, g in zip(ends[0], gradients) if g is not None]
        back = tf.gradients([end for end, _ in summed], xs, [g for _, g in summed], stop_gradients=xs)
        outputs = [tf.identity(s, f'sum_{k}') for k, s in enumerate(all_found(copy.path, back))]
        outputs.append(tf.shape(target, tf.int64, name='target_shape'))
    taken = [*bs, alphas, shares, weights]
    found = copy.place([*taken, *outputs], name)
    plain = copy.place_plain(outputs, dict(zip([t.name for t in taken], found)), name)
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
    """Over the points of every row: a matrix product with the shares, in one pass (twice as fast as a product
    and a sum). The shares sum to 1 and are given to the differences from the gradient at the middle point,
    which so comes back as it is where the gradient does not change."""
    exact = tf.float32 if end.dtype.size < 4 else end.dtype
    gradients = tf.reshape(tf.cast(gradient, exact), [tf.shape(end)[0], p, -1])
    middle = gradients[:, p // 2:p // 2 + 1]
    total = middle + tf.linalg.matmul(tf.cast(shares, exact)[None, None], gradients - middle)
    return tf.cast(tf.reshape(total, tf.shape(end)), end.dtype)


def _cut(copy: Copy) -> list[tf.Tensor]:
    """The tensors of the copied path on which the line is cut: what the rest of the path takes from its
    linear front and from X."""
    path = copy.path
    outside: set[str] = set()                           # ops that do not belong to the front
    rows = _with_rows(copy, _front(path, outside))
    while True:
        front = _front(path, outside)
        names = {op.name for op in front}
        used = {i.name for op in path.ops if op.name not in names for i in op.inputs} | {path.target.name}
        cut = [t for t in [*path.inputs, *(o for op in front for o in op.outputs)] if t.name in used]
        mixed = {t.op.name for t in cut if t.name not in rows}
        if not mixed:
            break
        outside |= mixed
    if not any(op.type in CONTRACTIONS for op in front) and sum(map(row_size,
                                                                    cut)) > sum(map(row_size, path.inputs)):
        return path.inputs                              # wider tensors to make points of, and nothing saved
    return cut


def _front(path: Path, outside: Collection[str]) -> list[tf.Operation]:
    """The ops that are linear, by all that vary among their inputs, back to X; not those outside, nor any
    behind them."""
    front: list[tf.Operation] = []
    # from one evaluation to the next
    changing = {op.name for op in path.ops if is_random(op) or op.op_def.is_stateful}
    inside = {x.name for x in path.inputs}
    for op in path.ops:
        varying = path.varying_inputs(op)
        if op.name in outside or not varying or not all(op.inputs[k].name in inside
                                                        for k in varying) or op.type in CONTAINERS | SHAPE_ONLY:
            continue
        if is_linear(op, path) and all(o.dtype.is_floating for o in op.outputs) \
                and not any(g.name in changing for g in ancestors([i for k, i in enumerate(op.inputs)
                                                                   if k not in varying], set())):
            front.append(op)
            inside.update(o.name for o in op.outputs)
    return front


def _with_rows(copy: Copy, front: Sequence[tf.Operation]) -> set[str]:
    """Names of X and of the outputs of the front whose first axis is the batch. All where X fixes the batch:
    every run then has one point per row, and any layout fits."""
    xs, outputs = copy.path.inputs, [o for op in front for o in op.outputs]
    found = {t.name for t in xs} | {t.name for t in outputs if t.shape.rank}
    for rows in () if all(batch_of(x) is not None for x in xs) else PRIME_BATCH_SIZES:
        shapes = zip(outputs, copy.shapes(outputs, rows))
        found &= {x.name for x in xs} | {t.name for t, shape in shapes if shape.rank
                                         and shape.as_list()[0] == rows}
    return found
