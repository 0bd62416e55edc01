"""Calls with one thing wrong, each of its own."""

import copy
import pickle

import keras
import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.bad_values import VARIABLE, DataFrame
from tests.support.networks import v1
from tests.support.spied import IDS, X4, YS4

MORE = {
    'xs None': (errors.ShapeError, 'got NoneType', lambda s: s.explain(xs=None)),
    'xs of one number': (errors.ShapeError, r'xs has shape \(\)', lambda s: s.explain(xs=1.)),
    'xs that overflow': (errors.ValueRangeError, 'in float32', lambda s: s.explain(T=s.narrow, X=s.narrow_x, xs=X4 * 1e300)),
    'xs a tensor of the graph': (errors.ShapeError, 'xs for X "x:0" is the graph tensor "x:0"', lambda s: s.explain(xs=s.X)),
    'xs a list with tensors of the graph': (errors.ShapeError, 'is the graph tensor "x:0"', lambda s: s.explain(xs=[s.X, s.X])),
    'xs of a list is a dict without names': (errors.ShapeError, 'its key .*0.* is none of the inputs', lambda s: s.explain(X=[s.X], xs={0: X4})),
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
    'T a list': (errors.TensorError, 'T is a list', lambda s: s.explain(T=[s.T, s.T])),
    'X a dict, xs no dict': (errors.ShapeError, 'X is a dict of 1 tensors, so xs must be a dict', lambda s: s.explain(X={'x': s.X})),
    'X a dict without strings': (errors.TensorError, 'X is a dict with keys that are no strings', lambda s: s.explain(X={1: s.X})),
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
    'unknown names in feed_dict': (errors.TensorError, "no tensor 'rat' in the graph. Close: rate:0", lambda s: s.explain(T=s.needs_rate, feed_dict={'rat': 1.})),
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
    'stream ys': (errors.ParameterError, "ys of a stream come with it", lambda s: s.saliency.stream([X4], ys=YS4)),
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


def two_outs(s):
    out = np.zeros((4, 5))
    return s.explain(T=s.T2, X=[s.X, s.Y], xs=[X4, X4], out=[out, out])


class Unhashable:
    def __eq__(self, other):
        return False

    def __call__(self, x):
        return np.zeros(3)


MORE['baseline a callable without a hash'] = errors.ShapeError, r'baseline has shape \(3,\)', lambda s: s.explain('deeplift', baseline=Unhashable())
