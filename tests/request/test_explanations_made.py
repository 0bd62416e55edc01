"""What `explanation` of an explainer holds: the numbers of `run`, and what they are about."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.features import Axes
from tests.support.few import ANYWHERE, few

v1 = tf.compat.v1
RNG = np.random.default_rng(0)
W, V, TABLE = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2)), RNG.normal(size=(9, 3))
XS, YS = RNG.normal(size=(7, 3)), RNG.integers(0, 2, 7)


def f(x):
    """T by hand."""
    return np.tanh(x @ W) @ V


@pytest.fixture
def net():
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        x = v1.placeholder(tf.float64, (None, 3), 'x')
        with DeepExplain(session) as de:
            yield de, x, tf.nn.tanh(x @ W) @ V


@pytest.mark.parametrize('name', ANYWHERE)
@pytest.mark.parametrize('batch_size', [None, 2])
def test_every_method(net, name, batch_size):
    de, x, T = net
    method = few(name)
    explainer = de.get_explainer(method, T, x)
    for made in (explainer.explanation(XS, YS, batch_size), de.explanation(method, T, x, XS, YS, batch_size)):
        np.testing.assert_array_equal(made.values, explainer.run(XS, YS, batch_size))
        np.testing.assert_array_equal(made.xs, XS)
        np.testing.assert_array_equal(made.ys, YS)
        at_x = f(XS)[np.arange(7), YS]
        np.testing.assert_allclose(made.fx, at_x, rtol=1e-9)
        if 'baseline' in method.parameters:
            np.testing.assert_allclose(made.f_baseline, 0, atol=1e-12)
        else:
            assert made.f_baseline is None
        if method.sums_to:
            np.testing.assert_allclose(made.delta, at_x - made.sums, atol=1e-9)
            np.testing.assert_allclose(made.delta, explainer.run(XS, YS, batch_size, return_delta=True)[1])
        else:
            assert made.delta is None
        assert made.std_error is None and made.feature_names is None and made.index is None
        assert (made.target, made.input_names) == (T.name, ['x:0'])
        assert made.method == repr(method) and made.parameters == method.parameters
        assert name in repr(explainer) and made.method in repr(made)


def test_no_more_is_evaluated_for_the_gap(net):
    de, x, T = net
    for name in ('intgrad', 'deeplift', 'elrp', 'occlusion', 'saliency'):
        explainer = de.get_explainer(name, T, x)
        counted = {}
        for what in ('run', 'explanation'):
            explainer.run(XS)               # what is only asked once is asked before
            seen = []
            getattr(explainer, what)(XS, progress=lambda p, seen=seen: seen.append(p))
            counted[what] = seen[-1].done
            assert seen[-1].done == seen[-1].total
        ends = {'saliency': 1, 'elrp': 1}.get(name, 2)
        assert counted['explanation'] - counted['run'] == 7 * ends


def test_standard_errors_several_inputs_and_sets_of_baselines(net, tmp_path):
    de, x, T = net
    shapley = de.explanation('shapley_sampling', T, x, XS, YS, samples=20, return_std_error=True)
    values, error = de.explain('shapley_sampling', T, x, XS, YS, samples=20, return_std_error=True)
    np.testing.assert_array_equal(shapley.values, values)
    np.testing.assert_array_equal(shapley.std_error, error)
    listed = de.explanation('shapley_sampling', T, [x], [XS], YS, samples=20, return_std_error=True)
    np.testing.assert_array_equal(listed.std_error[0], error)
    baselines = RNG.normal(size=(3, 3))
    made = de.explanation('intgrad', T, x, XS, YS, steps=30, baseline=baselines, average=True)
    np.testing.assert_allclose(made.f_baseline, f(baselines)[:, YS].mean(0), rtol=1e-9)
    np.testing.assert_allclose(made.delta, made.fx - made.f_baseline - made.sums, atol=1e-12)
    np.testing.assert_array_equal(made.parameters['baseline'], baselines)
    other = v1.placeholder(tf.float64, (None, 3), 'other')
    both = de.explanation('grad*input', T + 2 * other[:, :2], [x, other], [XS, 2 * XS], np.eye(2)[YS])
    assert both.input_names == ['x:0', 'other:0'] and len(both.values) == 2
    np.testing.assert_array_equal(both.ys, np.eye(2)[YS])
    np.testing.assert_allclose(both.fx, (f(XS) + 4 * XS[:, :2])[np.arange(7), YS], rtol=1e-9)
    both.save(tmp_path / 'a')
    np.testing.assert_array_equal(type(both).load(tmp_path / 'a')[2:4].values[1], both.values[1][2:4])
    weighted = de.explanation('saliency', T * [[1., 3.]], x, XS)
    np.testing.assert_array_equal(weighted.ys, np.tile([1., 3.], (7, 1)))
    assert de.explanation('saliency', T, x, XS).ys is None


def test_t_that_is_no_value_of_a_row(net):
    de, x, T = net
    total = tf.reduce_sum(T)                    # every row in a run of its own
    np.testing.assert_allclose(de.explanation('intgrad', total, x, XS).fx, f(XS).sum(1), rtol=1e-9)
    fixed = v1.placeholder(tf.float64, (7, 3))
    made = de.explanation('intgrad', tf.reduce_sum(tf.nn.tanh(fixed @ W)), fixed, XS)
    assert made.fx is made.f_baseline is made.delta is None


def test_without_a_value_at_the_baseline(net):
    """T may be NaN at the baseline of a method that promises no sum."""
    de, x, _ = net
    T = tf.reduce_sum(tf.math.log(x), 1)
    xs = np.abs(XS) + .1
    T += tf.where(tf.reduce_all(tf.equal(x, 1), 1), np.float64(np.nan), np.float64(0))
    made = de.explanation('occlusion', T, x, xs, baseline=1.)
    np.testing.assert_allclose(made.values, np.log(xs), rtol=1e-9)
    assert made.f_baseline is None
    np.testing.assert_allclose(made.fx, np.log(xs).sum(1), rtol=1e-9)


def test_token_ids(net):
    de, *_ = net
    ids = v1.placeholder(tf.int32, (None, 4), 'ids')
    T = tf.nn.tanh(tf.reshape(tf.nn.embedding_lookup(TABLE, ids), (-1, 12)) @ RNG.normal(size=(12, 2)))
    tokens = RNG.integers(0, 9, (5, 4))
    for summed in (False, True):
        made = de.explanation('deeplift', T, ids, tokens, np.arange(5) % 2, baseline=3, sum_embedding=summed)
        values, delta = de.explain('deeplift', T, ids, tokens, np.arange(5) % 2, baseline=3,
                                   sum_embedding=summed, return_delta=True)
        np.testing.assert_array_equal(made.values, values)
        np.testing.assert_array_equal(made.delta, delta)
        np.testing.assert_array_equal(made.xs, tokens)
        np.testing.assert_allclose(made.sums, made.fx - made.f_baseline, atol=1e-9)
        assert made.input_names == ['ids:0'] and made.parameters['baseline'] == 3
        assert made.parameters['sum_embedding'] == summed


def test_written_away_and_refused(net, tmp_path):
    de, x, T = net
    out = np.lib.format.open_memmap(tmp_path / 'out.npy', 'w+', 'f8', XS.shape)
    made = de.explanation('intgrad', T, x, XS, YS, 2, out=out)
    assert made.values is out
    np.testing.assert_allclose(out, de.explain('intgrad', T, x, XS, YS), rtol=1e-9, atol=1e-12)
    for give, said in [(dict(xs=tf.data.Dataset.from_tensors(XS)), 'xs is a tf.data.Dataset'),
                       (dict(xs=XS, progres=True), "has no parameter 'progres'. Did you mean \"progress\""),
                       (dict(xs=XS, return_std_error=True), 'draws no samples')]:
        with pytest.raises(errors.ParameterError, match=said):
            de.explanation('intgrad', T, x, **give)



def test_the_unit_is_said(net):
    de, x, T = net
    units = {'gradient': 'per unit of X', 'deeplift': 'share of', 'occlusion': 'units of',
             'vargrad': 'variance of',
             'smoothgrad': 'mean of'}
    for name, unit in units.items():
        made = de.explanation(name, T, x, XS, YS)
        assert unit in made.unit and made.adds_up and T.name.split('/')[0].rstrip(':0') in made.unit
    assert not de.explanation('rise', T, x, XS, YS, features=Axes([1]), samples=8).adds_up


def test_of_a_keras_model_the_target_is_named_by_its_layer_and_data_of_the_rows_are_kept():
    keras = tf.keras
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, 'softmax', name='kind')])
    with DeepExplain.from_keras(model) as de:
        X, xs, wanted = de.inputs[0], XS.astype('f'), RNG.normal(size=(7, 2))
        assert de.explanation('gradient', de.logits(de.outputs[0]), X, xs, YS).target == 'logits of kind'
        assert de.explanation('gradient', 'kind', X, xs, YS).target == 'kind'
        made = de.explanation('gradient', lambda out, ys: -tf.reduce_sum((out - ys) ** 2, 1), X, xs, wanted)
        np.testing.assert_array_equal(made.ys, wanted)
