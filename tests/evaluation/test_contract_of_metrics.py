"""What every metric keeps to: rows and batches do not matter, several inputs, nothing changes."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, methods, metrics
from deepexplain2.features import Axes
from deepexplain2.parameters import kinds
from deepexplain2.targets import Probability
from tests.support.networks import mlp, opened, samples, v1

NET = mlp('tanh', 'relu', sizes=(5, 6, 3))
XS = samples(NET, 6)[0]
YS = np.array([0, 1, 2, 1, 0, 2])
MASKS = np.random.default_rng(1).random((6, 5)) < .5
MASKS[:, 0], MASKS[:, 1] = True, False
OTHER = np.random.default_rng(2).normal(size=(6, 5))
METHOD = methods['intgrad'](steps=5)
# one value for all rows together, from trainings
PER_ROW = sorted({*metrics} - {'roar'})


def made(name, rows=slice(None)):
    """A metric with few draws."""
    few = {'masks': MASKS[rows], 'other': OTHER[rows], 'samples': 6, 'k': 2, 'features': Axes(),
           'baseline': .1, 'similarity': 'pearson'}
    return metrics[name](**{k: v for k, v in few.items() if k in kinds(metrics[name])})


def target(metric, T):
    return Probability(outputs=T) if metric.needs_probability else T


@pytest.mark.parametrize('name', PER_ROW)
def test_rows_and_batches(name):
    with opened(NET) as (de, X, T, session):
        metric = made(name)
        T = target(metric, T)
        found = de.evaluate(metric, T, X, XS, METHOD, YS)
        assert found.values.shape == (6,) and np.isfinite(found.values).all()
        assert found.better == metric.better and repr(metric) in repr(found)
        for batch_size in 1, 4:
            np.testing.assert_allclose(de.evaluate(metric, T, X, XS, METHOD, YS, batch_size), found,
                                       rtol=1e-7, atol=1e-10)
        if name != 'random_logit':                      # whose classes are drawn by the place of a row
            order = np.array([3, 0, 5, 1, 4, 2])
            np.testing.assert_allclose(de.evaluate(made(name, order), T, X, XS[order], METHOD, YS[order]),
                                       found.values[order], rtol=1e-7, atol=1e-10)
        ops = len(session.graph.get_operations())
        again = de.evaluate(metric, T, X, XS, METHOD, YS)
        np.testing.assert_array_equal(again.values, found.values)
        assert len(session.graph.get_operations()) == ops
        if not metric.needs_method:
            a = de.explain(METHOD, T, X, XS, YS)
            np.testing.assert_allclose(de.evaluate(metric, T, X, XS, a, YS), found, rtol=1e-7, atol=1e-10)
            assert not a.flags.owndata or a.flags.writeable
        else:
            with pytest.raises(errors.ParameterError, match='give the method in place'):
                de.evaluate(metric, T, X, XS, np.ones_like(XS), YS)


@pytest.mark.parametrize('name', PER_ROW)
def test_several_inputs(name, session):
    """The columns of one input in two: the same, of what takes all entries alike."""
    one, (a, b) = v1.placeholder(tf.float64, (None, 5)), (v1.placeholder(tf.float64, (None, k))
                                                         for k in (2, 3))
    single, double = NET.tensorflow(one), NET.tensorflow(tf.concat([a, b], 1))
    with DeepExplain(session) as de:
        metric = made(name)
        split = {'masks': [MASKS[:, :2], MASKS[:, 2:]], 'other': [OTHER[:, :2], OTHER[:, 2:]]}
        halves = type(metric)(**{k: split.get(k, v) for k, v in metric.parameters.items()})
        found = de.evaluate(halves, target(metric, double), [a, b], [XS[:, :2], XS[:, 2:]], METHOD, YS)
        assert found.values.shape == (6,)
        # ranges, draws and windows are those of each input
        if name not in ('infidelity', 'max_sensitivity', 'average_sensitivity', 'local_lipschitz', 'ssim',
                        'random_logit', 'model_randomization'):
            want = de.evaluate(metric, target(metric, single), one, XS, METHOD, YS)
            np.testing.assert_allclose(found.values, want.values, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize('name', PER_ROW)
def test_methods_of_other_kinds(name):
    """A fixed batch, float32, attributions with no sign."""
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float32, (3, 5))
        metric = made(name, slice(0, 3))
        T = target(metric, tf.cast(NET.tensorflow(tf.cast(
            X, tf.float64)), tf.float32))
        found = de.evaluate(metric, T, X, XS[:3], 'saliency', YS[:3])
    with opened(NET) as (de, X, T, _):
        want = de.evaluate(made(name, slice(0, 3)), target(metric, T), X, XS[:3], 'saliency', YS[:3])
        np.testing.assert_allclose(found.values, want.values, rtol=1e-3, atol=1e-4)


def test_token_ids(session):
    """Words are the features; their attributions are summed over the embedding."""
    ids = v1.placeholder(tf.int32, (None, 4), 'ids')
    table = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    embedded = tf.nn.embedding_lookup(table, ids)
    T = tf.reduce_sum(tf.tanh(embedded)[:, :, :2], [1, 2])[:, None] * tf.constant([[1., -1.]])
    tokens = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    with DeepExplain(session) as de:
        found = de.evaluate('deletion', T, ids, tokens, 'grad*input', [0, 1], steps=-1)
        a = de.explain('grad*input', T, ids, tokens, [0, 1]).sum(2)
        order = np.argsort(-a, 1)
        for k in range(5):
            gone = np.array([np.isin(np.arange(4), row[:k]) for row in order])
            want = de.value(T, ids, np.where(gone, 0, tokens), [0, 1])
            np.testing.assert_allclose(found.curve.y[:, k], want, rtol=1e-6)
        assert de.evaluate('sparseness', T, ids, tokens, 'occlusion', [0, 1]).values.shape == (2,)
        # what explains again gives words too
        b = de.explain('grad*input', T, ids, tokens, [1, 0]).sum(2)
        found = de.evaluate('random_logit', T, ids, tokens, 'grad*input', [0, 1], similarity='pearson')
        np.testing.assert_allclose(found.values, [np.corrcoef(p, q)[0, 1] for p, q in zip(a, b)], rtol=1e-5)
        for name in 'max_sensitivity', 'infidelity':
            with pytest.raises(errors.ParameterError, match=f'{name} adds noise to x, and X has dtype int32'):
                de.evaluate(name, T, ids, tokens, 'grad*input', [0, 1])


def test_what_is_given_is_checked():
    with opened(NET) as (de, X, T, _):
        with pytest.raises(errors.ParameterError, match='Did you mean "steps"'):
            de.evaluate('deletion', T, X, XS, XS, YS, step=3)
        with pytest.raises(errors.ParameterError, match="'steps' is a parameter of the metric"):
            de.evaluate(metrics['deletion'](), T, X, XS, XS, YS, steps=3)
        with pytest.raises(errors.UnknownMethod, match='Did you mean "intgrad"'):
            de.evaluate('deletion', T, X, XS, 'intgrads', YS)
        with pytest.raises(errors.ParameterError, match='steps must be an integer >= 1, or -1'):
            de.evaluate('deletion', T, X, XS, XS, YS, steps=0)
        with pytest.raises(errors.ShapeError, match='subsets are of 3 features, and there are 5'):
            de.evaluate('mu_fidelity', T, X, XS, XS, YS, subsets=np.ones((4, 3), bool))
        with pytest.raises(errors.DeepExplainError, match='NaN'):
            de.evaluate('sparseness', T, X, XS, np.full_like(XS, np.nan), YS)


def test_progress_and_errors_leave_nothing():
    seen = []
    with opened(NET) as (de, X, T, _):
        de.evaluate('deletion', T, X, XS, XS, YS, steps=-1, progress=lambda p: seen.append(p.done))
        assert seen

        def interrupt(p):
            raise KeyboardInterrupt
        with pytest.raises(KeyboardInterrupt):
            de.evaluate('deletion', T, X, XS, XS, YS, progress=interrupt)
        assert np.isfinite(de.evaluate('deletion', T, X, XS, XS, YS).values).all()


def test_an_explanation_of_other_rows():
    with opened(NET) as (de, X, T, _):
        explanation = de.explanation(METHOD, T, X, XS, YS)
        found = de.evaluate('deletion', T, X, XS[2:4], explanation[2:4], YS[2:4])
        want = de.evaluate('deletion', T, X, XS, explanation, YS).values[2:4]
        np.testing.assert_allclose(found.values, want, rtol=1e-9)
        with pytest.raises(errors.ShapeError, match='is of other rows than xs'):
            de.evaluate('deletion', T, X, XS[::-1], explanation, YS[::-1])
