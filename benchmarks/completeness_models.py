"""The networks of completeness.py, in Keras: each with random weights that make every part of it count."""

import functools

import keras
import numpy as np
from keras import activations, layers

ACTIVATIONS = '''relu leaky_relu relu6 elu selu celu sigmoid tanh softplus softsign softmax gelu silu
    mish exponential hard_sigmoid hard_silu hard_tanh hard_shrink soft_shrink tanh_shrink threshold glu
    squareplus sparse_plus sparse_sigmoid sparsemax log_sigmoid log_softmax linear'''.split()
RECURRENT = {'LSTM': lambda: layers.LSTM(8), 'GRU': lambda: layers.GRU(8),
             'Bidirectional LSTM': lambda: layers.Bidirectional(layers.LSTM(8))}
# no overflow; not all zero, which sparsemax of Keras 3.15 is without a clear winner
GAINS = {'exponential': .5, 'sparsemax': 60}
# and the side of its images
APPLICATIONS = {'ResNet50': 32, 'MobileNetV2': 32, 'EfficientNetB0': 32, 'InceptionV3': 75}


def activated(name):
    f = getattr(activations, name)
    if name == 'threshold':
        f = functools.partial(f, threshold=.1, default_value=0.)
    # Activation promises the shape of its input
    return layers.Lambda(f) if name == 'glu' else layers.Activation(f)


def mlp(name):
    return keras.Sequential([keras.Input((6,)), layers.Dense(16), activated(name), layers.Dense(12),
                             activated(name), layers.Dense(1)])


def cnn(name):
    return keras.Sequential([keras.Input((10, 10, 2)), layers.Conv2D(6, 3), activated(name),
                             layers.MaxPooling2D(), layers.Flatten(),
                             layers.Dense(16), activated(name), layers.Dense(1)])


def recurrent(name):
    return keras.Sequential([keras.Input((7, 4)), RECURRENT[name](), layers.Dense(1)])


def transformer():
    x = keras.Input((6, 8))
    h = x
    for _ in range(2):
        h = layers.LayerNormalization()(layers.Add()([h, layers.MultiHeadAttention(2, 4)(h, h)]))
        h = layers.LayerNormalization()(layers.Add()([h, layers.Dense(8)(layers.Dense(16, 'gelu')(h))]))
    return keras.Model(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(h)))


def application(name):
    side = APPLICATIONS[name]
    return getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), classes=1,
                                             classifier_activation=None)


MODELS = {('MLP', name): functools.partial(mlp, name) for name in ACTIVATIONS} \
    | {('CNN', name): functools.partial(cnn, name) for name in ACTIVATIONS} \
    | {('sequence', name): functools.partial(recurrent, name) for name in RECURRENT} \
    | {('sequence', 'two-block transformer'): transformer} \
    | {(kind, name): functools.partial(application, name) for kind in ('application', 'float64 application')
       for name in APPLICATIONS}


def build(key, seed):
    """(model, rows, baseline), with outputs (n, 1)."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    dtype = 'float64' if 'float64' in key[0] else 'float32'
    set_dtype(dtype)
    try:
        model = MODELS[key]()
    finally:
        set_dtype('float32')
    large = 'application' in key[0]
    randomize(model, rng, 1 if large else GAINS.get(key[1], 2))
    scale, shift = (60, 128) if key[1] == 'EfficientNetB0' else (1, 0)      # it rescales pixels itself
    xs, baseline, images = ((scale * rng.normal(size=(n, *model.input_shape[1:])) + shift).astype(dtype)
                            for n in (3 if large else 8, 1, 16))
    if large:
        calibrate(model, images)
    return model, xs, baseline[0]


def set_dtype(dtype):
    keras.config.set_floatx(dtype)              # of inputs
    keras.config.set_dtype_policy(dtype)        # of layers


def randomize(model, rng, gain):
    """Biases and scales drawn; kernels as Keras draws them times the gain, which takes activations out of
    their linear part."""
    draw = {'bias': lambda shape: .3 * rng.normal(size=shape),
            'beta': lambda shape: .3 * rng.normal(size=shape),
            'gamma': lambda shape: rng.uniform(.5, 1.5, shape)}
    for variable in model.weights:
        if variable.name in draw:
            variable.assign(draw[variable.name](variable.shape))
        elif 'kernel' in variable.name:
            variable.assign(gain * variable)


def calibrate(model, images):
    """The statistics of these images in every batch normalization."""
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.
    model(images, training=True)
    for layer, momentum in zip(norms, momenta):
        layer.momentum = momentum
