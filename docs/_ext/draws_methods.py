"""The pictures on the pages of methods: five digits explained by each, drawn when the documentation is
built."""

from pathlib import Path

import numpy as np
from runs_blocks import PICTURES

DATA = Path(__file__).parents[2] / 'examples' / 'data' / 'mnist_4k.npz'
DIGITS = 5


def slug(name):
    """The name of a method as part of an address."""
    return name.replace('*', '_').replace('++', '_plus_plus')


def trained():
    """A small CNN on digits, and the digits to explain."""
    import keras
    layers = keras.layers
    keras.utils.set_random_seed(0)
    data = np.load(DATA)
    x, y = data['x'][..., None].astype('float32') / 255, data['y'].astype('int64')
    model = keras.Sequential([
        keras.Input((28, 28, 1), name='digit'), layers.Conv2D(16, 3, padding='same', activation='relu',
                                                              name='conv1'),
        layers.MaxPooling2D(), layers.Conv2D(32, 3, padding='same', activation='relu', name='conv2'),
        layers.MaxPooling2D(), layers.Flatten(), layers.Dense(64, activation='relu'),
                              layers.Dense(10, name='logits')])
    model.compile(keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x[:3500], y[:3500], batch_size=64, epochs=4, verbose=0)
    chosen = [np.flatnonzero(y[3500:] == k)[0] + 3500 for k in (7, 2, 4, 0, 9)]
    return model, x[chosen], y[chosen]


def parameters(name, method):
    """What a method is called with in its picture."""
    from deepexplain2.features import Grid
    some = {'intgrad': {'steps': 50}, 'occlusion': {'window_shape': 5}, 'lime': {'features': Grid(7)},
            'shapley_sampling': {'sampling_dims': [1, 2], 'samples': 3}, 'shapley': {'features': Grid(3)},
            'kernel_shap': {'features': Grid(7)}, 'rise': {'samples': 2000},
            'lrp': {'composite': 'epsilon_plus_flat'},
            'owen': {'features': Grid(7)}, 'sobol': {'features': Grid(7)}, 'hsic': {'features': Grid(7)},
            'meaningful_perturbation': {'steps': 200}}.get(name, {})
    return some | ({'layer': 'conv2'} if hasattr(method, 'layer') else {})


def draw_all(app):
    """Write a picture for each method."""
    import matplotlib.pyplot as plt

    from deepexplain2 import DeepExplain, methods, plots
    folder = Path(app.srcdir) / PICTURES
    folder.mkdir(exist_ok=True)
    missing = [name for name in methods() if not (folder / f'{slug(name)}.png').exists()]
    if not missing:
        return
    model, digits, classes = trained()
    with DeepExplain.from_keras(model) as de:
        for name in missing:
            e = de.explanation(name, de.outputs[0], de.inputs[0], digits, classes,
                               **parameters(name, methods[name]))
            figure, axes = plt.subplots(2, DIGITS, figsize=(7.5, 3.9), layout='constrained')
            plots.images({name: e}, style='map' if e.layer else 'outline', ax=axes.T)
            for axis in axes[1]:
                axis.set_title('')
            figure.savefig(folder / f'{slug(name)}.png', dpi=90)
            plt.close(figure)


def setup(app):
    """Called by Sphinx."""
    app.connect('builder-inited', draw_all)
    return {'parallel_read_safe': True}
