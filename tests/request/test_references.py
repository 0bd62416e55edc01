"""references=: the mean of the attributions against each of several baselines."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

METHODS = {'intgrad': {'steps': 3}, 'deeplift': {}, 'occlusion': {}, 'shapley_sampling': {'samples': 2}}
RNG = np.random.default_rng(0)
N, K = 3, 4
XS = [RNG.normal(size=(N, 4)), RNG.normal(size=(N, 2, 3))]


@pytest.fixture(scope='module')
def net():
    """T (n, 2) of two inputs, in float64."""
    rng = np.random.default_rng(1)
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session, DeepExplain(session) as de:
        a, b = v1.placeholder(tf.float64, (None, 4)), v1.placeholder(tf.float64, (None, 2, 3))
        gate = tf.sigmoid(tf.reshape(b, (-1, 6)) @ rng.normal(size=(6, 5)))
        h = tf.tanh(a @ rng.normal(size=(4, 5))) * gate
        yield de, tf.nn.elu(h @ rng.normal(size=(5, 2))) ** 2, a, b


def sets(shape, per_row, k=K):
    rng = np.random.default_rng(len(shape))
    return rng.normal(size=((N, k) if per_row else (k,)) + shape)


@pytest.mark.parametrize('per_row', [False, True], ids=['shared', 'per row'])
@pytest.mark.parametrize('method', METHODS)
def test_mean_of_single_baselines(net, method, per_row):
    """One input and two, arrays and functions, any batches; delta is against the mean of f(reference)."""
    de, T, a, b = net
    more = METHODS[method] | {'ys': [0, 1, 1]}
    r, s = sets((4,), per_row), sets((2, 3), per_row)
    feed = {b: XS[1]}
    of = (lambda v, j: v[:, j]) if per_row else (lambda v, j: v[j])

    def single(j):
        return de.explain(method, T, a, XS[0], baseline=of(r, j), feed_dict=feed, **more,
                          **({'average': False} if method in ('intgrad', 'deeplift') else {}))
    expected = np.mean([single(j) for j in range(K)], 0)
    calls = [(r, None), (r, 1), (r, 2), (lambda xs: r[:len(xs)] if per_row else r, None)]
    for given, batch_size in calls:
        got = de.explain(method, T, a, XS[0], references=given, feed_dict=feed, batch_size=batch_size, **more)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
    both = de.explain(method, T, [a, b], XS, references=[r, s], **more)
    expected = np.mean([np.concatenate([g.reshape(N, -1) for g in de.explain(
        method, T, [a, b], XS, baseline=[of(r, j), of(s, j)], **more,
        **({'average': False} if method in ('intgrad', 'deeplift') else {}))], 1) for j in range(K)], 0)
    np.testing.assert_allclose(np.concatenate([g.reshape(N, -1) for g in both], 1), expected, atol=1e-12)
    if method in ('deeplift', 'shapley_sampling'):
        _, delta = de.explain(method, T, [a, b], XS, references=[r, s], return_delta=True, **more)
        np.testing.assert_allclose(delta, 0, atol=1e-9)


def test_pieces_take_their_own_references(net):
    """Written into `out`, one row at a time, and through a stream."""
    de, T, a, b = net
    r = sets((4,), True)
    explainer = de.get_explainer('deeplift', T, [a, b], references=[r, sets((2, 3), False)])
    expected = explainer.run(XS)
    out = [np.empty_like(x) for x in XS]
    explainer.run(XS, batch_size=1, out=out)
    for o, e in zip(out, expected):
        np.testing.assert_allclose(o, e, atol=1e-12)


def test_a_set_of_one_is_a_baseline(net):
    de, T, a, b = net
    one = de.explain('deeplift', T, a, XS[0], references=sets((4,), False, 1), feed_dict={b: XS[1]})
    np.testing.assert_allclose(one, de.explain('deeplift', T, a, XS[0], baseline=sets((4,), False, 1)[0],
                                               feed_dict={b: XS[1]}))


def test_rows_of_a_baseline_warn_once(net):
    de, T, a, b = net
    rows = np.random.default_rng(3).normal(size=(N, 4))
    T = T + 0.
    with pytest.warns(errors.BaselineWarning, match='as many rows as xs, 3: each row is compared with its '
                                                    'own.*references=; average=False') as caught:
        for _ in range(2):
            de.explain('deeplift', T, a, XS[0], 'sum', baseline=rows, feed_dict={b: XS[1]})
    assert len(caught) == 1


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('more', [{'average': False, 'baseline': XS[0] + 1}, {'references': XS[0] + 1},
                                  {'baseline': lambda xs: xs + 1}, {'baseline': XS[0][:1] + 1}])
def test_what_is_said_does_not_warn(net, more):
    de, T, a, b = net
    de.explain('deeplift', T, a, XS[0], 'sum', feed_dict={b: XS[1]}, **more)


@pytest.mark.parametrize('more, message', [
    ({'references': sets((4,), False), 'baseline': 0}, 'baseline and references are given'),
    ({'references': np.zeros(4)}, r'references have shape \(4,\), but X ".*" takes \(4,\) per row'),
    ({'references': np.zeros((2, 5))}, r'references have shape \(2, 5\), but X'),
    ({'references': np.zeros((2, 5, 4))}, r'references have shape \(2, 5, 4\), but xs .* has shape \(3, 4\)'),
    ({'references': np.zeros((0, 4))}, 'is empty'),
    ({'references': np.full((2, 4), np.nan)}, 'NaN'),
    ({'references': lambda xs: None}, 'the function given as references returned None'),
    ({'references': lambda xs: 1 / 0}, 'the function given as references cannot take xs'),
    ({'references': dict}, 'references is the class dict')])
def test_refused(net, more, message):
    de, T, a, b = net
    with pytest.raises(errors.DeepExplainError, match=message):
        de.explain('deeplift', T, a, XS[0], feed_dict={b: XS[1]}, **more)


def test_refused_for_lists(net):
    de, T, a, b = net
    for given, message in (([sets((4,), False)], 'must be a list of 2 arrays, one per tensor of X, of 1'),
                           (sets((4,), False), 'must be a list of 2 arrays, one per tensor of X, not ndarr'),
                           ([sets((4,), False), sets((2, 3), False, 3)], 'different numbers of references')):
        with pytest.raises(errors.ShapeError, match=message):
            de.explain('occlusion', T, [a, b], XS, references=given)
    with pytest.raises(errors.ParameterError, match='standard errors of a mean over references'):
        de.explain('shapley_sampling', T, a, XS[0], references=sets((4,), False), samples=4,
                   return_std_error=True, feed_dict={b: XS[1]})
