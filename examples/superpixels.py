"""
Superpixels of two photographs
==============================

Train a small CNN on patches of four photographs, and explain pictures of two of them by superpixels.

Every picture has a patch of one photograph of scikit-image on the left and one of another on the right. For
both classes of a picture, methods that switch superpixels (SLIC) off say which of them speak for the class.
Prints how much of what speaks for it lies on its side, and writes the maps to
examples/output/superpixels.png. Two of the methods, sobol and hsic, have no sign: what speaks against the
class counts too.
"""

import argparse
import time
from pathlib import Path

import keras
import numpy as np
from skimage import data
from skimage.segmentation import find_boundaries
from skimage.transform import resize

from deepexplain2 import DeepExplain, plots
from deepexplain2.features import superpixels

HERE = Path(__file__).parent
PHOTOGRAPHS = {'cat': data.chelsea, 'coffee': data.coffee, 'astronaut': data.astronaut, 'rocket': data.rocket}
SIZE = 32
FEATURES = superpixels('slic', n_segments=24, compactness=8)
METHODS = {'occlusion': {}, 'lime': {'samples': 500}, 'kernel_shap': {'samples': 500},
           'rise': {'samples': 500}, 'sobol': {'samples': 16}, 'hsic': {'samples': 256}}


def patches(n, seed):
    """Patches (n, SIZE, SIZE, 3) in -1..1 from random places of the photographs, and which these are."""
    rng = np.random.default_rng(seed)
    whole = [resize(make(), (160, 240)) * 2 - 1 for make in PHOTOGRAPHS.values()]
    classes = rng.integers(len(whole), size=n)
    found = []
    for k in classes:
        y, x = rng.integers(160 - SIZE), rng.integers(240 - SIZE)
        found.append(whole[k][y:y + SIZE, x:x + SIZE])
    return np.array(found, 'f'), classes


def pictures(n, seed):
    """Pictures (n, SIZE, 2 * SIZE, 3) of two patches of different photographs, and their classes (n, 2)."""
    images, classes = patches(60 * n, seed)
    pairs = [(k, j) for k, j in zip(range(0, 60 * n, 2), range(1, 60 * n, 2)) if classes[k] != classes[j]][:n]
    return (np.array([np.concatenate([images[k], images[j]], 1) for k, j in pairs]),
            np.array([[classes[k], classes[j]] for k, j in pairs]))


def network():
    """Convolutions, and the mean over all places; it takes images of any width."""
    layers = keras.layers
    x = keras.Input((SIZE, None, 3), name='image')
    h = x
    for filters in 24, 32, 48:
        h = layers.Conv2D(filters, 3, padding='same', activation='relu')(h)
        h = layers.MaxPooling2D()(h)
    return keras.Model(x, layers.Dense(len(PHOTOGRAPHS))(layers.GlobalAveragePooling2D()(h)))


def main(short=False, output=HERE / 'output'):
    keras.utils.set_random_seed(0)
    model = network()
    model.compile(keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(*patches(1500 if short else 6000, 0), batch_size=50, epochs=5 if short else 10, verbose=0)
    test, kinds = patches(400, 1)
    right = np.mean(model.predict(test, verbose=0).argmax(1) == kinds)
    print(f'{right:.1%} of the test patches right\n')

    images, classes = pictures(2 if short else 20, 2)
    xs, ys = np.repeat(images, 2, 0), classes.ravel()           # each picture for both of its classes
    side = np.tile([0, 1], len(images))
    with DeepExplain.from_keras(model) as de:
        X, T = de.inputs[0], de.outputs[0]
        maps, shares = {}, {}
        print(f'{"method":14}{"seconds":>8}   of what speaks for a class on its side')
        for name, parameters in METHODS.items():
            start = time.perf_counter()
            maps[name] = de.explain(name, T, X, xs, ys, features=FEATURES, **parameters)
            if name == 'rise':              # T where a place is kept, beside T where any other is
                maps[name] -= maps[name].mean((1, 2, 3), keepdims=True)
            halves = np.maximum(maps[name][..., 0], 0).reshape(len(xs), SIZE, 2, SIZE).sum((1, 3))
            shares[name] = float(np.mean(halves[range(len(xs)), side] / np.maximum(halves.sum(1), 1e-12)))
            print(f'{name:14}{time.perf_counter() - start:8.2f}   {shares[name]:.0%}')
    output.mkdir(exist_ok=True)
    names = list(PHOTOGRAPHS)
    edges = np.stack([find_boundaries(labels, mode='inner') for labels in FEATURES.labels(xs[:6])])
    panels = plots.images({name: a[:6, ..., 0] for name, a in maps.items()},
                          np.where(edges[..., None], [1, 1, -1], xs[:6]), labels=[names[k] for k in ys[:6]],
                          compare='none')
    panels[0, 0].figure.savefig(output / 'superpixels.png', dpi=110)
    print(f'\nmaps: {output / "superpixels.png"}')
    return right, shares


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='less training and fewer pictures')
    main(**vars(parser.parse_args()))
