"""Two inputs of different kinds, one explanation: a signal and a few numbers about it.

The label depends on a bump in the signal and on one of the numbers. All gradient methods explain both inputs
at once; the share of each input, and of the true cause in it, is printed.
"""

import argparse

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain

v1 = tf.compat.v1


def make(n, seed):
    """Signals (n, 64, 1) with a bump at sample 20 or 44, tables (n, 5), and labels: late bump and table[:, 2]
    > 0."""
    rng = np.random.default_rng(seed)
    late = rng.integers(0, 2, n)
    at = np.where(late == 1, 44, 20)[:, None]
    signal = np.exp(-.5 * ((np.arange(64) - at) / 3) ** 2) + .2 * rng.normal(size=(n, 64))
    table = rng.normal(size=(n, 5))
    return signal[..., None].astype('f'), table.astype('f'), (late & (table[:, 2] > 0)).astype('f')


def network(signal, table):
    """A small convolutional branch and the table, joined; one logit per row."""
    init = v1.glorot_uniform_initializer(seed=3)
    kernel = v1.get_variable('kernel', [7, 1, 8], initializer=init)
    h = tf.nn.relu(tf.nn.conv1d(signal, kernel, 4, 'SAME'))
    h = tf.concat([tf.reshape(h, [-1, 16 * 8]), table], 1)
    for k, (rows, columns) in enumerate([(16 * 8 + 5, 32), (32, 16)]):
        h = tf.nn.tanh(h @ v1.get_variable(f'w{k}', [rows, columns], initializer=init)
                       + v1.get_variable(f'b{k}', [columns]))
    return (h @ v1.get_variable('w', [16, 1], initializer=init))[:, 0]


def main(short=False):
    signal, table, labels = make(300 if short else 3000, seed=0)
    test_signal, test_table, test_labels = make(200, seed=1)
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        v1.set_random_seed(0)
        X = [v1.placeholder(tf.float32, [None, 64, 1], 'signal'),
             v1.placeholder(tf.float32, [None, 5], 'table')]
        Y = v1.placeholder(tf.float32, [None])
        logit = network(*X)
        step = v1.train.AdamOptimizer(3e-3).minimize(
            tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(Y, logit)))
        session.run(v1.global_variables_initializer())
        for _ in range(20 if short else 100):
            for k in range(0, len(labels), 100):
                session.run(step, {X[0]: signal[k:k + 100], X[1]: table[k:k + 100], Y: labels[k:k + 100]})
        scores = session.run(logit, {X[0]: test_signal, X[1]: test_table})
        print(f'accuracy {np.mean((scores > 0) == test_labels):.1%}\n')

        found = test_labels == 1
        xs = [test_signal[found], test_table[found]]
        baseline = [0, table.mean(0)]           # silence, and the average row
        print(f'{found.sum()} positive rows; share of |attribution|\n')
        print(f'{"method":12}{"signal":>8}{"table":>8}   of the signal at samples 36..52   of the table at '
              f'column 2')
        shares = {}
        with DeepExplain(session) as de:
            for method in 'grad*input', 'intgrad', 'elrp', 'deeplift':
                parameters = {'baseline': baseline} if method in ('intgrad', 'deeplift') else {}
                a, b = (np.abs(r) for r in de.explain(method, logit, X, xs, **parameters))
                total = a.sum() + b.sum()
                shares[method] = (a.sum() / total, b.sum() / total,
                                  a[:, 36:53].sum() / a.sum(), b[:, 2].sum() / b.sum())
                s = shares[method]
                print(f'{method:12}{s[0]:8.0%}{s[1]:8.0%}   {s[2]:31.0%}   {s[3]:24.0%}')
    return shares


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='few samples and epochs')
    main(parser.parse_args().short)
