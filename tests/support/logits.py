"""A graph with logits z and any T of them, and the warnings that a T gives."""

import warnings

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

XS = np.random.default_rng(0).normal(size=(3, 4, 3)).astype('float32')


class Opened:
    """A graph with z = 1.5 x and T = f(z)."""

    def __init__(self, f, control_flow_v2=True):
        graph = tf.Graph()
        with graph.as_default():
            if not control_flow_v2:
                v1.disable_control_flow_v2()
            try:
                self.X = v1.placeholder(tf.float32, (None, 4, 3), 'x')
                self.z = tf.identity(1.5 * self.X, 'z')
                self.T = f(self.z)
            finally:
                v1.enable_control_flow_v2()
        self.session = v1.Session(graph=graph)
        self.de = DeepExplain(self.session)


def told_of(de, T, X, method='occlusion'):
    """The TargetWarnings of a call and of the same call again."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        for _ in range(2):
            de.explain(method, T, X, XS, 'sum')
    return [str(w.message) for w in told if w.category is errors.TargetWarning]
