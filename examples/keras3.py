"""
A Keras 3 model as it is
========================

A Keras 3 model as it is: train, explain in three lines, train on.

A model with a Rescaling layer, batch normalization, a residual connection and a softmax is trained on real
digits. The context takes a snapshot of it; the target is the tensor before the softmax. Prints which pixels
count: the share of the attributions on the digit's own pixels, and what happens to the score when the most
important tenth of the pixels is removed, against a random tenth. Draws four digits by four methods to
examples/output/keras3.png.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from keras import layers

from deepexplain2 import DeepExplain, plots

HERE = Path(__file__).parent


def network():
    x = keras.Input((28, 28, 1), name='digit')
    h = layers.Rescaling(1 / 255)(x)
    h = layers.BatchNormalization()(layers.Conv2D(16, 3, 2, activation='relu', padding='same')(h))
    h = layers.Add()([h, layers.Conv2D(16, 3, activation='elu', padding='same')(h)])
    h = layers.Dense(32, activation='tanh')(layers.Flatten()(h))
    return keras.Model(x, layers.Dense(10, activation='softmax', name='class')(h))


def main(short=False, output=HERE / 'output'):
    keras.utils.set_random_seed(0)
    data = np.load(HERE / 'data' / 'mnist_4k.npz')
    x, y = data['x'][..., None].astype('float32'), data['y'].astype('int64')
    train = 600 if short else 3500
    model = network()
    model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])
    model.fit(x[:train], y[:train], epochs=1 if short else 4, verbose=0)
    xs, ys = x[-100:], y[-100:]
    print(f'accuracy on {len(xs)} test digits: {np.mean(model.predict(xs, verbose=0).argmax(1) == ys):.0%}\n')

    with DeepExplain.from_keras(model) as de:
        logits = de.logits(de.outputs[0])
        print(f'target: {logits.name} {logits.shape}, before {de.outputs[0].name}\n')
        explanations = {method: de.explanation(method, logits, model.input, xs, ys=ys)
                        for method in ('grad*input', 'intgrad', 'elrp', 'deeplift')}
        found = {method: e.values for method, e in explanations.items()}
        f = de.session.run(logits, {de.inputs[0]: xs})[np.arange(100), ys]
        print(f'{"method":12}{"on the digit":>14}{"score":>8}'
              f'{"without top 10 %":>18}{"without random 10 %":>21}')
        rng = np.random.default_rng(0)
        for method, a in found.items():
            row = [np.abs(a)[xs > 0].sum() / np.abs(a).sum(), f.mean()]
            for order in a.reshape(100, -1), rng.random((100, 784)) + (xs.reshape(100, -1) > 0):
                removed = xs.reshape(100, -1).copy()
                np.put_along_axis(removed, np.argsort(order, 1)[:, -78:], 0, 1)
                row.append(de.session.run(logits, {de.inputs[0]: removed.reshape(xs.shape)})[np.arange(100),
                                                                                             ys].mean())
            print(f'{method:12}{row[0]:14.0%}{row[1]:8.1f}{row[2]:18.1f}{row[3]:21.1f}')
    output.mkdir(exist_ok=True)
    panels = plots.images({method: e[:4] for method, e in explanations.items()}, style='outline',
                          labels=[f'why {y}?' for y in ys[:4]])
    panels[0, 0].figure.savefig(output / 'keras3.png', dpi=110)
    loss = model.fit(x[:train], y[:train], epochs=1, verbose=0).history['loss'][0]
    print(f'\nthe model trains on as before: loss {loss:.3f}')
    return found


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='few digits and one epoch')
    main(parser.parse_args().short)
