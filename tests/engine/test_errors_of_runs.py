"""What a session, the copying of ops, and functions of the user raise."""

import threading

import pytest
import tensorflow as tf

from deepexplain2 import errors
from deepexplain2.graph import clone
from tests.support.networks import mlp, opened, samples, v1

NET = mlp('tanh', 'relu', seed=3)
XS, YS = samples(NET, 11)


def test_errors_of_tensorflow_are_run_errors(monkeypatch):
    """Whatever asks the session: a callable that cannot be made or fails, a session of another kind, a lookup
    of ids."""
    with opened(NET) as (de, X, T, session):
        explainer = de.get_explainer('deeplift', T, X)
        with monkeypatch.context() as patch:
            def fail(*_):
                raise tf.errors.InvalidArgumentError(None, None, 'not found in the graph')
            patch.setattr(session, '_make_callable_from_options', fail)
            with pytest.raises(errors.RunError, match=r'could not compute T .* for 11 rows: not found in the '
                                                      r'graph'):
                explainer.run(XS)
        for error in (RuntimeError('a closed Session'), ValueError('cannot feed'), TypeError('no'),
                      tf.errors.CancelledError(None, None, '')):
            with monkeypatch.context() as patch:
                def broken(*_, error=error):
                    raise error
                patch.setattr(session, '_make_callable_from_options', lambda *_, broken=broken: broken)
                fresh = de.get_explainer('saliency', T + 0., X)
                with pytest.raises(errors.RunError) as found:
                    fresh.run(XS)
                assert found.value.__cause__ is error
        ids = v1.placeholder(tf.int32, (None, 2))
        embedded = tf.nn.embedding_lookup(tf.ensure_shape(tf.numpy_function(lambda: 1 / 0, [], tf.float64),
                                                          (9, 5)), ids)
        with pytest.raises(errors.RunError, match='could not compute the embedding of "Placeholder'):
            de.explain('saliency', NET.tensorflow(tf.reduce_sum(embedded, 1)), ids, [[0, 1]])


def test_errors_while_ops_are_copied(monkeypatch):
    with opened(NET) as (de, X, T, session):
        before = len(session.graph.get_operations())
        with monkeypatch.context() as patch:
            def fail(*_):
                raise ValueError("Node 'a' is not unique")
            patch.setattr(clone, 'import_nodes', fail)
            for name in 'saliency', 'deeplift':
                with pytest.raises(errors.PathError, match=rf"{name} cannot follow the ops between X .* Node "
                                                           rf"'a' is not unique"):
                    de.explain(name, T, X, XS)
        assert len(session.graph.get_operations()) == before
        de.explain('deeplift', T, X, XS)


def test_the_users_own_errors_pass():
    class Mine(Exception):
        pass

    def fail(*_):
        raise Mine
    with opened(NET) as (de, X, T, _):
        with pytest.raises(errors.ParameterError,
                           match=r'the function given as baseline .* raised Mine') as caught:
            de.explain('deeplift', T, X, XS, baseline=fail)
        assert isinstance(caught.value.__cause__, Mine)
        with pytest.raises(Mine):
            de.explain('occlusion', T, X, XS, batch_size=2, progress=fail)
        with pytest.raises(Mine):
            list(de.get_explainer('saliency', T, X).stream(fail() for _ in range(2)))
        assert threading.active_count() == 1
        de.explain('occlusion', T, X, XS, batch_size=2)
