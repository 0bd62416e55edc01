"""
TF1: words at their embedding
=============================

Which words made the classifier say so? A graph-mode text classifier, explained at the output of its
embedding lookup.

Trains a small convolutional network on short sentences, prints test sentences with their words coloured by
attribution (red speaks for a good review, blue for a bad one) and writes the same as HTML to
examples/output/text_embeddings.html and as a picture beside it.
"""

import argparse
from pathlib import Path

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain, plots

HERE = Path(__file__).parent
LENGTH, WIDTH, PADDING, UNKNOWN = 16, 16, 0, 1
v1 = tf.compat.v1


def load():
    """Sentences as lists of words, and labels: 1 for a good review, 0 for a bad one."""
    lines = [line.split('\t') for line in (HERE / 'data' / 'reviews.tsv').read_text().splitlines()]
    return [words.split() for _, words in lines], np.array([int(label) for label, _ in lines], 'f')


def encode(sentences, vocabulary):
    """Word ids, (n, LENGTH), filled up with PADDING."""
    ids = np.full((len(sentences), LENGTH), PADDING, np.int32)
    for row, words in enumerate(sentences):
        ids[row, :len(words)] = [vocabulary.get(w, UNKNOWN) for w in words][:LENGTH]
    return ids


def network(ids, words, dropout):
    """(embedded words, logit): embedding, convolutions over 1 and 2 words, maximum over the sentence, a dense
    layer."""
    init = v1.random_uniform_initializer(-.2, .2, seed=4)
    table = v1.get_variable('embedding', [words, WIDTH], initializer=init)
    embedded = tf.nn.embedding_lookup(table, ids)
    h = []
    for size in 1, 2:
        kernel = v1.get_variable(f'kernel{size}', [size, WIDTH, 16], initializer=init)
        h.append(tf.nn.max_pool1d(tf.nn.relu(tf.nn.conv1d(embedded, kernel, 1, 'VALID')), LENGTH + 1 - size,
                                  1, 'VALID')[:, 0])
    h = tf.nn.dropout(tf.concat(h, 1), rate=dropout)
    bias = v1.get_variable('b', [1], initializer=v1.zeros_initializer())
    logit = h @ v1.get_variable('w', [32, 1], initializer=init) + bias
    return embedded, logit[:, 0]


def main(short=False, output=HERE / 'output'):
    output.mkdir(exist_ok=True)
    sentences, labels = load()
    test = 50
    words = sorted({w for s in sentences[:-test] for w in s})
    ids = encode(sentences, {w: k + 2 for k, w in enumerate(words)})
    rng = np.random.default_rng(0)
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        v1.set_random_seed(0)
        X = v1.placeholder(tf.int32, [None, LENGTH], 'ids')
        Y = v1.placeholder(tf.float32, [None], 'labels')
        dropout = v1.placeholder_with_default(0., [], 'dropout')
        embedded, logit = network(X, len(words) + 2, dropout)
        step = v1.train.AdamOptimizer(3e-3).minimize(
            tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(Y, logit)))
        session.run(v1.global_variables_initializer())
        for _ in range(10 if short else 30):
            order = rng.permutation(len(ids) - test)
            for k in range(0, len(order), 30):
                batch = ids[order[k:k + 30]]
                # some words unknown, as in the test
                seen = np.where(rng.random(batch.shape) < .1, np.minimum(batch, UNKNOWN), batch)
                session.run(step, {X: seen, Y: labels[order[k:k + 30]], dropout: .3})
        scores, xs = session.run([logit, embedded], {X: ids[-test:]})
        empty = session.run(embedded, {X: np.full((1, LENGTH), PADDING)})
        print(f'accuracy on {test} test sentences: {np.mean((scores > 0) == labels[-test:]):.0%}\n')

        # X: the embedded words; the baseline: a sentence of nothing but padding
        with DeepExplain(session) as de:
            by_word = {method: de.explain(method, logit, embedded, xs, baseline=empty[0]).sum(2)
                       for method in ('intgrad', 'deeplift')}
        gap = np.abs(by_word['intgrad'].sum(1) - (scores - session.run(logit, {embedded: empty})))
        print(f'intgrad: the words of a sentence sum to its score minus that of padding, up to '
              f'{gap.max():.1e}\n')

    few = slice(3 if short else 20)
    words = [sentence[:LENGTH] for sentence in sentences[-test:]][few]
    said = {'prediction': [f'{s:+.2f}' for s in scores[few]], 'unit': 'share of the score',
            'title': 'Which words speak for a good review, which for a bad one'}
    values = [a[:len(w)] for a, w in zip(by_word['intgrad'], words)]
    print(plots.text(values, words, to='terminal', **said))
    (output / 'text_embeddings.html').write_text(plots.text(values, words, to='html', **said))
    plots.text(values, words, **said).figure.savefig(output / 'text_embeddings.png', dpi=110)
    print(f'\nthe same as a page: {output / "text_embeddings.html"}')
    return by_word


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='few epochs')
    main(parser.parse_args().short)
