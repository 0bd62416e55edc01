"""Functions, loops and conditionals of TensorFlow 2 between X and T: opened, with rules inside."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.few import ANYWHERE
from tests.support.networks import v1

W = np.array([[1., 2, 3], [4, 5, -6], [-7, 8, 9], [1, -1, 1]])
XS = np.random.default_rng(1).normal(size=(3, 4))
BOTH = ['elrp', 'deeplift']
GRADIENTS = ['saliency', 'grad*input', 'intgrad', 'elrp', 'deeplift']


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


@pytest.mark.parametrize('name', ANYWHERE)
def test_functions_are_opened(session, x, name):
    """A tf.function, one inside another, in a session that has run before: rules apply inside, and the
    session goes on working."""
    @tf.function
    def inner(h, w):
        return tf.tanh(h @ w), h

    @tf.function
    def outer(h):
        a, b = inner(h, tf.constant(W))
        return a + inner(b * 2., tf.constant(W))[0]
    T = outer(x)
    session.run(x * 3, {x: XS})
    with DeepExplain() as de:
        a = de.explain(name, T, x, XS)
        expected = de.explain(name, tf.tanh(x @ W) + tf.tanh(2 * x @ W), x, XS)
    np.testing.assert_allclose(a, expected, rtol=1e-9, atol=1e-12)
    session.run(x * 3, {x: XS})
    # TensorFlow's own gradient of a function cannot be added to a session that has run it
    with v1.Session() as fresh:
        fresh.run(tf.gradients(T, x), {x: XS})


@pytest.mark.filterwarnings('ignore::deepexplain2.errors.NonlinearOpWarning')
@pytest.mark.parametrize('kind', ['while', 'cond', 'map_fn'])
def test_loops_leave_session_and_gradients_usable(session, x, kind):
    if kind == 'while':
        T = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.tanh(h * 1.1)), [0, x])[1] @ W
    elif kind == 'cond':
        T = tf.cond(tf.reduce_sum(x) > 100, lambda: x, lambda: tf.exp(tf.tanh(x)) * tf.sin(x)) @ W
    else:
        T = tf.map_fn(lambda row: tf.tanh(row), x) @ W
    other = x * 3
    session.run(other, {x: XS})
    with DeepExplain() as de:
        found = {name: de.explain(name, T, x, XS) for name in GRADIENTS
                 if (name, kind) != ('deeplift', 'cond')}
        with DeepExplain() as again:
            again.explain('elrp', T + 0, x, XS)
    session.run(other, {x: XS})
    # TensorFlow's own gradient of a loop cannot be added to a session that has run it
    with v1.Session() as fresh:
        gradient = fresh.run(tf.gradients(T, x)[0], {x: XS})
    np.testing.assert_allclose(found['grad*input'], gradient * XS, rtol=1e-9)


class TestRulesInside:
    """Rules inside loops and conditionals: the same numbers as the same layers in a row."""

    @pytest.mark.parametrize('name', BOTH)
    def test_loop(self, session, x, name):
        def step(i, h, total):
            h = tf.nn.softplus(h @ V) - tf.nn.elu(h)
            return i + 1, h, total + tf.tanh(h)
        V = np.random.default_rng(0).normal(size=(4, 4))
        T = tf.while_loop(lambda i, *_: i < 3, step, [0, x, tf.zeros_like(x)])[2] @ W
        h, total = x, 0.
        for _ in range(3):
            _, h, total = step(0, h, total)
        parameters = {'baseline': np.array([.3, -1, 0, 2])} if name == 'deeplift' else {}
        with DeepExplain() as de:
            for batch_size in None, 2:
                np.testing.assert_allclose(de.explain(name, T, x, XS, batch_size=batch_size, **parameters),
                                           de.explain(name, total @ W, x, XS, **parameters), rtol=1e-9,
                                           atol=1e-12)

    @pytest.mark.parametrize('name', BOTH)
    def test_conditional_on_something_else(self, session, x, name):
        on = v1.placeholder_with_default(True, ())
        T = tf.cond(on, lambda: tf.tanh(x @ W), lambda: tf.nn.elu(x @ W))
        with DeepExplain() as de:
            for value, f in (True, tf.tanh), (False, tf.nn.elu):
                np.testing.assert_allclose(de.explain(name, T, x, XS, feed_dict={on: value}),
                                           de.explain(name, f(x @ W), x, XS), rtol=1e-9)

    @pytest.mark.parametrize('name', BOTH)
    def test_nested(self, session, x, name):
        """A loop with a conditional on its counter and a loop inside."""
        def inner(j, h):
            return j + 1, tf.tanh(h)

        def step(i, h):
            h = tf.cond(i > 0, lambda: tf.nn.softplus(h), lambda: tf.nn.elu(2 * h))
            return i + 1, tf.while_loop(lambda j, _: j < 2, inner, [0, h])[1]
        T = tf.while_loop(lambda i, _: i < 2, step, [0, x])[1] @ W
        flat = tf.tanh(tf.tanh(tf.nn.softplus(tf.tanh(tf.tanh(tf.nn.elu(2 * x)))))) @ W
        with DeepExplain() as de:
            np.testing.assert_allclose(de.explain(name, T, x, XS), de.explain(name, flat, x, XS), rtol=1e-9,
                                       atol=1e-12)

    @pytest.mark.parametrize('name', BOTH)
    def test_map(self, session, x, name):
        T = tf.map_fn(lambda row: tf.tanh(2 * row), x) @ W
        with DeepExplain() as de:
            np.testing.assert_allclose(de.explain(name, T, x, XS), de.explain(name, tf.tanh(2 * x) @ W, x,
                                                                              XS), rtol=1e-9, atol=1e-12)

    def test_nonlinear_ops_inside_are_named(self, session, x):
        T = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.tanh(tf.math.cumprod(h, 1))),
                          [0, x])[1] @ W
        with DeepExplain() as de, pytest.warns(errors.NonlinearOpWarning, match=r'no rule for 1 nonlinear '
                                                                                r'op.*"while/Cumprod" '
                                                                                r'\(Cumprod\)'):
            de.get_explainer('elrp', T, x)

    def test_another_number_of_iterations_or_branch(self, session, x):
        """What x and the baseline may do differently has no Rescale; elrp follows x."""
        T = tf.while_loop(lambda h: tf.reduce_sum(h) < 100., lambda h: tf.nn.softplus(h) + 1., [x])[0] @ W
        with DeepExplain() as de:
            with pytest.raises(errors.RuleError, match=r'number of iterations of "while" .* depends on X'):
                de.explain('deeplift', T, x, XS[:1])
            T = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.tanh(x), lambda: x) @ W
            with pytest.raises(errors.RuleError, match=r'the branch that "cond" .* takes depends on X'):
                de.explain('deeplift', T, x, XS[:1])
            with pytest.warns(errors.NonlinearOpWarning, match='"cond"'):
                a = de.explain('elrp', T, x, XS, batch_size=1)
            expected = [de.explain('elrp', (tf.tanh(x) if row.sum() > 0 else x) @ W, x, row[None])[0]
                        for row in XS]
            np.testing.assert_allclose(a, expected, rtol=1e-9)


def test_axes_computed_from_constants(session, x):
    """Reduction axes that are the output of a Range: known when the copy is differentiated."""
    h = tf.reshape(x, (-1, 2, 2))
    T = tf.nn.elu(tf.reduce_mean(h, axis=tf.range(1, 3)))
    with DeepExplain() as de:
        np.testing.assert_allclose(de.explain('deeplift', T, x, XS).sum(1),
                                   np.where((m := XS.mean(1)) > 0, m, np.expm1(m)), rtol=1e-9)


def test_dropout_is_the_same_for_x_and_baseline(session, x):
    """Linear in x for any mask: the difference is the mask's."""
    T = tf.nn.dropout(tf.nn.relu(x + 100.), .5) @ np.ones((4, 1))
    with DeepExplain() as de:
        a = de.explain('deeplift', T, x, np.ones((50, 4)))
        assert set(np.round(np.unique(a), 9)) == {0, 2}
