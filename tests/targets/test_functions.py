"""T as a function of the outputs of a model, and of data of every row."""

import functools
import gc
import warnings
import weakref
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.errors import (
    ContextError,
    FeedError,
    ParameterError,
    ShapeError,
    TargetWarning,
    TensorError,
)
from deepexplain2.targets import FunctionTarget
from tests.support.few import ANYWHERE
from tests.support.networks import mlp, opened, samples, v1

NET = mlp('tanh', 'sigmoid')
XS, _ = samples(NET, 4)
RNG = np.random.default_rng(3)
POINTS = RNG.normal(size=(4, 3))
WANTED = np.array([0., 1., -2.])
PARAMETERS = {'intgrad': {'steps': 5}, 'shapley_sampling': {'samples': 2}}


def difference(out):
    """T weighted by WANTED."""
    return out[:, 1] - 2 * out[:, 2]


def product(out, ys):
    """T weighted by ys."""
    return tf.reduce_sum(out * ys, 1)


@pytest.fixture(scope='module')
def net():
    """(de, X, T) of the net, whose graph is not the default graph."""
    graph = tf.Graph()
    with graph.as_default():
        X = v1.placeholder(tf.float64, (None, *NET.shape), 'x')
        T = NET.tensorflow(X)
    yield DeepExplain(v1.Session(graph=graph)), X, T


@pytest.fixture(scope='module')
def model():
    """A Keras model of x @ W, and W."""
    dense = keras.layers.Dense(3, use_bias=False)
    made = keras.Sequential([keras.Input((2,)), dense])
    with DeepExplain.from_keras(made, check=False) as de:
        yield de, dense.kernel.numpy()


def count(de):
    return len(de.graph.get_operations())


@pytest.mark.parametrize('method', ANYWHERE)
def test_all_methods(net, method):
    """Without ys it is T with weights; with ys the weights are data."""
    de, X, T = net
    if method not in PARAMETERS and method not in ('saliency', 'grad*input', 'elrp', 'deeplift', 'occlusion'):
        pytest.skip('not one of the seven')
    given = PARAMETERS.get(method, {})
    expected = de.explain(method, T, X, XS, WANTED[None], **given)
    weights = de.explain(method, T, X, XS, POINTS, **given)
    for batch_size in None, 1, 3:
        found = de.explain(method, difference, X, XS, batch_size=batch_size, **given)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        found = de.explain(method, product, X, XS, POINTS, batch_size, **given)
        np.testing.assert_allclose(found, weights, rtol=1e-9, atol=1e-12)


def test_against_the_definition(net):
    """-|out - ys|^2: its gradient is that of out with weights -2 (out - ys)."""
    de, X, _ = net
    values = NET.forward(XS)[-1]

    def closeness(out, ys):
        return -tf.reduce_sum((out - ys) ** 2, -1)
    expected = NET.gradient(XS, -2 * (values - POINTS)) * XS
    explainer = de.get_explainer('grad*input', closeness, X)
    for batch_size in None, 1, 3:
        np.testing.assert_allclose(explainer.run(XS, POINTS, batch_size), expected, rtol=1e-9)
    parts = list(explainer.stream([(XS[:3], POINTS[:3]), (XS[3:], POINTS[3:])]))
    np.testing.assert_allclose(np.concatenate(parts), expected, rtol=1e-9)
    batched = tf.data.Dataset.from_tensor_slices((XS, POINTS)).batch(3)
    np.testing.assert_allclose(explainer.run(batched), expected, rtol=1e-9)
    found = explainer.explanation(XS, POINTS)
    np.testing.assert_allclose(found.values, expected, rtol=1e-9)
    np.testing.assert_allclose(found.fx, -((values - POINTS) ** 2).sum(1), rtol=1e-9)
    np.testing.assert_allclose(de.value(closeness, X, XS, POINTS), found.fx, rtol=1e-9)
    np.testing.assert_allclose(de.value(difference, X, XS), values @ WANTED, rtol=1e-9)


def test_the_same_is_built_once(net):
    de, X, _ = net

    def explained(function, *ys):
        return de.explain('occlusion', function, X, XS, *ys)
    explained(difference)
    explained(lambda out, ys: out[:, 0] * ys, np.ones(4))
    explained(lambda out: tf.map_fn(lambda o: o[0] * o[1], out))
    before = count(de)
    for k in range(3):
        explained(difference)
        explained(lambda out: out[:, 1] - 2 * out[:, 2])                # another object
        explained(lambda out, ys: out[:, 0] * ys, np.full(4, k + 1.))       # other data
        explained(lambda out: tf.map_fn(lambda o: o[0] * o[1], out))
    assert count(de) == before


FACTOR = 1.


def test_what_a_function_takes_from_elsewhere_counts(net):
    """Whatever changes what a function computes is seen: no old map in silence."""
    de, X, T = net
    expected = de.explain('occlusion', T, X, XS, np.zeros(4, int))

    def check(function, factor):
        for _ in range(2):
            np.testing.assert_allclose(de.explain('occlusion', function, X, XS), factor * expected, rtol=1e-9)
    factor, array, listed, held = 2., np.array([2.]), [2.], SimpleNamespace(factor=2.)

    def helper(out):
        return out * factor
    functions = [lambda out: out[:, 0] * factor, lambda out: out[:, 0] * array[0],
                 lambda out: out[:, 0] * listed[0], lambda out: out[:, 0] * held.factor,
                 lambda out: helper(out)[:, 0],
                 functools.partial(lambda held, out: out[:, 0] * held.factor, held)]
    for function in functions:
        check(function, 2)
    factor = array[0] = listed[0] = held.factor = 3.
    for function in functions:
        check(function, 3)
    global FACTOR
    for FACTOR in 1., 4.:
        check(lambda out: out[:, 0] * FACTOR, FACTOR)                   # noqa: B023
    for k in range(2, 4):
        check(lambda out, k=k: out[:, 0] * k, k)


def test_an_explainer_keeps_what_its_function_was(net):
    de, X, _ = net
    factor = 1.
    plain, late = (de.get_explainer('occlusion', f, X) for f in (
        lambda out: out[:, 0] * factor, lambda out, ys: out[:, 0] * ys * factor))
    expected = plain.run(XS), late.run(XS, np.ones(4))
    factor = 2.
    np.testing.assert_array_equal(plain.run(XS), expected[0])
    np.testing.assert_array_equal(late.run(XS, np.ones(4)), expected[1])


def test_many_functions_warn(model):
    de, _ = model
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        for k in range(130):
            de.get_explainer('occlusion', lambda out: out[:, 0] * k, de.inputs[0])       # noqa: B023
    found = [str(w.message) for w in told if w.category is TargetWarning]
    assert len(found) == 2 and 'lambda out, ys' in found[0]


@pytest.mark.parametrize('ys', [POINTS, POINTS.astype('f'), POINTS.tolist(), np.ones((4, 3), int)], ids=[
    'float64', 'float32', 'list', 'integers'])
def test_dtypes_of_ys(model, ys):
    """ys keep their dtype, and where the function does not take it get that of the outputs."""
    de, weights = model
    xs = RNG.normal(size=(4, 2)).astype('f')
    found = de.explain('saliency', lambda out, ys: tf.reduce_sum(out * ys, 1), de.inputs[0], xs, ys)
    np.testing.assert_allclose(found, np.abs(np.asarray(ys) @ weights.T), rtol=1e-5)
    labels = np.array([0, 2, 1, 0])
    for given in labels, labels.astype('u1'), labels.tolist():
        found = de.explain('saliency', lambda out, ys: tf.gather(out, tf.cast(ys, tf.int32), batch_dims=1),
                           de.inputs[0], xs, given)
        np.testing.assert_allclose(found, np.abs(weights.T[labels]), rtol=1e-5)
    found = de.explain('saliency', lambda out, ys: tf.gather(out, ys[0], batch_dims=1) * ys[1], de.inputs[0],
                       xs, [labels, POINTS[:, 0]], batch_size=3)
    np.testing.assert_allclose(found, np.abs(weights.T[labels] * POINTS[:, :1]), rtol=1e-5)


def test_other_shapes_of_ys(model):
    """Every shape of ys is another target; the number of rows is not."""
    de, weights = model
    explainer = de.get_explainer('saliency', lambda out, ys: out[:, 0] * tf.reduce_sum(ys, -1), de.inputs[0])
    xs = np.ones((4, 2), 'f')
    for ys in np.ones((4, 3)), np.ones((2, 3)), np.ones((4, 5)):
        np.testing.assert_allclose(explainer.run(xs[:len(ys)], ys),
                                   np.tile(np.abs(weights[:, 0]) * ys.shape[1], (len(ys), 1)), rtol=1e-5)


def outputs_of(structure):
    """A context for a model that returns this structure of x @ ones(3, 2) and twice it."""
    def run(x):
        y = x @ tf.ones((3, 2))
        return tf.nest.map_structure(lambda k: y * k, structure)
    return DeepExplain.from_function(run, [tf.TensorSpec((None, 3), tf.float32)], check=False)


@pytest.mark.parametrize('structure, functions', [
    (1., [lambda out: out[:, 0]]), ([1.], [lambda out: out[:, 0]]),
    ([3., 1.], [lambda out: out[1][:, 1], lambda out: (out[0] - 2 * out[1])[:, 0]]),
    ({'b': 1., 'a': 2.}, [lambda out: out['b'][..., 0], lambda out: out['a'][:, 0] - out['b'][:, 1]]),
    ({'only': 1.}, [lambda out: out['only'][:, 0], lambda out: out[:, 0]])])
def test_what_out_is(structure, functions):
    with outputs_of(structure) as de:
        for function in functions:
            np.testing.assert_allclose(de.explain('saliency', function, de.inputs[0], np.ones((2, 3), 'f')),
                                       np.ones((2, 3)))


def test_keras_models_that_return_a_dict(tmp_path):
    x = keras.Input((3,), name='x')
    made = keras.Model(x, {'twice': 2. * x, 'x': x * 1.})
    made.export(tmp_path / 'saved', verbose=False)
    for de in DeepExplain.from_keras(made, check=False), DeepExplain.from_saved_model(tmp_path / 'saved',
                                                                                      check=False):
        with de:
            found = de.explain('grad*input', lambda out: out['twice'][:, 1], de.inputs[0],
                               np.ones((2, 3), 'f'))
            np.testing.assert_allclose(found, [[0, 2, 0]] * 2)


BAD = {
    'None': (lambda out: None, TensorError, 'must return a tensor, not NoneType'),
    'an eager tensor': (lambda out: EAGER, TensorError, 'not EagerTensor, a value that is not computed'),
    'a tensor of another graph': (lambda out: OTHER, TensorError, 'of another graph'),
    'integers': (lambda out: tf.argmax(out, 1), TensorError, r'must return a floating tensor.*int64'),
    'a scalar': (lambda out: tf.reduce_mean(out), TensorError, 'one entry per row'),
    'a row': (lambda out: out[0], TensorError, 'whose first axis is not the batch'),
    'a list': (lambda out: [out[:, 0]], TensorError, 'must return a tensor, not list'),
    'a key': (lambda out: out['boxes'], TensorError, r'out is a tensor \(\?, 3\) float32'),
    'a variable': (lambda out: out * VARIABLE, TensorError, r'\.numpy\(\)'),
    'an error': (lambda out: 1 / 0, TensorError, r'function <lambda> \(test_functions.py, line \d+\), raised '
                                                 'ZeroDivisionError'),
    'no argument': (lambda: 0, ParameterError, r'must take the outputs, \(out\)'),
    'three arguments': (lambda out, ys, zs: out, ParameterError, r'takes \(out, ys, zs\)'),
    'nothing of out': (lambda out: tf.ones([3]) * 2, TensorError, 'not the batch|does not depend on outputs'),
}
with tf.Graph().as_default():
    OTHER = tf.ones([2])
EAGER, VARIABLE = np.ones(2), None


@pytest.mark.parametrize('case', BAD)
def test_functions_that_are_refused(model, case, monkeypatch):
    de, _ = model
    monkeypatch.setitem(globals(), 'EAGER', tf.ones([2]))
    monkeypatch.setitem(globals(), 'VARIABLE', tf.Variable(2.))
    function, error, message = BAD[case]
    before = count(de)
    for call in (lambda: de.explain('saliency', function, de.inputs[0], np.ones((2, 2), 'f')),
                 lambda: de.get_explainer('saliency', function, de.inputs[0]),
                 lambda: de.value(function, de.inputs[0], np.ones((2, 2), 'f')),
                 lambda: de.audit('saliency', function, de.inputs[0])):
        with pytest.raises(error, match=message):
            call()
    assert count(de) == before


def test_ys_that_are_refused(model):
    de, _ = model
    xs, X = np.ones((2, 2), 'f'), de.inputs[0]

    def closeness(out, ys):
        return -tf.reduce_sum((out - ys) ** 2, -1)
    for ys, error, message in [(None, FeedError, 'closeness .*needs ys'),
                               ('predicted', ShapeError, 'its data'), (1., ShapeError, 'single number'),
                               (np.ones((3, 3)), ShapeError, '3 rows.*xs has 2'), ({}, ShapeError, 'ys'),
                               ([np.ones(3)] * 3, TensorError, 'not the batch'),
                               (np.array(['a', 'b']), ShapeError, 'ys')]:
        with pytest.raises(error, match=message):
            de.explain('saliency', closeness, X, xs, ys)
    with pytest.raises(FeedError, match='needs ys'):
        de.value(closeness, X, xs)
    late = de.get_explainer('saliency', closeness, X)
    for call in late.plan, late.audit:
        with pytest.raises(ParameterError, match='FunctionTarget'):
            call(*([2] if call == late.plan else []))
    with pytest.raises(ParameterError, match='Did you mean'):
        late.run(xs, np.ones((2, 3)), return_detla=True)


def test_what_ys_are_said_before(net):
    """With a spec nothing waits for ys: the graph can be finalized, plan and audit work."""
    with opened(NET) as (de, X, T, _):
        target = FunctionTarget(product, tf.TensorSpec((None, 3), tf.float64))
        explainer = de.get_explainer('saliency', target, X)
        late = de.get_explainer('saliency', product, X)
        late.run(XS, POINTS)
        de.graph.finalize()
        np.testing.assert_allclose(explainer.run(XS, POINTS), np.abs(NET.gradient(XS, POINTS)), rtol=1e-9)
        np.testing.assert_allclose(late.run(XS, POINTS), np.abs(NET.gradient(XS, POINTS)), rtol=1e-9)
        assert explainer.plan(4).evaluations == 4 and len(explainer.audit())
        with pytest.raises(ContextError, match='finalized'):
            late.run(XS, POINTS[:, 0])
        with pytest.raises(ParameterError, match='takes no ys'):
            de.get_explainer('saliency', FunctionTarget(lambda out: out, tf.TensorSpec((None,))), X)
        with pytest.raises(ParameterError, match='must be a function'):
            FunctionTarget(3)


def test_chosen_outputs(net):
    de, X, T = net
    hidden = T.op.inputs[0]
    found = de.explain('saliency', FunctionTarget(lambda out: out['t'][:, 0] + tf.reduce_sum(out['h'], 1) * 0,
                                                  outputs={'t': T, 'h': hidden}), X, XS)
    np.testing.assert_allclose(found, de.explain('saliency', T, X, XS, np.zeros(4, int)), rtol=1e-9)


def test_lists_of_one(model):
    de, weights = model
    xs = np.ones((2, 2), 'f')
    for T in de.outputs, list(de.outputs), (de.outputs[0],), [lambda out: out]:
        for ys in [1, 1], np.array([[0, 1., 0]]):
            np.testing.assert_allclose(de.explain('saliency', T, de.inputs[0], xs, ys),
                                       np.abs(weights[:, [1, 1]].T), rtol=1e-5)
    assert de.value(de.outputs, de.inputs[0], xs).shape == (2, 3)
    with pytest.raises(TensorError, match='T is a list of 2 tensors'):
        de.explain('saliency', [de.outputs[0]] * 2, de.inputs[0], xs)


def test_functions_are_not_kept(net):
    """Objects that a function holds can go."""
    de, X, _ = net

    gone = []

    class Held:
        factor = 2.

    def made():
        held = Held()
        weakref.finalize(held, gone.append, True)
        return (lambda out: out[:, 0] * held.factor), (lambda out, ys: out[:, 0] * held.factor * ys)
    de.explain('occlusion', made()[0], X, XS)
    de.explain('occlusion', made()[1], X, XS, np.ones(4))
    gc.collect()
    assert len(gone) == 2


def test_logits_and_warning(net):
    """A function of probabilities is told of, with its logits."""
    with opened(NET) as (de, X, T, _):
        tf.nn.softmax(T)
        with pytest.warns(TargetWarning, match='de.logits'):
            de.explain('saliency', lambda out: out[:, 1], X, XS)
        logit = de.logits(lambda out: out[:, 1])
        np.testing.assert_allclose(de.explain('saliency', logit, X, XS),
                                   de.explain('saliency', T, X, XS, np.ones(4, int)), rtol=1e-9)


def test_a_session_without_outputs():
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float32, (None, 2))
        with pytest.raises(TensorError, match='the graph has none'):
            de.explain('saliency', lambda out: out[:, 0], X, np.ones((2, 2)))
