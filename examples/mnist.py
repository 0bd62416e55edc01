"""
TF1: digits by all methods
==========================

Train a small CNN on real handwritten digits in graph mode and explain test digits with all methods.

Prints the time and the completeness gap of each method and writes the attribution maps to
examples/output/mnist.png.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain, methods
from deepexplain2.features import Grid

HERE = Path(__file__).parent
v1 = tf.compat.v1


def load(train, test):
    """Real MNIST digits, (n, 28, 28, 1) in 0..1, and their classes."""
    data = np.load(HERE / 'data' / 'mnist_4k.npz')
    x, y = data['x'][..., None].astype(np.float32) / 255, data['y'].astype(np.int64)
    return (x[:train], y[:train]), (x[-test:], y[-test:])


def cnn(x, seed=1):
    """Two convolutions with max pooling and two dense layers; returns the logits, (batch, 10)."""
    def weights(*shape):
        std = np.sqrt(2 / np.prod(shape[:-1]))
        return v1.get_variable(f'w{len(v1.global_variables())}', shape,
                               initializer=v1.truncated_normal_initializer(0, std, seed=seed))

    def bias(n):
        return v1.get_variable(f'b{len(v1.global_variables())}', [n], initializer=v1.zeros_initializer())

    for channels, filters in (1, 16), (16, 32):
        x = tf.nn.conv2d(x, weights(3, 3, channels, filters), 1, 'SAME') + bias(filters)
        x = tf.nn.relu(x, f'conv{1 if channels == 1 else 2}')
        x = tf.nn.max_pool2d(x, 2, 2, 'VALID')
    x = tf.reshape(x, [-1, 7 * 7 * 32])
    x = tf.nn.relu(x @ weights(7 * 7 * 32, 64) + bias(64))
    return x @ weights(64, 10) + bias(10)


def train(session, X, logits, x, y, epochs):
    labels = v1.placeholder(tf.int64, [None])
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    step = v1.train.AdamOptimizer(2e-3).minimize(loss)
    session.run(v1.global_variables_initializer())
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), 64):
            batch = order[start:start + 64]
            session.run(step, {X: x[batch], labels: y[batch]})


def draw(digits, titles, maps, path, blocks=2):
    """One row per method, in blocks beside one another: a map per digit, red for and blue against the class.
    Maps of a layer are summed over its channels."""
    n, per_block = len(digits), -(-len(maps) // blocks)
    widths = [1.6, *[1] * n] * blocks                   # the first for the name of the method
    figure, axes = plt.subplots(1 + per_block, len(widths), squeeze=False, width_ratios=widths,
                                figsize=(.75 * sum(widths), .75 * (1 + per_block)))
    for axis in axes.flat:
        axis.axis('off')
    for start in range(0, blocks * (n + 1), n + 1):
        for k, digit in enumerate(digits):
            axes[0, start + 1 + k].imshow(digit[..., 0], cmap='gray_r')
            axes[0, start + 1 + k].set_title(titles[k], fontsize=8)
    for which, (name, attributions) in enumerate(maps.items()):
        row, start = 1 + which % per_block, which // per_block * (n + 1)
        for part in 'layer_', '_x_', 'ful_':
            name = name.replace(part, f'{part}\n')
        axes[row, start].text(.95, .5, name, fontsize=8, ha='right', va='center',
                              transform=axes[row, start].transAxes)
        for k, digit in enumerate(digits):
            a, axis = attributions[k], axes[row, start + 1 + k]
            a = a.sum(-1) if a.ndim == 3 else a             # what has players by pixel has no channels
            a = a - a.min() if name == 'rise' else a        # a mean of T, of which the differences count
            top = np.nanpercentile(np.abs(a), 99.5) or 1
            axis.imshow(a, cmap='bwr', vmin=-top, vmax=top, extent=(0, 28, 28, 0))
            axis.contour(np.arange(28) + .5, np.arange(28) + .5, digit[..., 0], levels=[.5], colors='black',
                         linewidths=.4)
    figure.subplots_adjust(0, .01, .995, .97, wspace=.04, hspace=.04)
    figure.savefig(path, dpi=85)


def main(short=False, output=HERE / 'output'):
    output.mkdir(exist_ok=True)
    (x, y), (x_test, y_test) = load(*((600, 100) if short else (3500, 500)))
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        v1.set_random_seed(1)
        X = v1.placeholder(tf.float32, [None, 28, 28, 1])
        logits = cnn(X)
        train(session, X, logits, x, y, epochs=1 if short else 5)
        scores = session.run(logits, {X: x_test})
        print(f'accuracy on {len(x_test)} test digits: {np.mean(scores.argmax(1) == y_test):.1%}\n')

        chosen = [np.flatnonzero(y_test == c)[0] for c in range(2 if short else 6)]
        digits, classes = x_test[chosen], y_test[chosen]
        f = scores[chosen, classes]
        f0 = session.run(logits, {X: np.zeros_like(digits[:1])})[0, classes]

        parameters = {'intgrad': {'steps': 50}, 'occlusion': {'window_shape': 5},
                      'shapley_sampling': {'sampling_dims': [1, 2], 'samples': 2},
                      'shapley': {'features': Grid(3)}, 'kernel_shap': {'features': Grid(7)},
                      'lime': {'features': Grid(7)}, 'rise': {'samples': 200 if short else 4000},
                      'meaningful_perturbation': {'steps': 20 if short else 300}}
        parameters |= {name: {'layer': 'conv2'} for name in methods() if hasattr(methods[name], 'layer')}
        maps = {}
        print(f'{len(digits)} digits, target: the logit of the true class\n')
        print(f'{"method":29}{"seconds":>7}   completeness gap: what the sum misses / |f(x) - f(0)|, mean')
        with DeepExplain(session) as de:
            for method in methods():
                start = time.perf_counter()
                has_sum = methods[method].sums_to is not None
                found = de.explain(method, logits, X, digits, ys=classes, **parameters.get(method, {}),
                                   **({'return_delta': True} if has_sum else {}))
                seconds = time.perf_counter() - start
                maps[method], delta = found if has_sum else (found, None)
                gap = f'{np.mean(np.abs(delta / (f - f0))):8.2%}' if has_sum else ''
                print(f'{method:29}{seconds:7.2f}   {gap}')
        draw(digits, [f'logit {s:.1f}' for s in f], maps, output / 'mnist.png')
    print(f'\nattribution maps: {output / "mnist.png"}')
    return maps


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='few digits and one epoch')
    main(parser.parse_args().short)
