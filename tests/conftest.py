"""Fixtures of all tests."""

import pytest
import tensorflow as tf

from tests.support.networks import v1


def pytest_ignore_collect(collection_path, config):
    """tests/tf1 changes how TensorFlow behaves: collected only where it is named, in a process apart."""
    return True if collection_path.name == 'tf1' and not any('tf1' in a for a in config.args) else None


@pytest.fixture
def session():
    """A session on an empty graph, which is the default graph."""
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as s:
        yield s
