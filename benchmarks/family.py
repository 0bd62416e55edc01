"""What white-box methods cost beside the gradients that they are made of, both measured in turn in one run.

Every case is a function that yields rows (network, rows of X, method, what it is compared with, seconds of
the method, seconds of that).
"""

import argparse
import statistics
import time
from functools import partial

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.attribution import Smooth

v1 = tf.compat.v1


def cnn(x, widths=(16, 32)):
    """A small VGG: two convolutions for each width, two dense layers."""
    rng = np.random.default_rng(0)

    def weights(*shape):
        return tf.constant(rng.normal(size=shape, scale=np.prod(shape[:-1]) ** -.5), tf.float32)
    for channels in widths:
        x = tf.nn.relu(tf.nn.conv2d(x, weights(3, 3, x.shape[-1], channels), 1, 'SAME'))
        x = tf.nn.relu(tf.nn.conv2d(x, weights(3, 3, channels, channels), 1, 'SAME'))
        x = tf.nn.max_pool2d(x, 2, 2, 'SAME')
    x = tf.reshape(x, (-1, int(np.prod(x.shape[1:]))))
    return tf.nn.relu(x @ weights(x.shape[-1], 64)) @ weights(64, 10)


def mlp(x):
    """Three dense layers of 512 units."""
    rng = np.random.default_rng(0)
    for size in 512, 512, 512, 10:
        w = tf.constant(rng.normal(size=(x.shape[-1], size), scale=x.shape[-1] ** -.5), tf.float32)
        x = tf.nn.relu(x @ w) if size > 10 else x @ w
    return x


NETWORKS = {'VGG, 64x64x3': (partial(cnn, widths=(32, 64, 128)), (64, 64, 3)),
            'CNN, 28x28x1': (cnn, (28, 28, 1)), 'CNN, 64x64x3': (cnn, (64, 64, 3)),
            'MLP, 784': (mlp, (784,))}


def seconds(calls, repeats):
    """The median seconds of every function, all of them called in turn; the first call of each is left
    out."""
    found = [[] for _ in calls]
    for k in range(repeats + 1):
        for call, times in zip(calls, found):
            start = time.perf_counter()
            call()
            if k:
                times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in found]


def each(call, points):
    for p in points:
        call(p)


def rows_of_runs(explainer, xs):
    """The rows of every run of the graph that an explainer makes for xs."""
    query, rows = explainer.compile(), []
    evaluate = query.evaluate
    query.evaluate = lambda batch: rows.append(len(batch.rows)) or evaluate(batch)
    explainer.run(xs, np.zeros(len(xs), int))
    query.evaluate = evaluate
    return rows


def smoothgrad(repeats, samples=50):
    """SmoothGrad beside `samples` raw gradients (session.run of tf.gradients) of the same inputs, in the
    batches that it makes itself."""
    for name, (network, shape) in NETWORKS.items():
        for n in 1, 8, 64:
            with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
                X = v1.placeholder(tf.float32, (None, *shape))
                T = network(X)
                gradient = session.make_callable(tf.gradients(T[:, 0], X)[0], [X])
                xs = np.random.default_rng(1).normal(size=(n, *shape)).astype('f')
                explainer = de.get_explainer(Smooth(samples=samples), T, X)
                rows = rows_of_runs(explainer, xs)
                points = [np.repeat(xs, -(-max(rows) // n), 0)[:r] for r in rows]
                own, other = seconds([partial(explainer.run, xs, np.zeros(n, int)),
                                      partial(each, gradient, points)], repeats)
                yield (name, n, f'smoothgrad {samples}', f'{samples} gradients of T, {len(rows)} runs', own,
                       other)


CASES = [smoothgrad]


def main(repeats, names):
    print('| network | rows | method | beside | ms | ms beside | ratio |\n|---|---|---|---|---|---|---|')
    for case in CASES:
        for network, n, method, beside, own, other in case(repeats) if case.__name__ in names else ():
            print(f'| {network} | {n} | {method} | {beside} | {1e3 * own:.1f} | {1e3 * other:.1f} | '
                  f'{own / other:.2f} |', flush=True)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=7)
    parser.add_argument('--cases', nargs='+', default=[case.__name__ for case in CASES])
    arguments = parser.parse_args()
    main(arguments.repeats, arguments.cases)
