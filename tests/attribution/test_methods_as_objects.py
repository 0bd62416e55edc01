"""Methods, rules and targets as keys of what is kept: what differs is not taken for the same, and nothing
that is kept changes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, Target, errors
from deepexplain2.attribution import GradientInput, IntegratedGradients, Method, Occlusion
from deepexplain2.attribution.base import at_input
from deepexplain2.graph.rulebook import Rulebook, table
from deepexplain2.parameters import Positive
from tests.support.networks import v1
from tests.support.registered import registered

RNG = np.random.default_rng(0)
W, XS = RNG.normal(size=(4, 3)), RNG.normal(size=(5, 4))


@pytest.fixture
def net():
    """(de, X, T)"""
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        yield de, X, tf.nn.relu(X @ W)


@dataclass(frozen=True)
class Scaled(GradientInput):
    """Gradient times input, times a number."""

    factor: Positive | None = 3.

    def attribute(self, sweep, xs, baselines):
        return [a * (self.factor or 1.) for a in GradientInput.attribute(self, sweep, xs, baselines)]


def test_objects_explain_token_ids_as_they_are():
    """A subclass that is not registered, None where the default is something else, and a token id as
    baseline."""
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        ids = v1.placeholder(tf.int32, (None, 2))
        embedded = tf.nn.embedding_lookup(RNG.normal(size=(7, 4)), ids)
        T = tf.nn.elu(tf.reduce_sum(embedded, 1) @ W)
        tokens = np.array([[0, 3], [6, 1]])
        plain = de.explain('grad*input', T, ids, tokens)
        np.testing.assert_allclose(de.explain(Scaled(), T, ids, tokens), 3 * plain)
        np.testing.assert_allclose(de.explain(Scaled(factor=None), T, ids, tokens), plain)
        for baseline in 0, 5, 'zero', None:
            given = {} if baseline is None else {'baseline': baseline}
            for _ in range(2):
                np.testing.assert_allclose(de.explain(IntegratedGradients(steps=9, baseline=baseline), T, ids,
                                                      tokens),
                                           de.explain('intgrad', T, ids, tokens, steps=9, **given),
                                           rtol=1e-12)


def test_numbers_that_are_equal_and_not_the_same(net):
    de, X, _ = net
    angle = tf.atan2(X, -tf.ones_like(X))
    for first, second in ((-0., 0.), (0., -0.)):
        for baseline in first, second:
            expected = np.arctan2(1., -1.) - np.arctan2(baseline, -1.)
            np.testing.assert_allclose(de.explain('occlusion', angle[:, 0], X, np.ones((1, 4)),
                                                  baseline=baseline)[0, 0],
                                       expected)
    assert Occlusion(baseline=0.) != Occlusion(baseline=-0.)
    assert IntegratedGradients(steps=np.int64(5)) == IntegratedGradients(steps=5)

    @dataclass(frozen=True)
    class Some(Target):
        """As many units, or that fraction of them."""

        of: Any = 1

        def build(self, outputs, ys):
            return tf.reduce_sum(outputs[:, :self.of if isinstance(self.of, int) else int(3 * self.of)], 1)
    T = tf.tanh(X @ W)
    for of, units in ((1, 1), (1., 3), (1, 1)):
        np.testing.assert_allclose(de.value(Some(of, outputs=T), X, XS), np.tanh(XS @ W)[:, :units].sum(1))


def test_what_may_change_is_not_found_again(net):
    de, X, _ = net
    T = tf.tanh(X @ W)

    @dataclass(frozen=True)
    class Chosen(Target):
        """The units of a set."""

        units: Any = None

        def build(self, outputs, ys):
            return tf.add_n([outputs[:, k] for k in sorted(self.units)])
    units = {0}
    np.testing.assert_allclose(de.value(Chosen(units, outputs=T), X, XS), np.tanh(XS @ W)[:, 0])
    units.add(1)
    np.testing.assert_allclose(de.value(Chosen(units, outputs=T), X, XS), np.tanh(XS @ W)[:, :2].sum(1))


def test_methods_cannot_write_into_what_they_are_given(net):
    de, X, T = net

    @dataclass(frozen=True)
    class Careless(Method):
        """Writes into xs, or the baseline."""

        where: str = 'xs'

        def query(self, model):
            return model.gradient(self.name)

        def attribute(self, sweep, xs, baselines):
            array = {'xs': xs, 'baselines': baselines}[self.where][0]
            array += 1
            return sweep.once(at_input(xs))['gradient']
    xs = XS.copy()
    with registered('careless', Careless):
        for where in 'xs', 'baselines':
            for _ in range(2):
                with pytest.raises(ValueError, match='read-only'):
                    de.explain('careless', T, X, xs, where=where)
    np.testing.assert_array_equal(xs, XS)
    assert xs.flags.writeable


def factor(r):
    return 1. * r


@pytest.mark.parametrize('kind', ['function of the module', 'array', 'list', 'itself'])
def test_rules_with_other_values_have_other_copies(net, kind, monkeypatch):
    de, X, T = net
    values, numbers = np.array([1.]), [1.]

    def made():
        def again(n, r):
            return r if n == 0 else again(n - 1, 2. * r)
        rules = {'function of the module': lambda op, r, varying: factor(r),
                 'array': lambda op, r, varying: r * values[0], 'list': lambda op, r, varying: r * numbers[0],
                 'itself': lambda op, r, varying: again(int(np.log2(values[0])), r)}

        @dataclass(frozen=True)
        class Ruled(Method):
            """By a rule at ReLU."""

            book = Rulebook((table('mine', {'Relu': rules[kind]}),))

            def query(self, model):
                return model.relevance(self.book, self.name)

            def attribute(self, sweep, xs, baselines):
                return sweep.once(at_input(xs))['relevance']
        with registered('ruled', Ruled):
            return de.explain('ruled', T, X, XS)
    first = made()
    np.testing.assert_array_equal(made(), first)
    values[0], numbers[0] = 4., 4.
    monkeypatch.setitem(globals(), 'factor', lambda r: 4. * r)
    np.testing.assert_allclose(made(), 4 * first)


def test_a_query_with_the_value_is_another(net):
    de, X, T = net

    @dataclass(frozen=True)
    class Valued(Method):
        """The gradient, and T if it is asked for."""

        value: bool = False

        def query(self, model):
            return model.relevance(Rulebook(), self.name, with_value=self.value)

        def attribute(self, sweep, xs, baselines):
            answers = sweep.once(at_input(xs))
            return [answers.get('gradient', answers.get('relevance'))[0] * (answers['value'][:, None]
                                                                            if self.value else 1)]
    with registered('valued', Valued):
        plain = de.explain('valued', T, X, XS)
        np.testing.assert_allclose(de.explain('valued', T, X, XS, value=True),
                                   plain * np.maximum(XS @ W, 0).sum(1)[:, None])


def test_a_layer_whose_first_axis_is_not_the_batch(net):
    de, X, _ = net
    layer = tf.tanh(tf.transpose(X @ W))
    T = tf.transpose(layer)

    @dataclass(frozen=True)
    class AtLayer(Method):
        """The gradient with respect to a layer."""

        def query(self, model):
            return model.gradient(self.name, at=[layer])

        def attribute(self, sweep, xs, baselines):
            return sweep.once(at_input(xs))['gradient']
    with registered('at_layer', AtLayer):
        for rows in XS, XS[:3]:                     # three rows are as many as units
            with pytest.raises(errors.TensorError, match='its first axis is not the batch'):
                de.explain('at_layer', T, X, rows)
