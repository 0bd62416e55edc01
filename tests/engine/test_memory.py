"""Arrays, functions, sessions and graphs are let go."""

import gc
import tracemalloc
import weakref

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.few import ANYWHERE, few
from tests.support.networks import mlp, samples, v1

NET = mlp('tanh', 'relu', seed=3)
XS, YS = samples(NET, 11)


class Given:
    """A function that holds an array."""

    def __init__(self, array):
        self.array = array

    def __call__(self, xs):
        return self.array


def test_baselines_are_let_go():
    """Arrays and functions are gone after the call, the graph stays as it is, and few explainers are kept."""
    xs = np.ones((256, 64), 'f4')
    with tf.Graph().as_default() as graph, v1.Session() as session, DeepExplain(session) as de:
        x = v1.placeholder(tf.float32, (None, 64))
        T = tf.reduce_sum(tf.tanh(x), 1)
        options = {'intgrad': {'steps': 2}, 'occlusion': {'window_shape': 32, 'step': 32},
                   'shapley_sampling': {'samples': 1}}
        names = ['deeplift', *options]

        def explain(name, baseline, n=256, **more):
            return de.explain(name, T, x, xs[:n], baseline=baseline, **options.get(name, {}), **more)
        for name in names:
            for n in 256, 4:
                explain(name, np.zeros((n, 64)), n)
                explain(name, lambda xs: 0 * xs, n)
        ops = len(graph.get_operations())
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for k in range(60):
                array = np.full((256 if k < 30 else 4, 64), k / 60)
                name = names[k % 2] if k < 30 else names[k % 4]
                alive = weakref.ref(array)
                explain(name, array, len(array))
                given = Given(array)
                called = weakref.ref(given)
                explain(name, given, len(array))
                del array, given
                assert alive() is None and called() is None
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert grown < 1 << 20, grown                   # 30 arrays of 128 kB went in, twice
        for k in range(150):
            explain('deeplift', k, 2, on_unsupported=['warn', 'ignore'][k % 2])
            de.explain('shapley_sampling', T, x, xs[:1], seed=k, samples=1,
                       sampling_dims=[1]) if k % 10 == 0 else None
            de.explain('elrp', T, x, xs[:2], epsilon=[1e-4, .5][k % 2],
                       on_unsupported=['warn', 'ignore', 'raise'][k % 3])
            if k == 2:
                ops = len(graph.get_operations())
        assert len(graph.get_operations()) == ops
        assert len(vars(session)['_deepexplain2_compiled'].explainers) <= 64


def test_sessions_are_let_go():
    def once():
        with tf.Graph().as_default() as graph, v1.Session() as session, DeepExplain(session) as de:
            x = v1.placeholder(tf.float64, (None, 5))
            T = NET.tensorflow(x)
            for name in ANYWHERE:
                de.explain(few(name), T, x, XS)
            return weakref.ref(session), weakref.ref(graph)
    alive = once()
    gc.collect()
    assert [r() for r in alive] == [None, None]
