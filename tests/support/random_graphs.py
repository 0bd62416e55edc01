"""Random graphs of many ops, and what every answer must fulfil, whatever the graph."""

from __future__ import annotations

import warnings

import numpy as np
import tensorflow as tf
from hypothesis import settings
from hypothesis import strategies as st

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1
from tests.support.random_ops import ALL, ONE, TWO, predicate


def examples(n):
    """The same n graphs in every run; under the profile `night` as many as it says, and others every time."""
    return settings(max_examples=n) if settings().derandomize else settings()


def fit(h, like):
    """Columns of h, repeated or dropped, as many as `like` has."""
    return h if h.shape[1] == like.shape[1] else tf.gather(h, np.arange(like.shape[1]) % h.shape[1], axis=1)


def build(x, program):
    """The graph of a program: steps (op, how far back its first tensor is, the second, seed of its
    constants)."""
    made = [x]
    for name, i, j, seed in program:
        rng, h = np.random.default_rng(seed), made[-1 - i % len(made)]
        made.append(ONE[name](h, rng) if name in ONE else TWO[name](h, fit(made[-1 - j % len(made)], h), rng))
    return made[-1]


def programs(names=ALL, size=30):
    step = st.tuples(st.sampled_from(names), st.sampled_from([0, 0, 0, 1, 2, 5]),
                     st.sampled_from([0, 1, 1, 2, 3, 7]), st.integers(0, 5))
    return st.lists(step, min_size=3, max_size=size)


def data(d, seed, scale):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, d)) * scale, rng.normal(size=(3, d)) * scale


class Case:
    """The graph of a program in a session."""

    def __init__(self, program, dtype, d):
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.session = v1.Session(graph=self.graph)
            self.X = v1.placeholder(dtype, (None, d), 'x')
            self.T = build(self.X, program)
            self.fed = {predicate(): True} if 'cond' in {p[0] for p in program} else None
        self.tolerance = 1e-4 if dtype == tf.float32 else 1e-9

    def __enter__(self):
        self.de = DeepExplain(self.session)
        self.de.__enter__()
        return self

    def __exit__(self, *exception):
        self.de.__exit__(*exception)
        self.session.close()

    def f(self, xs):
        return self.session.run(self.T, {self.X: xs} | (self.fed
                                                        or {})).astype(np.float64).reshape(len(xs), -1).sum(1)

    def explain(self, method, xs, **parameters):
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            warnings.simplefilter('ignore', errors.TargetWarning)
            # logits of -1e9 behind a mask cancel
            warnings.simplefilter('ignore', errors.MagnitudeWarning)
            return self.de.explain(method, self.T, self.X, xs, feed_dict=self.fed, **parameters)

    def close(self, a, b, scale=1., tolerance=None):
        """a == b within the promise; scale: what they are sums of."""
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        excess = np.abs(a - b) / np.maximum(1, np.maximum(np.abs(b), scale))
        assert excess.max() <= (tolerance or self.tolerance), \
            f'off by {excess.max():.2g} at scale {np.max(scale):.2g}: {a} {b}'

    def complete(self, a, xs, baseline, tolerance=None):
        a = np.asarray(a, np.float64).reshape(len(xs), -1)
        self.close(a.sum(1), self.f(xs) - self.f(np.broadcast_to(baseline, xs.shape)), np.abs(a).sum(1),
                   tolerance)
