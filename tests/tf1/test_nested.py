"""Loops and conditionals of TF1 inside one another, through every way in."""


import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.loops import XS, W, nested, nested_row, same, unoptimized

v1 = tf.compat.v1

pytestmark = pytest.mark.filterwarnings('ignore')


@pytest.mark.parametrize('resource', [False, True])
def test_nested_with_variables_through_every_way_in(resource):
    """Built outside and inside a context; restored from a MetaGraph; frozen and imported."""
    import tempfile
    with tf.Graph().as_default() as graph, unoptimized() as s:
        w = v1.get_variable('w', initializer=W, use_resource=resource)
        x, on = v1.placeholder(tf.float64, (None, 4), 'x'), v1.placeholder(tf.bool, (), 'on')
        T = tf.identity(nested(x, w, on), 'T')
        s.run(v1.global_variables_initializer())
        meta = v1.train.export_meta_graph()
        frozen = v1.graph_util.convert_variables_to_constants(s, graph.as_graph_def(), ['T'])
        folder = tempfile.TemporaryDirectory()
        saved = v1.train.Saver().save(s, folder.name + '/model')
        with DeepExplain(s) as de:
            same(de, T, nested_row(x, w, True), x, feed={on: True}, names=['deeplift'])
            if not resource:
                same(de, T, nested_row(x, w, False), x, feed={on: False})
            same(de, nested(x, w, on), nested_row(x, w, True), x, feed={on: True}, names=['elrp'])
    if resource:
        return
    with tf.Graph().as_default() as graph, unoptimized() as s, DeepExplain(s) as de:
        v1.train.import_meta_graph(meta).restore(s, saved)
        x, on, T = (graph.get_tensor_by_name(n) for n in ('x:0', 'on:0', 'T:0'))
        same(de, T, nested_row(x, tf.constant(W), True), x, feed={on: True}, names=['deeplift'])
    with tf.Graph().as_default() as graph, unoptimized() as s, DeepExplain(s) as de:
        x, on, T = tf.graph_util.import_graph_def(frozen, name='a', return_elements=['x:0', 'on:0', 'T:0'])
        same(de, T, nested_row(x, tf.constant(W), True), x, feed={on: True}, names=['elrp', 'grad*input'])
    with DeepExplain.from_graph_def(frozen) as de:
        assert np.isfinite(de.explain('elrp', 'T', 'x', XS, feed_dict={de.tensor('on'): True})).all()


def test_loops_of_tf2_lowered_when_frozen():
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    v1.enable_v2_behavior()
    f = tf.function(lambda x, on: nested(x, tf.constant(W), on),
                    input_signature=[tf.TensorSpec((None, 4), tf.float64), tf.TensorSpec((), tf.bool)])
    frozen = convert_variables_to_constants_v2(f.get_concrete_function())
    graph_def = frozen.graph.as_graph_def()
    assert {'Enter', 'Switch'} <= {n.op for n in graph_def.node}
    v1.disable_v2_behavior()
    with tf.Graph().as_default(), unoptimized() as s, DeepExplain(s) as de:
        names = [t.name for t in (*frozen.inputs, frozen.outputs[0])]
        x, on, T = tf.graph_util.import_graph_def(graph_def, return_elements=names)
        for value in True, False:
            same(de, T, nested_row(x, tf.constant(W), value), x, feed={on: value})
