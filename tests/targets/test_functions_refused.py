"""T as a function: what `out` is, what is refused, and what comes with a run."""

import gc
import weakref

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
from tests.support.function_targets import NET, POINTS, XS, count, model_opened, net_opened, product
from tests.support.networks import opened, v1


@pytest.fixture(scope='module')
def net():
    with net_opened() as found:
        yield found


@pytest.fixture(scope='module')
def model():
    with model_opened() as found:
        yield found


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
    'an error': (lambda out: 1 / 0, TensorError,
                 r'function <lambda> \(test_functions_refused.py, line \d+\), raised ZeroDivisionError'),
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
