"""What is kept of a baseline in the first run is right in all that follow, or is not kept."""

import inspect
import itertools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.attribution.propagation.deeplift import DeepLift
from deepexplain2.attribution.propagation.elrp import EpsilonLRP
from deepexplain2.engine import queries
from deepexplain2.engine.fetch import Fetch
from deepexplain2.engine.reference_cache import ReferenceCache
from tests.support.few import ANYWHERE, few
from tests.support.networks import mlp, opened, samples, v1
from tests.support.side_by_side import SideBySide

NET = mlp('tanh', 'relu', seed=3)
XS, YS = samples(NET, 11)
ROWS = np.random.default_rng(0).normal(size=(3, 4))
W = np.random.default_rng(1).normal(size=(4, 2))
ACTIVATIONS = [n for n, f in inspect.getmembers(keras.activations, inspect.isfunction)
               # two take more than a tensor
               if n not in ('get', 'serialize', 'deserialize', 'glu', 'threshold', 'linear')]


def kept(explainer):
    """Whether the values of the reference were fetched, and are fed from then on."""
    reference = explainer.compile()._reference
    return reference is not None and reference._last[1] is not None


def test_there_are_activations():
    assert {'mish', 'gelu', 'silu', 'softmax', 'selu', 'hard_sigmoid', 'sparsemax'} <= set(ACTIVATIONS)


def test_activations():
    """TensorFlow's optimizers fuse some: 32 bits and a bias, as they want it. The oracle: a baseline for each
    row is not kept."""
    w, v = (np.random.default_rng(k).normal(size=s).astype('f') for k, s in enumerate([(4, 6), (6, 3)]))

    def net(name):
        f = getattr(keras.activations, name)
        return lambda x: f(tf.nn.bias_add(f(tf.nn.bias_add(x @ w, tf.ones(6) / 4)) @ v, tf.ones(3) / 5))
    functions = {name: (net(name), 4) for name in ACTIVATIONS}
    with SideBySide(functions, tf.float32, optimized=True) as graphs:
        explainer = graphs.de.get_explainer('deeplift', graphs.T, graphs.X, baseline=.25)
        xs = np.tile(ROWS, len(functions))
        runs = [explainer.run(xs) for _ in range(3)]
        assert kept(explainer)
        alone = graphs.de.explain('deeplift', graphs.T, graphs.X, xs, baseline=np.full_like(xs, .25))
    for a in runs:
        np.testing.assert_allclose(a, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('kind', ['convolutions', 'attention'])
def test_layers(kind):
    layers = keras.layers
    if kind == 'convolutions':
        net = keras.Sequential([keras.Input((6, 6, 2)), layers.Conv2D(4, 3, activation='mish'),
                                layers.BatchNormalization(),
                                layers.Activation('mish'),
                                layers.DepthwiseConv2D(2, activation='silu'), layers.GroupNormalization(2),
                                layers.MaxPooling2D(), layers.PReLU(),
                                layers.Flatten(), layers.Dense(3, 'gelu')])
    else:
        x = keras.Input((5, 4))
        h = layers.LayerNormalization()(layers.MultiHeadAttention(2, 3)(x, x) + x)
        h = layers.Multiply()([layers.Dense(4, 'mish')(h), layers.Dense(4, 'sigmoid')(h)])
        net = keras.Model(x, layers.Dense(3)(layers.GRU(3, unroll=True)(h)))
    xs = np.random.default_rng(0).normal(size=(3, *net.input_shape[1:]))
    with DeepExplain.from_keras(net) as de:
        explainer = de.get_explainer('deeplift', de.outputs[0], de.inputs[0])
        runs = [explainer.run(xs) for _ in range(3)]
        assert kept(explainer)
        alone = de.explain('deeplift', de.outputs[0], de.inputs[0], xs, baseline=np.zeros_like(xs))
    for a in runs:
        np.testing.assert_allclose(a, alone, rtol=1e-4, atol=1e-5)


def waiting(kind, x):
    """A weight that waits for X by a control edge, as TensorFlow's inlining of functions makes them."""
    if kind == 'placeholder':
        before = x
    elif kind == 'assertion':               # false at the baseline 0
        before = v1.assert_greater(tf.reduce_sum(tf.abs(x)), tf.constant(1e-3, tf.float64))
    else:
        before = tf.identity(x)
    if kind == 'group':
        with tf.control_dependencies([before]):
            before = tf.no_op()
    with tf.control_dependencies([before]):
        return (tf.constant(np.tile(W, (1, 60)))[:, :2] if kind == 'constant'
                else tf.identity(tf.constant(W)) * 1.)


@pytest.mark.parametrize('kind', ['identity', 'placeholder', 'assertion', 'group', 'constant'])
def test_weights_that_wait_for_x(kind, session):
    x, y = (v1.placeholder(tf.float64, (None, 4)) for _ in range(2))
    T, U = (tf.reduce_sum(tf.tanh(z @ w), 1) for z, w in ((x, waiting(kind, x)), (y, W)))
    with DeepExplain(session) as de:
        for name in ANYWHERE:
            if kind == 'assertion' and name == 'meaningful_perturbation':
                with pytest.raises(errors.RunError, match='assert'):    # needs T at the baseline
                    de.explain(few(name), T, x, ROWS)
                continue
            expected = de.explain(few(name), U, y, ROWS)
            for _ in range(3):
                np.testing.assert_allclose(de.explain(few(name), T, x, ROWS), expected, rtol=1e-9, atol=1e-12)
        # which counts as a state
        assert kept(de.get_explainer('deeplift', T, x)) == (kind != 'assertion')


def test_a_reference_that_cannot_be_kept_is_not(monkeypatch):
    """Whatever fails on the way that saves something, the way without is taken from then on."""
    with opened(NET) as (de, X, T, _):
        expected = de.explain('deeplift', T, X, XS, YS, baseline=np.zeros_like(XS))
        values = Fetch.values
        for where in ReferenceCache, Fetch:
            explainer = de.get_explainer('deeplift', T + 0., X)
            explainer.run(XS, YS)

            def fail(self, *arguments):
                if isinstance(self, Fetch) and '/cached_' not in self.fetches[0].name:
                    return values(self, *arguments)
                raise errors.RunError('no')
            with monkeypatch.context() as patch:
                patch.setattr(where, 'values', fail)
                np.testing.assert_allclose(explainer.run(XS, YS), expected, rtol=1e-12)
            assert not kept(explainer)
            np.testing.assert_allclose(explainer.run(XS, YS), expected, rtol=1e-12)


def test_what_was_learned_outlives_the_explainer():
    """The number of rows, the reference, and what was warned of, where an explainer is made anew for every
    baseline."""
    with opened(NET) as (de, X, T, _):
        T = tf.nn.softmax(T)
        with pytest.warns(errors.TargetWarning):
            de.explain('deeplift', T, X, XS, baseline=np.zeros(5))
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            first = de.get_explainer('deeplift', T, X, baseline=np.zeros(5))
            second = de.get_explainer('deeplift', T, X, baseline=lambda xs: 0)
        assert first is not second and first._layouts.tuner is second._layouts.tuner
        assert first.compile() is second.compile()
        de.explain('deeplift', T, X, XS, baseline=np.zeros(5))
        assert kept(second)
        assert de.get_explainer('deeplift', T, X) is de.get_explainer('deeplift', T, X)


def test_books_are_known_by_what_they_say():
    products, softmax, normalization = ['uniform', 'signal'], ['constant',
                                                               'gradient'], ['constant', 'uniform']
    options = list(itertools.product([1e-4, .5, 1], products, softmax, normalization))
    made = [EpsilonLRP(*o).book.key for o in options]
    assert made == [EpsilonLRP(*o).book.key for o in options]
    made += [DeepLift().book.key, DeepLift(max_pooling='gradient').book.key, queries.NO_RULES.key]
    assert len(set(made)) == len(made)
