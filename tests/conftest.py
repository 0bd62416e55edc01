"""Fixtures of all tests."""

import pytest
import tensorflow as tf

from tests.support.networks import v1


@pytest.fixture
def session():
    """A session on an empty graph, which is the default graph."""
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as s:
        yield s
