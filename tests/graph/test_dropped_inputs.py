"""Inputs of ops that TensorFlow's own gradient drops, and ours follows."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from deepexplain2.graph.completed import COMPLETED
from deepexplain2.graph.gradients import can_carry, inputs_with_gradient, registered_gradient
from tests.support.catalogue import OPS, UNARY, unary
from tests.support.networks import v1
from tests.support.outcomes import XS, outcome

RAW = tf.raw_ops


def columns(x):
    return tf.transpose(x)


def listed(x):
    """A list that is overwritten in part, one place twice."""
    start = RAW.TensorListFromTensor(tensor=columns(tf.sin(x)), element_shape=[1])
    end = RAW.TensorListScatterIntoExistingList(input_handle=start, tensor=columns(x ** 2)[:3],
                                                indices=[0, 1, 1])
    return RAW.TensorListStack(input_handle=end, element_dtype=x.dtype, element_shape=[1])


# What TensorFlow's own gradient counts for each of several values that are written to one place.
WRITTEN_TWICE = {
    'DynamicStitch': lambda x: tf.dynamic_stitch([1, [0, 2, 1]], [columns(tf.tanh(x))[0],
                                                                  columns(x * x)[1:]]),
    'ParallelDynamicStitch': lambda x: RAW.ParallelDynamicStitch(indices=[[0, 1], [1, 2]],
                                                                 data=[columns(tf.tanh(x))[:2],
                                                                       columns(x * x)[2:]]),
    'TensorScatterUpdate': lambda x: tf.tensor_scatter_nd_update(columns(x), [[0], [1], [1], [3]],
                                                                 columns(tf.tanh(x))),
    'TensorScatterUpdate in places': lambda x: tf.tensor_scatter_nd_update(
        tf.reshape(x, [2, 2]), [[[0, 1], [1, 1]], [[1, 1], [tf.size(x) - 3, 0]]], tf.reshape(tf.tanh(x),
                                                                                             [2, 2])),
    'TensorListScatter': lambda x: RAW.TensorListStack(input_handle=RAW.TensorListScatter(
        tensor=columns(x ** 2)[:3], indices=[0, 1, 1], element_shape=[1]), element_dtype=x.dtype,
                                                       element_shape=[1]),
    'TensorListScatterV2': lambda x: tf.TensorArray(x.dtype, 3,
                                                    element_shape=(1,)).scatter([0, 1, 1],
                                                                                columns(x ** 2)[:3]).stack(),
    'TensorListScatterIntoExistingList': listed,
    'written twice in a loop': lambda x: columns(tf.while_loop(
        lambda i, h: i < 3,
        lambda i, h: (i + 1, tf.tensor_scatter_nd_update(h, [[i], [i], [0]], tf.tanh(h)[:3])),
        [0, columns(x)])[1]),
    'written once': lambda x: tf.tensor_scatter_nd_update(columns(x), [[0], [3], [1]],
                                                          columns(tf.tanh(x))[1:])}

# Inputs that TensorFlow's own gradient drops and ours follows.
FOLLOWED = WRITTEN_TWICE | {
    'PadV2': lambda x: tf.pad(x * x, [[0, 0], [1, 2]], constant_values=tf.reduce_sum(x ** 2)),
    'PadV2 of a constant': lambda x: tf.pad(tf.ones([1, 2], x.dtype), [[0, 0], [1, 2]],
                                            constant_values=tf.reduce_sum(x ** 2)),
    'MatrixDiagV2': lambda x: RAW.MatrixDiagV2(diagonal=x * x, k=1, num_rows=-1, num_cols=-1,
                                               padding_value=tf.reduce_sum(x)),
    'MatrixDiagV3': lambda x: tf.linalg.diag(tf.reshape(x, [1, 2, 2]), k=(0, 1),
                                             padding_value=tf.reduce_sum(x ** 2)),
    'MatrixDiagPartV2': lambda x: RAW.MatrixDiagPartV2(input=tf.reshape(x, [1, 2, 2]), k=[-1, 0],
                                                       padding_value=tf.reduce_sum(x ** 3)),
    'MatrixDiagPartV3': lambda x: tf.linalg.diag_part(tf.reshape(x, [1, 2, 2]), k=(0, 1),
                                                      padding_value=tf.reduce_sum(x ** 3)),
    'OneHot': lambda x: tf.one_hot([1, 7], 3, tf.reduce_sum(x * x), x[0, 1], axis=0),
    'OneHot off': lambda x: tf.one_hot([1], 3, off_value=x[0, 1] * x[0, 0]),
    'LinSpace': lambda x: RAW.LinSpace(start=x[0, 0] * x[0, 1], stop=x[0, 2], num=5),
    'LinSpace of one': lambda x: RAW.LinSpace(start=x[0, 0], stop=x[0, 2], num=1),
    'start': lambda x: tf.range(tf.tanh(x[0, 0]) / 9, 3., 1.),
    'delta': lambda x: RAW.Range(start=tf.zeros([], x.dtype), limit=3., delta=1.1 + .1 * tf.tanh(x[0, 1])),
    'in a loop': lambda x: tf.while_loop(
        lambda i, h: i < 2, lambda i, h: (i + 1, tf.pad(h, [[0, 0], [1, 0]],
                                                        constant_values=tf.reduce_sum(h ** 2))[:, :4]),
                                         [0, x])[1],
    'in a function': lambda x: tf.function(lambda t: tf.pad(t * t, [[0, 0], [1, 0]],
                                                            constant_values=tf.reduce_sum(t)))(x)}


# By the line integral and elrp too, which follow what the gradient and deeplift follow
BOTH = {'PadV2', 'in a loop', 'in a function', 'written twice in a loop', 'TensorScatterUpdate', 'OneHot'}


@pytest.mark.parametrize('name', FOLLOWED)
def test_inputs_that_tensorflow_drops(name):
    def f(x):
        h = FOLLOWED[name](x)
        return h * tf.cast(tf.reshape(1 + tf.range(tf.size(h)), tf.shape(h)), h.dtype)
    for method in ['deeplift', 'intgrad'] if name in BOTH else ['deeplift']:
        a, delta, messages, fits = outcome(f, method)
        assert not isinstance(a, Exception) and not messages and fits, (method, a, messages)
        np.testing.assert_allclose(delta, 0, atol=1e-8)
    step = 1e-6 * np.eye(4)[:, None]
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float64, XS.shape)
        T = tf.reduce_sum(f(x))
        expected = [(session.run(T, {x: XS + s}) - session.run(T, {x: XS - s})) / 2e-6 for s in step]
    np.testing.assert_allclose(outcome(f, 'grad*input')[0][0], expected * XS[0], atol=1e-5)
    if name in BOTH:
        assert outcome(f, 'elrp')[0].any()


def test_every_input_that_is_dropped_is_known():
    """The registered gradients of the ops of the catalogue, called: where they give None for a number, that
    is in our tables."""
    with tf.Graph().as_default() as graph:
        wide, single, one = (v1.placeholder(d, [n, 6]) for d, n in ((tf.float64, 4), (tf.float32, 4),
                                                                    (tf.float64, 1)))
        for name in [*UNARY, *OPS]:
            f = unary(name) if name in UNARY else OPS[name]
            for x in wide, one, single:
                try:
                    f(x)
                    break
                except (ValueError, TypeError, tf.errors.OpError):
                    continue
        for f in FOLLOWED.values():
            f(v1.placeholder(tf.float64, [1, 4]))
        checked = set()
        for op in graph.get_operations():
            numbers = [k for k, i in enumerate(op.inputs) if i.dtype.is_floating]
            if (op.type in checked or not numbers or not all(map(can_carry, op.outputs[:1]))
                    or op_def_registry.get(op.type) is None):
                continue
            try:
                found = registered_gradient(op)(op, *[tf.ones_like(o) if can_carry(o) else None
                                                      for o in op.outputs])
            except (LookupError, TypeError, ValueError, AttributeError):
                continue
            found = found if isinstance(found, list | tuple) else [found]
            checked.add(op.type)
            missing = [k for k in numbers if (k >= len(found) or found[k] is None)
                       and k in inputs_with_gradient(op)]
            assert not missing or (op.type.startswith('FusedBatchNorm')
                                   and op.get_attr('is_training')), (op.type, missing)
    assert len(checked) > 120 and {name for name in COMPLETED if not name.startswith('TensorList')} <= checked
