"""
Class activation maps of two digits
===================================

Train a small CNN on digits of which two stand side by side, and look at which of them it looks at.

Every image holds two real handwritten digits of different classes at random places; the model says which
classes are there. For each of the two classes of an image, class activation maps are made by all methods.
Prints how much of each map lies on the half of the image with the digit in question, and writes the maps to
examples/output/cam.png. Two of the methods, eigen_cam and fem, do not look at the class.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

from deepexplain2 import DeepExplain, plots

HERE = Path(__file__).parent
HEIGHT, WIDTH, SHOWN = 40, 72, 3
METHODS = ('grad_cam', 'grad_cam++', 'layer_cam', 'hires_cam', 'xgrad_cam', 'score_cam', 'eigen_cam', 'fem',
           'guided_grad_cam')


def pairs(n, seed, first, last):
    """Images (n, HEIGHT, WIDTH, 1) in 0..1, and the classes of the left and the right digit, (n, 2)."""
    data = np.load(HERE / 'data' / 'mnist_4k.npz')
    digits, kinds = data['x'][first:last].astype('f') / 255, data['y'][first:last].astype(int)
    rng = np.random.default_rng(seed)
    images, classes = np.zeros((n, HEIGHT, WIDTH, 1), 'f'), np.zeros((n, 2), int)
    for k in range(n):
        left = rng.integers(len(digits))
        right = rng.choice(np.flatnonzero(kinds != kinds[left]))
        for side, which in enumerate((left, right)):
            y, x = rng.integers(HEIGHT - 27), rng.integers(WIDTH // 2 - 27) + side * WIDTH // 2
            images[k, y:y + 28, x:x + 28, 0] = digits[which]
            classes[k, side] = kinds[which]
    return images, classes


def network():
    """Convolutions, and the mean over all positions of what they find; one logit for each class."""
    layers = keras.layers
    x = keras.Input((HEIGHT, WIDTH, 1), name='image')
    h = x
    for filters in 16, 32, 48:
        h = layers.Conv2D(filters, 3, padding='same', activation='relu')(h)
        h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(64, 3, padding='same', activation='relu', name='maps')(h)
    return keras.Model(x, layers.Dense(10)(layers.GlobalMaxPooling2D()(h)))


def main(short=False, output=HERE / 'output'):
    keras.utils.set_random_seed(0)
    images, classes = pairs(1600 if short else 12000, 0, 0, 3500)
    model = network()
    model.compile(keras.optimizers.Adam(3e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    labels = np.eye(10, dtype='f')[classes].max(1)
    model.fit(images, labels, batch_size=50, epochs=4 if short else 8, verbose=0)
    xs, classes = pairs(200, 1, 3500, 4000)
    logits = model.predict(xs, verbose=0)
    right = np.take_along_axis(logits, classes, 1).min(1) > np.sort(logits)[:, -3]
    print(f'both digits are found in {right.mean():.0%} of the images')

    few = np.flatnonzero(right)[:20]
    xs, ys, side = xs[few].repeat(2, 0), classes[few].ravel(), np.tile([0, 1], len(few))
    maps, shares = {}, {}
    with DeepExplain.from_keras(model) as de:
        T, X = model.output, model.input
        for name in METHODS:
            found = de.explanation(name, T, X, xs, ys, layer='maps')
            maps[name], a = found, found.values
            positive = np.maximum(a[..., 0], 0).reshape(len(a), HEIGHT, 2, WIDTH // 2).sum((1, 3))
            total = np.maximum(positive.sum(1), np.finfo('f').tiny)
            shares[name] = float((positive[np.arange(len(a)), side] / total).mean())
            print(f'{name:16}{shares[name]:5.0%} of the map on the side of the digit in question')
        print('by', found.parameters['layer'])
    output.mkdir(exist_ok=True)
    rows = slice(0, 2 * SHOWN)
    panels = plots.images({name: e[rows] for name, e in maps.items()}, labels=[f'why {y}?' for y in ys[rows]],
                          style='outline', compare='none')
    panels[0, 0].figure.savefig(output / 'cam.png', dpi=110)
    return right.mean(), shares


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='few images and epochs')
    main(parser.parse_args().short)
