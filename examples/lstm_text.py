"""
Words of an LSTM
================

A Keras LSTM on token ids: words explained through the loop and the embedding, padding masked.

Trains on short sentences and explains test sentences by two methods. X is the integer input of the model:
attributions are those at its embedding lookup, summed over the embedding, relative to a sentence of padding.
Shows the words with colours in the terminal, in examples/output/lstm_text.html, and in lstm_text.png.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from keras import layers

from deepexplain2 import DeepExplain, plots

HERE = Path(__file__).parent
LENGTH, PADDING, UNKNOWN = 16, 0, 1


def main(short=False, output=HERE / 'output'):
    keras.utils.set_random_seed(1)
    lines = [line.split('\t') for line in (HERE / 'data' / 'reviews.tsv').read_text().splitlines()]
    sentences, labels = [text.split() for _, text in lines], np.array([int(label) for label, _ in lines],
                                                                      'float32')
    vocabulary = {w: k + 2 for k, w in enumerate(sorted({w for s in sentences[:-50] for w in s}))}
    ids = np.array([[vocabulary.get(w, UNKNOWN) for w in s][:LENGTH] + [PADDING] * (LENGTH - len(s))
                    for s in sentences], 'int32')
    model = keras.Sequential([keras.Input((LENGTH,), dtype='int32'),
                              layers.Embedding(len(vocabulary) + 2, 16, mask_zero=True),
                              layers.Bidirectional(layers.LSTM(12)), layers.Dropout(.4),
                              layers.Dense(1, name='score')])
    model.compile(keras.optimizers.Adam(5e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    model.fit(ids[:-50], labels[:-50], epochs=2 if short else 12, batch_size=16, verbose=0)
    scores = model.predict(ids[-50:], verbose=0)[:, 0]
    print(f'accuracy on 50 test sentences: {np.mean((scores > 0) == labels[-50:]):.0%}\n')

    xs = ids[-50:]
    with DeepExplain.from_keras(model) as de:
        score, X = de.outputs[0], de.inputs[0]
        explanations = {m: de.explanation(m, score, X, xs, sum_embedding=True, baseline=PADDING)
                        for m in ('intgrad', 'deeplift')}
        found = {m: e.values for m, e in explanations.items()}
        # What the attributions of a sentence should sum to: its score minus that of padding in its words'
        # places, under the same mask.
        embedded = de.tensor(model.layers[0].output)
        padding = de.session.run(embedded, {X: np.full_like(xs, PADDING)})
        f, f0 = de.session.run(score, {X: xs})[:, 0], de.session.run(score, {X: xs, embedded: padding})[:, 0]
    output.mkdir(exist_ok=True)
    few = slice(2 if short else 6)
    words = [sentence[:LENGTH] for sentence in sentences[-50:][few]]
    said = ['good' if label else 'bad' for label in labels[-50:][few]]
    for e in explanations.values():
        print(plots.text(e[few], words, label=said, to='terminal'))
    e = explanations['deeplift'][few]
    (output / 'lstm_text.html').write_text(plots.text(e, words, label=said, to='html'))
    plots.text(e, words, label=said).figure.savefig(output / 'lstm_text.png', dpi=110)
    same = np.mean(found['intgrad'].argmax(1) == found['deeplift'].argmax(1))
    print(f'intgrad and deeplift name the same word as the best in {same:.0%} of the sentences')
    for method, a in found.items():
        print(f'{method}: completeness gap {np.mean(np.abs(a.sum(1) - (f - f0))):.2f} of a score difference '
              f'of {np.mean(np.abs(f - f0)):.2f}')
    return found


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='few epochs')
    main(parser.parse_args().short)
