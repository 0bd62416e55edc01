"""Arrays of TF1, in loops and outside: as if the layers stood in a row."""


import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.loops import same, unoptimized

v1 = tf.compat.v1

pytestmark = pytest.mark.filterwarnings('ignore')


def test_arrays():
    with unoptimized() as s, DeepExplain(s) as de:
        x = v1.placeholder(tf.float64, (None, 4))
        z = tf.tanh(x)
        array = tf.TensorArray(x.dtype, 0, dynamic_size=True, element_shape=(None, 4), infer_shape=False)
        T = array.split(tf.tanh(x), [1, 2]).concat()
        same(de, T, z, x)
        array = tf.TensorArray(x.dtype, 4, clear_after_read=False).unstack(tf.tanh(tf.transpose(x)))
        T = array.read(0) + array.read(1) * tf.cast(array.size(), x.dtype) + array.gather([0, 2])[1]
        same(de, T, z[:, 0] + 4. * z[:, 1] + z[:, 2], x)
        # written in a loop that does not know X, read and written in one that does
        array = tf.while_loop(lambda i, a: i < 4,
                              lambda i, a: (i + 1, a.write(i, tf.cast(i, x.dtype) * [1., 2, 3, 4])),
                              [0, tf.TensorArray(x.dtype, 4)])[1]
        read = tf.while_loop(lambda i, a, b: i < 4,
                             lambda i, a, b: (i + 1, a, b.write(i, tf.tanh(x * a.read(i)))),
                             [0, array, tf.TensorArray(x.dtype, 0, dynamic_size=True)])[2].stack()
        flat = tf.stack([tf.tanh(x * [1. * i, 2 * i, 3 * i, 4 * i]) for i in range(4)])
        same(de, tf.reduce_sum(read, 0), tf.reduce_sum(flat, 0), x)
    # constants and weights called as TensorFlow calls what it makes for lists and loops
    names = ['Const', 'Const_1', 'while', 'while/loop_counter', 'while/maximum_iterations', 'strided_slice',
             'TensorListFromTensor', 'x_0', 'TensorListReserve', 'TensorListLength', 'TensorListStack',
             'TensorListScatterIntoExistingList', 'Placeholder', 'source_0']
    with tf.Graph().as_default(), unoptimized() as s, DeepExplain(s) as de:
        keep = [tf.constant(np.full((4, 20), 1. + k / 9), name=n)[:, :1] if k % 2
                else tf.constant(1. + k / 9, name=n) for k, n in enumerate(names)]
        first, second = (tf.reduce_sum(tf.cast(k, tf.float64)) for k in keep[:2])
        x = v1.placeholder(tf.float64, (None, 4))
        array = tf.TensorArray(x.dtype, 4).unstack(tf.transpose(x))

        def turn(i, h, a):
            return i + 1, tf.tanh(h + array.read(i)) * first, a.write(i, h * second)
        _, T, made = tf.while_loop(lambda i, h, a: i < 4, turn,
                                   (0, tf.zeros_like(x[:, 0]), tf.TensorArray(x.dtype, 4)))
        T, h = T + made.read(3), 0. * x[:, 0]
        for i in range(4):
            last, h = h, tf.tanh(h + x[:, i]) * first
        flat = h + last * second
        for k in keep:
            T, flat = (t * tf.reduce_sum(tf.cast(k, t.dtype)) for t in (T, flat))
        same(de, T, flat, x)
