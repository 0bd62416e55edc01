"""What is missing of an answer is said: ops without a rule, gradients that are lost, probabilities, features
that no window covers."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import errors
from tests.support.networks import mlp, opened, samples

NET = mlp('relu', 'tanh')
X4, YS4 = samples(NET, 4)


def first_is_largest(h):
    return tf.equal(tf.argmax(h, 1), 0)[:, None]


NONLINEAR = {
    ('elrp', 'Prod'): lambda h: tf.reduce_prod(h, 1), ('elrp', 'Cumprod'): lambda h: tf.math.cumprod(h, 1),
    ('elrp', 'Atan2'): lambda h: tf.atan2(h, 1 + h * h),
             ('elrp', 'GatherV2'): lambda h: tf.gather(h, tf.argmax(h[0]), axis=1),
    ('deeplift', 'SelectV2'): lambda h: tf.where(first_is_largest(h), h, 2 * h),
}


@pytest.mark.parametrize('method, name', NONLINEAR)
def test_nonlinear_ops_without_a_rule_are_named(method, name):
    with opened(NET) as (de, X, T, session):
        target = NONLINEAR[method, name](T)
        with pytest.warns(errors.NonlinearOpWarning,
                          match=rf'{method} has no rule for .*\({name}\)') as caught:
            explainer = de.get_explainer(method, target, X)
        mine = [w for w in caught if w.category is errors.NonlinearOpWarning]
        assert len(mine) == 1 and mine[0].filename == __file__
        # once per explainer: an error here, by the settings of the suite
        a = explainer.run(X4)
        np.testing.assert_array_equal(de.explain(method, target, X, X4, on_unsupported='ignore'), a)
        before = len(session.graph.get_operations())
        with pytest.raises(errors.RuleError, match=rf'{method} has no rule for 1 .*\({name}\).*follows the '
                                                   rf'gradient along a path'):
            de.get_explainer(method, target, X, on_unsupported='raise')
        assert len(session.graph.get_operations()) == before
        with pytest.raises(errors.ParameterError, match="on_unsupported must be one of 'warn', 'raise', "
                                                        "'ignore', not 'stop'"):
            de.get_explainer(method, target, X, on_unsupported='stop')


REFUSED = {
    'GatherV2': (lambda h: tf.gather(h, tf.argmax(h[0]), axis=1), 'X decides on its indices'),
    'NthElement': (lambda h: tf.raw_ops.NthElement(input=h, n=1), 'what comes first depends on X'),
    'FakeQuantWithMinMaxVars': (lambda h: tf.cast(
        tf.quantization.fake_quant_with_min_max_vars(tf.cast(h, tf.float32), -1., 1.), tf.float64),
                                'its gradient is not that of its values'),
}


@pytest.mark.parametrize('name', REFUSED)
def test_deeplift_refuses(name):
    make, why = REFUSED[name]
    with opened(NET) as (de, X, T, session):
        target = make(T)
        before = len(session.graph.get_operations())
        with pytest.raises(errors.RuleError, match=rf'deeplift refuses op .*\({name}\), {why}'):
            de.explain('deeplift', target, X, X4)
        audit = de.audit('deeplift', target, X)
        assert not audit.fits and [r.type for r in audit.groups['refused']] == [name]
        assert len(session.graph.get_operations()) == before


@pytest.mark.parametrize('method', ['saliency', 'intgrad', 'elrp', 'deeplift'])
def test_values_that_pass_without_a_gradient_are_named(method):
    """On part of the ways: a warning. The stops of reduce_logsumexp and moments take nothing away: silent,
    and complete."""
    with opened(NET) as (de, X, T, _):
        for name, target in {'StopGradient': T + tf.stop_gradient(T), 'Round': T + tf.round(T),
                             'Cast': T + tf.cast(tf.cast(T, tf.int32), T.dtype)}.items():
            with pytest.warns(errors.PathWarning, match=rf'only through .*\({name}\), which pass no '
                                                        rf'gradient: it is missing'):
                de.get_explainer(method, target, X)
            assert [r.type for r in de.audit(method, target, X) if r.drops_input] == [name]
        mean, variance = tf.nn.moments(T, [1], keepdims=True)
        target = tf.reduce_logsumexp(T, 1) + ((T - mean) / tf.sqrt(variance + 1.))[:, 0]
        a = de.explain(method, target, X, X4, **{'deeplift': {'return_delta': True}}.get(method, {}))
        if method == 'deeplift':
            np.testing.assert_allclose(a[1], 0, atol=1e-9)


def test_linear_ops_and_ops_with_a_rule_are_silent():
    """The suite turns the warning into an error."""
    with opened(NET) as (de, X, T, session):
        h = tf.nn.elu(tf.reshape(X * 2. - 1 / 3., (-1, 5, 1, 1)))
        h = tf.nn.avg_pool2d(tf.pad(h, [[0, 0], [1, 1], [1, 1], [0, 0]]), 2, 1, 'VALID')
        h = tf.nn.max_pool2d(tf.nn.conv2d(h, np.ones((1, 1, 1, 2)), 1, 'SAME'), 2, 1, 'SAME')
        h = tf.nn.depthwise_conv2d(h, np.ones((1, 1, 2, 1)), [1, 1, 1, 1], 'SAME')
        h = tf.nn.conv2d_transpose(h, np.ones((1, 1, 2, 2)), tf.shape(h), 1)
        h = tf.concat([tf.transpose(h, (0, 2, 1, 3)), h[:, ::-1]], 1) if h.shape[1] == h.shape[2] else h
        h = tf.reduce_mean(tf.stack(tf.unstack(h, axis=3), -1), [1, 2]) / 3.
        h = tf.einsum('bi,ij->bj', h, np.ones((2, 4))) + tf.cumsum(tf.tile(h, [1, 2]),
                                                                   1) - tf.squeeze(h[:, :1], 1)[:, None]
        h = tf.gather(tf.where([True, False, True, True], h, 0 * h), [0, 2], axis=1)
        h = tf.cast(tf.cast(h, tf.float32), tf.float64)
        for method in 'elrp', 'deeplift', 'saliency', 'occlusion':
            assert np.isfinite(de.explain(method, h, X, X4)).all()


@pytest.mark.parametrize('squash', [tf.nn.softmax, tf.nn.sigmoid])
def test_probabilities_as_target(squash):
    """Once per explainer, with the tensor to take instead."""
    with opened(NET) as (de, X, T, session):
        P = squash(T)
        with pytest.warns(errors.TargetWarning, match=rf'Target "{T.name}" instead: de.logits') as caught:
            de.explain('saliency', P, X, X4)
        assert len(caught) == 1
        de.explain('saliency', P, X, X4)
        assert de.logits(P) is T and de.logits(tf.identity(P)) is T and de.logits(T) is T


def test_uncovered_features_are_named():
    with opened(NET) as (de, X, T, session):
        with pytest.warns(errors.CoverageWarning, match=r'window_shape \(2,\) and step \(2,\) leaves 1 of 5 '
                                                        r'features'):
            a = de.explain('occlusion', T, X, X4, window_shape=2, step=2)
        assert np.isnan(a[:, 4]).all() and np.isfinite(a[:, :4]).all()


def test_stops_that_take_something_away_are_named():
    """A maximum of something else, a mean that is added, a maximum that is used twice."""
    with opened(NET) as (de, X, T, _):
        largest = tf.stop_gradient(tf.reduce_max(T, 1, keepdims=True))
        for target in (T - tf.stop_gradient(tf.reduce_max(tf.square(T), 1, keepdims=True)),
                       T + tf.stop_gradient(tf.reduce_mean(T, 1, keepdims=True)),
                       (T - largest) * largest):
            with pytest.warns(errors.PathWarning, match=r'only through .*\(StopGradient\), which pass no '
                                                        r'gradient: it is missing'):
                de.get_explainer('deeplift', target, X)
            assert [r.type for r in de.audit('deeplift', target, X) if r.drops_input] == ['StopGradient']
