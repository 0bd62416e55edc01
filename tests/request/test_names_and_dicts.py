"""X, xs and all that belongs to them by name: dicts of tensors, dicts of values, batches of dicts."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain, Explanation, errors
from deepexplain2.attribution import DeepLift
from tests.support.networks import v1

RNG = np.random.default_rng(0)
XS = {'left': RNG.normal(size=(4, 3)), 'right': RNG.normal(size=(4, 2))}
B = {'left': RNG.normal(size=3), 'right': RNG.normal(size=2)}


@pytest.fixture(scope='module')
def model():
    """Inputs whose order in the model is not that of the alphabet, nor that of XS."""
    keras.utils.set_random_seed(0)
    right, left = keras.Input((2,), name='right'), keras.Input((3,), name='left')
    h = L.Dense(4, 'tanh')(left) * L.Dense(4, 'sigmoid')(right)
    return keras.Model({'right': right, 'left': left}, L.Dense(2, name='logits')(h))


@pytest.fixture(scope='module')
def de(model):
    with DeepExplain.from_keras(model) as context:
        yield context


@pytest.fixture(scope='module')
def expected(de):
    """By position, one list."""
    X = [de.inputs['left'], de.inputs['right']]
    a = de.explain('deeplift', 'logits', X, [XS['left'], XS['right']], [0, 1, 1, 0],
                   baseline=[B['left'], B['right']])
    return dict(zip(('left', 'right'), a))


def same(found, expected):
    assert list(found) == list(expected)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-7)


def by_position(de, found):
    names = [n for t in de.inputs for n in XS if de.inputs[n] is t]
    return {n: found[names.index(n)] for n in XS}


def test_dict_of_tensors(de, model, expected):
    """X as a dict gives a dict: of tensors, names and Keras symbolic tensors, and in any order of xs."""
    swapped = dict(reversed(XS.items()))
    symbolic = {'left': model.input['left'], 'right': model.input['right']}
    for X in {n: de.inputs[n] for n in XS}, {n: n for n in XS}, symbolic:
        for xs in XS, swapped:
            for baseline in B, dict(reversed(B.items())):
                same(de.explain('deeplift', 'logits', X, xs, [0, 1, 1, 0], baseline=baseline), expected)
    same(de.explain('deeplift', 'logits', model.input, XS, [0, 1, 1, 0], baseline=B),
         {n: expected[n] for n in model.input})


def test_dict_of_values_for_a_list(de, expected):
    """By the names of inputs, ops and tensors, and by the tensors themselves; a list X gives a list."""
    a = de.explain('deeplift', 'logits', de.inputs, XS, [0, 1, 1, 0], baseline=B)
    same(by_position(de, a), expected)
    for key in (lambda t: t.name), (lambda t: t.op.name), (lambda t: t):
        xs = {key(de.inputs[n]): v for n, v in XS.items()}
        a = de.explain('deeplift', 'logits', list(de.inputs), xs, [0, 1, 1, 0],
                       baseline={key(de.inputs[n]): v for n, v in B.items()})
        same(by_position(de, a), expected)


def test_all_that_goes_with_xs(de, expected):
    """out, attributions of a metric, values, baseline functions, delta, Explanation, a stream."""
    X = {n: n for n in XS}
    explainer = de.get_explainer('deeplift', 'logits', X, baseline=lambda xs: B)
    out = {n: np.empty_like(v, np.float32) for n, v in XS.items()}
    a, delta = explainer.run(XS, [0, 1, 1, 0], out=out, return_delta=True)
    assert all(a[n] is out[n] for n in XS)
    same(out, expected)
    np.testing.assert_allclose(delta, 0, atol=1e-5)
    for batch, rows in zip(explainer.stream([({n: v[k:k + 2] for n, v in XS.items()}, [0, 1, 1, 0][k:k + 2])
                                             for k in (0, 2)]), (slice(0, 2), slice(2, 4))):
        same(batch, {n: v[rows] for n, v in expected.items()})
    e = explainer.explanation(XS, [0, 1, 1, 0])
    assert isinstance(e, Explanation) and e.input_names == ['left', 'right']
    same(dict(zip(e.input_names, e.values)), expected)
    values = [de.value('logits', X, XS), de.value('logits', de.inputs, XS),
              de.activations(['logits'], X, XS)[0]]
    for v in values[1:]:
        np.testing.assert_array_equal(v, values[0])


def test_single_input_by_name(de, expected):
    """xs of one X as a dict of one; the other input in feed_dict by its name."""
    a = de.explain(DeepLift(baseline=B['left']), 'logits', 'left', XS['left'], [0, 1, 1, 0],
                   feed_dict={'right': XS['right']})
    b = de.explain(DeepLift(baseline=B['left']), 'logits', de.inputs['left'], {'left': XS['left']},
                   [0, 1, 1, 0], feed_dict={de.inputs['right']: XS['right']})
    np.testing.assert_array_equal(a, b)
    assert isinstance(a, np.ndarray) and a.shape == (4, 3)


@pytest.mark.parametrize('with_ys', [False, True])
def test_batches_of_a_dataset(de, with_ys):
    """Dicts, tuples of as many arrays as inputs, and pairs of these and ys."""
    order = [n for t in de.inputs for n in XS if de.inputs[n] is t]
    ys = np.array([0, 1, 1, 0])
    explainer = de.get_explainer('deeplift', 'logits', de.inputs)
    expected = explainer.run(XS, ys if with_ys else None)
    parts = [{n: v.astype('f') for n, v in XS.items()}, tuple(XS[n].astype('f') for n in order)]
    for part in parts:
        data = tf.data.Dataset.from_tensor_slices((part, ys) if with_ys else part).batch(3)
        for got in explainer.run(data), [np.concatenate(p) for p in zip(*explainer.stream(data))]:
            for a, b in zip(got, expected):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize('xs, message', [
    ({'left': XS['left']}, r"xs is a dict without 'right'. X are '.*', '.*'"),
    ({**XS, 'middle': 0}, "xs is a dict, and its key 'middle' is none of the inputs that are explained: '"),
    ({'left': XS['left'], 'left:0': XS['left'], 'right': XS['right']}, 'means the same input as another key'),
    ({}, 'xs is a dict without')])
def test_other_names_are_refused(de, xs, message):
    for X in de.inputs, {'left': 'left', 'right': 'right'}:
        with pytest.raises(errors.ShapeError, match=message):
            de.explain('saliency', 'logits', X, xs)


def test_other_dicts_are_refused(de):
    for X, message in (({1: 'left'}, 'X is a dict with keys that are no strings'),
                       ({'left': {'a': 'left'}}, r'X must be a tensor of .*, not dict'),
                       ({}, 'X is an empty list'), ({'a': 'left', 'b': 'left'}, 'the same tensor twice')):
        with pytest.raises(errors.TensorError, match=message):
            de.explain('saliency', 'logits', X, XS)
    with pytest.raises(errors.TensorError, match="no tensor 'middle'"):
        de.explain('saliency', 'logits', 'left', XS['left'], feed_dict={'middle': 0})
    with pytest.raises(errors.FeedError, match=r'gives ".*" twice, by two names'):
        de.explain('saliency', 'logits', 'left', XS['left'],
                   feed_dict={'right': XS['right'], de.inputs['right']: XS['right']})


def test_names_of_a_session():
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        a, b = (v1.placeholder(tf.float32, (None, 2), n) for n in 'ab')
        T = tf.tanh(a) * b
        ones = np.ones((3, 2))
        got = de.explain('grad*input', T, {'first': a, 'second': 'b'}, {'second': 2 * ones, 'first': ones})
        assert list(got) == ['first', 'second']
        np.testing.assert_allclose(got['second'], 2 * np.tanh(ones), rtol=1e-6)
        np.testing.assert_allclose(de.explain('grad*input', T, b, ones, feed_dict={'a': ones}),
                                   np.tanh(ones), rtol=1e-6)


def test_cost_is_told_once():
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float32, (None, 6))
        T = tf.reduce_sum(X ** 2, 1)
        xs = np.ones((2, 6), 'f')
        told = 'up to 10002 times for each row, 20004 times in all'
        with pytest.warns(errors.CostWarning, match=told) as caught:
            for _ in range(2):
                de.explain('shapley_sampling', T, X, xs, samples=2000)
        assert len(caught) == 1


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('more', [{'samples': 1999}, {'samples': 2000, 'progress': lambda p: None}])
def test_cost_is_not_told(more):
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float32, (None, 6))
        de.explain('shapley_sampling', tf.reduce_sum(X ** 2, 1), X, np.ones((2, 6), 'f'), **more)


@pytest.mark.parametrize('shape, window', [((5, 6, 3), (2, 2, 3)), ((4, 3, 5, 1), (2, 2, 2, 1)),
                                           ((4, 6, 6), (2, 2, 2)), ((6, 4), (2, 2))])
def test_a_window_takes_all_channels(shape, window):
    """Of images and volumes of at most 5 channels, where it is one number."""
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, *shape))
        xs = RNG.normal(size=(2, *shape))
        axes = tuple(range(1, len(shape) + 1))
        T = tf.reduce_prod(1 + X / 10, axes)
        np.testing.assert_allclose(*(de.explain('occlusion', T, X, xs, window_shape=w) for w in (2, window)),
                                   rtol=1e-12)


def test_one_input_with_or_without_a_list():
    """xs as an array where X is a list of one, and as a list of one, which `preprocess` gives, where X is
    none; a list of one row is a row."""
    model = keras.Sequential([keras.Input((3,)), L.Dense(4, 'tanh'), L.Dense(2)])
    xs = XS['left'].astype('f')
    with DeepExplain.from_keras(model) as de:
        expected = de.explain('deeplift', de.outputs[0], de.inputs[0], xs, 1)
        for given in [xs], (xs,), de.preprocess(xs):
            np.testing.assert_array_equal(de.explain('deeplift', de.outputs[0], de.inputs[0], given, 1),
                                          expected)
        [got] = de.explain('deeplift', de.outputs[0], de.inputs, xs, 1)
        np.testing.assert_array_equal(got, expected)
        one = de.explain('deeplift', de.outputs[0], de.inputs[0], [xs[0]], 1)
        np.testing.assert_allclose(one, expected[:1], rtol=1e-5)
