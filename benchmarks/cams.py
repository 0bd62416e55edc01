"""What class activation maps cost beside the gradient of T with respect to their layer alone.

Both run in one session, in turn, on the same rows; printed is the ratio of the medians, and the milliseconds
of the gradient, fetched by session.run. `python benchmarks/cams.py [--quick]`
"""

import argparse
import time

import keras
import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain

METHODS = ('grad_cam', 'grad_cam++', 'layer_cam', 'hires_cam', 'xgrad_cam', 'guided_grad_cam', 'eigen_cam',
           'fem')


def digits():
    """Three convolutions on images of 28 x 28."""
    x = keras.Input((28, 28, 1))
    h = keras.layers.Conv2D(16, 3, padding='same', activation='relu')(x)
    h = keras.layers.Conv2D(32, 3, 2, padding='same', activation='relu')(h)
    h = keras.layers.Conv2D(32, 3, padding='same', activation='relu')(h)
    return keras.Model(x, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(h)))


def mobilenet():
    """MobileNetV2 with random weights on images of 224 x 224."""
    return keras.applications.MobileNetV2(weights=None, classifier_activation=None)


def in_turn(calls, seconds):
    """The median time of each call; all of them run once in every round."""
    for call in calls:
        call()
        call()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        row = []
        for call in calls:
            start = time.perf_counter()
            call()
            row.append(time.perf_counter() - start)
        times.append(row)
    return np.median(times, 0)


def compare(name, model, rows, seconds):
    xs = np.random.default_rng(0).uniform(size=(rows, *model.input.shape[1:])).astype('f')
    ys = np.arange(rows) % model.output.shape[-1]
    with DeepExplain.from_keras(model) as de:
        X, T = de.inputs[0], de.outputs[0]
        layer = de.tensor(de.explanation('grad_cam', T, X, xs[:1], ys[:1]).parameters['layer'])
        weights = np.eye(int(T.shape[-1]), dtype='f')[ys]
        with de.graph.as_default():
            fed = tf.compat.v1.placeholder(tf.float32, weights.shape)
            gradient = tf.gradients(T * fed, layer)[0]
        explainers = [de.get_explainer(method, T, X) for method in METHODS]
        calls = [lambda: de.session.run(gradient, {X: xs, fed: weights})]
        calls += [lambda e=e: e.run(xs, ys, rows) for e in explainers]
        first, *others = in_turn(calls, seconds)
    print(f'{name}, {rows} rows, layer {layer.shape}: gradient at the layer {1e3 * first:.2f} ms')
    for method, seconds in zip(METHODS, others):
        print(f'  {method:16} {seconds / first:5.2f}')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--quick', action='store_true', help='small models and little time')
    keras.utils.set_random_seed(0)
    quick = parser.parse_args().quick
    for rows in (1, 64) if quick else (1, 64, 512):
        compare('digits', digits(), rows, 2 if quick else 10)
    if not quick:
        for rows in 1, 16:
            compare('MobileNetV2', mobilenet(), rows, 30)
