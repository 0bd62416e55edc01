"""Tensors that everything flows through, and channel axes."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2.graph.channels import channel_axis, channel_axis_of_input
from deepexplain2.graph.cuts import cuts, is_cut
from deepexplain2.graph.path import Path
from tests.support.networks import v1

OPS = [lambda a, b: a + b, lambda a, b: tf.tanh(a), lambda a, b: tf.concat(tf.split(a, 2, 1)[::-1], 1),
       lambda a, b: a * tf.cast(tf.shape(b)[1], tf.float64)]


@pytest.mark.parametrize('seed', range(25))
def test_cuts_of_random_graphs(seed, session):
    """As `is_cut` has it for each tensor: cut it off, and see whether T still depends on X."""
    rng = np.random.default_rng(seed)
    xs = [v1.placeholder(tf.float64, (None, 4)) for _ in range(1 + seed % 2)]
    known = [*xs, tf.ones((1, 4), tf.float64)]
    for _ in range(12):
        a, b = (known[int(k)] for k in rng.integers(max(0, len(known) - 3), len(known), 2))
        known.append(OPS[rng.integers(len(OPS))](a, b))
    total = known[-1] + sum(xs)
    for T in total, tf.tanh(tf.sin(total) * known[-1]):
        path = Path(T, xs)
        between = [o for op in path.ops for o in op.outputs if path.varies(o) and o is not T]
        assert [t.name for t in cuts(path)] == [t.name for t in between if is_cut(path, [t])]


def test_channel_axes(session):
    x = v1.placeholder(tf.float64, (None, 3, 8, 9))
    k = tf.ones((3, 3, 3, 4), tf.float64)
    last = tf.nn.relu(tf.nn.conv2d(tf.transpose(x * 2., (0, 2, 3, 1)), k, 1, 'SAME'))
    first = tf.concat([tf.transpose(last, (0, 3, 1, 2)), tf.ones((1, 4, 8, 9), tf.float64)], 1) + 1.
    T = tf.reduce_sum(first, [1, 2, 3])
    assert channel_axis(last) == 3 and channel_axis(first) == 1
    assert channel_axis_of_input(Path(T, [x]), x) == 1
    assert channel_axis(tf.reshape(first, (-1, 9, 8, 8))) is None
    y = v1.placeholder(tf.float64, (None, 8, 3))
    rows = tf.nn.conv1d(tf.pad(y, [[0, 0], [1, 1], [0, 0]]), tf.ones((3, 3, 4), tf.float64), 1, 'VALID')
    assert channel_axis_of_input(Path(tf.reduce_sum(rows, [1, 2]), [y]), y) == 2
    assert channel_axis_of_input(Path(tf.reduce_sum(y, [1, 2]), [y]), y) is None
