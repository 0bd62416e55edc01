"""Targets with data of their own: a detection score of boxes that are given with every row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf
from networks import v1

from deepexplain2 import DeepExplain
from deepexplain2.errors import ContextError, FeedError, ParameterError, ShapeError, TensorError, ValueRangeError
from deepexplain2.targets import Target

RNG = np.random.default_rng(0)
N, D, K, C = 5, 6, 4, 3
W_BOXES, W_SCORES = RNG.normal(size=(D, K * 4)) * .3, RNG.normal(size=(D, K * C))
XS, BOXES = RNG.normal(size=(N, D)), RNG.uniform(size=(N, 4)) + [0, 0, 1, 1]


@dataclass(frozen=True)
class BoxScore(Target):
    """Scores of a class, weighted by how well their boxes (y, x, y, x) overlap the given one, one per row."""
    of_class: int = 0
    sharpness: float = 2.

    def data(self, outputs):
        return tf.TensorSpec((None, 4), outputs[0].dtype)

    def build(self, outputs, ys):
        boxes, scores = outputs
        size = tf.nn.softplus(tf.minimum(boxes, ys[:, None])[..., 2:] - tf.maximum(boxes, ys[:, None])[..., :2])
        area = [tf.reduce_prod(tf.nn.softplus(b[..., 2:] - b[..., :2]), -1) for b in (boxes, ys[:, None])]
        overlap = tf.reduce_prod(size, -1) / (area[0] + area[1])
        return tf.reduce_sum(tf.exp(self.sharpness * overlap) * scores[..., self.of_class], 1)
