"""
The boxes of a detector
=======================

Train a small single-shot detector on synthetic shapes, and explain why it finds its boxes.

Every image holds two shapes, a disc and a square, on noise. For the box that the detector predicts for one of
them, D-RISE's similarity (position, objectness and class of the best box) is explained by occlusion and by
integrated gradients. Prints how much of each map lies within the box, against the share of the image that the
box covers, and writes the maps to examples/output/detection.png.
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops

from deepexplain2 import DeepExplain, plots
from deepexplain2.targets import Detection

HERE = Path(__file__).parent
SIZE, CELLS, CLASSES = 48, 6, ('disc', 'square')
SHOWN = 4


def shapes(n, seed):
    """Images (n, SIZE, SIZE, 1), boxes (n, 2, 4) of center, width and height from 0 to 1, classes (n, 2)."""
    rng = np.random.default_rng(seed)
    images, boxes = rng.normal(0, .05, (n, SIZE, SIZE, 1)).astype('f'), np.zeros((n, 2, 4), 'f')
    classes = rng.permuted(np.tile([0, 1], (n, 1)), axis=1)
    y, x = np.mgrid[:SIZE, :SIZE] + .5
    for k in range(n):
        left = rng.integers(2)                          # the first shape is on this side
        for j in range(2):
            r = rng.uniform(5, 9)
            cx = rng.uniform(r + 1, SIZE / 2 - 3)
            cx = cx if (left + j) % 2 == 0 else SIZE - cx
            cy = rng.uniform(r + 1, SIZE - r - 1)
            inside = (x - cx) ** 2 + (y - cy) ** 2 < r * r if classes[k, j] == 0 \
                else (abs(x - cx) < r) & (abs(y - cy) < r)
            images[k, inside] += rng.uniform(.6, 1)
            boxes[k, j] = np.array([cx, cy, 2 * r, 2 * r]) / SIZE
    return images, boxes, classes


def encoded(boxes, classes):
    """What the detector learns, (n, CELLS, CELLS, 4 + 1 + classes): the cell with the center has the box."""
    n = len(boxes)
    grid = np.zeros((n, CELLS, CELLS, 5 + len(CLASSES)), 'f')
    for k, j in np.ndindex(classes.shape):
        column, row = np.minimum((boxes[k, j, :2] * CELLS).astype(int), CELLS - 1)
        grid[k, row, column] = np.r_[boxes[k, j], 1, np.eye(len(CLASSES))[classes[k, j]]]
    return grid


def detector():
    """A convolutional network with one box per cell: boxes, and logits of objectness and classes."""
    image = keras.Input((SIZE, SIZE, 1), name='image')
    h = image
    for filters in 16, 24, 32:
        h = layers.Conv2D(filters, 3, 2, padding='same', activation='relu')(h)
    h = layers.Conv2D(48, 3, padding='same', activation='relu')(h)
    h = layers.Conv2D(48, 3, padding='same', activation='relu')(h)
    column, row = np.meshgrid(np.arange(CELLS), np.arange(CELLS))
    corner = np.stack([column, row], -1).astype('f')
    center = layers.Conv2D(2, 1, activation='sigmoid')(h)
    center = layers.Rescaling(1 / CELLS, offset=corner / CELLS)(center)
    size = layers.Conv2D(2, 1, activation='sigmoid')(h)
    boxes = layers.Concatenate(name='boxes')([center, size])
    objectness = layers.Conv2D(1, 1, name='objectness')(h)
    classes = layers.Conv2D(len(CLASSES), 1, name='classes')(h)
    return keras.Model(image, layers.Concatenate(name='all')([boxes, objectness, classes]))


def loss(grid, predicted):
    """Squared error of boxes and cross-entropy of classes where there is an object; that of objectness."""
    there = grid[..., 4]
    box = ops.sum((grid[..., :4] - predicted[..., :4]) ** 2, -1)
    objectness = ops.binary_crossentropy(there, predicted[..., 4], from_logits=True)
    classes = ops.categorical_crossentropy(grid[..., 5:], predicted[..., 5:], from_logits=True)
    return ops.sum(there * (50 * box + classes) + objectness * (1 + 3 * there), (1, 2))


def found(predicted):
    """The predicted box with the largest objectness among those of a class, (n, classes, 5): four numbers,
    and the class."""
    cells = predicted.reshape(len(predicted), -1, predicted.shape[-1])
    of_class = cells[..., 5:].argmax(-1)
    best = [[max((c for c, k in zip(row, kinds) if k == of), key=lambda c: c[4], default=row[0])[:4]
             for of in range(len(CLASSES))] for row, kinds in zip(cells, of_class)]
    index = np.broadcast_to(np.arange(len(CLASSES))[:, None], (len(best), len(CLASSES), 1))
    return np.concatenate([best, index], -1)


def inside(box):
    """The pixels within a box, and two around."""
    y, x = np.mgrid[:SIZE, :SIZE] + .5
    cx, cy, w, h = box[:4] * SIZE
    return (abs(x - cx) < w / 2 + 2) & (abs(y - cy) < h / 2 + 2)


def main(short=False, output=HERE / 'output'):
    keras.utils.set_random_seed(0)
    images, boxes, classes = shapes(800 if short else 3000, seed=0)
    model = detector()
    model.compile(keras.optimizers.Adam(3e-3), loss)
    model.fit(images, encoded(boxes, classes), batch_size=32, epochs=4 if short else 12, verbose=0)
    xs, true, kinds = shapes(50, seed=1)
    predicted = found(model.predict(xs, verbose=0))
    of = np.arange(len(xs)) % len(CLASSES)              # discs and squares in turn
    ys = predicted[np.arange(len(xs)), of]
    truth = true[np.arange(len(xs)), (kinds == of[:, None]).argmax(1)]
    error = np.abs(ys[:, :4] - truth).mean(1) * SIZE
    few = np.argsort(error)[:SHOWN]                     # boxes that are right are explained
    print(f'predicted boxes are {np.median(error):.1f} pixels away, of {SIZE}')

    target = Detection('softmax', format='cxcywh', units='normalized', reference_classes='indices')
    with DeepExplain.from_keras(model) as de:
        X = model.input
        print(f'similarity with the boxes themselves: {de.value(target, X, xs, ys).mean():.2f}')
        maps = {'occlusion': de.explain('occlusion', target, X, xs[few], ys[few], window_shape=[6, 6, 1]),
                'intgrad': de.explain('intgrad', target, X, xs[few], ys[few], steps=50)}
    shares = {}
    images, boxes = xs[few], ys[few]
    for name, a in maps.items():
        positive = np.maximum(a[..., 0], 0)
        within = np.array([p[inside(box)].sum() / p.sum() for p, box in zip(positive, boxes)])
        shares[name] = within
        print(f'{name:10} {within.mean():4.0%} of what speaks for the box lies within it '
              f'({np.mean([inside(box).mean() for box in boxes]):.0%} of the image)')
    output.mkdir(exist_ok=True)
    figure, axes = plt.subplots(len(images), len(maps), figsize=(3.4 * len(maps), 2.4 * len(images)),
                                layout='constrained', squeeze=False)
    for row, box in enumerate(boxes):
        for axis, (name, a) in zip(axes[row], maps.items()):
            plots.detections(images[row], box[None, :4], a[row:row + 1], box_format='cxcywh', normalized=True,
                             labels=[CLASSES[int(box[4])]], style='outline', ax=axis, unit='similarity',
                             title=name if row == 0 else None)
    figure.savefig(output / 'detection.png', dpi=110)
    return np.median(error), shares


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='few images and epochs')
    main(parser.parse_args().short)
