"""Slices and arithmetic of the tensors of a context that is not the default graph."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain

XS = np.random.default_rng(0).normal(size=(3, 2)).astype('f')
EYE = np.eye(4, dtype='f')[:3]


@pytest.fixture(scope='module')
def model():
    """A context for x @ W, and W."""
    dense = keras.layers.Dense(4, use_bias=False, name='last')
    made = keras.Sequential([keras.Input((2,)), dense])
    with DeepExplain.from_keras(made, check=False) as de:
        yield de, dense.kernel.numpy()


CASES = {               # T, and the weights of the four units that it stands for
    'slice': (lambda t: t[:, 1], EYE[1]), 'slices': (lambda t: t[..., 1:3], [0, 1, 1, 0]),
    'difference': (lambda t: 2 * t[:, 1] - t[:, 2] / 4, [0, 2, -.25, 0]),
    'negative': (lambda t: -t[:, 3], [0, 0, 0, -1]),
    'from the left': (lambda t: 1 - t[:, 0], [-1, 0, 0, 0]), 'product': (lambda t: t * EYE, EYE),
    'array first': (lambda t: EYE * t, EYE), 'matrix': (lambda t: t @ np.ones((4, 1), 'f'), np.ones(4))}


@pytest.mark.parametrize('case', CASES)
def test_operators(model, case):
    de, weights = model
    function, units = CASES[case]
    expected = XS * (np.broadcast_to(units, (3, 4)) @ weights.T)
    for T in function(de.outputs[0]), function(de.outputs['last']), function(de.tensor('last')):
        assert isinstance(T, tf.Tensor) and T.graph is de.graph
        np.testing.assert_allclose(de.explain('grad*input', T, de.inputs[0], XS, 'sum'), expected, rtol=1e-5,
                                   atol=1e-6)
    before = len(de.graph.get_operations())
    function(de.outputs[0])
    assert len(de.graph.get_operations()) == before         # the same again adds nothing


def test_other_operands_are_told_apart(model):
    de, _ = model
    T = de.outputs[0]
    made = [T + 2, T * 2, T - 2, 2 - T, T + 3, T[:, 0], T[:, 0:1], T[:, -1], T / 2, T ** 2]
    assert len({t.name for t in made}) == len(made)
    assert abs(T).op.type == 'Abs' and (T > 0).dtype == tf.bool


def test_what_stays(model):
    """Identity, hash and equality; graph mode; tensors of other graphs."""
    de, _ = model
    T = de.outputs[0]
    assert T is de.outputs[0] and T == de.outputs[0] and {T: 1}[de.outputs[0]] == 1
    assert tf.is_symbolic_tensor(T) and 'dtype=float32' in repr(T)
    with de.graph.as_default():
        assert tf.reduce_sum(T[:, 1]).graph is de.graph
    with tf.Graph().as_default() as graph:
        plain = tf.compat.v1.placeholder(tf.float32, (None, 2))
        assert plain[:, 0].graph is graph and type(plain) is not type(T)
    before = len(de.describe())
    T[:, 3] * 5
    assert len(de.describe()) == before
