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
    """One model with an output for every activation, behind an MLP of its own on 6 columns of X."""
    x, outputs = keras.Input((6 * len(NAMES),)), []
    for k, name in enumerate(NAMES):
        f = getattr(activations, name)
        if name == 'threshold':
            f = functools.partial(f, threshold=.1, default_value=0.)
        scale = 6 if name == 'sparsemax' else 1         # in Keras 3.15 all zero without a clear winner
        hidden = layers.Lambda(f)(layers.Dense(16)(scale * x[:, 6 * k:6 * k + 6]))
        outputs.append(layers.Dense(1)(layers.Lambda(f)(layers.Dense(12)(scale * hidden))))
    return keras.Model(x, layers.Concatenate()(outputs))


def randomized(model):
    """Weights under which no activation is constant or out of range."""
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if 'kernel' in variable.name:
            variable.assign(rng.normal(size=variable.shape) / np.sqrt(np.prod(variable.shape[:-1])))
        else:
            variable.assign(variable + .3 * rng.normal(size=variable.shape))
    return model


def relative_gaps(model, copies=1):
    """The largest of 8 rows of every unit of T, each with columns of X of its own, the same in all copies; a
    warning is an error."""
    with DeepExplain.from_keras(randomized(model)) as de, warnings.catch_warnings():
        warnings.filterwarnings('error', module='deepexplain2')
        warnings.filterwarnings('error', category=UserWarning)
        (T,), (X,) = de.outputs, de.inputs
        rng = np.random.default_rng(1)
        xs, baseline = (np.tile(np.float32(rng.normal(size=(n, X.shape[1] // copies, *X.shape[2:]))),
                                [1, copies, *[1] * (len(X.shape) - 2)]) for n in (8, 1))
        found = de.explain('deeplift', T, X, xs, 'sum', baseline=baseline[0]).astype(float)
        f = de.session.run(T, {X: np.concatenate([xs, baseline])}).astype(float)
    change = f[:-1] - f[-1]
    assert (np.abs(change).max(0) > .01).all()
    gap = np.abs(found.reshape(8, T.shape[1], -1).sum(2) - change)
    return (gap / np.maximum(1, np.abs(change))).max(0)


def test_activations():
    keras.utils.set_random_seed(0)
    gaps = dict(zip(NAMES, relative_gaps(mlps(), len(NAMES))))
    assert max(gaps.values()) < PROMISE, gaps


@pytest.mark.parametrize('name', MODELS)
def test_network(name):
    keras.utils.set_random_seed(0)
    assert relative_gaps(MODELS[name]()).max() < PROMISE
