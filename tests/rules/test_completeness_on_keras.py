"""DeepLIFT is complete on what Keras is made of: every activation, recurrent layers, attention; in float32
and without a warning."""

import functools
import inspect
import warnings

import keras
import numpy as np
import pytest
from keras import activations, layers

from deepexplain2 import DeepExplain

PROMISE = 1e-4          # of max(1, |f(x) - f(baseline)|)
NAMES = sorted({f.__name__ for f in vars(activations).values()
                if inspect.isfunction(f)} - {'get', 'serialize', 'deserialize'})


def transformer():
    x = h = keras.Input((6, 8))
    for _ in range(2):
        h = layers.LayerNormalization()(layers.Add()([h, layers.MultiHeadAttention(2, 4)(h, h)]))
        h = layers.LayerNormalization()(layers.Add()([h, layers.Dense(8)(layers.Dense(16, 'gelu')(h))]))
    return keras.Model(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(h)))


MODELS = {
    'LSTM': lambda: keras.Sequential([keras.Input((7, 4)), layers.LSTM(8), layers.Dense(1)]),
    'GRU': lambda: keras.Sequential([keras.Input((7, 4)), layers.GRU(8), layers.Dense(1)]),
    'transformer': transformer,
}


def mlps():
    """One model with an output for every activation, behind an MLP of its own."""
    x, outputs = keras.Input((6,)), []
    for name in NAMES:
        f = getattr(activations, name)
        if name == 'threshold':
            f = functools.partial(f, threshold=.1, default_value=0.)
        scale = 6 if name == 'sparsemax' else 1         # in Keras 3.15 all zero without a clear winner
        hidden = layers.Lambda(f)(layers.Dense(16)(scale * x))
        outputs.append(layers.Dense(1)(layers.Lambda(f)(layers.Dense(12)(scale * hidden))))
    return keras.Model(x, outputs)


@pytest.fixture(scope='module')
def opened():
    model = randomized(mlps())
    with DeepExplain.from_keras(model) as de:
        yield de


def randomized(model):
    """Weights under which no activation is constant or out of range."""
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if 'kernel' in variable.name:
            variable.assign(rng.normal(size=variable.shape) / np.sqrt(np.prod(variable.shape[:-1])))
        else:
            variable.assign(variable + .3 * rng.normal(size=variable.shape))
    return model


def relative_gap(de, T):
    """The largest of 8 rows, and any warning an error."""
    X = de.inputs[0]
    rng = np.random.default_rng(1)
    xs, baseline = (np.float32(rng.normal(size=(n, *X.shape[1:]))) for n in (8, 1))
    with warnings.catch_warnings():
        warnings.filterwarnings('error', module='deepexplain2')
        warnings.filterwarnings('error', category=UserWarning)
        found = de.explain('deeplift', T, X, xs, baseline=baseline[0]).astype(float).reshape(8, -1)
    f = de.session.run(T, {X: np.concatenate([xs, baseline])}).astype(float)[:, 0]
    change = f[:-1] - f[-1]
    assert np.abs(change).max() > .01
    return (np.abs(found.sum(1) - change) / np.maximum(1, np.abs(change))).max()


@pytest.mark.parametrize('name', NAMES)
def test_activation(opened, name):
    assert relative_gap(opened, opened.outputs[NAMES.index(name)]) < PROMISE


@pytest.mark.parametrize('name', MODELS)
def test_network(name):
    keras.utils.set_random_seed(0)
    with DeepExplain.from_keras(randomized(MODELS[name]())) as de:
        assert relative_gap(de, de.outputs[0]) < PROMISE
