"""dynamic_rnn of TF1: as if its steps stood in a row."""


import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.loops import same, unoptimized

v1 = tf.compat.v1

pytestmark = pytest.mark.filterwarnings('ignore')


@pytest.mark.parametrize('cell_name, lengths, time_major', [('LSTM', True, False), ('GRU', False, True),
                                                       ('LSTM', False, True)])
def test_dynamic_rnn(cell_name, lengths, time_major):
    """dynamic_rnn and the same steps in a row, also for rows that end early."""
    class Cell:
        output_size = 4
        state_size = (4, 4) if cell_name == 'LSTM' else 4

        def __init__(self):
            draw = np.random.default_rng(3).normal
            self.k, self.b, self.c = draw(size=(7, 16)), draw(size=16), draw(size=(7, 4))

        def zero_state(self, n, dtype):
            zero = tf.zeros([n, 4], dtype)
            return (zero, zero) if cell_name == 'LSTM' else zero

        def __call__(self, x, state, scope=None):
            if cell_name == 'LSTM':
                c, h = state
                i, j, f, o = tf.split(tf.nn.bias_add(tf.matmul(tf.concat([x, h], 1), self.k), self.b), 4, 1)
                c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(j)
                h = tf.sigmoid(o) * tf.tanh(c)
                return h, (c, h)
            r, u = tf.split(tf.sigmoid(tf.matmul(tf.concat([x, state], 1), self.k[:, :8]) + self.b[:8]), 2, 1)
            c = tf.tanh(tf.matmul(tf.concat([x, r * state], 1), self.c))
            h = u * state + (1. - u) * c
            return h, h

    with unoptimized() as s:
        x = v1.placeholder(tf.float64, (None, 4, 3))
        n = v1.placeholder(tf.int32, (None,))
        xs = np.random.default_rng(2).normal(size=(3, 4, 3))
        cell = Cell()
        inputs = tf.transpose(x, [1, 0, 2]) if time_major else x
        out, state = v1.nn.dynamic_rnn(cell, inputs, n if lengths else None, dtype=tf.float64,
                                       time_major=time_major)
        T = tf.reduce_sum(out, 0 if time_major else 1) + 2. * tf.nest.flatten(state)[-1]
        state, total = cell.zero_state(tf.shape(x)[0], x.dtype), 0.
        for k in range(4):
            h, new = cell(x[:, k], state)
            on = tf.tile((k < n)[:, None], [1, 4]) if lengths else None
            total += tf.where(on, h, tf.zeros_like(h)) if lengths else h
            state = tf.nest.map_structure(lambda a, b, on=on: tf.where(on, a, b), new,
                                          state) if lengths else new
        flat = total + 2. * tf.nest.flatten(state)[-1]
        feed = {n: np.array([4, 2, 0])} if lengths else {}
        np.testing.assert_allclose(*s.run([T, flat], {x: xs, **feed}), rtol=1e-12)
        with DeepExplain(s) as de:
            same(de, T, flat, x, xs, feed)
            gradient = s.run(tf.gradients(T, x)[0], {x: xs, **feed})
            a = de.explain('grad*input', T + 0., x, xs, feed_dict=feed)
            np.testing.assert_allclose(a, gradient * xs, rtol=1e-9, atol=1e-12)
