"""Gradients written in Python, registered anew, or missing beside the way."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

close = partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12)
W = np.array([[1., 2, 3], [4, 5, -6], [-7, 8, 9], [1, -1, 1]])
XS = np.random.default_rng(1).normal(size=(3, 4))
BOTH = ['elrp', 'deeplift']


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


class TestCustomGradients:
    def test_straight_through(self, session, x):
        """Its own gradient for the gradient methods; none for the rules, which look inside and find Round."""
        @tf.custom_gradient
        def straight_through(v):
            return tf.round(v), lambda d: d
        T = straight_through(x) @ W
        with DeepExplain() as de:
            np.testing.assert_allclose(de.explain('grad*input', T, x, XS), XS * W.sum(1))
            for name in BOTH:
                with pytest.raises(errors.PathError, match=r'only through ops without a gradient: "Round"'):
                    de.explain(name, T, x, XS)

    def test_overridden_product(self, session, x):
        @tf.RegisterGradient('NegatedForTest')
        def negated(op, d):
            return -2 * d, None
        with session.graph.gradient_override_map({'Mul': 'NegatedForTest'}):
            T = x * 2.
        with DeepExplain() as de:
            np.testing.assert_allclose(de.explain('grad*input', T, x, XS), -2 * XS)


def test_what_is_not_on_the_way_of_the_gradient_does_not_matter(session, x):
    """Complex numbers carry gradients; Unique has none and needs none."""
    values, _ = tf.unique(tf.reshape(x, (-1,)))
    with DeepExplain() as de:
        T = x * tf.cast(tf.size(values), x.dtype)
        np.testing.assert_allclose(de.explain('saliency', T, x, XS[:1]), 4)
        spectrum = tf.abs(tf.signal.rfft(x))
        expected = session.run(tf.gradients(spectrum, x)[0], {x: XS})
        np.testing.assert_allclose(de.explain('saliency', spectrum, x, XS), np.abs(expected), rtol=1e-9)


def test_partial_derivatives_beside_a_custom_gradient(session, x):
    @tf.custom_gradient
    def straight_through(v):
        return tf.round(v), lambda d: d
    hidden = tf.identity(2 * x)
    T = straight_through(hidden) + 3 * x
    with DeepExplain() as de:
        for name in 'grad*input', 'intgrad':
            a, b = de.explain(name, T, [x, hidden], [XS, 2 * XS])
            close(a, 3 * XS)
            close(b, 2 * XS)
