"""Contexts that open a model: what they close, policies of dtypes, subclassed models."""

import gc
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain, errors
from tests.support.few import ANYWHERE
from tests.support.keras_models import MODELS, dtype_policy, inputs


def test_context_closes_what_it_opened_and_nothing_else():
    """Eager code goes on inside; the explainer outlives the `with` block; ten models leave no graph
    behind."""
    model = MODELS['mlp']()
    (xs,) = inputs(model)
    with DeepExplain.from_keras(model) as de:
        assert tf.executing_eagerly() and model(xs).shape == (4, 3)
        explainer = de.get_explainer('deeplift', de.outputs[0], de.inputs[0])
        inside = explainer.run(xs)
    np.testing.assert_array_equal(explainer.run(xs), inside)
    de.close()
    with pytest.raises(errors.ContextError, match='the session is closed'):
        explainer.run(xs)
    del explainer, de
    gc.collect()
    before = sum(isinstance(o, tf.Graph) for o in gc.get_objects())
    for _ in range(10):
        with DeepExplain.from_keras(model) as de:
            de.explain('elrp', de.outputs[0], de.inputs[0], xs)
    del de
    gc.collect()
    assert sum(isinstance(o, tf.Graph) for o in gc.get_objects()) <= before + 2


@pytest.mark.parametrize('policy', ['mixed_float16', 'float64'])
def test_policies(policy):
    with dtype_policy(policy):
        model = keras.Sequential([keras.Input((6,)), L.Dense(8, 'relu'), L.Dense(3)])
    (xs,) = inputs(model)
    with DeepExplain.from_keras(model) as de:
        for name in ANYWHERE:
            a = de.explain(name, de.outputs[0], de.inputs[0], xs)
            assert a.dtype == de.inputs[0].dtype.as_numpy_dtype and np.isfinite(a).all()
        f = de.session.run(de.outputs[0], {de.inputs[0]: np.concatenate([xs, xs[:1] * 0])}).sum(1)
        tolerance = 2e-2 if policy == 'mixed_float16' else 1e-6       # the input is float32 all the same
        np.testing.assert_allclose(de.explain('deeplift', de.outputs[0], de.inputs[0], xs).sum(1),
                                   f[:4] - f[4], rtol=tolerance, atol=tolerance)


class Doubled(keras.Model):
    """A subclassed model, with a custom gradient inside (silu)."""

    def __init__(self):
        super().__init__()
        self.first, self.second = L.Dense(6, 'silu'), L.Dense(2)

    def call(self, x, training=False):
        return self.second(self.first(2. * x))


def test_subclassed():
    model = Doubled()
    xs = np.random.default_rng(0).normal(size=(3, 4)).astype('f')
    expected = model(xs).numpy()
    for signature in None, [tf.TensorSpec((None, 4), tf.float32)]:
        with DeepExplain.from_keras(model, input_signature=signature) as de:
            np.testing.assert_allclose(de.session.run(de.outputs[0], {de.inputs[0]: xs}), expected, rtol=1e-5)
            a = de.explain('intgrad', de.outputs[0], de.inputs[0], xs)
            np.testing.assert_allclose(a.sum(1), (expected - model(0 * xs)).numpy().sum(1), rtol=1e-3,
                                       atol=1e-4)
    with pytest.raises(errors.SourceError, match=r'does not tell its input. Give from_keras'):
        DeepExplain.from_keras(Doubled())


def test_open_sizes_and_products():
    """Images of any size; Multiply layers of two inputs."""
    image = keras.Input((None, None, 3))
    wide = keras.Model(image, L.Dense(2)(L.GlobalMaxPooling2D()(L.Conv2D(4, 3, activation='relu')(image))))
    a, b = keras.Input((4,)), keras.Input((4,))
    gated = keras.Model([a, b], L.Dense(2)(L.Concatenate()([L.Multiply()([a, L.Dense(4, 'sigmoid')(b)]),
                                                            L.Reshape((1,))(a[:, :1])])))
    rng = np.random.default_rng(0)
    for model, xs in (wide, [rng.normal(size=(2, 9, 7, 3))]), (gated, [rng.normal(size=(3, 4))] * 2):
        with DeepExplain.from_keras(model) as de, warnings.catch_warnings():
            warnings.simplefilter('ignore', errors.NonlinearOpWarning)
            for method in 'saliency', 'intgrad', 'elrp', 'deeplift':
                found = de.explain(method, de.outputs[0], list(de.inputs), xs)
                for r, v in zip(found, xs):
                    assert r.shape == v.shape and np.isfinite(r).all()
            _, delta = de.explain('deeplift', de.outputs[0], list(de.inputs), xs, return_delta=True)
            np.testing.assert_allclose(delta, 0, atol=1e-4)
