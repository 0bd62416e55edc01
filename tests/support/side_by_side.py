"""Many functions in one graph, each of columns of X of its own: one run explains them all."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain

v1 = tf.compat.v1


class SideBySide:
    """T has a unit per function, the sum of its values: attributions of a function are those of its columns.

    Parameters
    ----------
    functions : dict of name: (function of (n, width), width)
    dtype : of X and T
    batch : int, optional
        The rows that X takes.
    optimized : bool, default False
        Whether TensorFlow optimizes the graph, which takes longer than all that is computed.
    """

    def __init__(self, functions, dtype, batch=None, optimized=False):
        self._config = v1.ConfigProto()
        self._config.graph_options.rewrite_options.disable_meta_optimizer = not optimized
        self._graph, self.columns, start = tf.Graph(), {}, 0
        for name, (_, width) in functions.items():
            self.columns[name] = slice(start, start + width)
            start += width
        with self._graph.as_default():
            self.X = v1.placeholder(dtype, (batch, start), 'x')
            self.values = {name: f(self.X[:, self.columns[name]]) for name, (f, _) in functions.items()}
            rows = 1 if batch == 1 else tf.shape(self.X)[0]
            self.T = tf.stack([tf.reduce_sum(tf.reshape(v, [rows, -1]), 1)
                               for v in self.values.values()], 1)

    def __enter__(self):
        self._entered = self._graph.as_default()
        self._entered.__enter__()
        self.session = v1.Session(graph=self._graph, config=self._config)
        self.de = DeepExplain(self.session)
        self.de.__enter__()
        return self

    def __exit__(self, *exception):
        self.de.__exit__(*exception)
        self.session.close()
        self._entered.__exit__(*exception)

    def joined(self, arrays):
        """One array for X out of those of the functions."""
        return np.concatenate([arrays[name] for name in self.columns], -1)

    def f(self, arrays):
        """The sum of the values of every function, by name: (n,)."""
        units = self.session.run(self.T, {self.X: self.joined(arrays)})
        return dict(zip(self.columns, units.T.astype(np.float64)))

    def explain(self, method, arrays, baseline=None, **options):
        """The attributions of every function, by name."""
        if baseline is not None:
            options['baseline'] = self.joined(baseline)
        a = self.de.explain(method, self.T, self.X, self.joined(arrays), **options)
        return {name: a[:, columns] for name, columns in self.columns.items()}
