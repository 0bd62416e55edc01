"""Functions, frozen graphs and what is none of them."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1


def test_function_and_graph_def(tmp_path):
    w = tf.Variable(RNG.normal(size=(4, 2)), dtype=tf.float32)
    xs = RNG.normal(size=(3, 4)).astype('f')
    spec = [tf.TensorSpec((None, 4), tf.float32, 'x')]

    def f(x):
        return tf.nn.elu(x @ w)
    g = tf.function(f, input_signature=spec)
    found = []
    for fn, signature in (f, spec), (tf.function(f), spec), (g, None), (g.get_concrete_function(), None):
        with DeepExplain.from_function(fn, signature) as de:
            found.append(de.explain('deeplift', de.outputs[0], de.inputs[0], xs))
            graph_def = de.graph.as_graph_def()
    expected = (f(xs) - f(0 * xs)).numpy().sum(1)
    binary, text = tmp_path / 'frozen.pb', tmp_path / 'frozen.pbtxt'
    binary.write_bytes(graph_def.SerializeToString())
    text.write_text(str(graph_def))
    for given in graph_def, binary, str(text):
        with DeepExplain.from_graph_def(given) as de:
            found.append(de.explain('deeplift', de.outputs[0], de.inputs[0], xs))
    for a in found:
        np.testing.assert_allclose(a, found[0], rtol=1e-6)
        np.testing.assert_allclose(a.sum(1), expected, rtol=1e-4, atol=1e-5)


def test_functions_that_write_variables():
    """Assignments after all reads are left out; those that the output hangs on, and tables, are refused."""
    count, spec = tf.Variable(2.), [tf.TensorSpec((None, 3), tf.float32)]
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1, 2], [3., 4.]), 0.)
    generator = tf.random.Generator.from_seed(1)

    @tf.function
    def read_and_write(x):
        y = x * count
        count.assign_add(1.)
        return y

    @tf.function
    def write_in_branch(x):
        y = x * count
        if tf.reduce_sum(x) > 0:
            count.assign(7.)
        return y

    def write_and_read(x):
        count.assign_add(1.)
        return x * count

    @tf.function
    def loop(x):
        for _ in tf.range(3):
            x *= count
            count.assign_add(1.)
        return x
    for fn in read_and_write, write_in_branch, lambda x: read_and_write(x):
        with DeepExplain.from_function(fn, spec) as de:
            for _ in range(2):
                np.testing.assert_array_equal(de.explain('elrp', de.outputs[0], de.inputs[0],
                                                         np.ones((2, 3))), np.full((2, 3), 2))
    for message, fn in {r'writes a variable \("AssignAddVariableOp"\) and then reads it '
                        r'\("mul/ReadVariableOp"\)': write_and_read,
                        'writes a variable': lambda x: read_and_write(read_and_write(x)),
                        r'depend on "while" \(While\), which writes variables': loop,
                        r'\(RngReadAndSkip\), which writes': lambda x: x + generator.normal((3,)),
                        r'\(LookupTableFindV2\), is a table':
                            lambda x: x * table.lookup(tf.cast(x, tf.int32))}.items():
        with pytest.raises(errors.SourceError, match=message):
            DeepExplain.from_function(fn, spec)
    assert count.numpy() == 2


def test_bad_sources(tmp_path):
    (tmp_path / 'no.pb').write_text('nonsense {')
    with tf.Graph().as_default() as unfrozen:
        v1.get_variable('w', [2])
    for message, call in {
            'takes a Keras model or the path of one, not int': lambda: DeepExplain.from_keras(3),
            'no SavedModel at': lambda: DeepExplain.from_saved_model(str(tmp_path)),
            'is not a GraphDef, neither binary nor text': lambda: DeepExplain.from_graph_def(
                tmp_path / 'no.pb'),
            'the graph is not frozen: it has 1 variables, e.g. "w"': lambda: DeepExplain.from_graph_def(
                unfrozen.as_graph_def()),
            'needs an input_signature': lambda: DeepExplain.from_function(lambda x: x),
            'takes a function of tensors, not str': lambda: DeepExplain.from_function('f'),
            'the model takes strings': lambda: DeepExplain.from_function(
                lambda x: tf.strings.to_number(x), [tf.TensorSpec((None,), tf.string)])}.items():
        with pytest.raises(errors.SourceError, match=message):
            call()


def test_all_inputs_as_X():
    """`X=de.inputs` is the list of them, for explain, get_explainer and audit, and for batches of a
    dataset."""
    specs, xs = [tf.TensorSpec((None, 3)), tf.TensorSpec((None, 2))], (np.ones((4, 3), 'f4'),
                                                                       np.ones((4, 2), 'f4'))
    with DeepExplain.from_function(lambda a, b: tf.tanh(a[:, :2] * b), specs) as de:
        T, expected = de.outputs[0], de.explain('deeplift', de.outputs[0], list(de.inputs), list(xs),
                                                ys=[0, 1, 0, 1])
        explainer = de.get_explainer('deeplift', T, de.inputs)
        batches = tf.data.Dataset.from_tensor_slices((xs, [0, 1, 0, 1])).batch(2)
        for got in de.explain('deeplift', T, de.inputs, xs,
                              ys=[0, 1, 0, 1]), explainer.run(xs, [0, 1, 0, 1]), explainer.run(batches):
            for a, b in zip(got, expected):
                np.testing.assert_allclose(a, b, rtol=1e-6)
        assert de.audit('deeplift', T, de.inputs).fits


RNG = np.random.default_rng(0)


def test_functions_by_the_structure_of_what_they_take_and_give(tmp_path):
    one = RNG.normal(size=(2, 3)).astype('f')

    def fn(x):
        return {'b': x * 3., 'a': [x, x * 2., None], 'c': tf.identity(x * 5., name='b'), 'same': x}
    spec = tf.TensorSpec((None, 3), tf.float32)
    with DeepExplain.from_function(fn, [spec]) as de:
        for name, value in {'a/0': 1, 'a/1': 2, 'b': 3, 'c': 5, 'same': 1}.items():
            np.testing.assert_allclose(de.session.run(de.outputs[name], {de.inputs['x']: one}), value * one,
                                       rtol=1e-6)
        assert de.outputs['same'] is de.inputs[0] and len(de.outputs) == 5
        with pytest.raises(errors.TensorError, match=r"the name 'b' is ambiguous: it could be the output "
                                                     r"'b', tensor .*; the op 'b', tensor \"b:0\""):
            de.tensor('b')
        with pytest.raises(errors.TensorError, match=r"the name 'a' is ambiguous: it could be 'a/0', tensor "
                                                     r".*; 'a/1', tensor"):
            de.outputs['a']

    def two(second, first):
        return {'difference': first['q'] - 2 * first['p'] + 0 * second, 'second': second}
    structured = tf.function(two).get_concrete_function(spec, {'q': spec, 'p': spec})
    with DeepExplain.from_function(structured) as de:
        feed = {de.inputs['second']: one, de.inputs['first/p']: 2 * one, de.inputs['first/q']: one}
        np.testing.assert_allclose(de.session.run(de.outputs['difference'], feed), -3 * one, rtol=1e-6)
        for look in de.tensor, de.inputs.__getitem__:
            with pytest.raises(errors.TensorError, match=r"the name 'first' is ambiguous: .*'first/p', "
                                                         r".*'first/q'"):
                look('first')

    class Module(tf.Module):
        @tf.function(input_signature=[spec, spec])
        def serve(self, z, y):
            return {'p': y - 2 * z, 'o': z}
    tf.saved_model.save(module := Module(), str(tmp_path / 'tf2'), signatures=module.serve)
    with tf.Graph().as_default(), v1.Session() as session:
        # the ops the other way round
        z, y = v1.placeholder(tf.float32, (None, 3), 'y'), v1.placeholder(tf.float32, (None, 3), 'z')
        v1.saved_model.simple_save(session, str(tmp_path / 'tf1'), {'z': z, 'y': y},
                                   {'p': y - 2 * z, 'o': tf.identity(z)})
    for way in 'tf2', 'tf1':
        with DeepExplain.from_saved_model(tmp_path / way) as de:
            got = de.session.run([de.outputs['p'], de.outputs['o']], {de.inputs['z']: one,
                                                                      de.inputs['y']: 5 * one})
            np.testing.assert_allclose(got, [3 * one, one], rtol=1e-6, err_msg=way)
