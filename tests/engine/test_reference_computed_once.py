"""From the second run on what the rules need of a baseline is fed."""

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.engine import fetch
from tests.support.networks import cnn, mlp, opened, samples

NET = mlp('tanh', 'relu', seed=3)
XS, YS = samples(NET, 11)
GRAPH = cnn('tanh')


def test_a_reference_is_computed_once(monkeypatch):
    """From the second run with it on what the rules need of a baseline is fed; another one, and changed
    weights, are seen."""
    with opened(GRAPH) as (de, X, T, session):
        x, ys = samples(GRAPH, 3)
        expected = [de.explain('deeplift', T, X, x, ys, baseline=np.tile(b, (3, *[1] * (x.ndim - 1))))
                    for b in x]
        order = [0, 0, 0, 1, 1, 2, 0, 0]
        baselines = iter(order)
        explainer = de.get_explainer('deeplift', T, X, baseline=lambda xs: x[next(baselines)])
        asked, values = [], fetch.Fetch.values
        def counted(self, *arguments):
            if '/cached_' in self.fetches[0].name:               # not T or its gradient
                asked.append(self)
            return values(self, *arguments)
        monkeypatch.setattr(fetch.Fetch, 'values', counted)
        for k, times in zip(order, [0, 1, 1, 1, 2, 2, 2, 3]):
            np.testing.assert_allclose(explainer.run(x, ys), expected[k], rtol=1e-12, atol=1e-14)
            assert len(asked) == times
    with tf.Graph().as_default(), tf.compat.v1.Session() as session, DeepExplain(session) as de:
        X = tf.compat.v1.placeholder(tf.float64, (None, 5))
        w = tf.compat.v1.get_variable('w', (5, 3), tf.float64)
        T = tf.nn.tanh(X @ w + 1.)
        session.run(w.initializer)
        explainer = de.get_explainer('deeplift', T, X)
        for _ in range(3):
            before = explainer.run(XS)
        session.run(w.assign(2 * w))
        _, delta = explainer.run(XS, return_delta=True)
        np.testing.assert_allclose(delta, 0, atol=1e-12)
        assert len(asked) == 3 and np.abs(explainer.run(XS) - before).max() > .1
