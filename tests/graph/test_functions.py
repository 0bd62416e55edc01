"""What is said of the functions that ops call."""

import tensorflow as tf
from tensorflow.python.framework.function import Defun

from deepexplain2.graph.functions import called_functions, function_library, import_body
from deepexplain2.graph.walks import random_ops
from tests.support.networks import v1


@tf.function
def noisy(x):
    return x + tf.random.uniform([])


@Defun(tf.float32)
def noisy_of_tf1(x):
    return x + tf.random.uniform([])


def test_calls_are_found_in_attributes_and_op_types():
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [])
        for call in noisy, noisy_of_tf1:
            y = call(x)
            names = [name for op in graph.get_operations() for name in called_functions(op.node_def)]
            assert names and set(names) <= set(function_library(graph))
            assert [kind for _, kind in random_ops([y], [x])] == ['RandomUniform'], call
        assert called_functions(x.op.node_def) == []


def test_body_has_the_arguments_and_results_of_the_function():
    with tf.Graph().as_default() as graph:
        y = tf.cond(v1.placeholder(tf.bool, []), lambda: tf.constant(2.), lambda: tf.constant(3.))
        library = function_library(graph)
        values = []
        for name in sorted(library):
            body = import_body(library[name], library)
            result, = body.results
            with v1.Session(graph=body.graph) as session:
                values.append(session.run(result))
            assert all(body.graph.get_tensor_by_name(a).op.type == 'Placeholder' for a in body.arguments)
        assert sorted(values) == [2., 3.] and y.dtype == tf.float32
