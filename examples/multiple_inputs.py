"""
Two inputs of different kinds
=============================

Two inputs of different kinds, one explanation: a signal and a few numbers about it.

The label depends on a bump in the signal and on one of the numbers. All gradient methods explain both inputs
at once; the share of each input, and of the true cause in it, is printed, and one row drawn to
examples/output/multiple_inputs.png.
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

from deepexplain2 import DeepExplain, plots

HERE = Path(__file__).parent


def make(n, seed):
    """Signals (n, 64, 1) with a bump at sample 20 or 44, tables (n, 5), and labels: late bump and table[:, 2]
    > 0."""
    rng = np.random.default_rng(seed)
    late = rng.integers(0, 2, n)
    at = np.where(late == 1, 44, 20)[:, None]
    signal = np.exp(-.5 * ((np.arange(64) - at) / 3) ** 2) + .2 * rng.normal(size=(n, 64))
    table = rng.normal(size=(n, 5))
    return signal[..., None].astype('f'), table.astype('f'), (late & (table[:, 2] > 0)).astype('f')


def network():
    """A small convolutional branch and the table, joined; one logit per row."""
    signal, table = keras.Input((64, 1), name='signal'), keras.Input((5,), name='table')
    h = layers.Flatten()(layers.Conv1D(8, 7, 4, padding='same', activation='relu')(signal))
    h = layers.Dense(32, activation='tanh')(layers.Concatenate()([h, table]))
    h = layers.Dense(16, activation='tanh')(h)
    return keras.Model({'signal': signal, 'table': table}, layers.Dense(1, name='logit')(h))


def main(short=False, output=HERE / 'output'):
    keras.utils.set_random_seed(0)
    signal, table, labels = make(300 if short else 3000, seed=0)
    test_signal, test_table, test_labels = make(200, seed=1)
    model = network()
    model.compile(keras.optimizers.Adam(3e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    model.fit({'signal': signal, 'table': table}, labels, batch_size=100, epochs=20 if short else 40,
              verbose=0)
    scores = model.predict({'signal': test_signal, 'table': test_table}, verbose=0)[:, 0]
    print(f'accuracy {np.mean((scores > 0) == test_labels):.1%}\n')

    found = test_labels == 1
    xs = {'signal': test_signal[found], 'table': test_table[found]}
    baseline = {'signal': 0, 'table': table.mean(0)}            # silence, and the average row
    print(f'{found.sum()} positive rows; share of |attribution|\n')
    print(f'{"method":12}{"signal":>8}{"table":>8}   of the signal at samples 36..52   of the table at '
          'column 2')
    shares = {}
    with DeepExplain.from_keras(model) as de:
        for method in 'grad*input', 'intgrad', 'elrp', 'deeplift':
            parameters = {'baseline': baseline} if method in ('intgrad', 'deeplift') else {}
            e = de.explanation(method, 'logit', {'signal': 'signal', 'table': 'table'}, xs, **parameters)
            a, b = (np.abs(part) for part in e.arrays)
            total = a.sum() + b.sum()
            shares[method] = (a.sum() / total, b.sum() / total,
                              a[:, 36:53].sum() / a.sum(), b[:, 2].sum() / b.sum())
            s = shares[method]
            print(f'{method:12}{s[0]:8.0%}{s[1]:8.0%}   {s[2]:31.0%}   {s[3]:24.0%}')
    output.mkdir(exist_ok=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 2.8), layout='constrained', width_ratios=[2, 1])
    plots.series(e.of_input('signal')[0], ax=left)
    plots.bar(e.of_input('table')[0], [f'column {k}' for k in range(5)], ax=right)
    figure.savefig(output / 'multiple_inputs.png', dpi=110)
    return shares


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='few samples and epochs')
    main(parser.parse_args().short)
