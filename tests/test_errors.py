"""What goes wrong says what was wrong, what was expected, which tensor, and what to do, before anything is run."""

import re

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import mlp, opened, samples, v1

NET = mlp('relu', 'tanh')
X4, YS4 = samples(NET, 4)
EAGER = tf.constant(X4)


def nan(x):
    x = np.array(x, float)
    x.flat[-1] = np.nan
    return x


# name of the case -> (error, message, call with de, X, T, session)
CASES = {
    'unknown method': (errors.UnknownMethod, 'no method "?\'?intgrads.* Did you mean "intgrad"\\? Known: .*deeplift, .*elrp, ',
                       lambda de, X, T, s: de.explain('intgrads', T, X, X4)),
    'method that is not a string': (errors.UnknownMethod, 'no method None. Known: ', lambda de, X, T, s: de.explain(None, T, X, X4)),
    'unknown parameter': (errors.ParameterError, 'method "elrp" has no parameter \'epsilonn\'. Did you mean "epsilon"\\?',
                          lambda de, X, T, s: de.explain('elrp', T, X, X4, epsilonn=1)),
    'parameter of a method without any': (errors.ParameterError, 'method "saliency" has no parameter \'steps\'.* It takes: none',
                                          lambda de, X, T, s: de.explain('saliency', T, X, X4, steps=1)),
    'steps': (errors.ParameterError, 'steps must be an integer >= 1, not 0', lambda de, X, T, s: de.explain('intgrad', T, X, X4, steps=0)),
    'steps that are not whole': (errors.ParameterError, 'steps must be an integer >= 1, not 2.5',
                                 lambda de, X, T, s: de.explain('intgrad', T, X, X4, steps=2.5)),
    'one step of a trapezoid': (errors.ParameterError, 'steps must be an integer >= 2 for quadrature=.trapezoid., not 1',
                                lambda de, X, T, s: de.explain('intgrad', T, X, X4, steps=1, quadrature='trapezoid')),
    'quadrature': (errors.ParameterError, "quadrature must be one of 'gausslegendre', .*, not 'simpson'",
                   lambda de, X, T, s: de.explain('intgrad', T, X, X4, quadrature='simpson')),
    'epsilon zero': (errors.ParameterError, 'epsilon must be a number > 0, not 0', lambda de, X, T, s: de.explain('elrp', T, X, X4, epsilon=0)),
    'epsilon of another type': (errors.ParameterError, "epsilon must be a number > 0, not 'small'",
                                lambda de, X, T, s: de.explain('elrp', T, X, X4, epsilon='small')),
    'window too large': (errors.ParameterError, r'window_shape \(6,\) is larger than the features of X, shape \(5,\)',
                         lambda de, X, T, s: de.get_explainer('occlusion', T, X, window_shape=(6,))),
    'window of another rank': (errors.ParameterError, r'window_shape has 2 entries, but X has 1 feature axes, shape \(5,\)',
                               lambda de, X, T, s: de.get_explainer('occlusion', T, X, window_shape=(1, 1))),
    'window zero': (errors.ParameterError, 'each entry of window_shape must be an integer >= 1, not 0',
                    lambda de, X, T, s: de.explain('occlusion', T, X, X4, window_shape=(0,))),
    'step zero': (errors.ParameterError, 'step must be an integer >= 1, not 0', lambda de, X, T, s: de.explain('occlusion', T, X, X4, step=0)),
    'no samples': (errors.ParameterError, 'samples must be an integer >= 1, not 0',
                   lambda de, X, T, s: de.explain('shapley_sampling', T, X, X4, samples=0)),
    'sampling the batch': (errors.ParameterError, 'each entry of sampling_dims must be an integer >= 1, not 0',
                           lambda de, X, T, s: de.explain('shapley_sampling', T, X, X4, sampling_dims=[0])),
    'sampling an axis that is not there': (errors.ParameterError, r'sampling_dims \[2\] names an axis that X does not have',
                                           lambda de, X, T, s: de.get_explainer('shapley_sampling', T, X, sampling_dims=[2])),
    'sampling an axis twice': (errors.ParameterError, 'sampling_dims names an axis twice',
                               lambda de, X, T, s: de.explain('shapley_sampling', T, X, X4, sampling_dims=[1, 1])),
    'sampling dims that are a number': (errors.ParameterError, 'sampling_dims must be a list of axes',
                                        lambda de, X, T, s: de.explain('shapley_sampling', T, X, X4, sampling_dims=1)),
    'negative seed': (errors.ParameterError, 'seed must be an integer >= 0, not -1',
                      lambda de, X, T, s: de.explain('shapley_sampling', T, X, X4, seed=-1)),
    'windows of several inputs': (errors.ParameterError, 'window_shape is a list of 3, but X has 2 tensors. Give one for all',
                                  lambda de, X, T, s: two(de, X, T, X4, X4, 'occlusion', window_shape=[[1], [2], [3]])),
    'axes of several inputs': (errors.ParameterError, r'sampling_dims \[2\] names an axis that X\[1\] does not have',
                               lambda de, X, T, s: two(de, X, T, X4, X4, 'shapley_sampling', sampling_dims=[None, [2]])),
    'batch size': (errors.ParameterError, 'batch_size must be an integer >= 1, not 0', lambda de, X, T, s: de.explain('elrp', T, X, X4, batch_size=0)),
    'batch size below a fixed batch': (errors.ParameterError, 'batch_size is 2, but X ".*" fixes the batch at 4 rows',
                                       lambda de, X, T, s: fixed(de, batch_size=2)),
    'batch size below rows written into T': (errors.ParameterError, 'batch_size is 2, but T ".*" contains an array of 4 rows.* pass it as ys',
                                             lambda de, X, T, s: de.explain('elrp', tf.reduce_sum(T * YS4, 1), X, X4, batch_size=2)),
    'T an array': (errors.TensorError, 'T must be a tensor of the session\'s graph, not ndarray', lambda de, X, T, s: de.explain('elrp', X4, X, X4)),
    'T a list': (errors.TensorError, 'T is a list of 2 tensors. Give one', lambda de, X, T, s: de.explain('elrp', [T, T], X, X4)),
    'T of another graph': (errors.TensorError, 'T ".*" belongs to another graph than the session',
                           lambda de, X, T, s: de.explain('elrp', elsewhere(), X, X4)),
    'X of another graph': (errors.TensorError, 'X ".*" belongs to another graph than the session',
                           lambda de, X, T, s: de.explain('elrp', T, elsewhere(), X4)),
    'X eager': (errors.TensorError, 'X .*eager', lambda de, X, T, s: de.explain('elrp', T, EAGER, X4)),
    'X an empty list': (errors.TensorError, 'X is an empty list', lambda de, X, T, s: de.explain('elrp', T, [], [])),
    'X twice': (errors.TensorError, 'X holds the same tensor twice: x:0, x:0', lambda de, X, T, s: de.explain('elrp', T, [X, X], [X4, X4])),
    'X a scalar': (errors.TensorError, 'X ".*" is a scalar', lambda de, X, T, s: de.explain('elrp', T, v1.placeholder(tf.float64, ()), X4)),
    'classes as target': (errors.TensorError, 'T "ArgMax.*" has dtype int64.*logits', lambda de, X, T, s: de.explain('elrp', tf.argmax(T, 1), X, X4)),
    'T does not depend on X': (errors.PathError, 'T ".*" does not depend on X "p:0"',
                               lambda de, X, T, s: de.explain('elrp', T, v1.placeholder(tf.float64, (None, 5), 'p'), X4)),
    'T and X in the wrong order': (errors.PathError, 'but X on T. The order is: method, T, X, xs', lambda de, X, T, s: de.explain('elrp', X, T, X4)),
    'T a Keras layer': (errors.TensorError, r'not Dense. .*de.tensor\(layer.name\)',
                        lambda de, X, T, s: de.explain('elrp', tf.keras.layers.Dense(1), X, X4)),
    'T no outputs': (errors.TensorError, 'T is a list of 0 tensors', lambda de, X, T, s: de.explain('elrp', [], X, X4)),
    'xs a dict with another name': (errors.ShapeError, 'xs is a dict, and its key .*z.* is none of the inputs', lambda de, X, T, s: de.explain('elrp', T, [X], {'z': X4})),
    'X is eager in words': (errors.TensorError, 'an eager tensor, a value. Give a tensor of the graph: one of de.inputs or de.outputs',
                            lambda de, X, T, s: de.explain('elrp', T, EAGER, X4)),
    'T depends on one of two': (errors.PathError, 'T ".*" does not depend on X "q:0"',
                                lambda de, X, T, s: de.explain('elrp', T, [X, v1.placeholder(tf.float64, (None, 5), 'q')], [X4, X4])),
    'integer X of a gradient method': (errors.PathError, 'X ".*" has dtype int32.*embedding lookup',
                                       lambda de, X, T, s: ids(de)),
    'path without a gradient': (errors.PathError, r'only through ops without a gradient: "Round" \(Round\)',
                                lambda de, X, T, s: de.explain('intgrad', 2 * tf.round(T), X, X4)),
    'path through a class': (errors.PathError, r'only through ops without a gradient: "ArgMax.*" \(ArgMax\)',
                             lambda de, X, T, s: de.explain('elrp', tf.cast(tf.argmax(T, 1), tf.float32), X, X4)),
    'op without a gradient function': (errors.PathError, r'op "lonely" \(Bincount\) between X and T has no gradient in TensorFlow',
                                       lambda de, X, T, s: de.explain('saliency', tf.raw_ops.Bincount(
                                           arr=tf.cast(T[0], tf.int32), size=3, weights=T[0], name='lonely'), X, X4)),
    'xs without a batch axis': (errors.ShapeError, r'xs has shape \(5,\), but X "x:0" takes \(\?, 5\). Add the batch axis',
                                lambda de, X, T, s: de.explain('elrp', T, X, X4[0])),
    'xs of another size': (errors.ShapeError, r'xs has shape \(4, 4\), but X "x:0" takes \(\?, 5\)', lambda de, X, T, s: de.explain('elrp', T, X, X4[:, :4])),
    'no rows': (errors.ShapeError, r'empty batch, shape \(0, 5\)', lambda de, X, T, s: de.explain('elrp', T, X, X4[:0])),
    'xs of uneven rows': (errors.ShapeError, 'xs for X "x:0" is not an array of float64', lambda de, X, T, s: de.explain('elrp', T, X, [[1, 2], [3]])),
    'xs of strings': (errors.ShapeError, 'xs for X "x:0" is not an array of float64: got', lambda de, X, T, s: de.explain('elrp', T, X, [['a'] * 5])),
    'xs a tensor': (errors.ShapeError, 'xs for X "x:0" is the graph tensor "x:0"', lambda de, X, T, s: de.explain('elrp', T, X, X)),
    'xs not a list': (errors.ShapeError, 'X is a list of 2 tensors, so xs must be a list of as many arrays, not ndarray',
                      lambda de, X, T, s: two(de, X, T, X4, X4, xs=X4)),
    'a set of baselines where references are taken': (
        errors.ParameterError, r"no parameter 'average'. A set of baselines is given as references=\. It takes",
        lambda de, X, T, s: de.explain('shapley_sampling', T, X, X4, baseline=X4[:2], average=True)),
    'xs of different rows': (errors.ShapeError, 'differ in their number of rows: 4 for "x:0", 3 for "y:0"', lambda de, X, T, s: two(de, X, T, X4, X4[:3])),
    'NaN in xs': (errors.ValueRangeError, r'xs for X "x:0" holds 1 values that are NaN or infinite \(in float64\), the first at \(3, 4\)',
                  lambda de, X, T, s: de.explain('elrp', T, X, nan(X4))),
    'NaN in ys': (errors.ValueRangeError, 'ys holds 1 values that are NaN', lambda de, X, T, s: de.explain('elrp', T, X, X4, ys=nan(YS4))),
    'NaN in baseline': (errors.ValueRangeError, 'baseline for X "x:0" holds 1 values that are NaN',
                        lambda de, X, T, s: de.explain('intgrad', T, X, X4, baseline=nan(np.zeros(5)))),
    'ys of other rows': (errors.ShapeError, r'ys has 3 rows, shape \(3, 3\), but xs has 4', lambda de, X, T, s: de.explain('elrp', T, X, X4, ys=YS4[:3])),
    'ys of other units': (errors.ShapeError, r'ys has shape \(4, 2\), but T ".*" has \(\?, 3\)', lambda de, X, T, s: de.explain('elrp', T, X, X4, ys=YS4[:, :2])),
    'ys with too many axes': (errors.ShapeError, 'too many axes', lambda de, X, T, s: de.explain('elrp', T, X, X4, ys=YS4[..., None])),
    'rows written into T': (errors.ShapeError, 'the array that T is multiplied by has 4 rows.*, but xs has 2',
                            lambda de, X, T, s: de.explain('elrp', T * YS4, X, X4[:2])),
    'class too high': (errors.ValueRangeError, 'ys holds class 3 in row 3, but T ".*" has 3 units: 0 to 2', lambda de, X, T, s: de.explain('elrp', T, X, X4, ys=[0, 1, 2, 3])),
    'class negative': (errors.ValueRangeError, 'ys holds class -1 in row 3', lambda de, X, T, s: de.explain('elrp', T, X, X4, ys=[0, 1, 2, -1])),
    'classes as a column': (errors.ShapeError, r'for class indices give integers of shape \(4,\), e.g. ys.ravel\(\)',
                            lambda de, X, T, s: de.explain('elrp', T, X, X4, ys=[[0], [1], [2], [0]])),
    'classes as a column of floats': (errors.ShapeError, r'for class indices give integers of shape \(4,\)',
                                      lambda de, X, T, s: de.explain('elrp', T, X, X4, ys=[[0.], [1], [2], [0]])),
    'classes of a single score': (errors.ShapeError, 'ys holds integers, but T ".*" has one unit per row.* Leave ys out',
                                  lambda de, X, T, s: de.explain('elrp', T[:, 0], X, X4, ys=[0, 1, 1, 0])),
    'weights that would be repeated over units': (errors.ShapeError, 'only rows are repeated, not units',
                                                  lambda de, X, T, s: de.explain('elrp', T[:, :, None] * np.ones((1, 1, 2)), X, X4, ys=np.ones((4, 3, 1)))),
    'floats as classes': (errors.ShapeError, r'ys has shape \(4,\) and dtype float64. Give integers if these are class indices',
                          lambda de, X, T, s: de.explain('elrp', T, X, X4, ys=[0., 1, 2, 0])),
    'a list of arrays for a single X': (errors.ShapeError, 'X is a single tensor: give its array, not a list',
                                        lambda de, X, T, s: de.explain('elrp', T, X, [X4, X4])),
    'the start of a name': (errors.UnknownMethod, 'Did you mean "smoothgrad"', lambda de, X, T, s: de.explain('smooth', T, X, X4)),
    'statistics of the batch': (errors.TensorError, r'changes with the other rows of the batch, through op "moments/mean" \(Mean\)',
                                lambda de, X, T, s: de.explain('occlusion', tf.nn.batch_normalization(T, *tf.nn.moments(T, 0), None, None, 1e-3), X, X4)),
    'uninitialized variable': (errors.RunError, 'Run the initializer of the variables',
                               lambda de, X, T, s: de.explain('occlusion', T @ tf.Variable(np.ones((3, 2))), X, X4)),
    'classes of too few rows': (errors.ShapeError, r'class indices need one per row, shape \(4,\)', lambda de, X, T, s: de.explain('elrp', T, X, X4, ys=[0, 1])),
    'a single class': (errors.ValueRangeError, 'ys holds class 3 in row 0', lambda de, X, T, s: de.explain('elrp', T, X, X4, ys=3)),
    'floats that could be classes': (errors.ShapeError, 'Give integers if these are class indices', lambda de, X, T, s: de.explain('elrp', T, X, X4[:3], ys=[0., 1., 2.])),
    'classes of a hidden tensor': (errors.ShapeError, r'T of shape \(batch, classes\)',
                                   lambda de, X, T, s: de.explain('elrp', tf.reshape(T, (-1, 3, 1)), X, X4, ys=[0, 1, 2, 0])),
    'baseline of another shape': (errors.ShapeError, r'baseline has shape \(4,\), but X "x:0" takes \(5,\) per row',
                                  lambda de, X, T, s: de.get_explainer('deeplift', T, X, baseline=np.zeros(4))),
    'baseline of other rows': (errors.ShapeError, r'baseline has shape \(3, 5\), but xs for X "x:0" has shape \(4, 5\)',
                               lambda de, X, T, s: de.explain('occlusion', T, X, X4, baseline=X4[:3])),
    'no baseline per row': (errors.ShapeError, r'baseline has shape \(3, 5\), but xs for X "x:0" has shape \(4, 5\)',
                            lambda de, X, T, s: de.explain('deeplift', T, X, X4, baseline=X4[:3], average=False)),
    'baseline of several inputs': (errors.ShapeError, 'baseline is a list of 3, but X has 2 tensors', lambda de, X, T, s: two(de, X, T, X4, X4, baseline=[0, 0, 0])),
    'one array for several inputs': (errors.ShapeError, 'give a list of as many baselines, or a scalar', lambda de, X, T, s: two(de, X, T, X4, X4, baseline=np.zeros(5))),
    'missing placeholder': (errors.FeedError, 'T ".*" needs "rate:0" float64, which nothing feeds. Give it in feed_dict',
                            lambda de, X, T, s: de.explain('occlusion', T * v1.placeholder(tf.float64, (), 'rate'), X, X4)),
    'X in feed_dict': (errors.FeedError, 'feed_dict feeds X "x:0", which xs already does', lambda de, X, T, s: de.explain('elrp', T, X, X4, feed_dict={X: X4})),
    'feed of another shape': (errors.FeedError, r'feed_dict gives shape \(2,\) for "rate_2:0", which takes \(\)',
                              lambda de, X, T, s: rate(de, X, T, [1, 2])),
    'feed_dict not a dict': (errors.FeedError, 'feed_dict must be a dict', lambda de, X, T, s: de.explain('elrp', T, X, X4, feed_dict=[1])),
    'T that is not by rows': (errors.TensorError, r'has shape \(2, 6\) for 4 rows of xs: its first axis is not the batch',
                              lambda de, X, T, s: de.explain('occlusion', tf.reshape(T, (-1, 6)), X, X4)),
    'infinite output': (errors.ValueRangeError, r'T ".*" is NaN or infinite, first at \(0, 0\)',
                        lambda de, X, T, s: de.explain('occlusion', T / 0., X, X4)),
    'infinite gradient': (errors.ValueRangeError, 'the gradient of T ".*" by X "x:0" is NaN or infinite',
                          lambda de, X, T, s: de.explain('saliency', tf.sqrt(X - X), X, X4)),
    'another graph': (errors.ContextError, 'the session runs another graph', lambda de, X, T, s: DeepExplain(s, tf.Graph())),
    'no session': (errors.ContextError, 'session must be a tf.compat.v1.Session, not int', lambda de, X, T, s: DeepExplain(3)),
}
NEED_A_RUN = 'T that is not by rows', 'infinite output', 'infinite gradient', 'uninitialized variable'


def elsewhere():
    with tf.Graph().as_default():
        return v1.placeholder(tf.float64, (None, 5))


def fixed(de, **arguments):
    x = v1.placeholder(tf.float64, (4, 5))
    return de.explain('elrp', NET.tensorflow(x), x, X4, **arguments)


def ids(de):
    x = v1.placeholder(tf.int32, (None, 5))
    return de.explain('deeplift', NET.tensorflow(tf.cast(x, tf.float64)), x, np.ones((4, 5), int))


def two(de, X, T, x, y, method='intgrad', xs=None, **parameters):
    names = [op.name for op in X.graph.get_operations()]
    Y = X.graph.get_tensor_by_name('y:0') if 'y' in names else v1.placeholder(tf.float64, (None, 5), 'y')
    return de.explain(method, T + NET.tensorflow(Y), [X, Y], [x, y] if xs is None else xs, **parameters)


def rate(de, X, T, value):
    r = v1.placeholder(tf.float64, (), 'rate_2')
    return de.explain('elrp', T * r, X, X4, feed_dict={r: value})


@pytest.fixture(scope='module')
def shared():
    """One graph and session for all cases."""
    with opened(NET) as found:
        de, X, T, _ = found
        de.explain('deeplift', T, X, X4)                # its ops are there before the first case
        yield found


@pytest.mark.parametrize('case', CASES)
def test_message(shared, case):
    """And nothing is added to the graph, beside what the call itself builds, but where the message needs a run."""
    error, message, call = CASES[case]
    de, X, T, session = shared
    before = len(session.graph.get_operations())
    with pytest.raises(error, match=message) as caught:
        call(de, X, T, session)
    assert isinstance(caught.value, errors.DeepExplainError)
    assert re.search(r'\w{3}', str(caught.value))
    added = [op.name for op in session.graph.get_operations()[before:] if 'deepexplain2' in op.name]
    assert not added or case in NEED_A_RUN, added
    de.explain('deeplift', T, X, X4)                    # and the context goes on working
