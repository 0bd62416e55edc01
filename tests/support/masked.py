"""Targets with data of their own: a mask, a chosen entry, whatever a function says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.targets import Target
from tests.support.networks import v1

RNG = np.random.default_rng(0)
N, H, W = 4, 3, 2
XS, MASKS = RNG.normal(size=(N, H, W)), RNG.normal(size=(N, H, W)) > 0


@contextmanager
def maps():
    """A context whose one output is its input, (batch, H, W)."""
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        v1.placeholder(tf.float64, (None, H, W), 'x')
        tf.multiply(de.inputs[0], 1., name='y')
        yield de


def runs(de, target, ys, method='grad*input', **options):
    return de.explain(method, target, de.inputs[0], XS, ys, **options)


@dataclass(frozen=True)
class Masked(Target):
    """Sum of squares where a mask is True."""

    def data(self, outputs):
        return tf.TensorSpec(outputs.shape, tf.bool)

    def build(self, outputs, ys):
        return tf.reduce_sum(tf.where(ys, outputs ** 2, 0.), [1, 2])


@dataclass(frozen=True)
class Chosen(Target):
    """A weighted entry: its row, its column and its weight come with every row of xs."""

    def data(self, outputs):
        return [tf.TensorSpec((None, 2), tf.int32, 'place'), tf.TensorSpec((None,), outputs.dtype, 'weight')]

    def build(self, outputs, ys):
        place, weight = ys
        return tf.gather_nd(outputs ** 2, place, batch_dims=1) * weight


@dataclass(frozen=True)
class Said(Target):
    """Whatever a function says."""
    function: Callable[..., Any] = None
    spec: Any = None

    def data(self, outputs):
        return self.spec

    def build(self, outputs, ys):
        return self.function(outputs) if ys is None else self.function(outputs, ys)
