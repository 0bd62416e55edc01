"""Seconds from a Keras model to a compiled explainer, and what the check of the graph takes of them:
ResNet50, chains of layers."""

import argparse
import time

import keras
import numpy as np
from keras import layers

from deepexplain2 import DeepExplain


def chain(n):
    x = h = keras.Input((16,))
    for _ in range(n):
        h = layers.Dense(16, 'tanh')(h)
    return keras.Model(x, h)


def seconds(model, method):
    """(from_keras without its check, the check, get_explainer) in seconds, and ops."""
    start = time.perf_counter()
    DeepExplain.from_keras(model, check=False).session.close()
    unchecked = time.perf_counter() - start
    start = time.perf_counter()
    with DeepExplain.from_keras(model) as de:
        opened = time.perf_counter()
        de.get_explainer(method, de.outputs[0], de.inputs[0])
        return (unchecked, opened - start - unchecked, time.perf_counter() - opened,
                len(de.graph.get_operations()))


def main(sizes):
    models = {f'chain of {n}': chain(n)
              for n in sizes} | {'ResNet50': keras.applications.ResNet50(weights=None,
                                                                         classifier_activation=None)}
    # the first one loads what TensorFlow loads late
    seconds(models[f'chain of {sizes[0]}'], 'deeplift')
    print(f'{"model":14}{"method":>10}{"from_keras s":>14}{"check s":>10}{"forward s":>11}'
          f'{"explainer s":>13}{"ops":>8}')
    for name, model in models.items():
        x = np.zeros((3, *model.inputs[0].shape[1:]), 'float32')
        model(x)
        start = time.perf_counter()
        model(x)
        forward = time.perf_counter() - start
        for method in 'intgrad', 'deeplift':
            opened, check, compiled, ops = seconds(model, method)
            print(f'{name:14}{method:>10}{opened:14.2f}{check:10.2f}{forward:11.2f}{compiled:13.2f}{ops:8}')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--sizes', type=int, nargs='+', default=[50, 100, 200, 400])
    main(parser.parse_args().sizes)
