from __future__ import annotations

from contextlib import contextmanager

import pytest
import tensorflow as tf
from networks import v1

from deepexplain2 import DeepExplain


@contextmanager
def opened(net, dtype=tf.float64, batch=None):
    """(de, X, T, session) for a Net of networks.py in a graph of its own."""
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        X = v1.placeholder(dtype, (batch, *net.shape), 'x')
        T = net.tensorflow(X)
        with DeepExplain(session) as de:
            yield de, X, T, session


@pytest.fixture
def session():
    """A session on an empty graph, which is the default graph."""
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as s:
        yield s
