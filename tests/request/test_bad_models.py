"""Files, graphs, functions and signatures that hold no model to explain."""

import datetime
import os
import pickle
import re
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1
from tests.support.spied import X4

SPEC = tf.TensorSpec((None, 3), tf.float32)
INTERNALS = re.compile(r'\{\{node|Traceback|tensorflow/python|_op_def_library|FailedPrecondition|InvalidArgument')
MODEL = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """A folder with models of every kind, damaged ones, and what is no model."""
    d = tmp_path_factory.mktemp('models')
    MODEL.save(d / 'm.keras'), MODEL.save(d / 'm.h5'), MODEL.save_weights(d / 'm.weights.h5')
    with tf.Graph().as_default() as graph:
        tf.tanh(v1.placeholder(tf.float32, (None, 3), 'x'), 'y')
    saved = tf.Module()
    saved.f = tf.function(tf.tanh, input_signature=[SPEC])
    tf.saved_model.save(saved, str(d / 'saved'), signatures=saved.f)
    meta = v1.MetaGraphDef(graph_def=graph.as_graph_def())
    junk = np.random.default_rng(0).bytes(300)
    for folder in 'folder', 'junk', 'ckpt':
        (d / folder).mkdir()
    (d / 'ckpt' / 'checkpoint').write_text('x')
    content = {'frozen.pb': graph.as_graph_def().SerializeToString(), 'frozen.pbtxt': str(graph.as_graph_def()).encode(), 'empty.keras': b'',
               'empty.pb': b'',
               'junk.keras': junk, 'junk.h5': junk, 'junk.pb': junk, 'junk/saved_model.pb': junk,
               'renamed.pb': (d / 'saved' / 'saved_model.pb').read_bytes(),
               'meta.pb': meta.SerializeToString(), 'cut.keras': (d / 'm.keras').read_bytes()[:300], 'cut.h5': (d / 'm.h5').read_bytes()[:600],
               'm.ckpt.index': junk, 'm.ckpt.data-00000-of-00001': junk, 'm.ckpt.meta': junk, 'checkpoint': b'x', 'm.onnx': junk,
               'm.pkl': pickle.dumps(3), 'renamed.h5': (d / 'm.weights.h5').read_bytes(),
               'm.tflite': b'\x1c\0\0\0TFL3' + junk, 'm.json': MODEL.to_json().encode(), 'm.txt': b'hello'}
    for name, value in content.items():
        (d / name).write_bytes(value)
    with h5py.File(d / 'keras2.h5', 'w') as weights:
        weights.attrs['layer_names'] = [b'dense']
    with zipfile.ZipFile(d / 'm.pt', 'w') as archive:
        archive.writestr('archive/data.pkl', 'x')
    with zipfile.ZipFile(d / 'other.keras', 'w') as archive:
        archive.writestr('a.txt', 'x')
    return d


FITS = {'m.keras': 'from_keras', 'm.h5': 'from_keras', 'saved': 'from_saved_model', 'frozen.pb': 'from_graph_def', 'frozen.pbtxt': 'from_graph_def'}
NO_MODEL = {            # message of every constructor, or of one of them
    'empty.keras': 'an empty file', 'empty.pb': 'an empty file', 'm.weights.h5': 'weights without the model.*load_weights',
    'renamed.h5': 'weights without the model', 'keras2.h5': 'weights without the model',
    'junk.keras': '.keras or .h5 file that is damaged', 'junk.h5': 'damaged', 'cut.keras': 'damaged', 'other.keras': 'damaged',
    'folder': 'a folder without saved_model.pb', 'ckpt': 'a checkpoint', 'checkpoint': 'a checkpoint', 'm.ckpt': 'a checkpoint',
    'm.ckpt.index': 'a checkpoint.*restore',
    'm.ckpt.meta': 'a checkpoint', 'm.ckpt.data-00000-of-00001': 'a checkpoint', 'm.onnx': 'an ONNX model.*from_saved_model',
    'm.tflite': 'a TensorFlow Lite model.*from_callable',
    'm.pkl': 'PyTorch file or a pickle', 'm.pt': 'PyTorch file or a pickle', 'saved/saved_model.pb': 'from_saved_model takes its folder',
    'nothing.keras': 'no file or folder', 'nothing': 'no file or folder',
}
CONSTRUCTORS = ['from_keras', 'from_saved_model', 'from_graph_def']


def refused(message, call, error=errors.SourceError):
    with pytest.raises(error, match='(?s)' + message) as caught:
        call()
    assert isinstance(caught.value, RuntimeError) and not INTERNALS.search(str(caught.value)), str(caught.value)
    return caught.value


@pytest.mark.parametrize('way', CONSTRUCTORS)
def test_paths(files, way):
    for name, fits in FITS.items():
        for path in files / name, str(files / name):
            if fits == way:
                with getattr(DeepExplain, way)(path) as de:
                    assert de.inputs[0].shape.as_list() == [None, 3]
            else:
                refused(f'{way}: no .* at .*{fits} takes it', lambda p=path: getattr(DeepExplain, way)(p))
                refused(f'not (str|PosixPath).*{fits} takes it', lambda p=path: DeepExplain(p), errors.ContextError)
                refused(f'not (str|PosixPath).*{fits} takes it', lambda p=path: DeepExplain.from_function(p, [SPEC]))
    for name, message in NO_MODEL.items():
        refused(message, lambda n=name: getattr(DeepExplain, way)(files / n))
    for value in None, 3, b'm.keras', [MODEL], {'a': 1}, X4, keras.Model, keras.layers.Dense(2), datetime.date(2020, 1, 1), os:
        refused(f'{way} takes a .*, not {type(value).__name__}', lambda v=value: getattr(DeepExplain, way)(v))
    if way != 'from_keras':
        refused('not Sequential. Use DeepExplain.from_keras', lambda: getattr(DeepExplain, way)(MODEL))


def test_what_is_inside_of_files(files):
    refused('from_keras cannot load .*cut.h5', lambda: DeepExplain.from_keras(files / 'cut.h5'))
    refused('from_saved_model cannot load .*junk', lambda: DeepExplain.from_saved_model(files / 'junk'))
    refused('is not a GraphDef, neither binary nor text', lambda: DeepExplain.from_graph_def(files / 'junk.pb'))
    refused('is not a GraphDef, neither binary nor text', lambda: DeepExplain.from_graph_def(files / 'm.txt'))
    refused('not a GraphDef but a SavedModel. .*from_saved_model', lambda: DeepExplain.from_graph_def(files / 'renamed.pb'))
    refused(r'not a GraphDef but a MetaGraphDef.*DeepExplain\(session\)', lambda: DeepExplain.from_graph_def(files / 'meta.pb'))
    loaded = tf.saved_model.load(str(files / 'saved'))
    for way in 'from_keras', 'from_saved_model', 'from_graph_def', 'from_function':
        refused(r"from_saved_model\(path\), or DeepExplain.from_function\(loaded.signatures\['serving_default'\]\)",
                lambda w=way: getattr(DeepExplain, w)(loaded))
    for signature in 'nope', '', None, 3, ['serving_default'], b'serving_default':
        refused('has no signature .* It has: .*serving_default', lambda s=signature: DeepExplain.from_saved_model(files / 'saved', s))


def test_graphs():
    with tf.Graph().as_default() as graph:
        tf.tanh(v1.placeholder(tf.float32, (None, 3), 'x'), 'y')
    with tf.Graph().as_default() as constant:
        tf.constant(1.)
    unknown, dangling = graph.as_graph_def(), graph.as_graph_def()
    unknown.node[1].op, dangling.node[1].input[0] = 'NoSuchOp', 'z'
    refused('the GraphDef is empty', lambda: DeepExplain.from_graph_def(v1.GraphDef()))
    refused('has no placeholders', lambda: DeepExplain.from_graph_def(constant.as_graph_def()))
    refused('cannot import the GraphDef.*NoSuchOp', lambda: DeepExplain.from_graph_def(unknown))
    refused('cannot import the GraphDef', lambda: DeepExplain.from_graph_def(dangling))
    refused(r'not Graph. Give DeepExplain\(session\)', lambda: DeepExplain.from_graph_def(graph))
    refused('not MetaGraphDef. Import', lambda: DeepExplain.from_graph_def(v1.MetaGraphDef()))
    refused(r'not Session. Use DeepExplain\(session\)', lambda: DeepExplain.from_graph_def(v1.Session(graph=graph)))


class Subclassed(keras.Model):
    def __init__(self, fn=tf.tanh):
        super().__init__()
        self.fn = fn

    def call(self, x):
        return self.fn(x)


SIGNATURES = {          # value -> message
    'shape': ((None, 3), 'input_signature holds None, which is not a tf.TensorSpec. Give'), 'shapes': ([(None, 3)], r'holds \(None, 3\)'),
    'a number': (3, 'must be a list of tf.TensorSpec, not 3'), 'numbers': ([3], 'holds 3'), 'Nones': ([None], 'holds None'),
    'string': ('float32', "not 'float32'"),
    'strings': (['x'], "holds 'x'"), 'bytes': (b'x', "not b'x'"), 'generator': ((s for s in [SPEC]), 'not <generator'),
    'set': ({SPEC}, 'must be a list'),
    'dict': ({'x': 3}, 'input_signature'), 'empty': ([], 'input_signature is empty'), 'TensorShape': (tf.TensorShape((None, 3)), 'must be a list'),
    'TensorShapes': ([tf.TensorShape((None, 3))], 'holds TensorShape'), 'dtypes': ([tf.float32], 'holds tf.float32'), 'array': (X4, 'must be a list'),
    'arrays': ([X4], 'holds array'), 'tensors': ([tf.zeros((2, 3))], 'holds <tf.Tensor'), 'class': (tf.TensorSpec, 'must be a list'),
    'function': (len, 'must be a list'),
    'ragged': ([tf.RaggedTensorSpec((None, None))], 'holds RaggedTensorSpec'), 'sparse': ([tf.SparseTensorSpec((None, 3))], 'holds SparseTensorSpec'),
    'Keras inputs': ([keras.Input((3,))], 'holds <KerasTensor'), 'resources': ([tf.TensorSpec((), tf.resource)], 'has no numbers'),
    'too many': ([SPEC, SPEC], 'could not trace the model for inputs'),
    'strings to read': ([tf.TensorSpec((None, 3), tf.string)], 'could not trace|takes strings'),
}


@pytest.mark.parametrize('way', ['function', 'tf.function', 'tf.function with a signature', 'ConcreteFunction', 'subclassed model'])
def test_signatures(way):
    own = tf.function(tf.tanh, input_signature=[SPEC])
    enter = {'function': lambda s: DeepExplain.from_function(lambda x: tf.tanh(x), s),
             'tf.function': lambda s: DeepExplain.from_function(tf.function(tf.tanh), s),
             'tf.function with a signature': lambda s: DeepExplain.from_function(own, s),
             'ConcreteFunction': lambda s: DeepExplain.from_function(own.get_concrete_function(), s),
             'subclassed model': lambda s: DeepExplain.from_keras(Subclassed(), s)}[way]
    for name, (value, message) in SIGNATURES.items():
        if way != 'subclassed model' or name != 'too many':             # which is given both in a list
            refused(message if way != 'ConcreteFunction' else f'{message}|of its own', lambda v=value: enter(v))
    for fits in SPEC, [SPEC], (SPEC,):
        with enter(fits) as de:
            assert de.inputs[0].shape.as_list() == [None, 3] and len(de.inputs) == 1


TRACES = {              # function -> message
    'None': (lambda x: None, 'returns None: it must return tensors'), 'nothing in a list': (lambda x: [], 'must return tensors'),
    'a string': (lambda x: 'a', 'it must return numbers'), 'strings': (tf.strings.as_string, 'it must return numbers'),
    'a number': (lambda x: 3., 'no output of the model depends'),
    'a constant': (lambda x: tf.constant([1.]), 'no output of the model depends on the values of an input'),
    'an array': (lambda x: np.zeros(3), 'no output'), 'a shape': (tf.shape, 'no output'), 'ones': (tf.ones_like, 'no output'),
    'an object': (lambda x: object(), 'could not trace'), 'a function': (lambda x: len, 'could not trace'),
    'an error': (lambda x: 1 / 0, 'division by zero'),
    'NumPy': (lambda x: x.numpy(), 'could not trace'),
    'a decision': (lambda x: x if bool(tf.reduce_sum(x) > 0) else -x, 'no decision in Python on their values'),
    'another width': (lambda x: x @ tf.zeros((7, 7)), 'could not trace'),
}


@pytest.mark.parametrize('name', TRACES)
def test_functions_that_give_nothing_to_explain(name):
    fn, message = TRACES[name]
    refused(message, lambda: DeepExplain.from_function(tf.autograph.experimental.do_not_convert(fn), [SPEC]))
    refused(message, lambda: DeepExplain.from_keras(Subclassed(tf.autograph.experimental.do_not_convert(fn)), [SPEC]))
    if name == 'an error':
        plain = tf.autograph.experimental.do_not_convert(fn)
        assert isinstance(refused(message, lambda: DeepExplain.from_function(plain, [SPEC])).__cause__, ZeroDivisionError)


def test_models_that_are_none():
    refused('has no input', lambda: DeepExplain.from_function(tf.function(lambda: tf.zeros(3), input_signature=[])))
    refused('Use DeepExplain.from_keras for a Keras model such as Sequential', lambda: DeepExplain.from_function(MODEL, [SPEC]))
    refused('Model is a class: give an instance', lambda: DeepExplain.from_keras(keras.Model))
    refused('Module is a class: give an instance', lambda: DeepExplain.from_function(tf.Module, [SPEC]))
    refused('not function. Use DeepExplain.from_function', lambda: DeepExplain.from_keras(tf.tanh))
    refused('does not tell its input. Give', lambda: DeepExplain.from_keras(keras.Sequential([keras.layers.Dense(2)])))
    refused('needs an input_signature', lambda: DeepExplain.from_function(tf.function(tf.tanh)))
