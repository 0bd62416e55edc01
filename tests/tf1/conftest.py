"""Tests with the behaviour of TensorFlow 1, in a process apart from the others: `pytest tests/tf1`."""

import pytest
import tensorflow as tf

tf.compat.v1.disable_v2_behavior()


@pytest.fixture(autouse=True)
def empty_graph():
    """A default graph for each test."""
    with tf.Graph().as_default():
        yield
