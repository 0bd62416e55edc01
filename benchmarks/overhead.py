"""What each method costs beside the floor: the raw session.run calls that it cannot do without, on the same rows.

The floor of a method is its number of values or gradients (the table of the README) times the time of one row by raw session.run, rows
packed as the method packs them. Prints medians of interleaved repetitions.
"""

import argparse
import time

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain

v1 = tf.compat.v1


def mlp(x):
    for k, n in enumerate([512, 512, 10]):
        x = x @ tf.constant(np.random.default_rng(k).normal(size=(x.shape[1], n)) * np.sqrt(2 / x.shape[1]), tf.float32)
        x = tf.nn.relu(x) if n > 10 else x
    return x


def cnn(x):
    rng = np.random.default_rng(0)
    for channels, filters in (1, 32), (32, 32):
        kernel = tf.constant(rng.normal(size=(3, 3, channels, filters)) / np.sqrt(9 * channels), tf.float32)
        x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, 'VALID'))
    x = tf.reshape(tf.nn.max_pool2d(x, 2, 2, 'VALID'), [-1, 12 * 12 * 32])
    x = tf.nn.relu(x @ tf.constant(rng.normal(size=(x.shape[1], 128)) / 48, tf.float32))
    return x @ tf.constant(rng.normal(size=(128, 10)) / 8, tf.float32)


# method: (parameters, gradients per row, values per row for d features)
METHODS = {
    'saliency': ({}, 1, lambda d: 0), 'grad*input': ({}, 1, lambda d: 0), 'elrp': ({}, 1, lambda d: 0), 'deeplift': ({}, 1, lambda d: 0),
    'intgrad': ({'steps': 50}, 50, lambda d: 0), 'occlusion': ({}, 0, lambda d: d + 1),
    'shapley_sampling': ({'samples': 1}, 0, lambda d: d + 1),
}


def median_times(calls, repetitions):
    """Median seconds of each call, taken in turns so that a slow moment falls on all."""
    seconds = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(repetitions):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: np.median(s) for name, s in seconds.items()}


def main(repetitions):
    for title, build, shape, sizes in ('MLP 100-512-512-10', mlp, (100,), (1, 32, 1024)), ('CNN 28x28', cnn, (28, 28, 1), (1, 32)):
        with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
            X = v1.placeholder(tf.float32, (None, *shape))
            T = build(X)
            gradient, = tf.gradients(T, X)
            d = int(np.prod(shape))
            for n in sizes:
                xs = np.random.default_rng(0).normal(size=(n, *shape)).astype('f')
                print(f'\n{title}, {n} rows\n{"method":18}{"ms":>10}{"floor ms":>10}{"ratio":>8}')
                for name, (parameters, gradients, values) in METHODS.items():
                    if n > 32 and values(d) * n > 50_000:
                        continue
                    explainer = de.get_explainer(name, T, X, **parameters)
                    evaluations, fetch = (gradients, gradient) if gradients else (values(d), T)
                    rows = explainer._model.default_rows()
                    count = -(-n * evaluations // rows)
                    feed = np.resize(xs, (min(rows, n * evaluations), *shape))
                    run = session.make_callable([fetch], [X])
                    t = median_times({'floor': lambda run=run, feed=feed, count=count: [run(feed) for _ in range(count)],
                                      'method': lambda explainer=explainer, xs=xs: explainer.run(xs)},
                                     repetitions if n * evaluations < 10_000 else 3)
                    floor = t['floor'] * n * evaluations / (count * len(feed))
                    print(f'{name:18}{t["method"] * 1e3:10.2f}{floor * 1e3:10.2f}{t["method"] / floor:8.2f}')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repetitions', type=int, default=30)
    main(parser.parse_args().repetitions)
