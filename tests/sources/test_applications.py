"""Deep networks of keras.applications: random weights, batch statistics made non-trivial."""

import keras
import numpy as np
import pytest
from keras import layers as L

from deepexplain2 import DeepExplain
from tests.support.keras_models import tape

pytestmark = pytest.mark.filterwarnings('ignore::deepexplain2.errors.NonlinearOpWarning')


def network(name, size):
    keras.utils.set_random_seed(0)
    return getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3),
                                             classifier_activation=None, classes=10)


def check(model, kinds):
    """Outputs and gradients equal the model's, and rules reach X through all layers."""
    rng, ys = np.random.default_rng(0), np.array([1, 2])
    for w in model.weights:
        if 'moving' in w.path or 'gamma' in w.path or 'beta' in w.path:
            w.assign(np.abs(w.numpy() + .1 * rng.normal(size=w.shape)))
    xs = rng.normal(size=(2, *model.input_shape[1:])).astype('f')
    with DeepExplain.from_keras(model) as de:
        expected = model(xs, training=False)
        got = de.session.run(de.outputs[0], {de.inputs[0]: xs})
        np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())
        gradient = de.explain('grad*input', de.outputs[0], de.inputs[0], xs, ys=ys)
        # float32 through up to 300 layers of random weights: two orders of summation differ by 1.5e-3 of the
        # largest (InceptionV3)
        np.testing.assert_allclose(gradient, tape(model, [xs], ys)[0] * xs,
                                   atol=1e-2 * np.abs(gradient).max())
        for method in kinds:
            a, delta = de.explain(method, de.outputs[0], de.inputs[0], xs, ys=ys, return_delta=True,
                                  **({'steps': 5} if method == 'intgrad' else {}))
            assert a.shape == xs.shape and np.isfinite(a).all() and np.abs(a).max() > 0
            if method == 'deeplift':
                np.testing.assert_allclose(delta, 0, atol=1e-2 * np.abs(expected).max())


def test_a_part_of_mobile_net():
    """Its first blocks with a head: strides, depthwise convolutions, batch norm, relu6, a residual sum."""
    whole = network('MobileNetV2', 32)
    h = L.GlobalAveragePooling2D()(whole.get_layer('block_2_add').output)
    check(keras.Model(whole.inputs, L.Dense(10)(h)), ['elrp', 'deeplift', 'intgrad'])


@pytest.mark.night
@pytest.mark.parametrize('name, size, kinds', [
    ('MobileNetV2', 32, ['elrp', 'deeplift', 'intgrad']), ('ResNet50', 32, ['elrp']),
    ('EfficientNetB0', 32, ['elrp', 'deeplift']), ('InceptionV3', 75, ['deeplift'])])
def test_whole_networks(name, size, kinds):
    check(network(name, size), kinds)
