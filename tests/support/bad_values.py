"""What is no array, flag, count, number or tensor, and the doors where it is given."""

import datetime
import re

import keras
import numpy as np
import scipy.sparse
import tensorflow as tf

from tests.support.spied import IDS, X4


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
    'dict': ({'nope': X4}, 'got dict'), 'dict values': ({'x': X4}.values(), 'got dict_values'), 'map': (map(float, [1]), 'got map'),
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
DICT_DOORS = set(ARRAY_DOORS) - {'ys', 'xs of a list', 'feed_dict', 'ys of a stream'}        # where a dict has values by name
TARGET_DOORS = 'T', 'T of audit', 'logits'      # where a function is a target
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
