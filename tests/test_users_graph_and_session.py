"""Graph, session, gradient registry and global switches are the user's: nothing of theirs is different
afterwards."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.graph import differentiate
from deepexplain2.rules.deeplift import rescale
from tests.support.few import ANYWHERE
from tests.support.networks import cnn, mlp, opened, samples, v1

NET = mlp('relu', 'tanh', 'softplus', sizes=(5, 6, 6, 6, 3))
X4, YS4 = samples(NET, 4)


def plain(session, X, T):
    """Value and gradient as TensorFlow computes them."""
    g, = tf.gradients(T, X)
    return session.run([T, g], {X: X4})


def nodes(graph, names):
    return {n.name: n.SerializeToString(deterministic=True) for n in graph.as_graph_def().node
            if n.name in names}


def test_plain_gradients_and_the_users_ops_are_as_before():
    with opened(NET) as (de, X, T, session):
        expected = plain(session, X, T)
        mine = {op.name for op in session.graph.get_operations()}
        before = nodes(session.graph, mine)
        for name in ANYWHERE:
            de.explain(name, T, X, X4)
        # built after, inside
        inside = mlp('relu', 'tanh', 'softplus', sizes=(5, 6, 6, 6, 3)).tensorflow(X)
        assert nodes(session.graph, mine) == before
        for T_now in T, inside:
            for got, value in zip(plain(session, X, T_now), expected):
                np.testing.assert_allclose(got, value, rtol=1e-12)
    for op in session.graph.get_operations():
        if '_gradient_op_type' in op.node_def.attr:
            pytest.fail(f'{op.name} still carries a rule')


def test_a_failing_rule_leaves_nothing(monkeypatch):
    """The copy is built elsewhere: an exception in the middle of it adds no op, and the next call works."""
    with opened(NET) as (de, X, T, session):
        expected = plain(session, X, T)
        before = [op.name for op in session.graph.get_operations()]

        def broken(op, m, reference):
            raise KeyboardInterrupt
        with monkeypatch.context() as patch:
            patch.setitem(rescale.RULES, 'Tanh', broken)
            with pytest.raises(KeyboardInterrupt):
                de.explain('deeplift', T, X, X4)
        assert [op.name for op in session.graph.get_operations()] == before
        with pytest.raises(LookupError):
            differentiate._rules.get()
        for got, value in zip(plain(session, X, T), expected):
            np.testing.assert_allclose(got, value, rtol=1e-12)
        np.testing.assert_allclose(de.explain('deeplift', T, X, X4, ys=YS4), NET.deeplift(X4, YS4, 0),
                                   rtol=1e-9)


def test_exceptions_leave_the_default_graph_alone():
    with opened(NET) as (de, X, T, session):
        outer = tf.Graph()
        with outer.as_default():
            with pytest.raises(ZeroDivisionError), DeepExplain(session):
                assert v1.get_default_graph() is session.graph
                raise ZeroDivisionError
            assert v1.get_default_graph() is outer


def test_contexts_nested_and_in_turn():
    """Explainers of different parameters and graphs, built across each other, each give their own numbers."""
    other = cnn('softsign')
    x, ys = samples(other, 2)
    with opened(NET) as (de, X, T, session), opened(other) as (de2, X2, T2, _):
        first = de.get_explainer('elrp', T, X, epsilon=.5)
        with DeepExplain(session) as de3:
            second = de2.get_explainer('elrp', T2, X2, epsilon=.01)
            third = de3.get_explainer('elrp', T, X, epsilon=.01)
        lift = de.get_explainer('deeplift', T, X, baseline=.3)
        for _ in range(2):
            np.testing.assert_allclose(first.run(X4, YS4), NET.elrp(X4, YS4, .5), rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(second.run(x, ys), other.elrp(x, ys, .01), rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(third.run(X4, YS4), NET.elrp(X4, YS4, .01), rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(lift.run(X4, YS4), NET.deeplift(X4, YS4, .3), rtol=1e-9, atol=1e-12)


def test_calls_of_deepexplain_that_need_no_change():
    """Defaults spelled out as None, and the graph before the session."""
    with opened(NET) as (de, X, T, session), DeepExplain(session.graph, session) as old:
        np.testing.assert_array_equal(old.explain('occlusion', T, X, X4, window_shape=None, step=None),
                                      de.explain('occlusion', T, X, X4))
        for name in 'intgrad', 'deeplift', 'shapley_sampling':
            np.testing.assert_array_equal(old.explain(name, T, X, X4, baseline=None),
                                          de.explain(name, T, X, X4))


def test_a_reduction_over_time_in_front_is_not_the_batch(session):
    """Time-major: the first axis is open, and not the batch."""
    x = v1.placeholder(tf.float64, (None, None, 5))
    T = tf.reduce_mean(tf.nn.elu(tf.transpose(x, (1, 0, 2))), 0)
    xs = np.random.default_rng(0).normal(size=(3, 4, 5))
    with DeepExplain() as de:
        a = de.explain('deeplift', T, x, xs)
        np.testing.assert_allclose(a.sum((1, 2)), np.where(xs > 0, xs, np.expm1(xs)).sum((1, 2)) / 4)


def test_the_same_context_twice():
    with opened(NET) as (de, X, T, session):
        with de as again:
            again.explain('elrp', T, X, X4)
        de.explain('elrp', T, X, X4)


def test_surroundings_do_not_reach_the_explainer():
    """Name scopes, devices, control dependencies and the user's own gradient overrides around the call."""
    with opened(NET) as (de, X, T, session):
        never = tf.identity(v1.placeholder(tf.float64, (), 'never'))
        with session.graph.gradient_override_map({'Mul': 'NoSuchGradient',
                                                  'Relu': 'NoSuchGradient'}), tf.name_scope('mine'), \
                tf.device('/device:GPU:7'), tf.control_dependencies([never]):
            explainers = {name: de.get_explainer(name, T, X) for name in ANYWHERE}
        for name, explainer in explainers.items():
            np.testing.assert_allclose(explainer.run(X4), de.explain(name, T, X, X4), rtol=1e-12)


def test_gradient_registered_by_the_user_is_theirs():
    @tf.RegisterGradient('TwiceForTest')
    def twice(op, grad):
        return 2 * grad
    with opened(NET) as (de, X, T, session):
        with session.graph.gradient_override_map({'Identity': 'TwiceForTest'}):
            doubled = tf.identity(T)
        np.testing.assert_allclose(de.explain('grad*input', doubled, X, X4),
                                   2 * de.explain('grad*input', T, X, X4), rtol=1e-12)
        for name in 'elrp', 'deeplift':         # used, and not in silence: the op looks linear and is not
            with pytest.warns(errors.NonlinearOpWarning, match=r'\(Identity\)'):
                a = de.explain(name, doubled, X, X4)
            np.testing.assert_allclose(a, 2 * de.explain(name, T, X, X4), rtol=1e-12)


def test_custom_gradients_are_looked_through():
    """tf.nn.silu hides its ops behind a Python gradient that refers to tensors of the user's graph."""
    with opened(NET) as (de, X, T, session):
        a = de.explain('elrp', tf.nn.silu(X), X, X4, epsilon=1e-12)
        # the two halves of a product, one through Sigmoid
        np.testing.assert_allclose(a, X4 / (1 + np.exp(-X4)), rtol=1e-9)


PROGRAM = Path(__file__).parent / 'programs' / 'switches.py'


@pytest.mark.parametrize('before, after', [
    ('', 'disable_resource_variables,disable_eager_execution,disable_v2_behavior'),
    ('disable_v2_behavior', '')])
def test_in_a_process_of_its_own(before, after):
    """Import before or after a switch of TensorFlow; no output, no switch turned; numbers as here after every
    switch. Variables of every kind."""
    run = subprocess.run([sys.executable, str(PROGRAM), before, after], capture_output=True, text=True,
                         timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    with tf.Graph().as_default(), v1.Session() as s, DeepExplain(s) as de:
        x = v1.placeholder(tf.float64, (None, 3))
        T = tf.nn.tanh(tf.nn.relu(x @ np.array([[1., -2], [.5, 1], [-1, 3]])) @ np.array([[1.], [.5]]))
        xs = np.array([[1., 2, .5], [-1, .3, 2]])
        expected = ''.join(f'{name} {np.round(de.explain(name, T, x, xs), 9).tolist()}\n'
                           for name in ANYWHERE)
    assert run.stdout == expected * (1 + len(list(filter(None, after.split(',')))))


def test_monitored_session():
    with tf.Graph().as_default():
        v1.train.get_or_create_global_step()
        x = v1.placeholder(tf.float64, (None, 5))
        T = NET.tensorflow(x)
        with v1.Session() as s, DeepExplain(s) as de:
            expected = de.explain('occlusion', T, x, X4)
        with v1.train.MonitoredSession() as session, DeepExplain(session) as de:
            np.testing.assert_allclose(de.explain('occlusion', T, x, X4), expected)
            explainer = de.get_explainer('occlusion', T, x)
        with pytest.raises(errors.ContextError, match='closed'):
            explainer.run(X4)
