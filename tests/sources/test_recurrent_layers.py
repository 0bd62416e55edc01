"""Recurrent layers: as the same layers without a loop, with states, and where gradients were built before."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain
from tests.support.keras_models import inputs, recurrent, tape

pytestmark = pytest.mark.filterwarnings('ignore::deepexplain2.errors.NonlinearOpWarning')


def test_loops_are_as_unrolled_layers():
    """The rules inside a loop give what they give on the same layer without one; LSTM and GRU by hand:
    test_kinds_of_models."""
    model, unrolled = recurrent(L.SimpleRNN), recurrent(L.SimpleRNN, unroll=True)
    unrolled.set_weights(model.get_weights())
    (xs,), ys, baseline = inputs(model), np.array([0, 1, 2, 0]), np.random.default_rng(0).normal(size=(5, 4))
    with DeepExplain.from_keras(model) as de, DeepExplain.from_keras(unrolled) as de2:
        assert any(op.type == 'While' for op in de.graph.get_operations())
        assert not any(op.type == 'While' for op in de2.graph.get_operations())
        for method, options in ('elrp', {}), ('deeplift', {'baseline': baseline}):
            a, b = (d.explain(method, d.outputs[0], d.inputs[0], xs, ys=ys, **options) for d in (de, de2))
            np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max(), err_msg=method)
        f = de.session.run(de.outputs[0], {de.inputs[0]: np.r_[xs, baseline[None]]})
        np.testing.assert_allclose(a.sum((1, 2)), f[np.arange(4), ys] - f[4, ys], atol=1e-5)


@pytest.mark.parametrize('unroll', [False, True])
def test_stateful_layers(unroll, tmp_path):
    """Every run starts from the state of the time of from_keras; the state of the model is not touched."""
    x = keras.Input(batch_shape=(3, 5, 4))
    model = keras.Model(x, L.Dense(3)(L.LSTM(6, stateful=True, unroll=unroll, name='recurrent')(x)))
    (xs,), ys, states = inputs(model, 3), np.array([0, 2, 1]), model.get_layer('recurrent').states
    model(*inputs(model, 3, seed=2))
    state = [s.numpy() for s in states]
    assert np.abs(state).max() > .1
    with DeepExplain.from_keras(model) as de:
        outputs = [de.session.run(de.outputs[0], {de.inputs[0]: v}) for v in (xs, xs, 0 * xs)]
        gradient = de.explain('grad*input', de.outputs[0], de.inputs[0], xs, ys=ys)
        lift = de.explain('deeplift', de.outputs[0], de.inputs[0], np.r_[xs, xs], ys=np.r_[ys, ys])
        de.explain('shapley_sampling', de.outputs[0], de.inputs[0], xs, ys=ys, samples=1, sampling_dims=[1])
        if not unroll:
            model.export(str(tmp_path), verbose=False)
            with DeepExplain.from_saved_model(tmp_path) as de2:
                np.testing.assert_allclose(
                    de2.explain('grad*input', de2.outputs[0], de2.inputs[0], xs, ys=ys), gradient, atol=1e-6)
    np.testing.assert_array_equal(state, [s.numpy() for s in states])
    np.testing.assert_allclose(model.predict(xs, verbose=0), outputs[0], atol=1e-6)
    # the model itself goes on to write
    assert np.abs(state[0] - states[0].numpy()).max() > .01
    np.testing.assert_array_equal(outputs[0], outputs[1])
    np.testing.assert_allclose(lift.sum((1, 2)), np.tile((outputs[0] - outputs[2])[range(3), ys], 2),
                               atol=1e-5)
    for s, value in zip(states, state):
        s.assign(value)
    np.testing.assert_allclose(gradient, tape(model, [xs], ys)[0] * xs, atol=1e-6)


def test_gradients_that_were_built_before():
    """Functions of TensorFlow's own gradients of a loop are colocated with ops of the graph; they do not come
    along."""
    model = keras.Sequential([keras.Input((4, 3)), L.LSTM(2), L.Dense(2)])
    (xs,) = inputs(model, 2)
    with DeepExplain.from_keras(model) as de:
        with de.graph.as_default():
            tf.gradients(de.outputs[0][:, 1], de.inputs[0])
        np.testing.assert_allclose(de.explain('saliency', de.outputs[0], de.inputs[0], xs, ys=[0, 1]),
                                   np.abs(tape(model, [xs], [0, 1])[0]), rtol=1e-4, atol=1e-6)
        _, delta = de.explain('deeplift', de.outputs[0], de.inputs[0], xs, ys=[0, 1], return_delta=True)
        np.testing.assert_allclose(delta, 0, atol=1e-6)


def test_a_fixed_batch_and_a_stack_of_layers():
    """A batch of 3 written into the model, and 7 rows."""
    x = keras.Input(batch_shape=(3, 5, 4))
    model = keras.Model(x, L.Dense(2)(L.SimpleRNN(3, unroll=True)(L.GRU(4, return_sequences=True)(x))))
    xs = np.random.default_rng(0).normal(size=(7, 5, 4))
    with DeepExplain.from_keras(model) as de:
        a, delta = de.explain('deeplift', de.outputs[0], de.inputs[0], xs, return_delta=True)
        assert a.shape == xs.shape
        np.testing.assert_allclose(delta, 0, atol=1e-4)
