"""Cost of guided_backprop, deconvnet and lrp beside the raw gradient, in one run."""

from __future__ import annotations

import time

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain, methods

v1 = tf.compat.v1
REPEATS = 15
METHODS = [methods['guided_backprop'](), methods['deconvnet'](),
           *(methods['lrp'](name) for name in ('epsilon', 'epsilon_plus', 'epsilon_plus_flat',
                                               'epsilon_alpha2_beta1_flat')),
           methods['lrp']('epsilon_gamma_box', low=-4, high=4)]


def network(x: tf.Tensor) -> tf.Tensor:
    """Six convolutions with ReLU and a pool after each second one."""
    rng, width = np.random.default_rng(0), 3
    for k in range(6):
        w = rng.normal(scale=np.sqrt(2 / (9 * width)), size=(3, 3, width, 32)).astype('float32')
        x, width = tf.nn.relu(tf.nn.conv2d(x, tf.constant(w), 1, 'SAME')), 32
        if k % 2:
            x = tf.nn.max_pool2d(x, 2, 2, 'VALID')
    return tf.reduce_mean(x, (1, 2))


def main() -> None:
    xs, ys = np.random.default_rng(1).normal(size=(32, 32, 32, 3)).astype('float32'), np.arange(32) % 32
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float32, (None, 32, 32, 3))
        T = network(X)
        gradient = tf.gradients(tf.reduce_sum(T * tf.one_hot(ys, 32)), X)[0]
        runs = {'tf.gradients': lambda: session.run(gradient, {X: xs})}
        for method in METHODS:
            explainer = de.get_explainer(method, T, X)
            runs[f'{method.name} {method!r}'] = lambda e=explainer: e.run(xs, ys, batch_size=32)
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(REPEATS + 2):                # in turns: a slow moment of the machine hits all alike
            for name, run in runs.items():
                start = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - start)
    raw = np.median(times['tf.gradients'][2:])
    for name, seconds in times.items():
        print(f'{name:70} {np.median(seconds[2:]) * 1e3:7.1f} ms  {np.median(seconds[2:]) / raw:.2f}x')


if __name__ == '__main__':
    main()
