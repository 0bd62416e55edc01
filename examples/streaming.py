"""
A stream of batches
===================

Explain a stream: compile once, then feed batches from a generator.

Prints throughput, the median and the 99th percentile of the latency per batch, and the number of ops in the
graph before and after. Draws the latencies to examples/output/streaming.png.
"""

import argparse
import time
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

from deepexplain2 import DeepExplain

HERE = Path(__file__).parent


def stream(batches, rows, features, seed=0):
    """Batches of rows and of the classes to explain, as they would come from a queue."""
    rng = np.random.default_rng(seed)
    for _ in range(batches):
        yield rng.normal(size=(rows, features)).astype('f'), rng.integers(0, 10, rows)


def mlp():
    return keras.Sequential([keras.Input((100,)), layers.Dense(512, 'relu'), layers.Dense(512, 'relu'),
                             layers.Dense(10, name='logits')])


def main(short=False, output=HERE / 'output'):
    keras.utils.set_random_seed(0)
    batches, rows = (20, 16) if short else (500, 32)
    print(f'{batches} batches of {rows} rows through an MLP 100-512-512-10\n')
    print(f'{"method":12}{"rows/s":>10}{"p50 ms":>10}{"p99 ms":>10}{"ops before":>12}{"ops after":>12}')
    growth, figure, axis = {}, *plt.subplots(figsize=(6, 3), layout='constrained')
    with DeepExplain.from_keras(mlp()) as de:
        explainers = {m: de.get_explainer(m, 'logits', de.inputs[0])
                      for m in ('saliency', 'elrp', 'deeplift')}
        de.graph.finalize()             # from here on TensorFlow itself would refuse another op
        for method, explainer in explainers.items():
            explainer.run(*next(stream(1, rows, 100)))          # the first run allocates
            before, latencies = len(de.graph.get_operations()), []
            for xs, ys in stream(batches, rows, 100):
                start = time.perf_counter()
                explainer.run(xs, ys)
                latencies.append(time.perf_counter() - start)
            after = len(de.graph.get_operations())
            growth[method] = after - before
            p50, p99 = np.percentile(latencies, [50, 99]) * 1e3
            print(f'{method:12}{batches * rows / sum(latencies):10.0f}{p50:10.2f}{p99:10.2f}'
                  f'{before:12}{after:12}')
            axis.ecdf(np.array(latencies) * 1e3, label=method)
    axis.set(xlabel=f'ms per batch of {rows} rows', ylabel='share of batches', xscale='log')
    axis.legend(frameon=False)
    output.mkdir(exist_ok=True)
    figure.savefig(output / 'streaming.png', dpi=110)
    return growth


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='few batches')
    main(parser.parse_args().short)
