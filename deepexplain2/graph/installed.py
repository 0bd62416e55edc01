"""What the differentiated path takes and gives once it is in the user's graph, as a copy or in its place."""

from __future__ import annotations

from dataclasses import dataclass, field

import tensorflow as tf

from .differentiate import all_found, weighted_gradients, weights_of
from .op_types import LIBRARY_SCOPE
from .path import Path
from .placement import in_user_graph


@dataclass(frozen=True)
class Clone:
    """What the copy takes and gives, as tensors of the user's graph.

    baselines: one placeholder per X; empty without a reference.
    weights: weights of the units of T, broadcast to T; 1 unless fed.
    relevances: one per X, if asked for.
    target_shape: the shape of T as computed.
    cached: everything that the rules take from the reference, where it depends on the baselines alone: to be
        fetched, or fed. Else empty.
    plain: relevances (and all else that is given) and target_shape by TensorFlow's own kernels, where XLA
        compiles them. Else empty.
    value: T, weighted and summed over all axes but the first, if asked for.
    layer_gradients, activations: one for each tensor of `at`.
    references: with a reference, their values at the baseline.
    inputs: what may be fed in place of X; empty where that is X itself.
    """
    baselines: list[tf.Tensor]
    weights: tf.Tensor
    relevances: list[tf.Tensor]
    target_shape: tf.Tensor
    cached: list[tf.Tensor] = field(default_factory=list)
    plain: list[tf.Tensor] = field(default_factory=list)
    value: tf.Tensor | None = None
    layer_gradients: list[tf.Tensor] = field(default_factory=list)
    activations: list[tf.Tensor] = field(default_factory=list)
    references: list[tf.Tensor] = field(default_factory=list)
    inputs: list[tf.Tensor] = field(default_factory=list)


def in_place(path: Path, name: str) -> Clone:
    """The plain gradient built in the user's graph, for Python gradients, which a copy cannot hold."""
    with in_user_graph(path.target.graph), tf.name_scope(f'{LIBRARY_SCOPE}{name}'):
        weights = weights_of(path.target)
        rs = all_found(path, path.inputs, weighted_gradients(path.target, path.inputs, weights))
        return Clone([], weights, [tf.convert_to_tensor(r) for r in rs], tf.shape(path.target, tf.int64))
