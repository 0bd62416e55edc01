"""Functions of NumPy arrays, opened and explained."""

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain

S = tf.TensorSpec
RNG = np.random.default_rng(0)
W, V = RNG.normal(size=(4, 3)), RNG.normal(size=(2, 3))
XS, ZS = RNG.normal(size=(5, 4)), RNG.integers(0, 5, (5, 2))
SPEC = [S((None, 4), tf.float64)]
PERTURBATION = ['hsic', 'kernel_shap', 'lime', 'occlusion', 'owen', 'rise', 'shapley', 'shapley_sampling',
                'sobol']
close = np.testing.assert_allclose


def f(x):
    return np.tanh(x @ W)


def opened(fn, spec=SPEC, output=None):
    return DeepExplain.from_callable(fn, spec, output)


def explained(fn, method='occlusion', n=5, **options):
    de = opened(fn)
    return de.explain(method, de.outputs[0], de.inputs[0], XS[:n], **options)
