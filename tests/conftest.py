"""Fixtures of all tests."""

import sys

import keras
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, Phase, settings

from tests.support.networks import v1

settings.register_profile('ci', deadline=None, derandomize=True, database=None,
                          suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink])
settings.register_profile('night', settings.get_profile('ci'), max_examples=500, derandomize=False)
settings.load_profile('ci')


@pytest.fixture(autouse=True)
def same_weights():
    """Keras draws the same weights for a test, whatever ran before."""
    if tf.executing_eagerly():          # in TF1 it would make the graph that TensorFlow has by default
        keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def closed_figures():
    """No figure outlives its test."""
    yield
    if 'matplotlib.pyplot' in sys.modules:
        sys.modules['matplotlib.pyplot'].close('all')


def pytest_ignore_collect(collection_path, config):
    """tests/tf1 changes how TensorFlow behaves: collected only where it is named, in a process apart."""
    return True if collection_path.name == 'tf1' and not any('tf1' in a for a in config.args) else None


@pytest.fixture
def session():
    """A session on an empty graph, which is the default graph."""
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as s:
        yield s
