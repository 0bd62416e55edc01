"""One graph and session for many calls, which counts how often something ran."""

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.networks import mlp, samples, v1

NET = mlp('relu', 'tanh')
X4, YS4 = samples(NET, 4)
IDS = np.arange(8).reshape(2, 4)


class Spied:
    """One graph and session for all rows: X and T of numbers, ids and their lookups, placeholders to feed;
    how often something ran."""

    def __init__(self):
        self.graph, self.runs = tf.Graph(), 0
        with self.graph.as_default():
            self.X = v1.placeholder(tf.float64, (None, 5), 'x')
            self.Y = v1.placeholder(tf.float64, (None, 5), 'y')
            self.T = NET.tensorflow(self.X)
            self.T2 = self.T + NET.tensorflow(self.Y)
            self.score, self.steep = self.T[:, 0], 1e9 * self.T
            self.rate, self.rows = v1.placeholder(tf.float64, (),
                                                  'rate'), v1.placeholder(tf.float64, (None, 3), 'rows')
            self.train, self.steps = v1.placeholder(tf.bool, (),
                                                    'train'), v1.placeholder(tf.int32, (), 'steps')
            self.needs_rate, self.needs_rows = self.T * self.rate, self.T * self.rows
            self.needs_train = tf.cond(self.train, lambda: self.T, lambda: 2 * self.T)
            self.fixed_x, self.fixed_w = v1.placeholder(tf.float64,
                                                        (4, 5)), v1.placeholder(tf.float64, (4, 3), 'fixed')
            self.fixed = NET.tensorflow(self.fixed_x) * self.fixed_w
            self.narrow_x = v1.placeholder(tf.float32, (None, 5), 'narrow')
            self.narrow = NET.tensorflow(self.narrow_x)
            self.bools, self.complexes, self.strings = (v1.placeholder(t, (None, 5))
                                                        for t in (tf.bool, tf.complex64, tf.string))
            self.classes, self.phases = tf.argmax(self.T, 1), tf.cast(self.T, tf.complex128)
            self.ids = v1.placeholder(tf.int32, (None, 4), 'ids')
            embeddings = tf.constant(np.random.default_rng(0).normal(size=(9, 3)))
            self.words = tf.tanh(tf.reshape(tf.nn.embedding_lookup(embeddings, self.ids),
                                            (-1, 12)) @ tf.ones((12, 2), tf.float64))
            self.session = v1.Session(graph=self.graph)
        make, run = self.session._make_callable_from_options, self.session.run

        def counted(call):
            def count(*given, **named):
                self.runs += 1
                return call(*given, **named)
            return count
        self.session._make_callable_from_options = lambda options: counted(make(options))
        self.session.run = counted(run)
        self.de = DeepExplain(self.session)
        with self.de:
            self.saliency, self.lift = (self.de.get_explainer(name, self.T, self.X)
                                        for name in ('saliency', 'deeplift'))
            self.shapley = self.de.get_explainer('shapley_sampling', self.T, self.X)
            self.tokens = self.de.get_explainer('intgrad', self.words, self.ids)

    def explain(self, method='saliency', T=None, X=None, xs=X4, **more):
        return self.de.explain(method, self.T if T is None else T, self.X if X is None else X, xs, **more)

    def on_ids(self, method='intgrad', xs=IDS, **more):
        return self.de.explain(method, self.words, self.ids, xs, **more)
