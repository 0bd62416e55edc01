"""Explain a stream: compile once, then feed batches from a generator.

Prints throughput, the median and the 99th percentile of the latency per batch, and the number of ops in the
graph before and after.
"""

import argparse
import time

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain

v1 = tf.compat.v1


def stream(batches, rows, features, seed=0):
    """Batches of rows and of the classes to explain, as they would come from a queue."""
    rng = np.random.default_rng(seed)
    for _ in range(batches):
        yield rng.normal(size=(rows, features)).astype('f'), rng.integers(0, 10, rows)


def mlp(x):
    rng = np.random.default_rng(1)
    for k, (rows, columns) in enumerate([(100, 512), (512, 512), (512, 10)]):
        x = x @ tf.Variable((rng.normal(size=(rows, columns)) * np.sqrt(2 / rows)).astype('f'))
        x = tf.nn.relu(x) if k < 2 else x
    return x


def main(short=False):
    batches, rows = (20, 16) if short else (500, 32)
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        X = v1.placeholder(tf.float32, [None, 100])
        logits = mlp(X)
        session.run(v1.global_variables_initializer())
        print(f'{batches} batches of {rows} rows through an MLP 100-512-512-10\n')
        print(f'{"method":12}{"rows/s":>10}{"p50 ms":>10}{"p99 ms":>10}{"ops before":>12}{"ops after":>12}')
        growth = {}
        with DeepExplain(session) as de:
            explainers = {m: de.get_explainer(m, logits, X) for m in ('saliency', 'elrp', 'deeplift')}
        graph.finalize()                # from here on TensorFlow itself would refuse another op
        for method, explainer in explainers.items():
            explainer.run(*next(stream(1, rows, 100)))          # the first run allocates
            before, latencies = len(graph.get_operations()), []
            for xs, ys in stream(batches, rows, 100):
                start = time.perf_counter()
                explainer.run(xs, ys)
                latencies.append(time.perf_counter() - start)
            after = len(graph.get_operations())
            growth[method] = after - before
            p50, p99 = np.percentile(latencies, [50, 99]) * 1e3
            print(f'{method:12}{batches * rows / sum(latencies):10.0f}{p50:10.2f}{p99:10.2f}'
                  f'{before:12}{after:12}')
    return growth


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='few batches')
    main(parser.parse_args().short)
