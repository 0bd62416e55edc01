"""Malformed calls: each is a DeepExplainError that says what was given and what to do, before anything is run or added to the graph."""

import copy
import datetime
import os
import pickle
import re
import zipfile

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, methods
from tests.support.networks import mlp, samples, v1

NET = mlp('relu', 'tanh')
X4, YS4 = samples(NET, 4)
IDS = np.arange(8).reshape(2, 4)
SPEC = tf.TensorSpec((None, 3), tf.float32)
INTERNALS = re.compile(r'\{\{node|Traceback|tensorflow/python|_op_def_library|FailedPrecondition|InvalidArgument')


class Spied:
    """One graph and session for all rows: X and T of numbers, ids and their lookups, placeholders to feed; how often something ran."""

    def __init__(self):
        self.graph, self.runs = tf.Graph(), 0
        with self.graph.as_default():
            self.X = v1.placeholder(tf.float64, (None, 5), 'x')
            self.Y = v1.placeholder(tf.float64, (None, 5), 'y')
            self.T = NET.tensorflow(self.X)
            self.T2 = self.T + NET.tensorflow(self.Y)
            self.score, self.steep = self.T[:, 0], 1e9 * self.T
            self.rate, self.rows = v1.placeholder(tf.float64, (), 'rate'), v1.placeholder(tf.float64, (None, 3), 'rows')
            self.train, self.steps = v1.placeholder(tf.bool, (), 'train'), v1.placeholder(tf.int32, (), 'steps')
            self.needs_rate, self.needs_rows = self.T * self.rate, self.T * self.rows
            self.needs_train = tf.cond(self.train, lambda: self.T, lambda: 2 * self.T)
            self.fixed_x, self.fixed_w = v1.placeholder(tf.float64, (4, 5)), v1.placeholder(tf.float64, (4, 3), 'fixed')
            self.fixed = NET.tensorflow(self.fixed_x) * self.fixed_w
            self.narrow_x = v1.placeholder(tf.float32, (None, 5), 'narrow')
            self.narrow = NET.tensorflow(self.narrow_x)
            self.bools, self.complexes, self.strings = (v1.placeholder(t, (None, 5)) for t in (tf.bool, tf.complex64, tf.string))
            self.classes, self.phases = tf.argmax(self.T, 1), tf.cast(self.T, tf.complex128)
            self.ids = v1.placeholder(tf.int32, (None, 4), 'ids')
            table = tf.constant(np.random.default_rng(0).normal(size=(9, 3)))
            self.words = tf.tanh(tf.reshape(tf.nn.embedding_lookup(table, self.ids), (-1, 12)) @ tf.ones((12, 2), tf.float64))
            self.session = v1.Session(graph=self.graph)
        make, run = self.session._make_callable_from_options, self.session.run

        def counted(call):
            def count(*given, **named):
                self.runs += 1
                return call(*given, **named)
            return count
        self.session._make_callable_from_options, self.session.run = lambda options: counted(make(options)), counted(run)
        self.de = DeepExplain(self.session)
        with self.de:
            self.saliency, self.lift = (self.de.get_explainer(name, self.T, self.X) for name in ('saliency', 'deeplift'))
            self.shapley = self.de.get_explainer('shapley_sampling', self.T, self.X)
            self.tokens = self.de.get_explainer('intgrad', self.words, self.ids)

    def explain(self, method='saliency', T=None, X=None, xs=X4, **more):
        return self.de.explain(method, self.T if T is None else T, self.X if X is None else X, xs, **more)

    def on_ids(self, method='intgrad', xs=IDS, **more):
        return self.de.explain(method, self.words, self.ids, xs, **more)


@pytest.fixture(scope='module')
def shared():
    return Spied()


@pytest.fixture
def spied(shared):
    """Inside of its context, whose graph is the default graph."""
    with shared.de:
        yield shared


class Unreadable:
    def __array__(self, *a, **k):
        raise RuntimeError('tensor that requires grad')


class DataFrame:
    def __array__(self, dtype=None, copy=None):
        return np.array(X4)


DataFrame.__module__ = 'pandas.core.frame'          # pandas itself is not needed
ONE_FIELD = np.zeros((4, 5), [('a', 'f8')])
VARIABLE, RAGGED, SPARSE = tf.Variable(X4), tf.ragged.constant([[1., 2], [3.]]), tf.sparse.from_dense(X4)

# What is not an array of numbers, whatever it is given for: value -> message
NOT_ARRAYS = {
    'string': ('abc', 'got str'), 'bytes': (b'abc', 'got bytes'), 'strings': (np.full((4, 5), '1'), 'of dtype <U1. Give numbers'),
    'set': ({1., 2.}, 'got set of dtype object. Give a NumPy array'), 'generator': ((r for r in X4), 'got generator .*Give a NumPy array'),
    'dict': ({'x': X4}, 'got dict'), 'dict values': ({'x': X4}.values(), 'got dict_values'), 'map': (map(float, [1]), 'got map'),
    'iterator': (iter([1.]), 'got list_iterator'), 'object': (object(), 'got object'), 'ellipsis': (..., 'got ellipsis'),
    'Nones': ([[None] * 5] * 4, r'of dtype object. Give numbers of one type'), 'huge integers': ([[10 ** 400] * 5] * 4, 'of dtype object'),
    'objects': (X4.astype(object), r'of dtype object. Give numbers of one type, e.g. .astype\(float\)'),
    'masked': (np.ma.masked_array(X4, X4 > 0), r'got MaskedArray. Its mask would be lost: give .filled\(number\)'),
    'masked without a mask': (np.ma.masked_array(X4), 'got MaskedArray'),
    'list of masked rows': ([np.ma.masked_array(r, r > 0) for r in X4], 'got MaskedArray'),
    'masked deep in a list': ([[1., 2], [np.ma.masked, 3]], 'got MaskedConstant'),
    'data frame': (DataFrame(), r'got DataFrame. Give .to_numpy\(\)'),
    'csr matrix': (scipy.sparse.csr_matrix(X4), r'got csr_matrix. Give .toarray\(\)'),
    'coo matrix': (scipy.sparse.coo_matrix(X4), r'.toarray\(\)'), 'csr array': (scipy.sparse.csr_array(X4), r'got csr_array. Give .toarray\(\)'),
    'list of sparse rows': ([scipy.sparse.csr_matrix(X4)] * 2, r'.toarray\(\)'),
    'structured': (np.zeros(4, [('a', 'f8'), ('b', 'f8')]), 'Give one plain array: .*structured_to_unstructured'),
    'structured with one field': (ONE_FIELD, 'structured_to_unstructured'),
    'record array': (ONE_FIELD.view(np.recarray), 'structured_to_unstructured'),
    'variable': (VARIABLE, r'got ResourceVariable. Give its values: variable.numpy\(\)'),
    'Keras variable': (keras.Variable(X4), r'variable.numpy\(\)'),
    'ragged': (RAGGED, r'got RaggedTensor. Give a dense array'), 'sparse tensor': (SPARSE, 'got SparseTensor. Give a dense array'),
    'slices': (tf.IndexedSlices(X4, [0, 1, 2, 3]), 'got IndexedSlices'), 'Keras tensor': (keras.Input((5,)), 'got KerasTensor. It is symbolic'),
    'dates': (np.zeros((4, 5), 'M8[s]'), 'of dtype datetime64'), 'times': (np.zeros((4, 5), 'm8[s]'), 'of dtype timedelta64'),
    'dates in a list': ([[datetime.date(2020, 1, 1)] * 5] * 4, 'of dtype object'), 'complex': (X4 + 1j, 'got complex numbers'),
    'uneven': ([[1., 2], [3.]], 'got list of uneven shape'), 'unreadable': (Unreadable(), r'got Unreadable \(tensor that requires grad\)'),
}
ARRAY_DOORS = {
    'xs': ('xs for X "x:0" is not an array of float64: ', lambda s, v: s.explain(xs=v)),
    'xs of a list': ('xs for X "x:0" is not an array of float64: ', lambda s, v: s.explain(X=[s.X], xs=[v])),
    'xs of an explainer': ('xs for X "x:0" is not an array of float64: ', lambda s, v: s.saliency.run(v)),
    'ids': ('xs for X "ids:0" is not an array of int32: ', lambda s, v: s.tokens.run(v)),
    'ys': ('ys is not an array of float64: ', lambda s, v: s.explain(ys=v)),
    'baseline': ('baseline for X "x:0" is not an array of float64: ', lambda s, v: s.explain('deeplift', baseline=v)),
    'what a baseline function returns': ('baseline for X "x:0" is not an array of float64: ', lambda s,
                                         v: s.explain('intgrad', baseline=lambda x: v)),
    'feed_dict': ('feed_dict for "rows:0" is not an array of float64: ', lambda s, v: s.explain(T=s.needs_rows, feed_dict={s.rows: v})),
    'a batch of a stream': ('xs for X "x:0" is not an array of float64: ', lambda s, v: list(s.saliency.stream([v]))),
    'ys of a stream': ('ys is not an array of float64: ', lambda s, v: list(s.saliency.stream([(X4, v)]))),
}

FLAGS = {'1': 1, '0': 0, "'yes'": 'yes', '1.0': 1., r'array\(\[ ?True\]\)': np.array([True]), r'\[\]': [], r'array\(True\)': np.array(True)}
FLAG_DOORS = {
    'return_delta': lambda s, v: s.explain('deeplift', return_delta=v), 'return_std_error': lambda s, v: s.shapley.run(X4, return_std_error=v),
    'jit_compile': lambda s, v: s.explain(jit_compile=v), 'hoist': lambda s, v: s.explain('intgrad', hoist=v),
    'antithetic': lambda s, v: s.explain('shapley_sampling', antithetic=v), 'average': lambda s, v: s.explain('intgrad', average=v),
    'sum_embedding': lambda s, v: s.on_ids(sum_embedding=v),
}
MORE_FLAGS = {
    'return_delta of ids': ('return_delta', lambda s, v: s.tokens.run(IDS, return_delta=v)),
    'return_delta of a stream': ('return_delta', lambda s, v: s.lift.stream([X4], return_delta=v)),
    'jit_compile of get_explainer': ('jit_compile', lambda s, v: s.de.get_explainer('saliency', s.T, s.X, jit_compile=v)),
    'jit_compile of audit': ('jit_compile', lambda s, v: s.de.audit('saliency', s.T, s.X, jit_compile=v)),
}
COUNTS = {'-1': -1, '0': 0, '2.5': 2.5, '2.0': 2., 'nan': np.nan, 'inf': np.inf, "'2'": '2', 'True': True, r'\[2\]': [2],
          re.escape(repr(np.bool_(True))): np.bool_(True),
          r'array\(\[2\]\)': np.array([2]), r'array\(2\)': np.array(2), re.escape(repr(np.float32(2))): np.float32(2), "<class 'int'>": int, '2j': 2j,
          r'\{\}': {},
          '-1000000000000000000000000000000': -10 ** 30, "b'2'": b'2'}
COUNT_DOORS = {
    'batch_size': lambda s, v: s.explain(batch_size=v), 'memory_limit': lambda s, v: s.explain(memory_limit=v),
    'batch_size of run': lambda s, v: s.saliency.run(X4, batch_size=v), 'batch_size of ids': lambda s, v: s.tokens.run(IDS, batch_size=v),
    'batch_size of a stream, when it is called': lambda s, v: s.saliency.stream([X4], batch_size=v),
    'batch_size of a stream of an array': lambda s, v: s.saliency.stream(X4, batch_size=v),
    'batch_size of a stream of ids': lambda s, v: s.tokens.stream(IDS, v), 'batch_size of plan': lambda s, v: s.saliency.plan(4, v),
    'memory_limit beside batch_size': lambda s, v: s.explain(batch_size=2, memory_limit=v), 'memory_limit of ids': lambda s,
    v: s.tokens.run(IDS, memory_limit=v),
    'memory_limit of plan': lambda s, v: s.saliency.plan(4, memory_limit=v), 'memory_limit of a stream': lambda s,
    v: s.lift.stream([X4], memory_limit=v),
    'n of plan': lambda s, v: s.saliency.plan(v), 'steps of intgrad': lambda s, v: s.explain('intgrad', steps=v),
    'max_steps of intgrad': lambda s, v: s.explain('intgrad', tolerance=.1, max_steps=v), 'samples of shapley_sampling': lambda s,
    v: s.explain('shapley_sampling', samples=v),
    'max_samples of shapley_sampling': lambda s, v: s.explain('shapley_sampling', tolerance=.1, max_samples=v),
    'each entry of window_shape': lambda s, v: s.explain('occlusion', window_shape=[v]), 'each entry of step': lambda s,
    v: s.explain('occlusion', step=(v,)),
    'each entry of sampling_dims': lambda s, v: s.explain('shapley_sampling', sampling_dims=[v]),
}
NUMBERS = {'-1': -1, '0': 0, 'nan': np.nan, 'inf': np.inf, "'2'": '2', 'True': True, r'\[2\]': [2], r'array\(\[2\]\)': np.array([2]), '2j': 2j}
NUMBER_DOORS = {'epsilon': lambda s, v: s.explain('elrp', epsilon=v), 'tolerance of intgrad': lambda s, v: s.explain('intgrad', tolerance=v),
                'tolerance of shapley_sampling': lambda s, v: s.explain('shapley_sampling', tolerance=v)}
CHOICES = {'quadrature': 'intgrad', 'on_unsupported': 'elrp', 'products': 'elrp', 'softmax': 'elrp', 'normalization': 'elrp',
           'max_pooling': 'deeplift'}

NOT_TENSORS = {'array': X4, 'function': lambda out: out, 'number': 3, 'set': {1}, 'dict': {'x': X4}, 'generator': (t for t in ()),
               'variable': VARIABLE,
               'ragged': RAGGED, 'sparse': SPARSE, 'layer': keras.layers.Dense(2), 'class': tf.Tensor, 'shape': tf.TensorShape([1])}
TENSOR_DOORS = {
    'T': ("T must be a tensor of the session's graph, not ", lambda s, v: s.explain(T=v)),
    'X': ("X must be a tensor of the session's graph, not ", lambda s, v: s.explain(X=v)),
    'one of X': ("X must be a tensor of the session's graph, not ", lambda s, v: s.explain(X=[s.X, v], xs=[X4, X4])),
    'T of audit': ("T must be a tensor of the session's graph, not ", lambda s, v: s.de.audit('deeplift', v, s.X)),
    'X of audit': ("X must be a tensor of the session's graph, not ", lambda s, v: s.de.audit('deeplift', s.T, v)),
    'logits': ('is not a tensor, a name or a Keras symbolic tensor', lambda s, v: s.de.logits(v)),
    'tensor': ('is not a tensor, a name or a Keras symbolic tensor', lambda s, v: s.de.tensor(v)),
}


def without(names, *parts):
    """Of a table, what has none of these in its name."""
    return {k: v for k, v in names.items() if k not in parts}


def table():
    """(name, error, message, call with a Spied) of every row."""
    for door, (start, call) in ARRAY_DOORS.items():
        for name, (value, message) in NOT_ARRAYS.items():
            yield f'{door}: {name}', errors.ShapeError, f'{start}.*{message}', lambda s, c=call, v=value: c(s, v)
    for name, (value, message) in NOT_ARRAYS.items():
        yield f'scalar feed: {name}', errors.ShapeError, 'feed_dict for "rate:0" .*' + message, \
            lambda s, v=value: s.explain(T=s.needs_rate, feed_dict={s.rate: v})
    for name, value in without(NOT_ARRAYS, 'masked without a mask').items():
        yield f'out: {name}', errors.DeepExplainError, 'out (must be an array|has dtype)', lambda s, v=value[0]: s.saliency.run(X4, out=v)
        yield f'out of ids: {name}', errors.DeepExplainError, 'out (must be an array|has dtype)', lambda s, v=value[0]: s.tokens.run(IDS, out=v)
        if not isinstance(value[0], dict):
            yield f'feed_dict itself: {name}', errors.FeedError, 'feed_dict must be a dict', lambda s, v=value[0]: s.explain(feed_dict=v)
            yield f'feed_dict of ids: {name}', errors.FeedError, 'feed_dict must be a dict', lambda s, v=value[0]: s.tokens.run(IDS, feed_dict=v)
        if name not in ('string',):
            yield f'method: {name}', errors.UnknownMethod, 'no method .* Known: deeplift, elrp', lambda s, v=value[0]: s.explain(v)
    for text, value in FLAGS.items():
        for name, call in FLAG_DOORS.items():
            yield f'{name}={text}', errors.ParameterError, f'{name} must be True or False, not {text}', lambda s, c=call, v=value: c(s, v)
        for door, (name, call) in MORE_FLAGS.items():
            yield f'{door}: {text}', errors.ParameterError, f'{name} must be True or False, not {text}', lambda s, c=call, v=value: c(s, v)
        for door, call in {'run': lambda s, v: s.saliency.run(X4, progress=v), 'ids': lambda s, v: s.tokens.run(IDS, progress=v),
                           'stream': lambda s, v: s.lift.stream([X4], progress=v)}.items():
            yield f'progress of {door}: {text}', errors.ParameterError, f'progress must be True, False or a function, not {text}', \
                lambda s, c=call, v=value: c(s, v)
    for text, value in COUNTS.items():
        for name, call in COUNT_DOORS.items():
            said = name if name.startswith('each') else name.split()[0]
            yield f'{name}={text}', errors.ParameterError, f'{said} must be an integer >= 1, not ({text}|np.float64)', lambda s, c=call, \
                v=value: c(s, v)
        for name in ('window_shape', 'step') if text not in (r'\[2\]', r'array\(\[2\]\)') else ():
            yield f'{name}={text}', errors.ParameterError, f'{name} must be (an integer >= 1|a list .*), not {text}', \
                lambda s, n=name, v=value: s.explain('occlusion', **{n: v})
        if text not in (r'\[2\]', r'array\(\[2\]\)'):
            yield f'sampling_dims={text}', errors.ParameterError, r'sampling_dims must be a list of axes of X, e.g. \[1, 2\], not ', \
                lambda s, v=value: s.explain('shapley_sampling', sampling_dims=v)
        if text != '0':
            yield f'seed={text}', errors.ParameterError, f'seed must be an integer >= 0, not {text}', lambda s, \
                v=value: s.explain('shapley_sampling', seed=v)
        for name, method in CHOICES.items():
            yield f'{name}={text}', errors.ParameterError, f'{name} must be one of .*, not {text}', lambda s, n=name, m=method, \
                v=value: s.explain(m, **{n: v})
    for text, value in NUMBERS.items():
        for name, call in NUMBER_DOORS.items():
            yield f'{name}={text}', errors.ParameterError, f'{name.split()[0]} must be a number > 0, not {text}', lambda s, c=call, v=value: c(s, v)
    for name, value in NOT_TENSORS.items():
        for door, (message, call) in TENSOR_DOORS.items():
            yield f'{door}: {name}', errors.TensorError, message, lambda s, c=call, v=value: c(s, v)
    for method in methods():
        yield from of_method(method)


def of_method(method):
    """Rows of every method: names of options, baselines, ids."""
    def row(name, error, message, call):
        return f'{method}: {name}', error, message, call
    for wrong, close in {'batchsize': 'batch_size', 'feeddict': 'feed_dict', 'return_deltas': 'return_delta', 'jit': 'jit_compile'}.items():
        yield row(wrong, errors.ParameterError,
                  f'has no parameter {wrong!r}.*It takes' if wrong == 'jit' else f'has no parameter {wrong!r}. Did you mean "{close}"',
                  lambda s, w=wrong: s.explain(method, **{w: 2}))
    yield row('upper case', errors.UnknownMethod, f'Did you mean "{re.escape(method)}"', lambda s: s.explain(method.upper()))
    for name, value in {'id too high': IDS + 2, 'negative id': IDS - 1}.items():
        yield row(name, errors.ValueRangeError, r'xs for X "ids:0" holds id (9|-1), but the embedding behind "ids:0" knows 9: 0 to 8',
                  lambda s, v=value: s.on_ids(method, v))
    yield row('ids with fractions', errors.ValueRangeError, 'int32 cannot hold: fractions', lambda s: s.on_ids(method, IDS + .5))
    yield row('ids as booleans', errors.ShapeError, 'got booleans', lambda s: s.on_ids(method, IDS > 3))
    yield row('ys of ids', errors.ShapeError, 'class indices need one per row', lambda s: s.on_ids(method, ys=7))
    yield row('progress of ids', errors.ParameterError, 'progress must be', lambda s: s.on_ids(method, progress=3))
    yield row('out of ids', errors.ShapeError, r'out has shape \(2, 4\)', lambda s: s.on_ids(method, out=np.zeros((2, 4))))
    yield row('X of ids in feed_dict', errors.FeedError, 'feed_dict feeds X "ids:0"', lambda s: s.on_ids(method, feed_dict={s.ids: IDS}))
    if method in ('saliency', 'grad*input', 'occlusion'):
        yield row('return_delta', errors.ParameterError, 'return_delta: the attributions of', lambda s: s.explain(method, return_delta=True))
        yield row('return_delta of ids', errors.ParameterError, 'return_delta: the attributions of', lambda s: s.on_ids(method, return_delta=True))
    if method != 'shapley_sampling':
        yield row('return_std_error', errors.ParameterError, 'draws no samples', lambda s: s.explain(method, return_std_error=True))
    if method not in ('intgrad', 'deeplift', 'occlusion', 'shapley_sampling'):
        yield row('baseline', errors.ParameterError, "has no parameter 'baseline'", lambda s: s.explain(method, baseline=0))
        return
    for name, (value, error, message) in {
            'class': (float, errors.ShapeError, 'baseline is the class float'),
            'call of shape': (np.zeros, errors.ParameterError, 'zeros.* raised TypeError'),
            'function without arguments': (lambda: 0, errors.ParameterError, 'cannot take xs: .* raised TypeError'),
            'function of functions': (lambda x: lambda y: 0, errors.ShapeError, 'returned function, not an array'),
            'function of a class': (lambda x: float, errors.ShapeError, 'returned type, not an array'),
            'function of nothing': (lambda x: None, errors.ShapeError, 'returned None, not an array'),
            'function of a wrong shape': (lambda x: np.zeros(3), errors.ShapeError, r'baseline has shape \(3,\), but X "x:0" takes \(5,\)'),
            'function of an empty set': (lambda x: x[:0], errors.ShapeError, r'is empty, shape \(0, 5\)'),
            'empty set': (np.zeros((0, 5)), errors.ShapeError, r'baseline for X "x:0" is empty, shape \(0, 5\). Give at least one'),
            'empty list': ([], errors.ShapeError, 'is empty'), 'NaN': (np.nan, errors.ValueRangeError, 'NaN or infinite'),
            'infinity': (np.inf, errors.ValueRangeError, 'NaN or infinite'), 'True': (True, errors.ShapeError, 'is True. Give a number'),
            'one per tensor': ([0, 0], errors.ShapeError, r'shape \(2,\)'), 'a word': ('zero', errors.ShapeError, 'got str')}.items():
        yield row(f'baseline {name}', error, message, lambda s, v=value: s.explain(method, baseline=v))
    for text, value in {'True': True, r'array\(True\)': np.array(True), '0.5': .5, '0.0': 0., r'array\(0.5\)': np.array(.5),
                        "'Zero'": 'Zero'}.items():
        yield row(f'token {text}', errors.ParameterError, f"baseline must be 'zero', a token id or an array .*, not {text}",
                  lambda s, v=value: s.on_ids(method, baseline=v))
    yield row('token integers like the embedding', errors.ShapeError, r'shape \(4, 3\) and holds integers, which are token ids',
              lambda s: s.on_ids(method, baseline=np.zeros((4, 3), int)))
    for text, value in {'99': 99, '9': 9, '-1': -1, '99 in an array': np.array(99)}.items():
        yield row(f'token {text}', errors.ValueRangeError, r'baseline holds id (99|9|-1), but the embedding behind "ids:0" knows 9',
                  lambda s, v=value: s.on_ids(method, baseline=v))
    yield row('token shape', errors.ShapeError, r'baseline has shape \(2,\)', lambda s: s.on_ids(method, baseline=np.zeros(2)))


MORE = {
    'xs None': (errors.ShapeError, 'got NoneType', lambda s: s.explain(xs=None)),
    'xs of one number': (errors.ShapeError, r'xs has shape \(\)', lambda s: s.explain(xs=1.)),
    'xs that overflow': (errors.ValueRangeError, 'in float32', lambda s: s.explain(T=s.narrow, X=s.narrow_x, xs=X4 * 1e300)),
    'xs a tensor of the graph': (errors.ShapeError, 'xs for X "x:0" is the graph tensor "x:0"', lambda s: s.explain(xs=s.X)),
    'xs a list with tensors of the graph': (errors.ShapeError, 'is the graph tensor "x:0"', lambda s: s.explain(xs=[s.X, s.X])),
    'xs of a list is a dict': (errors.ShapeError, 'must be a list of as many arrays, not dict', lambda s: s.explain(X=[s.X], xs={'x': X4})),
    'xs of a list is a generator': (errors.ShapeError, 'must be a list of as many arrays, not generator',
                                    lambda s: s.explain(X=[s.X], xs=(x for x in [X4]))),
    'xs of a list of another length': (errors.ShapeError, 'as many arrays, not 2', lambda s: s.explain(X=[s.X], xs=[X4, X4])),
    'masked classes': (errors.ShapeError, 'ys .*got MaskedArray', lambda s: s.explain(ys=np.ma.masked_array([0, 1, 2, 0], [1, 0, 0, 0]))),
    'classes as objects': (errors.ShapeError, 'ys .*of dtype object', lambda s: s.explain(ys=np.array([0, 1, 2, 0], object))),
    'classes as booleans': (errors.ShapeError, 'dtype bool. Give integers', lambda s: s.explain(ys=[True, False, True, False])),
    'booleans for a single score': (errors.ShapeError, 'ys holds booleans, but T ".*" has one unit',
                                    lambda s: s.explain(T=s.score, ys=[True, False, True, False])),
    'one-hot of another width': (errors.ShapeError, r'ys has shape \(4, 4\), but T', lambda s: s.explain(ys=np.eye(4))),
    'ys without rows': (errors.ShapeError, 'ys has', lambda s: s.explain(ys=[])),
    'ys a class': (errors.ShapeError, 'ys .*got type', lambda s: s.explain(ys=int)),
    'ys of another length, for ids': (errors.ShapeError, 'one per row', lambda s: s.on_ids(ys=[0, 1, 1])),
    'T None': (errors.TensorError, 'T must be a tensor .* NoneType', lambda s: s.de.explain('saliency', None, s.X, X4)),
    'X None': (errors.TensorError, 'X must be a tensor .* NoneType', lambda s: s.de.explain('saliency', s.T, None, X4)),
    'T an op': (errors.TensorError, r'not Operation. Take one of its outputs: op.outputs\[0\]', lambda s: s.explain(T=s.T.op)),
    'T a list': (errors.TensorError, 'T is a list', lambda s: s.explain(T=[s.T])),
    'X a dict': (errors.TensorError, 'not dict. Give the tensor, or a list of tensors', lambda s: s.explain(X={'x': s.X})),
    'X a set': (errors.TensorError, 'a set has no order|A set has no order', lambda s: s.explain(X={'x'})),
    'X twice': (errors.TensorError, 'holds the same tensor twice', lambda s: s.explain(X=[s.X, s.X], xs=[X4, X4])),
    'X of booleans': (errors.TensorError, 'dtype bool', lambda s: s.explain(X=s.bools)),
    'X complex': (errors.TensorError, 'dtype complex64', lambda s: s.explain(X=s.complexes)),
    'X of strings': (errors.TensorError, 'dtype string', lambda s: s.explain(X=s.strings)),
    'T of classes': (errors.TensorError, 'dtype int64.*logits', lambda s: s.explain(T=s.classes)),
    'T complex': (errors.TensorError, 'dtype complex128', lambda s: s.explain(T=s.phases)),
    'T a name of nothing': (errors.TensorError, "no tensor 'nope' in the graph", lambda s: s.explain(T='nope')),
    'T an empty name': (errors.TensorError, "no tensor '' in the graph", lambda s: s.explain(T='')),
    'T a colon': (errors.TensorError, "no tensor ':' in the graph", lambda s: s.explain(T=':')),
    'T an output that is not there': (errors.TensorError, "no tensor 'x:9' in the graph", lambda s: s.explain(T='x:9')),
    'T a name that is none': (errors.TensorError, "no tensor 'a:b:c' in the graph", lambda s: s.explain(T='a:b:c')),
    'T a Keras tensor': (errors.TensorError, 'the Keras symbolic tensor .* is not part of the model',
                         lambda s: s.explain(T=keras.Input((5,), name='k'))),
    'T eager': (errors.TensorError, 'T is an eager tensor', lambda s: s.explain(T=EAGER)),
    'T in bytes': (errors.TensorError, 'not bytes', lambda s: s.explain(T=b'x')),
    'method None': (errors.UnknownMethod, 'no method None. Known', lambda s: s.explain(None)),
    'method a class': (errors.UnknownMethod, "no method <class 'int'>. Known", lambda s: s.explain(int)),
    'method empty': (errors.UnknownMethod, "no method ''. Known", lambda s: s.explain('')),
    'names in feed_dict': (errors.TensorError, r'a key of feed_dict must be a tensor .* not str. A name becomes a tensor by de.tensor',
                           lambda s: s.explain(T=s.needs_rate, feed_dict={'rate': 1.})),
    'a variable in feed_dict': (errors.TensorError, 'a key of feed_dict must be a tensor', lambda s: s.explain(T=s.needs_rate, feed_dict={3: 1.})),
    'a number that is no boolean': (errors.ValueRangeError, 'feed_dict for "train:0" holds values that bool cannot hold',
                                    lambda s: s.explain(T=s.needs_train, feed_dict={s.train: 2})),
    'a fraction for a boolean': (errors.ValueRangeError, 'bool cannot hold', lambda s: s.explain(T=s.needs_train, feed_dict={s.train: .5})),
    'one number for a fixed placeholder': (errors.FeedError, r'feed_dict gives shape \(\) for "fixed:0"',
                                           lambda s: s.explain(T=s.fixed, X=s.fixed_x, feed_dict={s.fixed_w: 1.})),
    'one number for rows': (errors.FeedError, r'feed_dict gives shape \(\) for "rows:0"',
                            lambda s: s.explain(T=s.needs_rows, feed_dict={s.rows: 1.})),
    'rows that are too few': (errors.FeedError, 'gives 3 rows for "rows:0"', lambda s: s.explain(T=s.needs_rows, feed_dict={s.rows: YS4[:3]})),
    'out None in a list': (errors.ShapeError, 'out must be an array', lambda s: s.explain(X=[s.X], xs=[X4], out=[None])),
    'out of integers': (errors.ParameterError, 'out has dtype int64: attributions are float64', lambda s: s.explain(out=np.zeros((4, 5), int))),
    'out of booleans': (errors.ParameterError, 'out has dtype bool', lambda s: s.explain(out=np.zeros((4, 5), bool))),
    'out of strings': (errors.ParameterError, r'out has dtype \|S8', lambda s: s.explain(out=np.zeros((4, 5), 'S8'))),
    'out read-only': (errors.ParameterError, 'out is read-only', lambda s: s.explain(out=np.broadcast_to(0., (4, 5)))),
    'out too short': (errors.ShapeError, r'out has shape \(3, 5\), but the attributions have \(4, 5\)', lambda s: s.explain(out=np.zeros((3, 5)))),
    'out a list': (errors.ShapeError, 'out must be an array', lambda s: s.explain(out=[np.zeros((4, 5))])),
    'out is xs': (errors.ParameterError, 'out shares memory with xs', lambda s: s.explain(out=X4)),
    'out is part of xs': (errors.ParameterError, 'out shares memory with xs', lambda s: s.explain(xs=X4[:2], out=X4[1:3])),
    'out twice': (errors.ParameterError, 'out shares memory', lambda s: two_outs(s)),
    'progress a class': (errors.ParameterError, "progress must be True, False or a function, not <class 'dict'>", lambda s: s.explain(progress=dict)),
    'epsilon that float32 cannot hold': (errors.ParameterError, 'epsilon is 1e.300, which float32, in which ".*" is explained, cannot hold',
                                         lambda s: s.explain('elrp', T=s.narrow, X=s.narrow_x, epsilon=1e300)),
    'epsilon that float32 takes for 0': (errors.ParameterError, 'epsilon is 1e-60, which float32',
                                         lambda s: s.explain('elrp', T=s.narrow, X=s.narrow_x, epsilon=1e-60)),
    'too many nodes': (errors.ParameterError, "steps is 1000000: .*quadrature='riemann_middle'", lambda s: s.explain('intgrad', steps=10 ** 6)),
    'window of no size': (errors.ParameterError, 'window_shape must be a list', lambda s: s.explain('occlusion', window_shape=[])),
    'window in two axes': (errors.ParameterError, 'window_shape must be a list', lambda s: s.explain('occlusion', window_shape=np.ones((1, 1), int))),
    'std error of an odd number': (errors.ParameterError, 'samples is 5: standard errors need',
                                   lambda s: s.explain('shapley_sampling', return_std_error=True)),
    'std error of a sum': (errors.ParameterError, 'sum over the embedding',
                           lambda s: s.on_ids('shapley_sampling', samples=4, return_std_error=True, sum_embedding=True,
                                              sampling_dims=[1, 2])),
    'stream None': (errors.ParameterError, 'batches must be an array', lambda s: s.saliency.stream(None)),
    'stream a number': (errors.ParameterError, 'batches must be an array', lambda s: s.saliency.stream(3)),
    'stream a string': (errors.ParameterError, "batches must be an array, .* not 'abc'", lambda s: s.saliency.stream('abc')),
    'stream a dict': (errors.ParameterError, 'batches must be an array', lambda s: s.saliency.stream({'x': X4})),
    'stream an eager tensor': (errors.ParameterError, 'batches must be an array', lambda s: s.saliency.stream(EAGER)),
    'stream a variable': (errors.ShapeError, 'batches .*got ResourceVariable', lambda s: s.saliency.stream(VARIABLE)),
    'stream masked': (errors.ShapeError, 'batches .*got MaskedArray', lambda s: s.saliency.stream(np.ma.masked_array(X4))),
    'stream a frame': (errors.ShapeError, 'batches .*got DataFrame', lambda s: s.saliency.stream(DataFrame())),
    'stream no rows': (errors.ShapeError, r'batches is an array of shape \(0, 5\), without rows', lambda s: s.saliency.stream(X4[:0])),
    'stream one number': (errors.ShapeError, r'batches is an array of shape \(\)', lambda s: s.saliency.stream(np.array(1.))),
    'stream nothing': (errors.ShapeError, 'without batches: it is empty, or a generator that was used up', lambda s: list(s.saliency.stream([]))),
    'stream a triple': (errors.ShapeError, 'not a tuple of 3', lambda s: list(s.saliency.stream([(X4, YS4, 1)]))),
    'stream an empty tuple': (errors.ShapeError, 'not a tuple of 0', lambda s: list(s.saliency.stream([()]))),
    'stream rows': (errors.ShapeError, 'Add the batch axis', lambda s: list(s.saliency.stream(iter(X4)))),
    'stream of ids too high': (errors.ValueRangeError, 'holds id 9', lambda s: list(s.tokens.stream([IDS + 2]))),
    'stream option misspelt': (errors.ParameterError, 'stream has no option \'progres\'. Did you mean "progress"',
                               lambda s: s.saliency.stream([X4], progres=True)),
    'stream out': (errors.ParameterError, "stream has no option 'out'", lambda s: s.saliency.stream([X4], out=np.zeros((4, 5)))),
    'stream ys': (errors.ParameterError, "stream has no option 'ys'", lambda s: s.saliency.stream([X4], ys=YS4)),
    'run option misspelt': (errors.ParameterError, 'run has no option \'batchsize\'. Did you mean "batch_size"',
                            lambda s: s.saliency.run(X4, batchsize=2)),
    'a parameter given to run': (errors.ParameterError, "run has no option 'steps'.*belong to get_explainer", lambda s: s.tokens.run(IDS, steps=2)),
    'inputs by a number too high': (errors.NoTensorError, 'no tensor 99 here: there are ', lambda s: s.de.inputs[99]),
    'inputs by a fraction': (errors.TensorError, 'by its position or its name, not by 0.5', lambda s: s.de.inputs[.5]),
    'inputs by nothing': (errors.TensorError, 'not by None', lambda s: s.de.inputs[None]),
    'inputs by an unknown name': (errors.NoTensorError, "no tensor 'nope' here. There are: x:0", lambda s: s.de.inputs['nope']),
    'graph= of another kind': (errors.ContextError, 'graph must be the tf.Graph of the session, or left out, not int',
                               lambda s: DeepExplain(s.session, 3)),
    'a model for a session': (errors.ContextError, 'session must be a tf.compat.v1.Session, not Sequential. Use DeepExplain.from_keras',
                              lambda s: DeepExplain(MODEL)),
    'a layer for a session': (errors.ContextError, r'Dense is a Keras layer: use DeepExplain.from_keras\(keras.Sequential',
                              lambda s: DeepExplain(keras.layers.Dense(2))),
    'a class of models for a session': (errors.ContextError, 'Model is a class', lambda s: DeepExplain(keras.Model)),
    'a function for a session': (errors.ContextError, 'not function. Use DeepExplain.from_function', lambda s: DeepExplain(lambda x: x)),
    'a GraphDef for a session': (errors.ContextError, 'Use DeepExplain.from_graph_def', lambda s: DeepExplain(v1.GraphDef())),
    'a path for a session': (errors.ContextError, "At 'nothing.keras' there is no file or folder", lambda s: DeepExplain('nothing.keras')),
    'a number for a session': (errors.ContextError, 'session must be a tf.compat.v1.Session, not int', lambda s: DeepExplain(3)),
    'left before it was entered': (errors.ContextError, 'is not entered, or was left before',
                                   lambda s: DeepExplain(s.session).__exit__(None, None, None)),
}
for _name, _get in {'context': lambda s: s.de, 'explainer': lambda s: s.lift, 'explainer of ids': lambda s: s.tokens,
                    'inputs': lambda s: s.de.inputs}.items():
    MORE[f'pickled {_name}'] = errors.CopyError, 'cannot be pickled or copied: .*Send the model', lambda s, g=_get: pickle.dumps(g(s))
    MORE[f'copied {_name}'] = errors.CopyError, 'cannot be pickled or copied: .*Send the model', lambda s, g=_get: copy.deepcopy(g(s))
EAGER, THREE = tf.constant(X4), tf.constant(3)
MODEL = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
ROWS_OF_TENSORS = [tf.constant(row) for row in X4]


def two_outs(s):
    out = np.zeros((4, 5))
    return s.explain(T=s.T2, X=[s.X, s.Y], xs=[X4, X4], out=[out, out])


class Unhashable:
    def __eq__(self, other):
        return False

    def __call__(self, x):
        return np.zeros(3)


MORE['baseline a callable without a hash'] = errors.ShapeError, r'baseline has shape \(3,\)', lambda s: s.explain('deeplift', baseline=Unhashable())
ROWS = list(table()) + [(name, *row) for name, row in MORE.items()]


def test_rows_are_many_and_named_apart():
    assert len({name for name, *_ in ROWS}) == len(ROWS) > 800


def wrong_with(spied, row):
    """What a row shows that should not be, or nothing."""
    name, error, message, call = row
    before, runs = len(spied.graph.get_operations()), spied.runs
    try:
        call(spied)
    except Exception as e:
        said = str(e)
        if not isinstance(e, error) or not isinstance(e, errors.DeepExplainError) or not isinstance(e, RuntimeError):
            return f'{name}: {type(e).__name__} {said}'
        if not re.search(message, said) or INTERNALS.search(said) or len(said) > 700:
            return f'{name}: says {said}'
        if spied.runs != runs or len(spied.graph.get_operations()) != before:
            return f'{name}: something was run, or added to the graph'
        return None
    return f'{name}: accepted'


@pytest.mark.parametrize('part', range(20))
def test_refused_before_anything_runs(spied, part):
    """All rows in one context, of which every one leaves graph and session as they were."""
    wrong = [w for w in (wrong_with(spied, row) for row in ROWS[part::20]) if w]
    assert not wrong, '\n'.join(wrong)
    spied.saliency.run(X4), spied.tokens.run(IDS)           # and the context goes on working


# Ways in

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
               'm.pkl': pickle.dumps(3),
               'm.tflite': b'\x1c\0\0\0TFL3' + junk, 'm.json': MODEL.to_json().encode(), 'm.txt': b'hello'}
    for name, value in content.items():
        (d / name).write_bytes(value)
    with zipfile.ZipFile(d / 'm.pt', 'w') as archive:
        archive.writestr('archive/data.pkl', 'x')
    with zipfile.ZipFile(d / 'other.keras', 'w') as archive:
        archive.writestr('a.txt', 'x')
    return d


FITS = {'m.keras': 'from_keras', 'm.h5': 'from_keras', 'saved': 'from_saved_model', 'frozen.pb': 'from_graph_def', 'frozen.pbtxt': 'from_graph_def'}
NO_MODEL = {            # message of every constructor, or of one of them
    'empty.keras': 'an empty file', 'empty.pb': 'an empty file', 'm.weights.h5': 'weights without the model.*load_weights',
    'junk.keras': '.keras or .h5 file that is damaged', 'junk.h5': 'damaged', 'cut.keras': 'damaged', 'other.keras': 'damaged',
    'folder': 'a folder without saved_model.pb', 'ckpt': 'a checkpoint', 'checkpoint': 'a checkpoint', 'm.ckpt': 'a checkpoint',
    'm.ckpt.index': 'a checkpoint.*restore',
    'm.ckpt.meta': 'a checkpoint', 'm.ckpt.data-00000-of-00001': 'a checkpoint', 'm.onnx': 'an ONNX model.*from_saved_model',
    'm.tflite': 'a TensorFlow Lite model',
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


def test_left_contexts():
    de = DeepExplain.from_function(tf.tanh, [SPEC])
    explainer = de.get_explainer('saliency', de.outputs[0], de.inputs[0])      # before it is entered
    for _ in range(2):
        with de:
            with de:
                pass
            first = explainer.run(np.ones((2, 3)))
        np.testing.assert_array_equal(explainer.run(np.ones((2, 3))), first)
    de.close()
    de.close()
    refused('is not entered, or was left before', lambda: de.__exit__(None, None, None), errors.ContextError)
    refused('the session is closed', lambda: de.__enter__(), errors.ContextError)
    refused('the session is closed', lambda: explainer.run(np.ones((2, 3))), errors.ContextError)
    refused('the session is closed', lambda: list(explainer.stream([np.ones((2, 3))])), errors.ContextError)
    refused('the session is closed', lambda: de.explain('saliency', de.outputs[0], de.inputs[0], np.ones((2, 3))), errors.ContextError)


def test_datasets_that_cannot_be_read(spied):
    with spied.graph.as_default():
        in_graph = tf.data.Dataset.from_tensor_slices(X4).batch(2)
    for call in (lambda: spied.saliency.run(in_graph), lambda: list(spied.saliency.stream(in_graph)), lambda: spied.tokens.run(in_graph)):
        refused('the tf.data.Dataset cannot be read.*eager mode', call, errors.ParameterError)


def test_explainers_of_ids_are_compiled_when_they_are_made(session):
    """So that the graph can be finalized behind; explain adds ops once its input is checked."""
    ids = v1.placeholder(tf.int32, (None, 4))
    T = tf.reduce_sum(tf.tanh(tf.gather(tf.ones((9, 3)), ids)), [1, 2])
    with DeepExplain(session) as de:
        before = len(session.graph.get_operations())
        refused('holds id 9', lambda: de.explain('deeplift', T, ids, IDS + 2), errors.ValueRangeError)
        assert len(session.graph.get_operations()) == before
        explainer = de.get_explainer('deeplift', T, ids)
        session.graph.finalize()
        np.testing.assert_allclose(explainer.run(IDS).sum((1, 2)), 12 * np.tanh(1), rtol=1e-6)


def test_errors_are_runtime_errors_and_what_they_were():
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.DeepExplainError):
            assert issubclass(error, RuntimeError)
    for name in ('UnknownMethod', 'ParameterError', 'TensorError', 'PathError', 'ShapeError', 'ValueRangeError', 'FeedError', 'RuleError',
                 'SourceError'):
        assert issubclass(getattr(errors, name), ValueError)


def test_what_was_accepted_and_is_right_still_is(spied):
    """Matrices, lists, ranges, 0 and 1 as booleans of a placeholder, ids in an array without axes, eager tensors, out of another float."""
    expected = spied.saliency.run(X4)
    for xs in np.asmatrix(X4), X4.tolist(), ROWS_OF_TENSORS, EAGER, [tuple(r) for r in X4]:
        np.testing.assert_array_equal(spied.saliency.run(xs), expected)
    np.testing.assert_array_equal(spied.explain(T=spied.needs_train, feed_dict={spied.train: 1}), expected)
    np.testing.assert_array_equal(spied.explain(ys=np.eye(3, dtype=bool)[[0, 1, 2, 0]]), spied.explain(ys=np.eye(3)[[0, 1, 2, 0]]))
    np.testing.assert_array_equal(spied.on_ids(baseline=np.array(3)), spied.on_ids(baseline=3))
    np.testing.assert_array_equal(spied.on_ids(baseline=THREE), spied.on_ids(baseline=3))
    out = np.zeros((4, 5), 'f4')
    assert spied.saliency.run(X4, out=out) is out
    np.testing.assert_allclose(out, expected, rtol=1e-6)
    with pytest.raises(errors.ValueRangeError, match='leave the range of float16, the dtype of out'):
        spied.explain(T=spied.steep, out=np.zeros((4, 5), 'f2'))
    big = np.zeros((4, 5, 2))
    big[..., 0] = X4
    np.testing.assert_array_equal(spied.saliency.run(big[..., 0], out=big[..., 1]), expected)       # side by side in memory
