"""Sessions that are closed, missing or finalized, and numbers that their dtype cannot hold."""

import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.few import ANYWHERE
from tests.support.networks import mlp, opened, samples, v1

NET = mlp('relu', 'tanh')
X4, YS4 = samples(NET, 4)


def test_closed_session():
    graph = tf.Graph()
    with graph.as_default():
        x = v1.placeholder(tf.float64, (None, 5))
        T = NET.tensorflow(x)
    session = v1.Session(graph=graph)
    with DeepExplain(session) as de:
        explainers = [de.get_explainer(name, T, x) for name in ANYWHERE]
        session.close()
        with pytest.raises(errors.ContextError, match='the session is closed'):
            de.explain('elrp', T, x, X4)
    for explainer in explainers:
        with pytest.raises(errors.ContextError, match='the session is closed'):
            explainer.run(X4)
    with pytest.raises(errors.ContextError, match='the session is closed'):
        DeepExplain(session)


def test_no_session_at_all():
    with pytest.raises(errors.ContextError, match='no default session is open'):
        DeepExplain()


def test_default_session_is_looked_up_when_called():
    for _ in range(2):
        with tf.Graph().as_default() as graph, v1.Session(), DeepExplain() as de:
            assert de.graph is graph


def test_finalized_graph():
    with opened(NET) as (de, X, T, session):
        session.graph.finalize()
        for name in 'saliency', 'elrp', 'deeplift':
            with pytest.raises(errors.ContextError, match=r'the graph is finalized.*get_explainer before'):
                de.get_explainer(name, T, X)
        de.explain('occlusion', T, X, X4)                   # adds no op at all


def test_float16_overflow_of_xs():
    with opened(NET, tf.float16) as (de, X, T, _):
        with pytest.raises(errors.ValueRangeError, match='in float16'):
            de.explain('elrp', T, X, X4 * 1e6)
