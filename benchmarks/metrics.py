"""Deletion and mu-fidelity beside Xplique's, on the same network, rows and maps.

Each library runs in a process of its own and is asked in turn, while the other one stands still; printed are
the medians, and the floor: the same number of values by the raw session.run of our graph, at the batch size
that gave most rows per second. `python benchmarks/metrics.py [--quick]`
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

STEPS, SAMPLES, CELLS, SHARE = 10, 200, 9, .2
METRICS = {'deletion': STEPS + 1, 'mu_fidelity': SAMPLES + 1}           # values per row


def xplique(folder):
    """Answers the name of a metric with [seconds, mean]."""
    import keras
    import tensorflow as tf
    from xplique import metrics
    model = keras.models.load_model(folder / 'model.keras')
    with np.load(folder / 'rows.npz') as data:
        xs, maps, ys = data['xs'], data['maps'], data['ys']
    targets = tf.one_hot(ys, model.output.shape[-1])
    made = {'deletion': metrics.Deletion(model, xs, targets, batch_size=int(sys.argv[3]), steps=STEPS),
            'mu_fidelity': metrics.MuFidelity(model, xs, targets, batch_size=int(sys.argv[3]),
                                              grid_size=CELLS, subset_percent=SHARE, nb_samples=SAMPLES)}
    print('[0, 0]', file=sys.stderr, flush=True)                           # ready
    for line in sys.stdin:
        start = time.perf_counter()
        value = float(made[line.strip()](maps))
        print(json.dumps([time.perf_counter() - start, value]), file=sys.stderr, flush=True)


def digits():
    """Two convolutions on images of 28 x 28."""
    import keras
    x = keras.Input((28, 28, 1))
    h = keras.layers.Conv2D(16, 3, padding='same', activation='relu')(x)
    h = keras.layers.MaxPooling2D()(h)
    h = keras.layers.Conv2D(32, 3, padding='same', activation='relu')(h)
    h = keras.layers.MaxPooling2D()(h)
    return keras.Model(x, keras.layers.Dense(10)(keras.layers.Flatten()(h)))


def mobilenet():
    """MobileNetV2 with random weights on images of 224 x 224."""
    import keras
    return keras.applications.MobileNetV2(weights=None, classifier_activation=None)


def floor(session, T, X, xs, values):
    """(the fewest seconds for so many values, the batch size)."""
    run, best = session.make_callable([T], [X]), (np.inf, 1)
    for size in 8, 32, 128, 512:
        batch = np.resize(xs, (size, *xs.shape[1:]))
        run(batch)
        start = time.perf_counter()
        count = 0
        while time.perf_counter() - start < .5:
            run(batch)
            count += 1
        best = min(best, ((time.perf_counter() - start) / count / size * values, size))
        if best[1] != size:
            break
    return best


def compare(name, model, rows, seconds):
    import peers

    from deepexplain2 import DeepExplain, metrics
    from deepexplain2.features import Grid
    xs = np.random.default_rng(0).uniform(size=(rows, *model.input.shape[1:])).astype('f')
    ys = np.arange(rows) % model.output.shape[-1]
    ours = {'deletion': metrics['deletion'](steps=STEPS),
            'mu_fidelity': metrics['mu_fidelity'](samples=SAMPLES, size=SHARE, features=Grid(CELLS))}
    with tempfile.TemporaryDirectory() as folder, DeepExplain.from_keras(model) as de:
        T, X = de.outputs[0], de.inputs[0]
        maps = de.explain('grad*input', T, X, xs, ys)
        model.save(Path(folder) / 'model.keras')
        np.savez(Path(folder) / 'rows.npz', xs=xs, maps=maps, ys=ys)
        size = floor(de.session, T, X, xs, 1)[1]
        with subprocess.Popen([str(peers.environment('xplique')), __file__, '--peer', folder, str(size)],
                              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True) as peer:
            def theirs(metric):
                os.kill(peer.pid, signal.SIGCONT)
                if metric:
                    print(metric, file=peer.stdin, flush=True)
                while not (line := peer.stderr.readline()).startswith('['):      # what TensorFlow says
                    assert line, 'the peer ended'
                os.kill(peer.pid, signal.SIGSTOP)               # its waiting threads take from ours
                return json.loads(line)
            theirs('')
            for metric, per_row in METRICS.items():
                least = floor(de.session, T, X, xs, rows * per_row)[0]
                times, end = [], time.perf_counter() + seconds
                for _ in range(2):
                    de.evaluate(ours[metric], T, X, xs, maps, ys)
                    other = theirs(metric)
                while time.perf_counter() < end or len(times) < 3:
                    start = time.perf_counter()
                    scores = de.evaluate(ours[metric], T, X, xs, maps, ys)
                    times.append([time.perf_counter() - start, theirs(metric)[0]])
                mine, others = np.median(times, 0)
                print(f'{name}, {rows} rows, {metric}: {1e3 * mine:.0f} ms, {mine / least:.2f} of the floor; '
                      f'Xplique {1e3 * others:.0f} ms, {others / mine:.1f} times as long; means '
                      f'{scores.mean:.4f} and {other[1]:.4f}', flush=True)
            os.kill(peer.pid, signal.SIGCONT)
            peer.stdin.close()


if __name__ == '__main__':
    if '--peer' in sys.argv:
        sys.argv.remove('--peer')
        sys.argv.insert(1, 'peer')
        xplique(Path(sys.argv[2]))
    else:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument('--quick', action='store_true', help='the small network alone')
        quick = parser.parse_args().quick
        for count in (10, 100):
            compare('digits', digits(), count, 2 if quick else 10)
        if not quick:
            compare('MobileNetV2', mobilenet(), 2, 20)
