"""Random dense nets, for which elrp and deeplift have closed forms."""

from __future__ import annotations

import numpy as np

from . import graphs
from .programs import Program

ACTIVATIONS = {'relu': lambda z: np.maximum(z, 0), 'tanh': np.tanh, 'elu': lambda z: np.where(z > 0, z, np.expm1(z)),
               'softsign': lambda z: z / (1 + np.abs(z)), 'leaky_relu': lambda z: np.where(z > 0, z, float(np.float32(.2)) * z), 'atan': np.arctan,
               'selu': lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(z))}


def random_dense(seed: int) -> Program:
    """A dense net with random widths, and its matrices."""
    rng = np.random.default_rng([seed, 7])
    sizes = [graphs.WIDTH, *rng.integers(2, 9, int(rng.integers(1, 4))), graphs.WIDTH]
    matrices = [rng.normal(size=s) / np.sqrt(s[0]) for s in zip(sizes, sizes[1:])]
    biases = [rng.normal(size=s) / 2 for s in sizes[1:]]
    name = str(rng.choice(sorted(ACTIVATIONS)))
    function = {'softsign': 'tf.nn.softsign', 'atan': 'tf.atan', 'tanh': 'tf.tanh'}.get(name, f'tf.nn.{name}')
    lines, last = [], 'h0'
    for k, (m, v) in enumerate(zip(matrices, biases)):
        lines.append(f'h{2 * k + 1} = {last} @ tf.constant({m.tolist()}, DTYPE) + tf.constant({v.tolist()}, DTYPE)')
        last = f'h{2 * k + 1}'
        if k < len(matrices) - 1:
            lines.append(f'h{2 * k + 2} = {function}({last})')
            last = f'h{2 * k + 2}'
    setting = {'way': 'session', 'dtype': 'float64', 'rows': 4, 'ys': str(rng.choice(['none', 'classes', 'weights'])), 'P': True,
               'matrices': matrices, 'biases': biases, 'activation': name}
    return Program('dense', seed, tuple(lines), setting)
