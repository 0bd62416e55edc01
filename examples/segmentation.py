"""
A zone of a segmentation
========================

Train a tiny U-Net on synthetic shapes, and explain the zone of one of them.

Every image holds discs and squares on noise, and the network says for every pixel: background, disc or
square. Of one disc (a connected component of the predicted labels) the mean score is explained, and its
contrast across its border, by occlusion and by integrated gradients. Prints how much of each map lies on the
disc and around it, and writes the maps to examples/output/segmentation.png.
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

from deepexplain2 import DeepExplain, plots
from deepexplain2.targets import Segmentation, border_zone, component_zone

HERE = Path(__file__).parent
SIZE, CLASSES = 48, ('background', 'disc', 'square')
SHOWN, NEAR = 3, 4          # images in the picture; pixels around a shape that count as near


def shapes(n, seed):
    """Images (n, SIZE, SIZE, 1), labels of all pixels (n, SIZE, SIZE), and the center of a disc (n, 2)."""
    rng = np.random.default_rng(seed)
    images, labels = rng.normal(0, .1, (n, SIZE, SIZE, 1)).astype('f'), np.zeros((n, SIZE, SIZE), int)
    centers = np.zeros((n, 2), int)
    y, x = np.mgrid[:SIZE, :SIZE] + .5
    for k in range(n):
        corners = rng.permutation(4)
        for j, kind in enumerate((1, 2, 1 + rng.integers(2))):          # in three of the four quarters
            r = rng.uniform(6, 9)
            cy, cx = (SIZE / 2 * q + rng.uniform(r + 1, SIZE / 2 - r - 1) for q in divmod(corners[j], 2))
            there = (x - cx) ** 2 + (y - cy) ** 2 < r * r if kind == 1 \
                else (abs(x - cx) < r) & (abs(y - cy) < r)
            images[k, there] += rng.uniform(.6, 1)
            labels[k, there] = kind
            if j == 0:
                centers[k] = cy, cx
    return images, labels, centers


def unet():
    """Two levels down and up again, with connections across; logits of the classes, for every pixel."""
    def block(h, filters):
        return layers.Conv2D(filters, 3, padding='same', activation='relu')(h)
    image = keras.Input((SIZE, SIZE, 1), name='image')
    first = block(image, 8)
    second = block(layers.MaxPooling2D(2)(first), 16)
    h = block(block(layers.MaxPooling2D(2)(second), 32), 32)
    h = block(layers.Concatenate()([layers.UpSampling2D(2)(h), second]), 16)
    h = block(layers.Concatenate()([layers.UpSampling2D(2)(h), first]), 8)
    return keras.Model(image, layers.Conv2D(len(CLASSES), 1, name='logits')(h))


def near(zone):
    """A zone (height, width) and all within NEAR pixels."""
    padded = np.pad(zone > 0, NEAR)
    moves = [padded[i:i + SIZE, j:j + SIZE] for i in range(2 * NEAR + 1) for j in range(2 * NEAR + 1)]
    return np.any(moves, 0)


def main(short=False, output=HERE / 'output'):
    keras.utils.set_random_seed(0)
    images, labels, _ = shapes(400 if short else 800, seed=0)
    model = unet()
    model.compile(keras.optimizers.Adam(1e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images, labels, batch_size=8, epochs=4 if short else 5, verbose=0)
    xs, labels, centers = shapes(20, seed=1)
    predicted = model.predict(xs, verbose=0).argmax(-1)
    right = np.mean(predicted == labels)
    print(f'{right:.1%} of the pixels are right')
    # the discs whose center is seen as one
    few = np.flatnonzero([p[tuple(c)] == 1 for p, c in zip(predicted, centers)])[:SHOWN]
    xs = xs[few]
    disc = component_zone(predicted[few], centers[few], classes=len(CLASSES))
    border = border_zone(disc)
    with DeepExplain.from_keras(model) as de:
        X, target = model.input, Segmentation()
        print(f'mean score of the discs {de.value(target, X, xs, disc).mean():.1f}, across their borders '
              f'{de.value(target, X, xs, border).mean():.1f}')
        maps = {'disc, occlusion': de.explain('occlusion', target, X, xs, disc, window_shape=[4, 4, 1]),
                'disc, intgrad': de.explain('intgrad', target, X, xs, disc, steps=50),
                'border, intgrad': de.explain('intgrad', target, X, xs, border, steps=50)}
    shares = {}
    for name, a in maps.items():
        size = np.abs(a[..., 0])
        shares[name] = np.array([s[near(z)].sum() / s.sum() for s, z in zip(size, disc[..., 1])])
        print(f'{name:16} {shares[name].mean():4.0%} of the attributions are on the disc or within {NEAR} '
              f'pixels ({np.mean([near(z).mean() for z in disc[..., 1]]):.0%} of the image)')
    output.mkdir(exist_ok=True)
    figure, axes = plt.subplots(len(xs), len(maps), figsize=(3.4 * len(maps), 2.4 * len(xs)),
                                layout='constrained', squeeze=False)
    for row, zone in enumerate(disc[..., 1]):
        for axis, (name, a) in zip(axes[row], maps.items()):
            plots.segmentation(a[row], xs[row], zone, style='outline', ax=axis, unit='share of the score',
                               title=name if row == 0 else '')
    figure.savefig(output / 'segmentation.png', dpi=110)
    return right, shares


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='few images and epochs')
    main(parser.parse_args().short)
