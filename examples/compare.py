"""
Methods beside metrics
======================

Train a small CNN on real handwritten digits, and compare how methods explain 100 of them.

Prints the table of methods and metrics, random noise and the plain gradient among the methods, and how alike
the attributions of four methods stay when the layers of the network get random weights one after the other.
Writes the table to examples/output/compare.md and pictures to examples/output/compare.png and
examples/output/randomization.png.
"""

import argparse
import time
from pathlib import Path

import keras
import numpy as np

from deepexplain2 import DeepExplain, methods, metrics, plots
from deepexplain2.features import Grid

HERE = Path(__file__).parent
RANDOMIZED = ['gradient', 'guided_backprop', 'intgrad', 'layer_cam']
FAITHFULNESS = ['deletion', 'insertion', 'mu_fidelity', 'sensitivity_n']


def load(train, test):
    """Real MNIST digits, (n, 28, 28, 1) in 0..1, and their classes."""
    data = np.load(HERE / 'data' / 'mnist_4k.npz')
    x, y = data['x'][..., None].astype(np.float32) / 255, data['y'].astype(np.int64)
    return (x[:train], y[:train]), (x[-test:], y[-test:])


def network(x, y, epochs):
    """Three convolutions and a dense layer, trained."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((28, 28, 1)), layers.Conv2D(16, 3, padding='same', activation='relu', name='conv1'),
        layers.MaxPooling2D(), layers.Conv2D(24, 3, padding='same', activation='relu', name='conv2'),
        layers.MaxPooling2D(), layers.Conv2D(32, 3, padding='same', activation='relu', name='conv3'),
        layers.Flatten(), layers.Dense(10, name='logits')])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile('adam', loss)
    model.fit(x, y, 64, epochs, verbose=0)
    return model


def compared():
    """Methods that explain 100 digits in seconds."""
    return {'saliency': 'saliency', 'grad*input': 'grad*input', 'elrp': 'elrp', 'deeplift': 'deeplift',
            'lrp': methods['lrp'](composite='epsilon_plus_flat'), 'intgrad': methods['intgrad'](steps=20),
            'smoothgrad': methods['smoothgrad'](samples=10), 'guided_backprop': 'guided_backprop',
            'layer_cam': 'layer_cam',
            'occlusion': methods['occlusion'](window_shape=4, step=2),
            'kernel_shap': methods['kernel_shap'](features=Grid(7), samples=128)}


def main(short=False, output=HERE / 'output'):
    output.mkdir(exist_ok=True)
    (x, y), (x_test, y_test) = load(*((600, 100) if short else (3500, 500)))
    model = network(x, y, 2 if short else 6)
    digits, classes = x_test[:12 if short else 100], y_test[:12 if short else 100]
    with DeepExplain.from_keras(model) as de:
        T, X = de.outputs[0], de.inputs[0]
        right = np.mean(de.value(T, X, x_test).argmax(1) == y_test)
        print(f'accuracy on {len(x_test)} test digits: {right:.1%}\n')
        chosen = dict(list(compared().items())[:3] if short else compared())
        start = time.perf_counter()
        table = de.compare(chosen, T, X, digits, classes, metrics={
            **{name: metrics[name]() for name in FAITHFULNESS},
            'average_sensitivity': metrics['average_sensitivity'](samples=5),
            'sparseness': metrics['sparseness'](), 'completeness': metrics['completeness']()})
        print(f'{len(table.methods)} methods, {len(table.metrics)} metrics, {len(digits)} digits: '
              f'{time.perf_counter() - start:.0f} s\n')
        print(table)
        (output / 'compare.md').write_text(table.to_markdown() + '\n')
        table.plot()[0, 0].figure.savefig(output / 'compare.png', dpi=110)
        print('\nrank correlation with the map where layers have random weights, from the logits down:')
        curves = {}
        for name in RANDOMIZED[:2] if short else RANDOMIZED:
            scores = de.evaluate('model_randomization', T, X, digits, name, classes)
            curves[name] = scores
            print(f'{name:16}' + '  '.join(f'{label} {v:5.2f}' for label, v in
                                           zip(scores.curve.labels, scores.curve.y.mean(0))))
        axis = plots.curves(curves, ylabel='rank correlation with the map',
                            xlabel='layers with random weights, from the logits down')
        axis.figure.savefig(output / 'randomization.png', dpi=110)
    print(f'\ntable: {output / "compare.md"}; pictures: {output / "compare.png"}, '
          f'{output / "randomization.png"}')
    return table, {name: scores.curve.y.mean(0) for name, scores in curves.items()}


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='few digits, methods and epochs')
    main(parser.parse_args().short)
