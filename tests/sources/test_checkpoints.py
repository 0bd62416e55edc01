"""Graphs of TensorFlow 1 with their checkpoints, written here."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.errors import RandomWarning, SourceError, SourceWarning

v1 = tf.compat.v1
XS = np.random.default_rng(0).normal(size=(4, 3)).astype('f')


def in_old_control_flow(make, *given):
    """With Switch and Merge, as files of TensorFlow 1 have it."""
    is_new = v1.control_flow_v2_enabled()
    v1.disable_control_flow_v2()
    try:
        return make(*given)
    finally:
        if is_new:
            v1.enable_control_flow_v2()


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """(path, gradient of unit 1 times XS) of a network with batch normalization behind cond, on a device that
    is not there."""
    folder, graph = tmp_path_factory.mktemp('checkpoint'), tf.Graph()
    config = v1.ConfigProto(allow_soft_placement=True)
    with graph.as_default(), v1.Session(graph=graph, config=config) as session:
        v1.set_random_seed(0)
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        is_training = v1.placeholder_with_default(False, (), 'is_training')
        with tf.device('/device:GPU:7'):
            h = x @ v1.get_variable('w', (3, 4))
        mean = v1.get_variable('mean', (4,), initializer=v1.random_normal_initializer(), trainable=False)

        def of_the_batch():
            seen = tf.reduce_mean(h, 0)
            with tf.control_dependencies([v1.assign(mean, .9 * mean + .1 * seen)]):
                return tf.identity(seen)
        h = tf.tanh(h - in_old_control_flow(v1.cond, is_training, of_the_batch, lambda: tf.identity(mean)))
        logits = tf.identity(h @ v1.get_variable('u', (4, 2)), 'logits')
        session.run(v1.global_variables_initializer())
        path = v1.train.Saver().save(session, str(folder / 'model.ckpt'), global_step=7)
        [gradient] = v1.gradients(logits[:, 1], x)
        return path, session.run(gradient, {x: XS}) * XS


@pytest.mark.parametrize('ending', ['', '.meta', '.index', '.data-00000-of-00001', '/..'])
def test_as_the_network(written, ending):
    path, expected = written
    with DeepExplain.from_checkpoint(path + ending if ending != '/..' else path.rpartition('/')[0]) as de:
        a = de.explain('grad*input', 'logits', 'x', XS, ys=1)
    de.close()
    np.testing.assert_allclose(a, expected, rtol=1e-4, atol=1e-6)


def test_outputs_are_those_of_the_model(written):
    """What a branch of cond computes for a moving average alone is none."""
    with DeepExplain.from_checkpoint(written[0]) as de:
        assert [t.name for t in de.inputs] == ['x:0'] and [t.name for t in de.outputs] == ['logits:0']
    de.close()


def test_shapes_of_another_version_are_dropped(written, tmp_path):
    path, expected = written
    meta = v1.MetaGraphDef.FromString(open(f'{path}.meta', 'rb').read())
    for node in meta.graph_def.node:
        if node.op == 'MatMul':
            node.attr['_output_shapes'].list.shape.add().dim.add(size=3)
    for end in '.index', '.data-00000-of-00001':
        (tmp_path / f'm{end}').write_bytes(open(path + end, 'rb').read())
    (tmp_path / 'm.meta').write_bytes(meta.SerializeToString())
    with DeepExplain.from_checkpoint(tmp_path / 'm') as de:
        np.testing.assert_allclose(de.explain('grad*input', 'logits', 'x', XS, ys=1), expected, rtol=1e-4,
                                   atol=1e-6)
    de.close()


def test_weights_of_another_network(written, tmp_path):
    path, _ = written
    with tf.Graph().as_default(), v1.Session() as session:
        v1.get_variable('w', (3, 2))
        session.run(v1.global_variables_initializer())
        other = v1.train.Saver().save(session, str(tmp_path / 'm'))
    (tmp_path / 'm.meta').write_bytes(open(f'{path}.meta', 'rb').read())
    with pytest.raises(SourceError, match=r"'w' has shape \(3, 2\)"):
        DeepExplain.from_checkpoint(other)
    with pytest.raises(SourceError, match=r'Checkpoints in .*: model\.ckpt-7\.'):
        DeepExplain.from_checkpoint(path.removesuffix('-7'))


@pytest.mark.parametrize('of_resources', [True, False])
def test_a_forward_pass_that_writes_what_it_reads(of_resources):
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        count, unread = (v1.get_variable(n, (), initializer=v1.ones_initializer(), use_resource=of_resources)
                         for n in ('count', 'unread'))
        session.run(v1.global_variables_initializer())
        T = tf.tanh(x[:, 0]) * v1.assign_add(count, 1., name='step')
        with pytest.warns(RandomWarning, match=r'".*" \(Assign.*\) writes variables that it reads'):
            de.explain('grad*input', T, x, XS)
        with tf.control_dependencies([v1.assign_add(unread, 1.)]):
            T = tf.tanh(x[:, 0]) * count
        with warnings.catch_warnings():
            warnings.simplefilter('error', RandomWarning)
            de.explain('grad*input', T, x, XS)


def test_tables_and_local_variables_are_initialized(tmp_path):
    """They are no part of a checkpoint; what is missing in it otherwise is named."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        numbers = tf.lookup.KeyValueTensorInitializer(tf.constant([0, 1], tf.int64), [2., 3.])
        scale = tf.lookup.StaticHashTable(numbers, 0.).lookup(tf.constant(1, tf.int64))
        w, u = (v1.get_variable(name, (3,), initializer=v1.random_normal_initializer()) for name in 'wu')
        local = v1.Variable(2 * w, collections=[v1.GraphKeys.LOCAL_VARIABLES], trainable=False)
        T = tf.reduce_sum(tf.tanh(x * local) * scale, 1, name='T')
        tf.add(T, tf.reduce_sum(x * u, 1), 'U')
        session.run([w.initializer, u.initializer, v1.tables_initializer()])
        session.run(local.initializer)
        expected = session.run(v1.gradients(T, x)[0], {x: XS}) * XS
        whole, part = (v1.train.Saver(kept).save(session, str(tmp_path / name))
                       for name, kept in (('whole', [w, u]), ('part', [w])))
    for path in whole, part:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter('always', SourceWarning)
            de = DeepExplain.from_checkpoint(path)
        assert ['Without a value: "u". ' in str(w.message) for w in told] == [True] * (path == part)
        with de:
            np.testing.assert_allclose(de.explain('grad*input', 'T:0', 'x', XS), expected, rtol=1e-5)
        de.close()
