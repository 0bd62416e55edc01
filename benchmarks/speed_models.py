"""The networks of speed.py, in Keras, and what the workers need of them.

python speed_models.py FOLDER NAME...: for each workload FOLDER/NAME with model.keras, layers.json and
weights.npz (the same network for those without Keras), and rows.npz (rows and outputs).
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from completeness_models import calibrate
from keras import layers
from speed_workloads import WORKLOADS


def mnist():
    x = keras.Input((28, 28, 1))
    h = x
    for filters in 16, 32:
        h = layers.MaxPooling2D()(layers.ReLU()(layers.Conv2D(filters, 3, padding='same')(h)))
    return keras.Model(x, layers.Dense(10)(layers.ReLU()(layers.Dense(64)(layers.Flatten()(h)))))


def application(name):
    return getattr(keras.applications, name)(weights=None, input_shape=(224, 224, 3), classes=10,
                                             classifier_activation=None)


def vgg():
    x = keras.Input((64, 64, 3))
    h = x
    for filters in (32, 32), (64, 64), (128, 128, 128):
        for f in filters:
            h = layers.ReLU()(layers.Conv2D(f, 3, padding='same')(h))
        h = layers.MaxPooling2D()(h)
    return keras.Model(x, layers.Dense(10)(layers.ReLU()(layers.Dense(256)(layers.Flatten()(h)))))


def mlp():
    x = keras.Input((100,))
    h = x
    for _ in range(2):
        h = layers.ReLU()(layers.Dense(512)(h))
    return keras.Model(x, layers.Dense(10)(h))


def conv1d():
    x = keras.Input((128, 64))
    h = layers.ReLU()(layers.Conv1D(128, 5)(x))
    return keras.Model(x, layers.Dense(10)(layers.GlobalMaxPooling1D()(h)))


def lstm():
    x = keras.Input((128, 64))
    return keras.Model(x, layers.Dense(10)(layers.LSTM(128)(x)))


def transformer():
    x = keras.Input((64, 64))
    h = x
    for _ in range(2):
        h = layers.LayerNormalization()(layers.Add()([h, layers.MultiHeadAttention(4, 16)(h, h)]))
        h = layers.LayerNormalization()(layers.Add()([
            h, layers.Dense(64)(layers.Activation('gelu')(layers.Dense(256)(h)))]))
    return keras.Model(x, layers.Dense(10)(layers.GlobalAveragePooling1D()(h)))


MODELS = {'mnist': mnist, 'mobilenet': lambda: application('MobileNetV2'),
          'resnet': lambda: application('ResNet50'), 'vgg': vgg, 'mlp': mlp,
          'conv1d': conv1d, 'lstm': lstm, 'transformer': transformer}


def described(layer):
    """What a port needs to know of a layer."""
    node = layer._inbound_nodes[0]
    config = {k: v for k, v in layer.get_config().items() if isinstance(v, (str, int, float, list, tuple,
                                                                            type(None)))}
    return {'name': layer.name, 'kind': type(layer).__name__, 'config': config, 'weights': len(layer.weights),
            'inputs': [t._keras_history.operation.name for t in node.input_tensors],
            'shapes': [t.shape[1:] for t in node.input_tensors]}


def write(name, folder):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model = MODELS[name]()
    shape = model.input_shape[1:]
    if name in ('mobilenet', 'resnet'):
        calibrate(model, rng.normal(size=(4, *shape)).astype('f'))
    xs = rng.normal(size=(max(WORKLOADS[name].rows), *shape)).astype('f')
    folder.mkdir()
    model.save(folder / 'model.keras')
    (folder / 'layers.json').write_text(json.dumps([described(layer) for layer in model.layers]))
    np.savez(folder / 'weights.npz', **{f'{layer.name}:{k}': w for layer in model.layers for k,
                                        w in enumerate(layer.get_weights())})
    np.savez(folder / 'rows.npz', xs=xs, outputs=np.asarray(model(xs)))


if __name__ == '__main__':
    for workload in sys.argv[2:]:
        write(workload, Path(sys.argv[1]) / workload)
